package main

import (
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readme returns what the README.md at the top says, and those beside the code.
func readme(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{"README.md", "server/README.md", "resolver/README.md", "zonesource/README.md",
		"examples/README.md", "server/house/README.md"} {
		text, err := os.ReadFile(filepath.Join("../..", path))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// readmeBlocks returns the code blocks in a language, a line each.
func readmeBlocks(t *testing.T, language string) [][]string {
	t.Helper()
	var all [][]string
	for _, m := range regexp.MustCompile("(?ms)^( *)```"+language+"\n(.*?)^ *```$").FindAllStringSubmatch(readme(t), -1) {
		var lines []string
		for line := range strings.Lines(m[2]) {
			lines = append(lines, strings.TrimPrefix(strings.TrimSuffix(line, "\n"), m[1]))
		}
		all = append(all, lines)
	}
	if len(all) == 0 {
		t.Fatalf("the README has no block of %s", language)
	}
	return all
}

// TestReadmeCommands: each command line of inside53 that the README shows can be read.
func TestReadmeCommands(t *testing.T) {
	lines := slices.Concat(readmeBlocks(t, "sh")...)
	whole := len(lines) // what stands in a sentence may be without its flags
	for _, m := range regexp.MustCompile("`(inside53 [^`]+)`").FindAllStringSubmatch(readme(t), -1) {
		lines = append(lines, m[1])
	}
	command := regexp.MustCompile(`(?:^|[;&] |[A-Z_]=\S+ |sudo )(?:/usr/local/bin/)?inside53 ([a-z][^;&|#]*)`)
	seen := map[string]bool{}
	for n, line := range lines {
		for _, m := range command.FindAllStringSubmatch(line, -1) {
			args := strings.Fields(m[1])
			sub, rest, err := newRoot(io.Discard, io.Discard).Find(args)
			if err != nil || sub.Name() != args[0] && sub.Parent().Name() != args[0] {
				t.Errorf("%s: there is no command %s", line, args[0])
				continue
			}
			seen[args[0]] = true
			sub.InitDefaultHelpFlag()
			err = sub.ParseFlags(rest)
			if err != nil {
				t.Errorf("%s: %v", line, err)
				continue
			}
			help, err := sub.Flags().GetBool("help")
			if err == nil && !help && n < whole {
				err = sub.ValidateRequiredFlags()
			}
			if err == nil {
				err = sub.ValidateArgs(sub.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	for _, want := range []string{"awssim", "check", "serve", "version"} {
		if !seen[want] {
			t.Errorf("the README does not show inside53 %s", want)
		}
	}
}

// TestReadmeDemo: the questions and answers of the README are those that the demo
// prints, which TestDemo asks.
func TestReadmeDemo(t *testing.T) {
	addr := netip.MustParseAddrPort("127.0.0.1:5300") // the default
	printed := map[string][]string{}
	for _, q := range demoQuestions() {
		printed["# "+q.why+"\n"+q.dig(addr)] = q.want
	}
	shown := map[string][]string{}
	why, command := "", ""
	for _, line := range readmeBlocks(t, "console")[0] {
		answer, indented := strings.CutPrefix(line, "  ")
		switch {
		case strings.HasPrefix(line, "# "):
			why = line
		case strings.HasPrefix(line, "dig "):
			command = why + "\n" + line
			shown[command] = nil
		case indented:
			shown[command] = append(shown[command], answer)
		default:
			t.Errorf("the line %q is neither a question nor an answer", line)
		}
	}
	if len(shown) < 8 {
		t.Errorf("only %d questions", len(shown))
	}
	for command, got := range shown {
		want, ok := printed[command]
		if !ok {
			t.Errorf("the demo does not print\n%s", command)
		} else if !slices.Equal(got, want) {
			t.Errorf("%s\n shows %q\nprints %q", command, got, want)
		}
	}
}

// TestReadmeExplain: explain prints of the demo what the README shows, but for the ages.
func TestReadmeExplain(t *testing.T) {
	poison(t)
	t.Setenv("TMPDIR", t.TempDir())
	shown := readmeBlocks(t, "console")[1]
	words, isCommand := strings.CutPrefix(shown[0], "$ inside53 ")
	if !isCommand {
		t.Fatalf("the block begins with %q", shown[0])
	}
	r := begin(t, "demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	admin := fields(t, r.line(t))["admin"]
	tour(t, r)
	code, stdout, stderr := command(t, append(strings.Fields(words), "--admin", "http://"+admin)...)
	if code != exitDone || stderr != "" {
		t.Fatalf("code %d, errors %q", code, stderr)
	}
	age := regexp.MustCompile(`[0-9]+m?s ago|since 20[0-9T:Z-]+`)
	got := age.ReplaceAllString(strings.TrimSuffix(stdout, "\n"), "3s ago")
	want := age.ReplaceAllString(strings.Join(shown[1:], "\n"), "3s ago")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the README shows (-) and explain prints (+):\n%s", diff)
	}
}

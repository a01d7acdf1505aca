package main

import (
	"io"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// readmeBlocks returns the lines of the code blocks of the README in a language, set
// together where a backslash parts them.
func readmeBlocks(t *testing.T, language string) []string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, m := range regexp.MustCompile("(?ms)^( *)```"+language+"\n(.*?)^ *```$").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(m[2]) {
			lines = append(lines, strings.TrimPrefix(strings.TrimSuffix(line, "\n"), m[1]))
		}
	}
	if len(lines) == 0 {
		t.Fatalf("the README has no block of %s", language)
	}
	return lines
}

// TestReadmeCommands: each command line of inside53 that the README shows can be read.
func TestReadmeCommands(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := readmeBlocks(t, "sh")
	whole := len(lines) // what stands in a sentence may be without its flags
	for _, m := range regexp.MustCompile("`(inside53 [^`]+)`").FindAllStringSubmatch(string(text), -1) {
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
	for _, line := range readmeBlocks(t, "console") {
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

package fleet

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var rulesOut = flag.Bool("fleet.rules", false, "take each rule out once, and see that a test fails")

// rule is one that is taken out: by other source, in a program of tests that is built for it alone.
type rule struct {
	name  string
	edits []edit
	in    string // the room whose tests see it
	tests string
}

// edit replaces a text of a file, which has it once.
type edit struct{ file, old, new string }

// switches is what stands in each room whose source is edited.
const switches = `package %s

import "os"

func without(rule string) bool { return os.Getenv("WITHOUT") == rule }
`

// misses is how often tests may pass without a rule before nobody is said to miss it: who is first to lead is drawn,
// and once in some 300 times the draw falls so that the rule isn't needed.
const misses = 3

// TestRulesOut takes out each rule of how commits are made, who leads, what counts as later, what is followed and what
// is kept, and sees that the checker, or the test of just that, fails. One program of tests a room has all edits, and
// the environment says which of them counts.
func TestRulesOut(t *testing.T) {
	if !*rulesOut {
		t.Skip("it builds programs; see make test-fleet")
	}
	dir := t.TempDir()
	overlay := overlayOf(t, dir)
	programs := map[string]string{}
	for _, room := range []string{"ledger", "fleet", "."} {
		program := filepath.Join(dir, "tests-"+filepath.Base(room))
		build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", program,
			"./"+room)
		build.Dir = ".."
		out, err := build.CombinedOutput()
		if err != nil {
			t.Fatalf("building the tests of %s: %v\n%s", room, err, out)
		}
		programs[room] = program
	}
	run := func(r rule, out string) (string, error) {
		tests, parts, _ := strings.Cut(r.tests, "/")
		pattern := "^(" + tests + ")$"
		if parts != "" {
			pattern += "/^(" + parts + ")$"
		}
		c := exec.CommandContext(t.Context(), programs[r.in], "-test.run", pattern, "-test.failfast", "-test.timeout", "60s")
		c.Dir, c.Env = filepath.Join("..", r.in), append(os.Environ(), "WITHOUT="+out)
		text, err := c.CombinedOutput()
		return string(text), err
	}
	held := map[string]bool{}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			if !held[r.in+r.tests] {
				text, err := run(r, "")
				if err != nil {
					t.Fatalf("with all rules %s fails: %v\n%s", r.tests, err, text)
				}
				held[r.in+r.tests] = true
			}
			for range misses {
				text, err := run(r, r.name)
				if err != nil {
					t.Log(faultIn(text))
					return
				}
			}
			t.Fatalf("nobody misses it: %s passes %d times", r.tests, misses)
		})
	}
}

// faultIn is the line that says what a test has found.
func faultIn(text string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, "_test.go:") && !strings.Contains(line, "level=") && !strings.Contains(line, " calls") {
			return strings.TrimSpace(line)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "panic:") {
			return strings.TrimSpace(line)
		}
	}
	return text
}

// overlayOf writes the edited files and what the build is told of them.
func overlayOf(t *testing.T, dir string) string {
	t.Helper()
	top, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, room := range []string{"ledger", "fleet", "recorder", "zonesource"} {
		path := filepath.Join(top, strings.TrimPrefix(room, "zonesource"), "without.go")
		texts[path] = fmt.Sprintf(switches, room)
	}
	for _, r := range rules() {
		for _, e := range r.edits {
			path := filepath.Join(top, filepath.FromSlash(e.file))
			if texts[path] == "" {
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				texts[path] = string(text)
			}
			if n := strings.Count(texts[path], e.old); n != 1 {
				t.Fatalf("%s: %s has %q %d times", r.name, e.file, e.old, n)
			}
			changed := strings.ReplaceAll(e.new, "OUT", fmt.Sprintf("without(%q)", r.name))
			texts[path] = strings.Replace(texts[path], e.old, changed, 1)
		}
	}
	replace := map[string]string{}
	for path, text := range texts {
		edited := filepath.Join(dir, fmt.Sprintf("%d-%s", len(replace), filepath.Base(path)))
		err = os.WriteFile(edited, []byte(text), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		replace[path] = edited
	}
	body, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	err = os.WriteFile(path, body, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

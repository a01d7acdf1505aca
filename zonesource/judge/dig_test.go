//go:build judge

package judge

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// answer is what dig printed of one response.
type answer struct {
	status    string
	flags     []string
	extended  []string // EDE
	answer    []string // lines of the section: owner, TTL, class, type, value
	authority []string
}

func (a answer) has(flag string) bool { return slices.Contains(a.flags, flag) }

// values are the values of the answer of one type, sorted.
func (a answer) values(kind string) []string {
	var out []string
	for _, line := range a.answer {
		words := strings.SplitN(line, " ", 5)
		if len(words) == 5 && words[3] == kind {
			out = append(out, words[4])
		}
	}
	slices.Sort(out)
	return out
}

// question is one of dig's, as its batch files have it.
type question struct{ name, kind string }

// dig asks the questions from a client's address, one run of dig for all.
func dig(t *testing.T, server, from string, questions ...question) []answer {
	t.Helper()
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		t.Fatal(err)
	}
	var batch strings.Builder
	for _, q := range questions {
		batch.WriteString("-q " + q.name + " -t " + q.kind + "\n") // split at blanks, without quotes
	}
	path := filepath.Join(t.TempDir(), "questions")
	err = os.WriteFile(path, []byte(batch.String()), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, "dig", "@"+host, "-p", port, "-b", from, "+noall", "+comments", "+answer", "+authority",
		"+nosplit", "+tries=1", "+time=10", "+nocookie", "-f", path)
	output, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("dig: %v\n%s", err, tail(string(output)))
	}
	answers := parse(string(output))
	if len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions\n%s", len(answers), len(questions), tail(string(output)))
	}
	return answers
}

// parse reads the output of dig +noall +comments +answer +authority.
func parse(output string) []answer {
	var all []answer
	var section *[]string
	lines := bufio.NewScanner(strings.NewReader(output))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if rest, ok := strings.CutPrefix(line, ";; ->>HEADER<<- opcode: QUERY, status: "); ok {
			status, _, _ := strings.Cut(rest, ",")
			all = append(all, answer{status: status})
			section = nil
		}
		if len(all) == 0 {
			continue
		}
		a := &all[len(all)-1]
		switch {
		case strings.HasPrefix(line, ";; flags: "):
			flags, _, _ := strings.Cut(strings.TrimPrefix(line, ";; flags: "), ";")
			a.flags = strings.Fields(flags)
		case strings.HasPrefix(line, "; EDE: "):
			a.extended = append(a.extended, strings.TrimPrefix(line, "; EDE: "))
		case line == ";; ANSWER SECTION:":
			section = &a.answer
		case line == ";; AUTHORITY SECTION:":
			section = &a.authority
		case line == "" || strings.HasPrefix(line, ";"):
			if strings.HasSuffix(line, "SECTION:") {
				section = nil
			}
		case section != nil:
			*section = append(*section, fields(line))
		}
	}
	return all
}

// fields sets the first four columns of a record apart by one space each.
func fields(line string) string {
	var words []string
	for range 4 {
		line = strings.TrimLeft(line, " \t")
		end := strings.IndexAny(line, " \t")
		if end < 0 {
			break
		}
		words = append(words, line[:end])
		line = line[end:]
	}
	return strings.Join(append(words, strings.TrimLeft(line, " \t")), " ")
}

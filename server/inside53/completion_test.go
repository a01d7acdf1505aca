package main

import (
	"slices"
	"strings"
	"testing"
)

// completed is what the shell is offered.
func completed(t *testing.T, words ...string) []string {
	t.Helper()
	code, stdout, _ := command(t, append([]string{"__complete"}, words...)...)
	if code != exitDone {
		t.Fatalf("%q: code %d", words, code)
	}
	var out []string
	for line := range strings.Lines(stdout) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, ":") {
			value, _, _ := strings.Cut(line, "\t")
			out = append(out, value)
		}
	}
	return out
}

// TestCompletion completes what a running server knows, and what the configuration has.
func TestCompletion(t *testing.T) {
	poison(t)
	t.Setenv("TMPDIR", t.TempDir())
	r := begin(t, "demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	admin := "http://" + fields(t, r.line(t))["admin"]
	tour(t, r)
	conf := write(t, "aws: { region: eu-west-1, accounts: [{ name: data, "+
		"role_arn: \"arn:aws:iam::123456789012:role/a\" }] }\nec2: { regions: [eu-west-1, us-east-1] }\n")
	for _, tt := range []struct {
		words string
		want  []string // all of them are offered
		no    string   // is not
	}{
		{"", []string{"serve", "explain", "completion", "zone"}, "sim"},
		{"explain --admin ADMIN www.example.com A", []string{"A", "AAAA"}, "MX"},
		{"explain --admin ADMIN exam", []string{"example.com", "example.net"}, "internal"},
		{"explain --admin ADMIN --client 127", []string{"127.0.0.2", "127.0.0.3"}, "10.0.0.1"},
		{"history --admin ADMIN ", []string{"example.com"}, ""},
		{"record add example.com www C", []string{"CNAME", "CAA"}, "A"},
		{"record add example.com www A --failover ", []string{"PRIMARY", "SECONDARY"}, ""},
		{"export hosts --config CONFIG --region ", []string{"eu-west-1", "us-east-1"}, ""},
		{"zone ls --config CONFIG --account ", []string{"data"}, ""},
	} {
		line := strings.NewReplacer("ADMIN", admin, "CONFIG", conf).Replace(tt.words)
		got := completed(t, strings.Split(line, " ")...)
		for _, want := range tt.want {
			if !slices.ContainsFunc(got, func(v string) bool { return v == want }) {
				t.Errorf("%q: %q, without %s", tt.words, got, want)
			}
		}
		if tt.no != "" && slices.Contains(got, tt.no) {
			t.Errorf("%q: %q", tt.words, got)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		code, stdout, _ := command(t, "completion", shell)
		if code != exitDone || !strings.Contains(stdout, "inside53") {
			t.Errorf("%s: code %d, %d octets", shell, code, len(stdout))
		}
	}
}

// TestCompletionAlone: without a server or a configuration it offers nothing, soon.
func TestCompletionAlone(t *testing.T) {
	for _, words := range [][]string{
		{"zone", "get", ""}, {"explain", "--admin", "http://127.0.0.1:1", ""},
		{"export", "hosts", "--config", "/nowhere", "--region", ""},
	} {
		got := completed(t, words...)
		for _, value := range got {
			if strings.Contains(value, ".") {
				t.Errorf("%q: %q", words, got)
			}
		}
	}
}

func TestVersionFlag(t *testing.T) {
	code, stdout, stderr := command(t, "--version")
	if code != exitDone || stderr != "" || stdout != "inside53 "+programVersion()+"\n" {
		t.Errorf("code %d, output %q, errors %q", code, stdout, stderr)
	}
}

// TestServeFile: the configuration without its flag is understood, and not accepted.
func TestServeFile(t *testing.T) {
	for _, sub := range []string{"serve", "check"} {
		code, stdout, stderr := command(t, sub, "inside53.yaml")
		want := `"inside53.yaml" is no argument of inside53 ` + sub + "; the configuration is named by: inside53 " + sub +
			" --config inside53.yaml"
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: code %d, errors %q", sub, code, stderr)
		}
	}
}

// TestZoneGetName shows the records of one name.
func TestZoneGetName(t *testing.T) {
	simulate(t)
	for words, want := range map[string]string{
		"git":                "NAME              TTL  TYPE  VALUES",
		"git A":              "10.0.2.40",
		"git.example.com. a": "10.0.2.40",
		"@ MX --public":      "10 mail.example.com",
		"git A --json":       `"Value": "10.0.2.40"`,
		`\052.dev --private`: "*.dev.example.com.",
	} {
		args := strings.Fields("zone get example.com " + words)
		if !strings.Contains(words, "--p") {
			args = append(args, "--private")
		}
		got := ok(t, args...)
		if !strings.Contains(got, want) || strings.Contains(got, "db-1.example.com. ") {
			t.Errorf("%q:\n%s", args, got)
		}
	}
	fails(t, exitFailed, "has no records nothing.example.com. A", "zone", "get", "example.com", "nothing", "A",
		"--private")
	fails(t, exitUsage, `records of type "X"`, "zone", "get", "example.com", "git", "X", "--private")
	fails(t, exitUsage, "is not in", "zone", "get", "example.com", "git.example.net.", "--private")
}

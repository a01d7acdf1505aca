package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTry goes the way of examples/try.yaml: one's own data, exported, simulated and served.
func TestTry(t *testing.T) {
	text, err := os.ReadFile("../../examples/try.yaml")
	if err != nil {
		t.Fatal(err)
	}
	simulate(t)
	data := filepath.Join(t.TempDir(), "data")
	conf := write(t, "aws: { region: eu-west-1 }\nroute53:\nec2: { regions: [eu-west-1] }\n")
	ok(t, "export", "json", "--config", conf, "--dir", data)
	sim := begin(t, "awssim", "--data", data, "--listen", "127.0.0.1:0", "--dns", "127.0.0.1:0")
	ready := fields(t, sim.line(t))
	t.Setenv("AWS_ENDPOINT_URL", ready["endpoint"])
	config := string(text)
	for old, next := range map[string]string{
		"127.0.0.1:5300\"]": "127.0.0.1:0\"]", "admin: 127.0.0.1:8053": "admin: 127.0.0.1:0",
		"/tmp/inside53-try": t.TempDir(), "\"127.0.0.1:4553\"": `"` + ready["dns"] + `"`,
	} {
		if !strings.Contains(config, old) {
			t.Fatalf("try.yaml is without %s", old)
		}
		config = strings.ReplaceAll(config, old, next)
	}
	r := begin(t, "serve", "--config", write(t, config))
	dns := fields(t, r.line(t))["dns"]
	eventually(t, "the private zone is served", func() bool { return ask(t, dns, "git.example.com.") == "10.0.2.40" })
	for _, command := range []string{"export json", "awssim --data", "serve --config examples/try.yaml"} {
		if !strings.Contains(string(text), "inside53 "+command) {
			t.Errorf("try.yaml doesn't say how: %s", command)
		}
	}
}

//go:build judge

package judge

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// program is what is judged: `make judge` builds it.
const program = "../../bin/inside53"

// inside53 is the program under test.
type inside53 struct {
	dns   string // address and port
	admin string
}

// serve runs inside53 on a configuration until the test ends. Of AWS it gets the
// endpoint and credentials, by the environment alone.
func serve(t *testing.T, m *moto, config string) *inside53 {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "inside53.yaml")
	text := "listen: { dns: [\"127.0.0.1:0\"] }\nadmin: 127.0.0.1:0\nstate_dir: state\ndrain: 0s\n" + config
	err := os.WriteFile(path, []byte(text), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "serve", "--config", path)
	c.Env = m.environment()
	out, in := io.Pipe()
	c.Stdout = in
	start(t, c)
	t.Cleanup(func() { _ = in.Close() })
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(out).ReadString('\n') // what is there is judged
		line <- text
		_, _ = io.Copy(io.Discard, out) // nothing more is expected
	}()
	s := new(inside53)
	select {
	case text := <-line:
		for word := range strings.FieldsSeq(text) {
			if addr, ok := strings.CutPrefix(word, "dns="); ok {
				s.dns = addr
			}
			if addr, ok := strings.CutPrefix(word, "admin="); ok {
				s.admin = addr
			}
		}
		if s.dns == "" || s.admin == "" {
			t.Fatalf("it printed %q", text)
		}
	case <-time.After(patience):
		t.Fatal("it does not start")
	}
	eventually(t, "inside53 is ready", func() bool { return s.get(t, "/readyz", nil) == http.StatusOK })
	return s
}

// get asks an admin path and reads its JSON.
func (s *inside53) get(t *testing.T, path string, body any) int {
	t.Helper()
	response, err := http.Get("http://" + s.admin + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if body == nil {
		return response.StatusCode
	}
	err = json.NewDecoder(response.Body).Decode(body)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return response.StatusCode
}

// zoneInfo is an entry of /zones.
type zoneInfo struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Visibility string `json:"visibility"`
	Records    int    `json:"records"`
	Error      string `json:"error"`
	Unservable []struct{ Name, Type, Reason string }
}

// zones are the hosted zones of /zones.
func (s *inside53) zones(t *testing.T) []zoneInfo {
	t.Helper()
	var all []zoneInfo
	s.get(t, "/zones", &all)
	return slices.DeleteFunc(all, func(z zoneInfo) bool { return z.Visibility != "public" && z.Visibility != "private" })
}

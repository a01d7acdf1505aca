package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// openLab is fixedLab, readable to everybody. The test needs root, who alone becomes another.
func openLab(t *testing.T) (path, server string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root becomes another user")
	}
	path, server = fixedLab(t, "0s")
	dir := filepath.Dir(path)
	for name, mode := range map[string]os.FileMode{
		path: 0o644, filepath.Join(dir, "lab.zone"): 0o644, dir: 0o755, filepath.Dir(dir): 0o755,
	} {
		err := os.Chmod(name, mode)
		if err != nil {
			t.Fatal(err)
		}
	}
	return path, server
}

// statuses returns a line of the status of every thread of a process.
func statuses(t *testing.T, pid int, line string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/status")
	if err != nil || len(files) == 0 {
		t.Fatalf("no threads of %d: %v", pid, err)
	}
	var out []string
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a thread that has ended
		}
		for _, l := range strings.Split(string(text), "\n") {
			value, ok := strings.CutPrefix(l, line+":")
			if ok {
				out = append(out, strings.Join(strings.Fields(value), " "))
			}
		}
	}
	return out
}

// TestServeUser starts as root, on a port of root's: every thread becomes the user, who has the
// state directory. What a reload can't have any more changes nothing and is said.
func TestServeUser(t *testing.T) {
	path, server := openLab(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	low := "127.0.0.53:" + strconv.Itoa(1000) // a low port of this address that nothing has
	replace(t, path, strings.Replace(string(text), server, low, 1))
	p := spawn(t, "serve", "--config", path, "--user", "nobody")
	ready := p.ready(t)
	if ready["dns"] != low || ask(t, low, "ns.lab.example.") != "10.0.0.1" {
		t.Errorf("it listens on %s: %s", ready["dns"], p.stderr)
	}
	for line, want := range map[string]string{
		"Uid": "65534 65534 65534 65534", "CapEff": "0000000000000000", "CapPrm": "0000000000000000", "NoNewPrivs": "1",
	} {
		for _, got := range statuses(t, p.cmd.Process.Pid, line) {
			if got != want {
				t.Errorf("a thread has %s %s, want %s", line, got, want)
			}
		}
	}
	for _, name := range []string{"", "lock"} {
		info, err := os.Stat(filepath.Join(filepath.Dir(path), "state", name))
		if err != nil {
			t.Fatal(err)
		}
		if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 65534 {
			t.Errorf("state/%s is of user %d", name, uid)
		}
	}
	replace(t, path, strings.Replace(string(text), `"`+server+`"`, `"`+low+`", "127.0.0.53:1001"`, 1))
	p.signal(t, syscall.SIGHUP)
	want := "binding 127.0.0.53:1001 needs root, which is given up since the start: restart"
	logged(t, p, want)
	err = os.Chmod(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p.signal(t, syscall.SIGHUP)
	logged(t, p, "let the user nobody read it, or restart")
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != exitDone {
		t.Errorf("it ended with %d", code)
	}
}

// logged waits until the process has logged a text.
func logged(t *testing.T, p *process, text string) {
	t.Helper()
	eventually(t, "it logs "+text, func() bool { return strings.Contains(p.stderr.String(), text) })
}

// TestServeStaysRoot has a default user who can't read the configuration, one that is named who
// can't, and root by name.
func TestServeStaysRoot(t *testing.T) {
	path, server := openLab(t)
	err := os.Chmod(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "it stays root"},
		{[]string{"--user", "root"}, ""},
	} {
		p := spawn(t, append([]string{"serve", "--config", path}, tt.args...)...)
		p.ready(t)
		if got := statuses(t, p.cmd.Process.Pid, "Uid"); got[0] != "0 0 0 0" || ask(t, server, "ns.lab.example.") == "" {
			t.Errorf("%v: it is user %s", tt.args, got[0])
		}
		p.signal(t, syscall.SIGTERM)
		if code := p.wait(t); code != exitDone || !strings.Contains(p.stderr.String(), tt.want) {
			t.Errorf("%v: code %d: %s", tt.args, code, p.stderr)
		}
	}
	for name, want := range map[string]string{
		"nobody":    "running as nobody: " + path + " can't be read by nobody",
		"no-such-1": "looking for the user no-such-1",
	} {
		p := spawn(t, "serve", "--config", path, "--user", name)
		if code := p.wait(t); code != exitFailed || !strings.Contains(p.stderr.String(), want) {
			t.Errorf("%s: code %d, want %q: %s", name, code, want, p.stderr)
		}
	}
}

// TestServeForeignState doesn't give away a directory that is no state directory.
func TestServeForeignState(t *testing.T) {
	path, server := openLab(t)
	state := filepath.Join(filepath.Dir(path), "state")
	err := os.Mkdir(state, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(state, "precious")
	replace(t, precious, "of root")
	p := spawn(t, "serve", "--config", path, "--user", "nobody")
	p.ready(t) // it serves all the same
	logged(t, p, "it is no state directory")
	if ask(t, server, "ns.lab.example.") == "" {
		t.Error("it doesn't serve")
	}
	p.signal(t, syscall.SIGTERM)
	p.wait(t)
	info, err := os.Stat(precious)
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 0 {
		t.Errorf("the file was given to user %d", uid)
	}
}

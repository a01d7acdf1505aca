package confine

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"inside53/server/config"
)

// confineIn, when set, makes the test a process that confines itself.
const confineIn = "INSIDE53_TEST_CONFINE_IN"

// TestConfine tries in a process of its own what landlock leaves and takes: in the state
// directory, beside it, and where it was when somebody has removed it.
func TestConfine(t *testing.T) {
	dir := os.Getenv(confineIn)
	if dir != "" {
		confined(t, dir)
		return
	}
	dir = t.TempDir()
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestConfine$", "-test.v")
	c.Env = append(os.Environ(), confineIn+"="+dir)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if strings.Contains(string(out), "landlock is not there") {
		t.Skip("the kernel has no landlock")
	}
	if !strings.Contains(string(out), "landlock=") || !strings.Contains(string(out), "writes="+dir) {
		t.Errorf("the log doesn't name its version: %s", out)
	}
}

func confined(t *testing.T, dir string) {
	held := filepath.Join(dir, "held")
	c := config.Default()
	c.StateDir = filepath.Join(held, "state")
	c.Route53 = new(config.Route53)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	Process(c, log)
	write := func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) }
	inside := filepath.Join(c.StateDir, "file")
	err := errors.Join(write(inside), os.Rename(inside, inside+"2"), os.RemoveAll(c.StateDir),
		os.MkdirAll(filepath.Join(c.StateDir, "sub"), 0o700), write(filepath.Join(c.StateDir, "sub", "file")))
	if err != nil {
		t.Errorf("in the state directory: %v", err)
	}
	_, err = os.ReadFile("/etc/passwd")
	if err != nil {
		t.Errorf("reading: %v", err)
	}
	for what, err := range map[string]error{
		"writing beside": write(filepath.Join(dir, "file")),
		"a directory":    os.Mkdir(filepath.Join(dir, "new"), 0o700),
		"executing":      exec.CommandContext(t.Context(), "/bin/true").Run(),
	} {
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

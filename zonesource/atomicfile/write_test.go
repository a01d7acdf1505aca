package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// childDir names the directory in which a process of its own writes, and childFault what
// it meets there.
const (
	childDir   = "INSIDE53_TEST_ATOMICFILE_DIR"
	childFault = "INSIDE53_TEST_ATOMICFILE_FAULT"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// names are the names of the files in dir.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// holds checks that path holds the text, and that nothing is beside it.
func holds(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %.40q (%v), want %.40q", path, got, err, want)
	}
	beside := names(t, filepath.Dir(path))
	if len(beside) != 1 {
		t.Errorf("left in the directory: %q", beside)
	}
}

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, s := range []string{"first", "second and longer", ""} {
		err := Write(path, text(s))
		if err != nil {
			t.Fatal(err)
		}
		holds(t, path, s)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	// The longest name that a file may have.
	long := filepath.Join(t.TempDir(), strings.Repeat("n", 255))
	err = Write(long, text("text"))
	if err != nil {
		t.Error(err)
	}
}

func TestCreateGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	file, err := Create(path, text("begin\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteString("more\n")
	err = errors.Join(err, file.Close())
	if err != nil {
		t.Fatal(err)
	}
	holds(t, path, "begin\nmore\n")
}

func TestContentFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	err := Write(path, text("old"))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range []error{io.ErrUnexpectedEOF, syscall.ENOSPC, syscall.EDQUOT} {
		err = Write(path, func(w io.Writer) error {
			return errors.Join(text("half")(w), &os.PathError{Op: "write", Path: "x", Err: fault})
		})
		full := fault != io.ErrUnexpectedEOF
		if !errors.Is(err, fault) || IsFull(err) != full || !strings.HasPrefix(err.Error(), "writing "+path+": ") {
			t.Errorf("%v: %v", fault, err)
		}
		if full != strings.Contains(err.Error(), "no room in "+filepath.Dir(path)+": ") {
			t.Errorf("%v: %v", fault, err)
		}
		holds(t, path, "old")
	}
}

func TestClean(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "new-1")
	err := errors.Join(os.WriteFile(filepath.Join(dir, ".new-1"), nil, 0o600), os.WriteFile(other, []byte("other"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	err = Clean(dir)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, other, "other")
	err = Clean(filepath.Join(dir, "none"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// TestFileSystem writes where the file system has no room, can't be written to, or allows
// no large files: in a process with mounts and limits of its own.
func TestFileSystem(t *testing.T) {
	if os.Getenv(childDir) != "" {
		writeAtFault(t, os.Getenv(childDir), os.Getenv(childFault))
		return
	}
	for _, fault := range []string{"full", "read-only", "limit"} {
		t.Run(fault, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFileSystem$", "-test.v")
			cmd.Env = append(os.Environ(), childDir+"="+t.TempDir(), childFault+"="+fault)
			if fault != "limit" {
				cmd.SysProcAttr = &syscall.SysProcAttr{
					Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
					UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
					GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
				}
			}
			out, err := cmd.CombinedOutput()
			if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || bytes.Contains(out, []byte("--- SKIP")) {
				t.Skipf("no namespaces here: %v", err)
			}
			if err != nil || !bytes.Contains(out, []byte("--- PASS")) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// writeAtFault writes a file, meets the fault, and looks at what is left.
func writeAtFault(t *testing.T, dir, fault string) {
	if fault != "limit" {
		err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k")
		if errors.Is(err, unix.EPERM) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "file")
	err := Write(path, text("old"))
	if err != nil {
		t.Fatal(err)
	}
	var want error
	switch fault {
	case "full":
		want = unix.ENOSPC
	case "read-only":
		err, want = unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""), unix.EROFS
	case "limit":
		err, want = unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 64 << 10, Max: 64 << 10}), unix.EFBIG
	}
	if err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("large", 64<<10)
	for name, write := range map[string]func() error{
		"Write":   func() error { return Write(path, text(large)) },
		"Replace": func() error { return Replace(path, []byte(large)) },
	} {
		err = write()
		if !errors.Is(err, want) || IsFull(err) != (fault == "full") ||
			!strings.HasPrefix(fmt.Sprint(err), "writing "+path+": ") {
			t.Errorf("%s: %v", name, err)
		}
		holds(t, path, "old")
	}
}

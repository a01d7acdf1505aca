package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "hosts")
	err := Replace(path, []byte("new"))
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil || info.Mode() != 0o644 {
		t.Fatalf("%v, %v, mode %v", err, statErr, info.Mode())
	}
	link := filepath.Join(dir, "link")
	stale, young := filepath.Join(dir, ".hosts.inside53-1"), filepath.Join(dir, ".hosts.inside53-2")
	err = errors.Join(os.Symlink("hosts", link), os.WriteFile(stale, nil, 0o600), os.WriteFile(young, nil, 0o600),
		os.Chtimes(stale, time.Now(), time.Now().Add(-2*staleAfter)), os.Chmod(path, 0o604))
	if err != nil {
		t.Fatal(err)
	}
	err = Replace(link, []byte("newer"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	info, statErr = os.Lstat(link)
	if err != nil || string(text) != "newer" || statErr != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("%q, %v; the link is %v, %v", text, err, info.Mode(), statErr)
	}
	info, err = os.Stat(path)
	if err != nil || info.Mode() != 0o604 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	_, staleErr := os.Stat(stale)
	_, youngErr := os.Stat(young)
	if !errors.Is(staleErr, fs.ErrNotExist) || youngErr != nil {
		t.Errorf("left by a crash: %v, %v", staleErr, youngErr)
	}
	for _, bad := range []string{dir, filepath.Join(dir, "none", "hosts")} {
		err = Replace(bad, nil)
		if err == nil || !strings.HasPrefix(err.Error(), "writing "+bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Errorf("%d files left, %v", len(entries), err)
	}
}

// TestOwner keeps the owner, which only root can.
func TestOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts")
	err := os.WriteFile(path, []byte("old"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	want := uint32(os.Getuid())
	if os.Getuid() == 0 {
		want = 12345
		err = os.Chown(path, 12345, 12345)
		if err != nil {
			t.Fatal(err)
		}
	}
	err = Replace(path, []byte("new"))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != want {
		t.Errorf("owner %d, %v", info.Sys().(*syscall.Stat_t).Uid, err)
	}
}

package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// staleAfter is the age at which what a crash has left is removed.
const staleAfter = time.Hour

// Replace replaces the file at path, or what a symbolic link there leads to, by text.
// Mode and owner stay; a new file has mode 0644.
func Replace(path string, text []byte) error {
	err := replace(path, text)
	if err != nil {
		return describe(path, err)
	}
	return nil
}

func replace(path string, text []byte) error {
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		target, err = path, nil
	}
	if err != nil {
		return err
	}
	info, err := os.Stat(target)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if info != nil && !info.Mode().IsRegular() {
		return errors.New("is no regular file")
	}
	dir, base := filepath.Split(target)
	dir = filepath.Clean(dir)
	pattern := "." + base + ".inside53-"
	removeStale(dir, pattern)
	temp, err := os.CreateTemp(dir, pattern+"*")
	if err != nil {
		return err
	}
	err = fill(temp, text, info)
	if err == nil {
		err = os.Rename(temp.Name(), target)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return syncDir(dir)
}

// fill writes and closes the new file, with the mode and owner of the old one.
func fill(temp *os.File, text []byte, old fs.FileInfo) error {
	mode := fs.FileMode(0o644)
	if old != nil {
		mode = old.Mode().Perm()
	}
	_, err := temp.Write(text)
	if err == nil && old != nil {
		err = keepOwner(temp, old)
	}
	if err == nil {
		err = temp.Chmod(mode)
	}
	if err == nil {
		err = temp.Sync()
	}
	return errors.Join(err, temp.Close())
}

// keepOwner gives the new file the owner of the old one, where that is another.
func keepOwner(temp *os.File, old fs.FileInfo) error {
	info, err := temp.Stat()
	if err != nil {
		return err
	}
	was, known := old.Sys().(*syscall.Stat_t)
	is, alsoKnown := info.Sys().(*syscall.Stat_t)
	if !known || !alsoKnown || was.Uid == is.Uid && was.Gid == is.Gid {
		return nil
	}
	err = temp.Chown(int(was.Uid), int(was.Gid))
	if err != nil {
		return fmt.Errorf("keeping its owner: %w", err)
	}
	return nil
}

// removeStale removes what crashes have left. That it can't is no reason not to write.
func removeStale(dir, pattern string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), pattern) {
			continue
		}
		info, err := e.Info()
		if err == nil && time.Since(info.ModTime()) > staleAfter {
			_ = os.Remove(filepath.Join(dir, e.Name())) // another time then
		}
	}
}

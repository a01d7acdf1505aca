//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// disk is the file system of the server's state: small, and of its own.
type disk struct {
	dir     string
	filler  string
	mounted bool
}

const diskSize = 8 << 20

// newDisk mounts a file system in memory, which takes a mount namespace of its own.
func newDisk(dir string) (*disk, error) {
	err := os.MkdirAll(dir, 0o755)
	if err != nil {
		return nil, err
	}
	err = unix.Mount("chaos", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=755", diskSize))
	if err != nil {
		return nil, fmt.Errorf("mounting a small file system at %s (run: make chaos, which has a namespace for it): %w", dir,
			err)
	}
	return &disk{dir: dir, filler: filepath.Join(dir, "filler"), mounted: true}, nil
}

func (d *disk) close() error { return unix.Unmount(d.dir, unix.MNT_DETACH) }

// fill leaves no octet free.
func (d *disk) fill() error {
	f, err := os.Create(d.filler)
	if err != nil {
		return err
	}
	block := make([]byte, 64<<10)
	for size := len(block); size > 0; {
		_, err = f.Write(block[:size])
		if errors.Is(err, unix.ENOSPC) {
			size /= 4
			continue
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}

// remount makes it read-only or writable; false where a file that is open for writing forbids it.
func (d *disk) remount(readOnly bool) (bool, error) {
	flags := uintptr(unix.MS_REMOUNT)
	if readOnly {
		flags |= unix.MS_RDONLY
	}
	err := unix.Mount("", d.dir, "", flags, "")
	if errors.Is(err, unix.EBUSY) {
		return false, nil
	}
	return err == nil, err
}

// mend makes it writable and empty of the filler.
func (d *disk) mend() error {
	_, err := d.remount(false)
	if err != nil {
		return err
	}
	err = os.Remove(d.filler)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// files are those of the state that have something in them.
func (d *disk) files() ([]string, error) {
	var all []string
	err := filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == d.filler || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Size() > 0 {
			all = append(all, path)
		}
		return err
	})
	return all, err
}

// damage cuts a file of the state short, or flips bits in it, and says which.
func (d *disk) damage(rng *rand.Rand, cut bool) (string, error) {
	all, err := d.files()
	if err != nil || len(all) == 0 {
		return "nothing", err
	}
	path := all[rng.IntN(len(all))]
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if cut {
		text = text[:rng.IntN(len(text))]
	} else {
		for range 1 + rng.IntN(8) {
			text[rng.IntN(len(text))] ^= 1 << rng.IntN(8)
		}
	}
	return filepath.Base(path), os.WriteFile(path, text, 0o600)
}

// remove removes the whole state, under the server's feet too.
func (d *disk) remove() error {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(d.filler) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(d.dir, e.Name())))
		}
	}
	return err
}

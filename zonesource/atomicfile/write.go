package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// tempPattern names the new files of Write and Create. It is short: the names of the
// files may be as long as the file system allows.
const tempPattern = ".new-*"

// Write replaces the file at path by what content writes. The file has mode 0600. The
// directory exists.
func Write(path string, content func(io.Writer) error) error {
	file, err := Create(path, content)
	if file == nil {
		return err
	}
	return errors.Join(err, file.Close())
}

// Create is as Write, and returns the file for more to be written at its end. With an
// error it returns the file too where that is in place already, and only the directory
// could not be synced.
func Create(path string, content func(io.Writer) error) (*os.File, error) {
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, tempPattern)
	if err != nil {
		return nil, describe(path, err)
	}
	err = finish(file, path, content)
	if err != nil {
		_ = os.Remove(file.Name()) // it is of no use
		return nil, describe(path, errors.Join(err, file.Close()))
	}
	err = syncDir(dir)
	if err != nil {
		return file, describe(path, err)
	}
	return file, nil
}

// finish fills the new file and puts it in the place of the old one.
func finish(file *os.File, path string, content func(io.Writer) error) error {
	err := content(file)
	if err != nil {
		return err
	}
	err = file.Sync()
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// syncDir makes a rename last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Clean removes what killed processes have left in a directory that only the caller
// writes to, and proves that it can be written to.
func Clean(dir string) error {
	err := RemoveLeft(dir)
	if err != nil {
		return err
	}
	return Prove(dir)
}

// RemoveLeft removes what killed processes have left in a directory that only the caller
// writes to.
func RemoveLeft(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, tempPattern))
	if err != nil {
		return err
	}
	for _, path := range left {
		err = os.Remove(path)
		if err != nil {
			return err
		}
	}
	return nil
}

// proof is as much as the least that a file system gives a file: an empty one has room on a
// full disk, too.
const proof = 4096

// Prove shows that a directory can be written to, by a file that it removes again. Its error is
// the same text for the same fault.
func Prove(dir string) error {
	file, err := os.CreateTemp(dir, tempPattern)
	if err == nil {
		_, err = file.Write(make([]byte, proof))
		if err == nil {
			err = file.Sync()
		}
		err = errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	var named *fs.PathError
	if errors.As(err, &named) {
		err = named.Err // the name is another one each time
	}
	if err != nil {
		return fmt.Errorf("writing a file in %s: %w", dir, err)
	}
	return nil
}

// IsFull reports whether there was no room: the file system is full, or a quota is used
// up.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// describe says which file was not written, and where there is no room.
func describe(path string, err error) error {
	if IsFull(err) {
		return fmt.Errorf("writing %s: no room in %s: %w", path, filepath.Dir(path), err)
	}
	return fmt.Errorf("writing %s: %w", path, err)
}

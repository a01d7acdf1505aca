package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// New makes a file that isn't there by what content writes, with mode 0600. Where there is
// one already the error is fs.ErrExist, and that one stays: the new one gets its name by
// link(2), which replaces nothing. The directory exists.
func New(path string, content func(io.Writer) error) error {
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, tempPattern)
	if err != nil {
		return describe(path, err)
	}
	err = content(file)
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = os.Link(file.Name(), path)
	}
	if err == nil {
		err = syncDir(dir)
	}
	err = errors.Join(err, file.Close(), os.Remove(file.Name()))
	if err != nil {
		return describe(path, err)
	}
	return nil
}

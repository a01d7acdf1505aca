package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrOther says that a file isn't the one that was written, or is there no more.
var ErrOther = errors.New("it isn't the file that was written")

// Append appends to a file of our own that has so many octets, or makes one for 0, with mode 0600, and waits until the
// text is on the disk. Where the file has another size it is left alone, and the error is [ErrOther]. Unlike with what
// else is here, a crash may leave some of the text: who reads it knows where it is whole.
func Append(path string, size int64, text []byte) error {
	err := appendTo(path, size, text)
	if err != nil && !errors.Is(err, ErrOther) {
		return describe(path, err)
	}
	return err
}

func appendTo(path string, size int64, text []byte) (err error) {
	flags := os.O_WRONLY | os.O_APPEND
	if size == 0 {
		flags |= os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrOther
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != size {
		return ErrOther
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err == nil && size == 0 {
		err = syncDir(filepath.Dir(path))
	}
	return err
}

package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestAppend appends to the file that was written and to no other one, which stays as it is.
func TestAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, step := range []struct {
		size  int64
		text  string
		want  error
		after string
	}{
		{3, "abc", ErrOther, ""}, {0, "abc", nil, "abc"}, {3, "de", nil, "abcde"}, {3, "x", ErrOther, "abcde"},
		{5, "", nil, "abcde"}, {0, "new", nil, "new"},
	} {
		err := Append(path, step.size, []byte(step.text))
		if !errors.Is(err, step.want) {
			t.Errorf("%+v: %v", step, err)
		}
		got, err := os.ReadFile(path)
		if string(got) != step.after || (err != nil) != (step.after == "") {
			t.Errorf("%+v: the file has %q, %v", step, got, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	err = Append("/dev/full", 0, []byte("a"))
	if !IsFull(err) || errors.Is(err, ErrOther) {
		t.Errorf("where there is no room: %v", err)
	}
	err = Append(t.TempDir(), 0, nil)
	if err == nil || errors.Is(err, ErrOther) {
		t.Errorf("to a directory: %v", err)
	}
}

package zonefile

import "os"

// watched is the state of a file as it was read; info is nil for one that could
// not be.
type watched struct {
	path string
	info os.FileInfo
}

// look returns the present state of the files.
func look(files []watched) []watched {
	now := make([]watched, len(files))
	for i, file := range files {
		now[i].path = file.path
		info, err := os.Stat(file.path)
		if err == nil {
			now[i].info = info
		}
	}
	return now
}

// same reports whether no file has another size, time of change or identity.
// Editors and deployments replace files, so that the name alone says nothing.
func same(a, b []watched) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].same(b[i]) {
			return false
		}
	}
	return true
}

func (w watched) same(v watched) bool {
	if w.info == nil || v.info == nil {
		return w.path == v.path && w.info == nil && v.info == nil
	}
	return w.path == v.path && w.info.Size() == v.info.Size() && w.info.ModTime().Equal(v.info.ModTime()) &&
		os.SameFile(w.info, v.info)
}

// replaced reports whether each file that isn't the same is another one, which took its
// place, and whether there is any.
func replaced(now, before []watched) bool {
	some := false
	for i := range now {
		if i < len(before) && now[i].same(before[i]) {
			continue
		}
		if i >= len(before) || now[i].info == nil || before[i].info == nil || os.SameFile(now[i].info, before[i].info) {
			return false
		}
		some = true
	}
	return some
}

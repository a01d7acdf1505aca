package zonefile

import (
	"iter"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// places knows by which names zones are reached: their files and the symbolic links on the
// way there. It has the kernel say when a directory of one of these changes.
type places struct {
	kernel *fsnotify.Watcher // nil: none
	files  map[string]map[*file]bool
	// watched are the directories that are; false for those that can't be.
	watched map[string]bool
	links   map[string][]string // on the way to a directory, the directory itself last
}

func newPlaces(kernel *fsnotify.Watcher) *places {
	p := &places{kernel: kernel}
	p.forget()
	return p
}

// forget has all directories looked at again: they may be others.
func (p *places) forget() {
	p.files, p.watched, p.links = map[string]map[*file]bool{}, map[string]bool{}, map[string][]string{}
}

// watch has the kernel say when the files of a zone change, and reports whether it will.
func (p *places) watch(f *file) bool {
	all := true
	for _, w := range f.known {
		for _, name := range p.wayTo(w.path, 0) {
			if p.files[name] == nil {
				p.files[name] = map[*file]bool{}
			}
			p.files[name][f] = true
			all = p.watchDir(filepath.Dir(name)) && all
		}
	}
	return all && len(f.known) > 0
}

// watchDir has the kernel say when a directory changes.
func (p *places) watchDir(dir string) bool {
	known, asked := p.watched[dir]
	if !asked {
		known = p.kernel != nil && !isRemote(dir) && p.kernel.Add(dir) == nil
		p.watched[dir] = known
	}
	return known
}

// concerned returns the zones that a name is on the way to. A directory that has gone is to
// be watched again when there is another one.
func (p *places) concerned(name string) iter.Seq[*file] {
	_, isDir := p.watched[name]
	if !isDir {
		return maps.Keys(p.files[name])
	}
	delete(p.watched, name)
	all := map[*file]bool{}
	for path, files := range p.files {
		if filepath.Dir(path) == name {
			maps.Copy(all, files)
		}
	}
	return maps.Keys(all)
}

// mostLinks bounds the links on the way to a file, as the kernel does.
const mostLinks = 40

// wayTo returns the symbolic links on the way to a path, and at last where they lead.
func (p *places) wayTo(path string, depth int) []string {
	dir, name := filepath.Split(path)
	dir = filepath.Clean(dir)
	var way []string
	if dir != path && dir != "." && dir != "/" {
		known, there := p.links[dir]
		if !there {
			known = p.wayTo(dir, depth)
			p.links[dir] = known
		}
		way = append(way, known[:len(known)-1]...)
		path = filepath.Join(known[len(known)-1], name)
	}
	target, err := os.Readlink(path)
	if err != nil || depth == mostLinks {
		return append(way, path)
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(path), target)
	}
	return append(append(way, path), p.wayTo(strings.TrimSuffix(target, "/"), depth+1)...)
}

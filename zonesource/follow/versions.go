package follow

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"inside53/resolver/zone"
	"inside53/zonesource/atomicfile"
)

// versions are the versions of the zone of which Route 53 may have something: the last that was
// made, and those that were begun since. They outlive the process.
type versions struct {
	path string // of the file; "" keeps nothing
	apex []byte
	list []*zone.Tree
}

// dirName is the directory below state_dir.
const dirName = "follow"

// Path is the file of a zone below a state directory.
func Path(stateDir string, apex []byte) string {
	name := strings.NewReplacer("/", "_", `\`, "_").Replace(strings.TrimSuffix(zone.String(apex), "."))
	return filepath.Join(stateDir, dirName, name+".json")
}

// stored is an RRset in the file.
type stored struct {
	Name []byte
	Type uint16
	TTL  uint32
	Data [][]byte
}

// load reads the file; where there is none, nothing is known.
func (v *versions) load(apex []byte) error {
	if v.path == "" {
		return nil
	}
	text, err := os.ReadFile(v.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading what was followed: %w", err)
	}
	var all [][]stored
	err = json.Unmarshal(text, &all)
	if err != nil {
		return fmt.Errorf("reading %s: %w", v.path, err)
	}
	for _, sets := range all {
		e := zone.NewTree(apex).Edit()
		for _, s := range sets {
			set, err := zone.NewRecords(s.Type, s.TTL, s.Data...)
			if err == nil {
				err = e.Put(s.Name, set)
			}
			if err != nil {
				return fmt.Errorf("reading %s: %w", v.path, err)
			}
		}
		v.list = append(v.list, e.Commit())
	}
	return nil
}

// begin notes that a version is about to be made. Before the first one stands a version without records: until it is
// made, each of its names may be missing.
func (v *versions) begin(next *zone.Tree) error {
	if len(v.list) == 0 {
		v.list = []*zone.Tree{zone.NewTree(v.apex)}
	}
	if len(v.list) > 0 && same(v.list[len(v.list)-1], next) {
		return nil
	}
	list := append(v.list[:len(v.list):len(v.list)], next)
	err := v.save(list)
	if err != nil {
		return err
	}
	v.list = list
	return nil
}

// made notes that Route 53 has a version, and nothing of those before. The file says so with the
// next one: knowing too much does no harm.
func (v *versions) made(next *zone.Tree) { v.list = []*zone.Tree{next} }

func (v *versions) save(list []*zone.Tree) error {
	if v.path == "" {
		return nil
	}
	err := os.MkdirAll(filepath.Dir(v.path), 0o700)
	if err != nil {
		return fmt.Errorf("making the directory of what is followed: %w", err)
	}
	all := make([][]stored, len(list))
	for i, tree := range list {
		for name, n := range tree.All {
			for s := range n.RRsets {
				one := stored{Name: append([]byte(nil), name...), Type: s.Type, TTL: s.TTL()}
				for d := range s.Rdata() {
					one.Data = append(one.Data, append([]byte(nil), d...))
				}
				all[i] = append(all[i], one)
			}
		}
	}
	return atomicfile.Write(v.path, func(w io.Writer) error { return json.NewEncoder(w).Encode(all) })
}

// newest is the last version of all; nil for none.
func (v *versions) newest() *zone.Tree {
	if len(v.list) == 0 {
		return nil
	}
	return v.list[len(v.list)-1]
}

// same reports whether two versions have the same records.
func same(a, b *zone.Tree) bool {
	equal := true
	zone.Diff(a, b, func([]byte, zone.RRset, zone.RRset) bool {
		equal = false
		return false
	})
	return equal
}

package zonefile

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"inside53/resolver/zone"
	"inside53/zonesource/rdata"
)

// TestMasterFilesAsNamed holds the files of testdata/judge against what named 9.18 reads of
// them, octet by octet. Its readings stand beside the files; judge-files holds them against
// the named of the machine.
func TestMasterFilesAsNamed(t *testing.T) {
	for path, origin := range judged(t) {
		found, err := ours(origin, path)
		if err != nil {
			t.Error(err)
			continue
		}
		want, err := os.ReadFile(strings.TrimSuffix(path, ".zone") + ".named")
		if err != nil {
			t.Fatal(err)
		}
		theirs := map[string]bool{}
		for line := range strings.Lines(string(want)) {
			theirs[line] = true
		}
		for line := range strings.Lines(lines(found)) {
			if !theirs[line] {
				t.Errorf("%s: read here, and not by named: %s", path, line)
			}
			delete(theirs, line)
		}
		for line := range theirs {
			t.Errorf("%s: read by named, and not here: %s", path, line)
		}
	}
}

// judged returns the files of testdata, each with its origin.
func judged(t *testing.T) map[string]string {
	paths, err := filepath.Glob("testdata/judge/*.zone")
	if err != nil || len(paths) < 4 {
		t.Fatalf("found %q: %v", paths, err)
	}
	all := map[string]string{}
	for _, path := range paths {
		all[path] = strings.TrimSuffix(filepath.Base(path), "zone")
	}
	return all
}

// lines is one line an owner and type.
func lines(all map[string][]string) string {
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&text, "%s: %s\n", key, strings.Join(all[key], ", "))
	}
	return text.String()
}

// ours returns the records of a file, by owner and type, each with its TTL.
func ours(origin, path string) (map[string][]string, error) {
	apex, err := rdata.ParseMasterName(origin)
	if err != nil {
		return nil, err
	}
	content, err := Load(context.Background(), apex, path)
	if err != nil {
		return nil, err
	}
	all := map[string][]string{}
	for name, node := range content.Tree.All {
		for set := range node.RRsets {
			for ttl, data := range set.Timed() {
				add(all, name, set.Type, ttl, data)
			}
		}
	}
	sortAll(all)
	return all, nil
}

func add(all map[string][]string, name []byte, rrtype uint16, ttl uint32, data []byte) {
	owner := bytes.Clone(name)
	zone.Lower(owner)
	key := rdata.FormatMasterName(owner) + " " + rdata.TypeText(rrtype)
	all[key] = append(all[key], fmt.Sprintf("%d %x", ttl, data))
}

func sortAll(all map[string][]string) {
	for _, set := range all {
		slices.Sort(set)
	}
}

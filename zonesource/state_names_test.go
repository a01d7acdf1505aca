package zonesource

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"inside53/resolver/zone"
)

// TestLongNamesAreSaved saves zones whose names are as long as names may be, beside one
// another, and finds them again; a damaged one is put aside.
func TestLongNamesAreSaved(t *testing.T) {
	plain := bytes.Repeat([]byte("\x31"+strings.Repeat("a", 49)), 5)
	octal := bytes.Repeat([]byte("\x31"+strings.Repeat("\xff", 49)), 5)
	s := mustOpen(t, t.TempDir(), &strings.Builder{})
	want := map[string]bool{}
	for _, start := range [][]byte{plain, octal, append([]byte("\x01b"), plain...), append([]byte("\x01c"), octal...)} {
		apex := append(bytes.Clone(start), 0)
		key := Key{Source: "secondary", Name: zone.String(apex)}
		err := s.save(Part{Key: key, Zone: zone.New(zone.Info{Origin: zone.File}, zone.NewTree(apex), 0)})
		if err != nil {
			t.Fatalf("a name of %d octets: %v", len(apex), err)
		}
		want[key.Name] = true
	}
	for p := range s.load() {
		if !want[p.Key.Name] || zone.String(p.Zone.Apex) != p.Key.Name {
			t.Errorf("loaded %s", p.Key)
		}
		delete(want, p.Key.Name)
		s.putAside(fileName(p.Key), nil)
	}
	if len(want) > 0 {
		t.Errorf("%d not loaded", len(want))
	}
	aside, err := filepath.Glob(filepath.Join(s.dir, "*.unusable-*"))
	if err != nil || len(aside) != 4 {
		t.Errorf("put aside %q, %v", aside, err)
	}
}

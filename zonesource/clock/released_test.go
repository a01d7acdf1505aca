//go:build !fleettest

package clock

import (
	"go/build"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"inside53/server/house"
)

func TestImports(t *testing.T) { house.Imports(t) }

// TestReleased has the released program know no switch: no file that has one is built, none of those that are reads
// the environment or a file, and what would be read changes nothing.
func TestReleased(t *testing.T) {
	p, err := build.Default.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	if files := []string{"doc.go", "released.go"}; !slices.Equal(p.GoFiles, files) {
		t.Errorf("built from %q, not from %q", p.GoFiles, files)
	}
	if !slices.Equal(p.Imports, []string{"time"}) {
		t.Errorf("it imports %q", p.Imports)
	}
	path := filepath.Join(t.TempDir(), "clock")
	err = os.WriteFile(path, []byte("1h 1200"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("INSIDE53_CLOCK", path)
	if away := time.Until(Now()); away > time.Second || away < -time.Second {
		t.Errorf("the clock is wrong by %v", away)
	}
	if Age(time.Hour) != time.Hour {
		t.Errorf("an hour is %v", Age(time.Hour))
	}
}

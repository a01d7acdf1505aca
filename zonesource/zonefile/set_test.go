package zonefile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
)

// runSet runs a set, until the test ends, and returns the parts that it delivers.
func runSet(t testing.TB, s *Set) <-chan zonesource.Part {
	t.Helper()
	parts := make(chan zonesource.Part, 2*len(s.sources)+100)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx, func(p zonesource.Part) { parts <- p }) }()
	t.Cleanup(func() {
		cancel()
		err := <-ended
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
	return parts
}

// manyFiles writes n zone files and returns the set of them.
func manyFiles(t testing.TB, dir string, n int) *Set {
	t.Helper()
	var sources []*Source
	for i := range n {
		path := filepath.Join(dir, fmt.Sprint("zone-", i))
		err := os.WriteFile(path, []byte(head3+"a A 192.0.2.1\n"), 0o644)
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(Config{Origin: zone.MustName("example.com"), Path: path, Name: fmt.Sprint("zone-", i),
			Poll: 10 * time.Millisecond}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, s)
	}
	return NewSet(slog.New(slog.DiscardHandler), sources...)
}

func accept(t testing.TB, parts <-chan zonesource.Part, n int) (last zonesource.Part) {
	t.Helper()
	for range n {
		select {
		case last = <-parts:
			if last.Err != nil {
				t.Fatal(last.Err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("no part")
		}
	}
	return last
}

// TestUnchangedFilesCostNothing: nobody looks at them; of one that changes all hear.
func TestUnchangedFilesCostNothing(t *testing.T) {
	dir := t.TempDir()
	s := manyFiles(t, dir, 200)
	parts := runSet(t, s)
	accept(t, parts, 200)
	time.Sleep(50 * time.Millisecond) // the watching begins
	before := s.looks.Load()
	time.Sleep(200 * time.Millisecond) // twenty pauses
	if n := s.looks.Load() - before; n > 0 {
		t.Errorf("%d looks at files that haven't changed", n)
	}
	replace(t, filepath.Join(dir, "zone-7"), head3+"b A 192.0.2.1\n")
	p := accept(t, parts, 1)
	if p.Key.Name != "zone-7" || !p.Zone.Tree.Lookup(zone.MustName("b.example.com")).Exists() {
		t.Errorf("after a change: %+v", p)
	}
	if n := s.looks.Load() - before; n > 30 {
		t.Errorf("%d looks for one change", n)
	}
}

// TestWithoutTheKernel: files of which the kernel says nothing are looked at in turn.
func TestWithoutTheKernel(t *testing.T) {
	dir := t.TempDir()
	s := manyFiles(t, dir, 50)
	s.deaf = true
	parts := runSet(t, s)
	accept(t, parts, 50)
	replace(t, filepath.Join(dir, "zone-7"), head3+"b A 192.0.2.1\n")
	if p := accept(t, parts, 1); p.Key.Name != "zone-7" {
		t.Errorf("after a change: %+v", p)
	}
}

// TestLinksOnTheWay: what deployments swap is a link to the file, or to a directory above.
func TestLinksOnTheWay(t *testing.T) {
	link := func(target, path string) {
		t.Helper()
		err := os.Symlink(target, path+".new")
		if err == nil {
			err = os.Rename(path+".new", path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, way := range []string{"current/zone", "mounted"} {
		dir := t.TempDir()
		for i := range 3 {
			release := filepath.Join(dir, fmt.Sprint("release-", i))
			err := os.Mkdir(release, 0o755)
			if err == nil {
				err = os.WriteFile(filepath.Join(release, "zone"), fmt.Appendf(nil, "%sr%d A 192.0.2.1\n", head3, i), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		link("release-0", filepath.Join(dir, "current"))
		link("current/zone", filepath.Join(dir, "mounted"))
		s, err := New(Config{Origin: zone.MustName("example.com"), Path: filepath.Join(dir, way),
			Poll: 10 * time.Millisecond},
			slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		parts := runSet(t, NewSet(slog.New(slog.DiscardHandler), s))
		for i := range 3 {
			if i > 0 {
				link(fmt.Sprint("release-", i), filepath.Join(dir, "current"))
			}
			p := accept(t, parts, 1)
			if !p.Zone.Tree.Lookup(zone.MustName(fmt.Sprintf("r%d.example.com", i))).Exists() {
				t.Errorf("%s: release %d isn't read", way, i)
			}
			time.Sleep(30 * time.Millisecond)
		}
	}
}

// TestDirectoryComesBack has the directory of a file moved away, and another one put in its
// place.
func TestDirectoryComesBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "zones")
	err := os.Mkdir(dir, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	s := manyFiles(t, dir, 1)
	parts := runSet(t, s)
	accept(t, parts, 1)
	for i := range 2 {
		err = os.Rename(dir, dir+fmt.Sprint("-old", i))
		if err == nil {
			err = os.Mkdir(dir, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		replace(t, filepath.Join(dir, "zone-0"), head3+fmt.Sprintf("n%d A 192.0.2.1\n", i))
		p := zonesource.Part{}
		for p.Zone == nil { // it may have been looked for while it wasn't there
			select {
			case p = <-parts:
			case <-time.After(20 * time.Second):
				t.Fatal("no part")
			}
		}
		if !p.Zone.Tree.Lookup(zone.MustName(fmt.Sprintf("n%d.example.com", i))).Exists() {
			t.Errorf("the file in the %d. directory isn't read", i+2)
		}
	}
}

// TestSmallFilesCostTheirSize: of many small files none has a buffer for large ones.
func TestSmallFilesCostTheirSize(t *testing.T) {
	const files = 200
	s := manyFiles(t, t.TempDir(), files)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	accept(t, runSet(t, s), files)
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / files; each > readAtOnce/2 {
		t.Errorf("%d octets are allocated for a file", each)
	}
}

// BenchmarkSet reads many files, and is then idle for as long as one pause of the program.
func BenchmarkSet(b *testing.B) {
	for _, n := range []int{500, 5000} {
		s := manyFiles(b, b.TempDir(), n)
		b.Run(fmt.Sprint(n, " files"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ctx, cancel := context.WithCancel(b.Context())
				ended := make(chan error)
				parts := make(chan zonesource.Part, n)
				go func() { ended <- s.Run(ctx, func(p zonesource.Part) { parts <- p }) }()
				accept(b, parts, n)
				cancel()
				<-ended
			}
		})
	}
}

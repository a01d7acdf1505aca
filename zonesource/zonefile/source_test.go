package zonefile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"inside53/resolver/zone"
	"inside53/zonesource"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running starts a source on a file and returns the parts that it delivers.
func running(t *testing.T, path string) <-chan zonesource.Part {
	t.Helper()
	source, err := New(Config{Origin: zone.MustName("example.com"), Path: path, Poll: 10 * time.Millisecond},
		slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	parts := make(chan zonesource.Part, 100)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		ended <- source.Run(ctx, func(p zonesource.Part) { parts <- p })
	}()
	t.Cleanup(func() {
		cancel()
		err := <-ended
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
	return parts
}

func next(t *testing.T, parts <-chan zonesource.Part) zonesource.Part {
	t.Helper()
	select {
	case part := <-parts:
		if part.Key != (zonesource.Key{Source: "zonefile", Name: "example.com."}) || part.Listed.IsZero() ||
			(part.Zone == nil) == (part.Err == nil) {
			t.Errorf("part %+v", part)
		}
		return part
	case <-time.After(20 * time.Second):
		t.Fatal("no part")
		panic("unreachable")
	}
}

func quiet(t *testing.T, parts <-chan zonesource.Part) {
	t.Helper()
	select {
	case part := <-parts:
		t.Errorf("a part though nothing changed: %+v", part)
	case <-time.After(100 * time.Millisecond):
	}
}

// replace puts a file in place the way deployments do.
func replace(t *testing.T, path, text string) {
	t.Helper()
	err := os.WriteFile(path+".new", []byte(text), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	err = os.Rename(path+".new", path)
	if err != nil {
		t.Fatal(err)
	}
}

func TestReload(t *testing.T) {
	dir := write(t, map[string]string{"zone": head3 + "$INCLUDE part\n", "part": "a A 192.0.2.1\n"})
	path := filepath.Join(dir, "zone")
	parts := running(t, path)
	has := func(p zonesource.Part, owner string) bool {
		return p.Zone != nil && p.Zone.Tree.Lookup(zone.MustName(owner)).RRset(zone.TypeA).Exists()
	}

	first := next(t, parts)
	if first.Zone.Origin != zone.File || first.Zone.ID != path || !first.Zone.Negative.Exists() ||
		!has(first, "a.example.com") {
		t.Fatalf("first part %+v", first)
	}
	quiet(t, parts)

	replace(t, filepath.Join(dir, "part"), "b A 192.0.2.1\n") // as long as before
	second := next(t, parts)
	if has(second, "a.example.com") || !has(second, "b.example.com") {
		t.Errorf("after a change of the included file: %+v", second)
	}
	if !has(first, "a.example.com") {
		t.Error("the first part has changed")
	}

	replace(t, path, head3+"$INCLUDE part\nc A\n")
	broken := next(t, parts)
	if broken.Err == nil || !strings.Contains(broken.Err.Error(), path+":5: A record without data") {
		t.Errorf("a broken file: %+v", broken)
	}
	quiet(t, parts)

	replace(t, path, head3+"$INCLUDE part\n")
	mended := next(t, parts)
	if mended.Zone == nil {
		t.Fatalf("a mended file: %v", mended.Err)
	}
	_, changes := second.Zone.Tree.Rebase(mended.Zone.Tree)
	if changes != 0 {
		t.Errorf("a mended file with the same records has %d changes: %+v", changes, mended)
	}

	err := os.Remove(filepath.Join(dir, "part"))
	if err != nil {
		t.Fatal(err)
	}
	missing := next(t, parts)
	if !errors.Is(missing.Err, os.ErrNotExist) {
		t.Errorf("a missing file: %+v", missing)
	}
	replace(t, filepath.Join(dir, "part"), "d A 192.0.2.1\n")
	found := next(t, parts)
	if !has(found, "d.example.com") {
		t.Errorf("a file that came back: %+v", found)
	}
	quiet(t, parts)
}

func TestFileThatComesLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zone")
	parts := running(t, path)
	missing := next(t, parts)
	if !errors.Is(missing.Err, os.ErrNotExist) {
		t.Errorf("a missing file: %+v", missing)
	}
	quiet(t, parts)
	replace(t, path, head3)
	found := next(t, parts)
	if found.Zone == nil {
		t.Errorf("the file is there: %v", found.Err)
	}
}

// TestFileReplacedAllTheTime has a new file in place at every look: each is whole, and
// waiting for one that stays would be for ever.
func TestFileReplacedAllTheTime(t *testing.T) {
	dir := write(t, map[string]string{"zone": head3 + "v A 192.0.2.0\n"})
	path := filepath.Join(dir, "zone")
	source, err := New(Config{Origin: zone.MustName("example.com"), Path: path, Poll: 100 * time.Millisecond},
		slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	parts := make(chan zonesource.Part, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- source.Run(ctx, func(p zonesource.Part) { parts <- p }) }()
	next(t, parts)
	for version := 1; len(parts) == 0; version++ { // more often than is looked
		if version > 2000 {
			t.Fatal("no version was read")
		}
		replace(t, path, head3+fmt.Sprintf("v A 192.0.2.%d\n", 1+version%250))
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	<-ended
}

// TestGrowingFile writes a file in steps shorter than the pause: no step may be
// taken for the whole.
func TestGrowingFile(t *testing.T) {
	dir := write(t, map[string]string{"zone": head3 + "a A 192.0.2.1\n"})
	path := filepath.Join(dir, "zone")
	source, err := New(Config{Origin: zone.MustName("example.com"), Path: path, Poll: time.Second},
		slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	parts := make(chan zonesource.Part, 100)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- source.Run(ctx, func(p zonesource.Part) { parts <- p }) }()
	next(t, parts)
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteString(head3)
	if err != nil {
		t.Fatal(err)
	}
	for range 150 { // longer than a pause in all
		_, err = file.WriteString("b A 192.0.2.1\n")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	_, err = file.WriteString("z A 192.0.2.1\n")
	err = errors.Join(err, file.Close())
	if err != nil {
		t.Fatal(err)
	}
	part := next(t, parts)
	if part.Zone == nil || !part.Zone.Tree.Lookup(zone.MustName("z.example.com")).Exists() {
		t.Errorf("a part of a file half written: %+v", part)
	}
	cancel()
	<-ended
}

// TestFileThatChangesWhileRead touches a file all the time: what is read
// meanwhile may be of two versions and must not be taken.
func TestFileThatChangesWhileRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zone")
	writeHosts(t, path, 100_000)
	stop, stopped := make(chan struct{}), make(chan error)
	go func() {
		for at := time.Now(); ; at = at.Add(time.Second) {
			err := os.Chtimes(path, at, at)
			if err != nil {
				stopped <- err
				return
			}
			select {
			case <-stop:
				stopped <- nil
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	parts := running(t, path)
	first := next(t, parts)
	close(stop)
	err := <-stopped
	if err != nil {
		t.Fatal(err)
	}
	if !errors.Is(first.Err, errChanged) {
		t.Errorf("first part %+v", first)
	}
	// The touching may have reached into one more reading.
	last := next(t, parts)
	if errors.Is(last.Err, errChanged) {
		last = next(t, parts)
	}
	if last.Zone == nil || last.Zone.Tree.Stats().Records != 100_002 {
		t.Errorf("last part %+v", last)
	}
}

func TestNewErrors(t *testing.T) {
	for want, config := range map[string]Config{
		"origin is not a domain name":             {Path: "x"},
		"zone example.com.: no path":              {Origin: zone.MustName("example.com")},
		"zone file x: negative pause":             {Origin: zone.MustName("example.com"), Path: "x", Poll: -1},
		"zone file y: origin is not a domain nam": {Origin: []byte("\x05ab\x00"), Path: "y"},
	} {
		_, err := New(config, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New(%+v): %v; want %q", config, err, want)
		}
	}
}

package zonesource

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"iter"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"inside53/resolver/zone"
	"inside53/zonesource/statedir"
)

func mustOpen(t testing.TB, dir string, log io.Writer) *store {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(log, nil))
	s := newStore(statedir.Open(dir, logger), logger)
	err := s.state.Fault()
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.state.Make(partsDir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.close() }) // again after a test that closed it itself
	return s
}

// loaded are the parts that a store has.
func loaded(s *store) iter.Seq[Part] {
	return func(yield func(Part) bool) {
		for p := range s.load() {
			if !yield(p) {
				return
			}
		}
	}
}

// oddPart is a zone with something of every kind.
func oddPart(t testing.TB) Part {
	t.Helper()
	p := privateZone(t, "Z1", "one.example.", "vpc-a vpc-b", "www.one.example. 192.0.2.1",
		"deep.er.one.example. 192.0.2.2")
	p.Problems = []Problem{{Zone: "one.example.", Name: "odd.one.example.", Type: "TXT", Reason: "odd \x00 text"}}
	p.Zone.Comment, p.Zone.Account = "a comment", "lab"
	e := p.Zone.Tree.Edit()
	group, err := zone.NewGroup(zone.TypeA, zone.Weighted,
		[]zone.Member{{SetID: []byte("a"), Weight: 1,
			Set: p.Zone.Tree.Lookup(zone.MustName("www.one.example.")).RRset(zone.TypeA)}})
	if err != nil {
		t.Fatal(err)
	}
	sets := []zone.RRset{group, zone.NewAlias(zone.TypeAAAA,
		zone.Alias{ZoneID: []byte("Z2"), Target: zone.MustName("lb.example."), Health: true}),
		zone.NewUnservable(zone.TypeTXT, "odd", []byte("{}"))}
	for _, s := range sets {
		err = e.Put([]byte("\x01*\x03one\x07example\x00"), s)
		if err != nil {
			t.Fatal(err)
		}
	}
	p.Zone = p.Zone.With(e.Commit(), 0)
	return p
}

func oddRegion() Part {
	p := regionPart("lab", "eu-west-1", "vpc-a 10.0.0.0/16 2001:db8::/56")
	p.Region.Hosts = []*Host{host("i-1", "vpc-a", "web", "10.0.0.1", "2001:db8::1")}
	p.Region.Interfaces = []*Interface{
		{ID: "eni-1", VPC: "vpc-a", Private: netip.MustParseAddr("10.0.0.1"), Instance: "i-1"}}
	p.Region.Peerings = []Peering{
		{ID: "pcx-1", A: zone.VPC{ID: "vpc-a"}, ADNS: true, BCIDRs: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}}
	return p
}

func TestStateRoundTrip(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, io.Discard)
	want := []Part{
		catalogPart([]Hosted{{ID: "Z1", Name: []byte("\x02\xff.\x00"), Private: true, Records: 7}},
			Unlisted{ID: "Z9", Name: zone.MustName("efs."), VPC: zone.VPC{ID: "vpc-a"}, Owner: "efs"}),
		oddPart(t), oddRegion(),
	}
	want[0].Catalog.Collections = []Collection{{ID: "c1", Name: "offices", Version: 2, Blocks: []Block{
		{Location: "dublin", Prefix: netip.MustParsePrefix("192.0.2.0/24")},
		{Location: "dublin", Prefix: netip.MustParsePrefix("2001:db8::/32")},
	}}}
	for _, p := range want {
		err := s.save(p)
		if err != nil {
			t.Fatal(err)
		}
	}
	got := slices.SortedFunc(loaded(s), func(a, b Part) int {
		return slices.Index([]string{"catalog/", "zone/Z1", "lab/eu-west-1"},
			a.Key.Name) - slices.Index([]string{"catalog/", "zone/Z1", "lab/eu-west-1"}, b.Key.Name)
	})
	options := cmp.Options{
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmpopts.IgnoreFields(zone.Zone{}, "Tree"),
	}
	diff := cmp.Diff(want, got, options)
	if diff != "" {
		t.Fatalf("saved (-) and loaded (+):\n%s", diff)
	}
	_, changes := want[1].Zone.Tree.Rebase(got[1].Zone.Tree)
	if changes != 0 || got[1].Zone.Tree.Stats() != want[1].Zone.Tree.Stats() {
		t.Errorf("%d RRsets differ, stats %+v, want %+v", changes, got[1].Zone.Tree.Stats(), want[1].Zone.Tree.Stats())
	}
	left, err := filepath.Glob(filepath.Join(dir, "parts", ".new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestUnusableStateIsPutAside(t *testing.T) {
	resign := func(b []byte) []byte {
		b = b[:len(b)-sha256.Size]
		sum := sha256.Sum256(b)
		return append(b, sum[:]...)
	}
	cases := []struct {
		name   string
		damage func([]byte) []byte
		why    string
	}{
		{"empty", func([]byte) []byte { return nil }, "0 bytes are too few"},
		{"foreign", func([]byte) []byte { return []byte(strings.Repeat("something else ", 10)) }, "not a file of inside53"},
		{"a flipped bit", func(b []byte) []byte { b[len(b)/2] ^= 4; return b }, "checksum is wrong"},
		{"cut short", func(b []byte) []byte { return b[:len(b)-5] }, "checksum is wrong"},
		{"newer", func(b []byte) []byte { binary.BigEndian.PutUint16(b[len(stateMagic):], 3); return resign(b) },
			"format 3, this program reads format 2"},
		{"no stream", func(b []byte) []byte { return resign(append(b[:headerSize:headerSize], make([]byte, 60)...)) },
			"reading the head"},
		{"under another name", nil, "holds the part route53 zone/Z1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			var log strings.Builder
			s := mustOpen(t, dir, &log)
			err := s.save(oddPart(t))
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(s.dir, fileName(zoneKey("route53", "Z1")))
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if c.damage == nil {
				path = filepath.Join(s.dir, fileName(zoneKey("route53", "Z2")))
			} else {
				data = c.damage(data)
			}
			err = os.WriteFile(path, data, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			err = s.save(oddRegion())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for p := range s.load() {
				got = append(got, p.Key.Name)
			}
			want := []string{"lab/eu-west-1"}
			if c.damage == nil {
				want = append(want, "zone/Z1")
			}
			if !slices.Equal(got, want) {
				t.Errorf("loaded %v, want %v", got, want)
			}
			if !strings.Contains(log.String(), c.why) {
				t.Errorf("the log doesn't say %q: %s", c.why, log.String())
			}
			aside, err := filepath.Glob(path + ".unusable-*")
			if err != nil || len(aside) != 1 {
				t.Fatalf("put aside: %v, %v", aside, err)
			}
			kept, err := os.ReadFile(aside[0])
			if err != nil || string(kept) != string(data) {
				t.Errorf("what was put aside isn't what was there: %v", err)
			}
		})
	}
}

func TestTheLastGoodDataAreServedAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		cfg := Config{EC2: true, TagZone: "internal.", MaxAge: time.Hour,
			Expected: []Key{catalogKey("route53", "lab"), {"ec2", "lab/eu-west-1"}}}
		catalog := catalogPart([]Hosted{{ID: "Z1", Name: zone.MustName("one.example.")}})
		catalog.Key = catalogKey("route53", "lab")
		b := newBench(t, cfg, dir)
		b.start()
		b.deliver(oddPart(t), catalog, listed(oddRegion(), 0), fileZone(t, "file.example."))
		later := oddRegion()
		later.Listed = noon.Add(5 * time.Hour)
		b.deliver(later)
		b.end()
		want := showSnapshot(b.snapshot())

		again := newBench(t, cfg, dir)
		err := again.Load()
		if err != nil {
			t.Fatal(err)
		}
		diff := cmp.Diff(want, showSnapshot(again.snapshot()))
		if diff != "" || !again.snapshot().Loaded || again.publications() != 1 {
			t.Errorf("before (-) and after (+) a restart, loaded %t:\n%s", again.snapshot().Loaded, diff)
		}
		for _, p := range again.Status().Parts {
			if p.Key.Source == "ec2" && !p.Listed.Equal(later.Listed) {
				t.Errorf("the region counts as listed at %s, not when it was last found unchanged", p.Listed)
			}
		}
		again.start()
		written := modified(t, dir)
		again.deliver(oddPart(t), listed(oddRegion(), 60*60*6))
		again.end()
		same := func(a, b os.FileInfo) bool { return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) }
		if len(written) != 3 || !maps.EqualFunc(written, modified(t, dir), same) {
			t.Errorf("of %d parts, unchanged ones were written again", len(written))
		}
		narrow := newBench(t, Config{Expected: []Key{{"zonefile", "x."}}}, dir)
		err = narrow.Load()
		if err != nil || len(narrow.snapshot().Zones) != 0 {
			t.Errorf("a configuration without them loads %d zones, %v", len(narrow.snapshot().Zones), err)
		}
		err = narrow.Close()
		if err != nil {
			t.Error(err)
		}
	})
}

// modified returns the files of saved parts: each writing makes another file.
func modified(t *testing.T, dir string) map[string]os.FileInfo {
	t.Helper()
	files := map[string]os.FileInfo{}
	paths, err := filepath.Glob(filepath.Join(dir, "parts", "*"+partSuffix))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		files[path], err = os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestDamagedTimesLoseNothing(t *testing.T) {
	s := mustOpen(t, t.TempDir(), io.Discard)
	err := os.WriteFile(filepath.Join(s.dir, timesFile), []byte("damaged"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if times := s.loadTimes(); len(times) != 0 {
		t.Errorf("times %v", times)
	}
	err = s.saveTimes(map[string]time.Time{"x": noon})
	if err != nil {
		t.Fatal(err)
	}
	if times := s.loadTimes(); !times["x"].Equal(noon) {
		t.Errorf("times %v", times)
	}
}

func TestSaverRestsBetweenWritesOfOnePart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mustOpen(t, t.TempDir(), io.Discard)
		s := newSaver(store, slog.New(slog.DiscardHandler))
		s.due[oddPart(t).Key] = time.Now().Add(time.Minute)
		s.note(oddPart(t), true)
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() { s.run(stop); close(done) }()
		path := filepath.Join(store.dir, fileName(oddPart(t).Key))
		time.Sleep(59 * time.Second)
		synctest.Wait()
		_, err := os.Stat(path)
		if !os.IsNotExist(err) {
			t.Errorf("written before it was due: %v", err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		_, err = os.Stat(path)
		if err != nil {
			t.Errorf("not written when due: %v", err)
		}
		s.due[oddPart(t).Key] = time.Now().Add(time.Hour)
		s.remove(oddPart(t).Key)
		synctest.Wait()
		s.note(oddPart(t), true)
		close(stop)
		<-done
		_, err = os.Stat(path)
		if err != nil {
			t.Errorf("not written at the end: %v", err)
		}
	})
}

func TestAWriteThatFailsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		store := mustOpen(t, t.TempDir(), &log)
		s := newSaver(store, store.log)
		err := os.Remove(store.dir)
		if err != nil {
			t.Fatal(err)
		}
		err = os.WriteFile(store.dir, nil, 0o600) // in its place
		if err != nil {
			t.Fatal(err)
		}
		log.Reset()
		s.note(oddPart(t), true)
		s.note(listed(oddRegion(), 60), false)
		next := s.flush(false)
		if !next.Equal(time.Now().Add(retryAfter)) ||
			strings.Count(log.String(), "not saved; it is tried again") != 2 {
			t.Errorf("next try at %s, log %s", next, log.String())
		}
		err = os.Remove(store.dir)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(retryAfter)
		if next = s.flush(false); !next.IsZero() {
			t.Errorf("another try at %s", next)
		}
		saved := map[Key]bool{}
		for p := range store.load() {
			saved[p.Key] = true
		}
		if !saved[oddPart(t).Key] || !saved[oddRegion().Key] || len(saved) != 2 { // also what was unchanged and not there
			t.Errorf("saved in the end is %v", saved)
		}
	})
}

// TestMarkIsOfWhatIsSaved writes what parts were adopted as when all of them are saved, and again where that is gone.
func TestMarkIsOfWhatIsSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mustOpen(t, t.TempDir(), io.Discard)
		s := newSaver(store, slog.New(slog.DiscardHandler))
		is := func(want string) {
			t.Helper()
			s.flush(false)
			if got := string(store.loadMark()); got != want {
				t.Errorf("the mark is %q, not %q", got, want)
			}
		}
		is("")
		s.note(oddPart(t), true)
		s.setMark([]byte("seven"))
		is("seven")
		s.due[oddPart(t).Key] = time.Now().Add(time.Minute)
		s.note(oddPart(t), true)
		s.setMark([]byte("eight"))
		is("seven") // the part waits
		time.Sleep(2 * time.Minute)
		is("eight")
		err := os.RemoveAll(store.dir)
		if err != nil {
			t.Fatal(err)
		}
		s.note(oddPart(t), false)
		s.retry(true)
		is("eight")
		err = os.WriteFile(filepath.Join(store.dir, fileName(oddPart(t).Key)), []byte("damaged"), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		for p := range store.load() {
			t.Errorf("%s is whole", p.Key)
		}
		is("") // what is left isn't all that it was of
	})
}

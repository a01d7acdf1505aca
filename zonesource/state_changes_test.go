package zonesource

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"inside53/resolver/zone"
)

// savedFiles are the octets of the files of a part, and of what has changed since.
func savedFiles(t testing.TB, s *store, key Key) (part, changes int64) {
	t.Helper()
	size := func(name string) int64 {
		info, err := os.Stat(filepath.Join(s.dir, name))
		if err != nil {
			return 0
		}
		return info.Size()
	}
	return size(fileName(key)), size(changesName(key))
}

// changingPart is a part that changes a little each time.
type changingPart struct {
	name string
	part Part
	next func(p Part, i int) Part
}

// withAddress is a zone with another address at a name.
func withAddress(t testing.TB, p Part, name string, address byte) Part {
	t.Helper()
	set, err := zone.NewRecords(zone.TypeA, 60, []byte{10, 0, 0, address})
	e := p.Zone.Tree.Edit()
	if err == nil {
		err = e.Put(zone.MustName(name), set)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.Zone = p.Zone.With(e.Commit(), 0)
	return p
}

// largeParts are parts of every kind, with so many things in each.
func largeParts(t testing.TB, n int) []changingPart {
	t.Helper()
	var lines []string
	var zones []Hosted
	region := regionPart("lab", "eu-west-1", "vpc-a 10.0.0.0/8")
	for i := range n {
		lines = append(lines, fmt.Sprintf("h%d.one.example. 10.%d.%d.%d", i, i>>16, i>>8&255, i&255))
		zones = append(zones, Hosted{ID: fmt.Sprint("Z", i), Name: zone.MustName(fmt.Sprintf("z%d.example", i)), Records: i})
		h := host(fmt.Sprint("i-", i), "vpc-a", fmt.Sprint("web", i), "10.0.0.1")
		region.Region.Hosts = append(region.Region.Hosts, h)
		region.Region.Interfaces = append(region.Region.Interfaces, &Interface{ID: fmt.Sprint("eni-", i), VPC: "vpc-a"})
	}
	one := publicZone(t, "Z1", "one.example.", lines...)
	for i := range n/300 + 1 {
		one.Pages = append(one.Pages, Page{Sum: Sum{byte(i), byte(i >> 8)}, Items: i, Chunks: "\x00\xff"})
	}
	one.Sum = Sum{1}
	return []changingPart{
		{"zone", one, func(p Part, i int) Part {
			p = withAddress(t, p, fmt.Sprintf("h%d.one.example", i%n), byte(i))
			p.Pages = slices.Clone(p.Pages)
			if len(p.Pages) > 0 {
				p.Pages[i%len(p.Pages)].Sum[4] = byte(i)
			}
			p.Sum[2]++
			return p
		}},
		{"region", region, func(p Part, i int) Part {
			now := *p.Region
			now.Hosts = slices.Clone(now.Hosts)
			own(now.Hosts, i%n).Names = []HostName{{Text: fmt.Sprint("other", i), From: "dns tag"}}
			now.Interfaces = slices.Delete(slices.Clone(now.Interfaces), i%n, i%n+1)
			now.Interfaces = append(now.Interfaces, &Interface{ID: fmt.Sprint("eni-x", i), VPC: "vpc-a"})
			p.Region = &now
			return p
		}},
		{"catalog", catalogPart(zones), func(p Part, i int) Part {
			now := *p.Catalog
			now.Zones = slices.Clone(now.Zones)
			now.Zones[i%n].Records += 7
			p.Catalog = &now
			return p
		}},
	}
}

// sameSaved wants a part to be what a store has, read by another process.
func sameSaved(t *testing.T, what, dir string, want Part) {
	t.Helper()
	beside, err := ReadSaved(dir, want.Key)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	s := mustOpen(t, dir, io.Discard)
	defer s.close()
	for got := range loaded(s) {
		if got.Key == want.Key && !bytes.Equal(textOf(t, got), textOf(t, beside)) {
			t.Errorf("%s: loaded (-) and read beside the server (+):\n%s", what,
				cmp.Diff(string(textOf(t, got)), string(textOf(t, beside))))
		}
		if got.Key != want.Key {
			continue
		}
		if want.Zone != nil {
			_, changes := want.Zone.Tree.Rebase(got.Zone.Tree)
			if changes > 0 {
				t.Errorf("%s: %d RRsets differ", what, changes)
			}
		}
		got.Zone, want.Zone = nil, nil
		if !bytes.Equal(textOf(t, got), textOf(t, want)) {
			t.Errorf("%s: saved (-) and loaded (+):\n%s", what, cmp.Diff(string(textOf(t, want)), string(textOf(t, got))))
		}
		return
	}
	t.Errorf("%s: not there", what)
}

func textOf(t *testing.T, p Part) []byte {
	t.Helper()
	var b bytes.Buffer
	err := writePart(&b, p)
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := bytes.Cut(b.Bytes(), []byte(`,"Written"`))
	_, text, _ = bytes.Cut(text, []byte("{"))
	return text
}

// TestSavedChangeCostsItsSize: what is written for a change doesn't grow with what it is a change of, and is read
// again; a clean end leaves whole parts alone, which older builds read.
func TestSavedChangeCostsItsSize(t *testing.T) {
	const most = 1200 // octets a change
	for _, c := range largeParts(t, 20_000) {
		dir := t.TempDir()
		store := mustOpen(t, dir, io.Discard)
		s := newSaver(store, store.log)
		p := c.part
		s.note(p, true)
		s.flush(false)
		whole, changes := savedFiles(t, store, p.Key)
		if whole < 10*most || changes != 0 {
			t.Fatalf("%s: %d octets, and %d of changes", c.name, whole, changes)
		}
		for i := range 5 {
			p = c.next(p, 37*i)
			clear(s.due)
			s.note(p, true)
			s.flush(false)
			is, now := savedFiles(t, store, p.Key)
			if is != whole || now <= changes || now-changes > most {
				t.Errorf("%s: a change makes a file of %d octets one of %d, and %d of changes %d", c.name, whole, is, changes, now)
			}
			changes = now
		}
		err := store.close()
		if err != nil {
			t.Fatal(err)
		}
		sameSaved(t, c.name, dir, p)
		again := mustOpen(t, dir, io.Discard)
		s = newSaver(again, again.log)
		for got := range s.load() { // another process goes on with the file
			p = c.next(got, 3)
		}
		s.note(p, true)
		s.flush(false)
		if is, now := savedFiles(t, again, p.Key); is != whole || now <= changes || now-changes > most {
			t.Errorf("%s: after a start, a change makes %d octets of changes %d", c.name, changes, now)
		}
		s.flush(true)
		if _, now := savedFiles(t, again, p.Key); now != 0 {
			t.Errorf("%s: %d octets of changes after the end", c.name, now)
		}
		err = again.close()
		if err != nil {
			t.Fatal(err)
		}
		sameSaved(t, c.name+", after the end", dir, p)
	}
}

// TestChangesAreReadAgain: any number of changes, of any kind and size, come to what there was; and their file stays
// within half of the part's, or 16 KiB.
func TestChangesAreReadAgain(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, c := range largeParts(t, 300) {
		dir, p, whole := t.TempDir(), c.part, 0
		for i := range 120 {
			for range random.IntN(4) {
				p = c.next(p, random.IntN(1000))
			}
			switch random.IntN(12) {
			case 0:
				p.Problems = append(slices.Clone(p.Problems), Problem{Zone: fmt.Sprint(i)})
			case 1:
				p.Sum, p.Pages = Sum{}, nil
			case 2:
				p.Sum, p.Pages = Sum{9}, c.part.Pages
			}
			store := mustOpen(t, dir, io.Discard)
			for range loaded(store) {
			}
			done, err := store.append(p)
			if err == nil && !done {
				whole++
				err = store.save(p)
			}
			size, changes := savedFiles(t, store, p.Key)
			err2 := store.close()
			if err != nil || err2 != nil || changes > max(leastChanges+100, size/2+100) {
				t.Fatalf("%s: %d octets of changes of %d, %v, %v", c.name, changes, size, err, err2)
			}
			if i%10 == 0 {
				sameSaved(t, fmt.Sprint(c.name, ", change ", i), dir, p)
			}
		}
		if whole > 60 {
			t.Errorf("%s: written whole %d times", c.name, whole)
		}
	}
}

// TestDamagedChanges: what isn't whole is told, and what counts was there once.
func TestDamagedChanges(t *testing.T) {
	c := largeParts(t, 50)[0]
	dir := t.TempDir()
	store := mustOpen(t, dir, io.Discard)
	states, ends := []Part{c.part}, []int64{0}
	err := store.save(c.part)
	for i := range 3 {
		states = append(states, c.next(states[i], i))
		if err == nil {
			_, err = store.append(states[i+1])
		}
		_, end := savedFiles(t, store, c.part.Key)
		ends = append(ends, end)
	}
	path := filepath.Join(store.dir, changesName(c.part.Key))
	good, readErr := os.ReadFile(path)
	if err != nil || readErr != nil || int64(len(good)) != ends[3] || store.close() != nil {
		t.Fatal(err, readErr, ends)
	}
	try := func(what string, data []byte, want int, said string) {
		t.Helper()
		err := os.WriteFile(path, data, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		s := mustOpen(t, dir, &log)
		for got := range loaded(s) {
			_, changes := states[want].Zone.Tree.Rebase(got.Zone.Tree)
			if changes != 0 || got.Sum != states[want].Sum {
				t.Errorf("%s: it isn't what there was after %d changes", what, want)
			}
		}
		if said == "" && log.Len() > 0 || !strings.Contains(log.String(), said) {
			t.Errorf("%s: the log says %q, not %q", what, log.String(), said)
		}
		if said != "" { // the next change is of a whole part
			done, err := s.append(states[3])
			if done || err != nil {
				t.Errorf("%s: it goes on with such a file, %v", what, err)
			}
		}
		err = s.close()
		if err != nil {
			t.Fatal(err)
		}
	}
	try("all", good, 3, "")
	for i, end := range ends[1:] {
		try("up to a change", good[:end], i+1, "")
		for _, less := range []int64{1, changeSum, changeSum + 1, end - ends[i] - 2} {
			try(fmt.Sprint("cut by ", less), good[:end-less], i, "in the middle")
		}
		flipped := bytes.Clone(good)
		flipped[end-20] ^= 4
		try("a bit is another", flipped, i, "put aside")
	}
	try("zeros", append(bytes.Clone(good), make([]byte, 64)...), 3, "put aside")
	try("the last change twice", slices.Concat(good, good[ends[2]:]), 3, "put aside")
	try("one left out", slices.Concat(good[:ends[1]], good[ends[2]:]), 1, "put aside")
	try("foreign", []byte(strings.Repeat("something else ", 20)), 0, "put aside")
	stale := bytes.Clone(good)
	stale[changesHeader-1] ^= 1
	try("of another file", stale, 0, "")
}

// BenchmarkSavedChange is what a change of one thing of 20,000 costs to save, in time and octets.
func BenchmarkSavedChange(b *testing.B) {
	for _, c := range largeParts(b, 20_000) {
		b.Run(c.name, func(b *testing.B) {
			s := mustOpen(b, b.TempDir(), io.Discard)
			p := c.part
			err := s.save(p)
			if err != nil {
				b.Fatal(err)
			}
			octets := int64(0)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p = c.next(p, i)
				_, before := savedFiles(b, s, p.Key)
				done, err := s.append(p)
				if err == nil && !done {
					err = s.save(p)
				}
				if err != nil {
					b.Fatal(err)
				}
				part, changes := savedFiles(b, s, p.Key)
				if done {
					octets += changes - before
				} else {
					octets += part
				}
			}
			b.ReportMetric(float64(octets)/float64(b.N), "octets/change")
		})
	}
}

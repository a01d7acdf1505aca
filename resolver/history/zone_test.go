package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"inside53/resolver/zone"
)

var noon = time.Unix(1_800_000_000, 0)

// build makes a tree of example. out of lines NAME TTL VALUE, of type TXT, with an SOA
// record of that refresh time.
func build(t testing.TB, refresh uint32, lines ...string) *zone.Tree {
	t.Helper()
	e := zone.NewTree(zone.MustName("example.")).Edit()
	soa := slices.Concat(zone.MustName("ns.example."), zone.MustName("h.example."))
	for _, n := range [...]uint32{0, refresh, 2, 3, 4} {
		soa = binary.BigEndian.AppendUint32(soa, n)
	}
	put := func(name string, rrtype uint16, ttl uint32, rdata ...[]byte) {
		set, err := zone.NewRecords(rrtype, ttl, rdata...)
		if err == nil {
			err = e.Put(zone.MustName(name), set)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put("example.", zone.TypeSOA, 60, soa)
	sets := map[string][][]byte{}
	ttls := map[string]uint32{}
	for _, line := range lines {
		var name, value string
		var ttl uint32
		_, err := fmt.Sscan(line, &name, &ttl, &value)
		if err != nil {
			t.Fatal(err)
		}
		sets[name] = append(sets[name], append([]byte{byte(len(value))}, value...))
		ttls[name] = ttl
	}
	for name, rdata := range sets {
		put(name, zone.TypeTXT, ttls[name], rdata...)
	}
	return e.Commit()
}

func publish(t testing.TB, z *Zone, tree *zone.Tree, at time.Time) bool {
	t.Helper()
	changed, err := z.Publish(tree, at)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// texts are the records of sets, sorted.
func texts(sets []Set) []string {
	var out []string
	for _, s := range sets {
		for r := range s.Records.Rdata() {
			out = append(out, fmt.Sprintf("%s %d %s", zone.String(s.Name), s.Records.TTL(), r[1:]))
		}
	}
	slices.Sort(out)
	return out
}

func TestSerials(t *testing.T) {
	z := New(1 << 20)
	if z.Version() != nil {
		t.Error("a version before the first publication")
	}
	steps := []struct {
		at      time.Time
		value   string
		changed bool
		serial  uint32
	}{
		{noon, "a", true, 1_800_000_000},
		{noon.Add(time.Hour), "a", false, 1_800_000_000},
		{noon.Add(time.Hour), "b", true, 1_800_003_600},
		{noon.Add(time.Hour), "c", true, 1_800_003_601},     // in the same second
		{noon.Add(-time.Hour), "d", true, 1_800_003_602},    // the clock went back
		{time.Unix(1<<32+5, 0), "e", true, 1_800_003_603},   // the serial of the clock is less
		{noon.Add(2 * time.Hour), "f", true, 1_800_007_200}, // and the clock again
	}
	for _, s := range steps {
		changed := publish(t, z, build(t, 1, "a.example. 60 "+s.value), s.at)
		v := z.Version()
		rdata := v.SOA.First()
		if changed != s.changed || v.Serial != s.serial || binary.BigEndian.Uint32(rdata[len(rdata)-20:]) != s.serial {
			t.Errorf("%s at %d: changed %t, serial %d", s.value, s.at.Unix(), changed, v.Serial)
		}
	}
}

func TestAfter(t *testing.T) {
	for _, tt := range []struct {
		a, b uint32
		want bool
	}{{2, 1, true}, {1, 2, false}, {1, 1, false}, {5, 1<<32 - 5, true}, {1<<32 - 5, 5, false}} {
		if After(tt.a, tt.b) != tt.want {
			t.Errorf("After(%d, %d)", tt.a, tt.b)
		}
	}
}

func TestDifferences(t *testing.T) {
	tests := []struct {
		name           string
		was, is        []string
		removed, added []string
	}{
		{"a name comes", nil, []string{"a.example. 60 x"}, nil, []string{"a.example. 60 x"}},
		{"a name goes", []string{"a.example. 60 x"}, nil, []string{"a.example. 60 x"}, nil},
		{"one record of two", []string{"a.example. 60 x", "a.example. 60 y"}, []string{"a.example. 60 y", "a.example. 60 z"},
			[]string{"a.example. 60 x"}, []string{"a.example. 60 z"}},
		{"the TTL", []string{"a.example. 60 x", "a.example. 60 y"}, []string{"a.example. 61 x", "a.example. 61 y"},
			[]string{"a.example. 60 x", "a.example. 60 y"}, []string{"a.example. 61 x", "a.example. 61 y"}},
		{"two names", []string{"a.example. 60 x", "b.example. 60 x"}, []string{"b.c.example. 60 x", "b.example. 60 x"},
			[]string{"a.example. 60 x"}, []string{"b.c.example. 60 x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			z := New(1 << 20)
			publish(t, z, build(t, 1, tt.was...), noon)
			if !publish(t, z, build(t, 1, tt.is...), noon.Add(time.Minute)) {
				t.Fatal("no new version")
			}
			v, deltas, ok := z.Since(1_800_000_000)
			if !ok || len(deltas) != 1 || deltas[0].From != 1_800_000_000 || deltas[0].To != v.Serial ||
				v.Serial != 1_800_000_060 {
				t.Fatalf("%d differences to %d, %t", len(deltas), v.Serial, ok)
			}
			if !slices.Equal(texts(deltas[0].Removed), tt.removed) || !slices.Equal(texts(deltas[0].Added), tt.added) {
				t.Errorf("removed %v added %v", texts(deltas[0].Removed), texts(deltas[0].Added))
			}
		})
	}
}

func TestSOAAloneIsAChange(t *testing.T) {
	z := New(1 << 20)
	publish(t, z, build(t, 1), noon)
	if !publish(t, z, build(t, 2), noon.Add(time.Minute)) {
		t.Error("another refresh time is no change")
	}
	_, deltas, ok := z.Since(1_800_000_000)
	if !ok || len(deltas) != 1 || len(deltas[0].Removed)+len(deltas[0].Added) != 0 {
		t.Errorf("differences %v, %t", deltas, ok)
	}
}

func TestNoSOA(t *testing.T) {
	_, err := New(1).Publish(zone.NewTree(zone.MustName("example.")), noon)
	if err == nil {
		t.Error("a zone without SOA was published")
	}
}

// random changes a few of the records.
func randomly(r *rand.Rand, lines map[int]string) []string {
	for range 1 + r.IntN(4) {
		i := r.IntN(30)
		if r.IntN(3) == 0 {
			delete(lines, i)
		} else {
			lines[i] = fmt.Sprintf("n%d.example. %d v%d", i%20, 60, i*1000+r.IntN(5))
		}
	}
	var out []string
	for _, l := range lines {
		out = append(out, l)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestJournal replays the journal of random changes, small and large, across restarts.
func TestJournal(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 3))
	for _, limit := range []int{1 << 20, 3000, 0} {
		z := New(limit)
		lines := map[int]string{}
		versions := map[uint32][]string{}
		now := noon
		for i := range 200 {
			is := randomly(r, lines)
			if i%40 == 39 {
				data, err := z.MarshalBinary()
				if err != nil {
					t.Fatal(err)
				}
				again := New(limit)
				err = again.UnmarshalBinary(data)
				if err != nil {
					t.Fatal(err)
				}
				if again.Version() != nil {
					t.Error("a version without records after a restart")
				}
				was := z.Version()
				if publish(t, again, was.Tree, now.Add(time.Hour)) || again.Version().Serial != was.Serial {
					t.Error("the same zone has a new serial after a restart")
				}
				z = again
			}
			now = now.Add(time.Duration(r.IntN(3)) * time.Second)
			publish(t, z, build(t, 1, is...), now)
			versions[z.Version().Serial] = is
			_, size := z.Journal()
			if size > limit {
				t.Fatalf("a journal of %d octets", size)
			}
		}
		reached := 0
		for serial, was := range versions {
			v, deltas, ok := z.Since(serial)
			if !ok {
				continue
			}
			reached++
			records := map[string]bool{}
			for _, l := range was {
				records[l] = true
			}
			for _, d := range deltas {
				for _, l := range texts(d.Removed) {
					if !records[l] {
						t.Fatalf("%s isn't there to be removed", l)
					}
					delete(records, l)
				}
				for _, l := range texts(d.Added) {
					records[l] = true
				}
			}
			got := slices.Sorted(func(yield func(string) bool) {
				for l := range records {
					if !yield(l) {
						return
					}
				}
			})
			if !slices.Equal(got, versions[v.Serial]) {
				t.Fatalf("from %d\n got %v\nwant %v", serial, got, versions[v.Serial])
			}
		}
		if limit == 1<<20 && reached != len(versions) || limit == 3000 && (reached < 2 || reached > 100) || limit == 0 &&
			reached != 1 {
			t.Errorf("a journal of %d octets reaches back to %d of %d versions", limit, reached, len(versions))
		}
	}
}

func TestRestartWithOtherRecords(t *testing.T) {
	z := New(1 << 20)
	publish(t, z, build(t, 1, "a.example. 60 x"), noon)
	publish(t, z, build(t, 1, "a.example. 60 y"), noon)
	data, err := z.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	again := New(1 << 20)
	err = again.UnmarshalBinary(data)
	if err != nil {
		t.Fatal(err)
	}
	_, _, ok := again.Since(1_800_000_001)
	if ok {
		t.Error("differences before the first publication")
	}
	if !publish(t, again, build(t, 1, "a.example. 60 z"), noon.Add(-time.Hour)) ||
		again.Version().Serial != 1_800_000_002 {
		t.Errorf("serial %d", again.Version().Serial)
	}
	_, _, ok = again.Since(1_800_000_001)
	if ok {
		t.Error("what was missed is in the journal")
	}
}

func TestSavedIsChecked(t *testing.T) {
	z := New(1 << 20)
	publish(t, z, build(t, 1, "a.example. 60 x"), noon)
	publish(t, z, build(t, 1, "a.example. 60 y", "b.example. 60 y"), noon)
	data, err := z.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		err = New(1).UnmarshalBinary(data[:n])
		if !errors.Is(err, ErrSaved) {
			t.Fatalf("the first %d octets: %v", n, err)
		}
	}
	err = New(1).UnmarshalBinary(append(slices.Clone(data), 0))
	if !errors.Is(err, ErrSaved) {
		t.Errorf("an octet more: %v", err)
	}
	for n := range data {
		bad := slices.Clone(data)
		bad[n] ^= 1 << (n % 8)
		err = New(1).UnmarshalBinary(bad)
		if !errors.Is(err, ErrSaved) {
			t.Fatalf("a bit of octet %d is wrong: %v", n, err)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	z := New(1 << 20)
	publish(f, z, build(f, 1, "a.example. 60 x"), noon)
	publish(f, z, build(f, 1, "a.example. 60 y"), noon)
	data, err := z.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	body, _ := unseal(data)
	f.Add(body)
	f.Fuzz(func(t *testing.T, data []byte) {
		z := New(1 << 20)
		err := z.UnmarshalBinary(seal(data))
		if err != nil {
			return
		}
		again, err := z.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		other := New(1 << 20)
		err = other.UnmarshalBinary(again)
		if err != nil {
			t.Errorf("what was written can't be read: %v", err)
		}
	})
}

// manyDeltas is a zone with so many differences, from one serial in three to the next.
func manyDeltas(n int, first uint32) *Zone {
	z := New(1 << 30)
	serial := first
	for range n {
		z.deltas = append(z.deltas, Delta{From: serial, To: serial + 3})
		serial += 3
	}
	z.is = &Version{Serial: serial}
	return z
}

// TestSinceIsALookUp finds serials in a long journal, also one that goes round at 2^32: nothing
// of it is copied.
func TestSinceIsALookUp(t *testing.T) {
	const n = 150_000
	for _, first := range []uint32{1000, 1<<32 - 3000} {
		z := manyDeltas(n, first)
		for _, i := range []int{0, 1, 2, 999, 1000, 1001, n / 2, n - 1} {
			serial := first + 3*uint32(i)
			_, deltas, ok := z.Since(serial)
			if !ok || len(deltas) != n-i || deltas[0].From != serial {
				t.Errorf("from %d, difference %d: %d, %t", first, i, len(deltas), ok)
			}
		}
		for _, serial := range []uint32{first - 1, first + 1, first + 3*n + 1, first + 1<<31} {
			_, deltas, ok := z.Since(serial)
			if ok || len(deltas) != 0 {
				t.Errorf("from %d, serial %d: %d, %t", first, serial, len(deltas), ok)
			}
		}
		_, deltas, ok := z.Since(first + 3*n)
		if !ok || len(deltas) != 0 {
			t.Errorf("the serial that is: %d, %t", len(deltas), ok)
		}
		allocs := testing.AllocsPerRun(100, func() { z.Since(first) })
		if allocs != 0 {
			t.Errorf("%v allocations", allocs)
		}
	}
	_, _, ok := manyDeltas(0, 7).Since(6)
	if ok {
		t.Error("an empty journal reaches back")
	}
}

// BenchmarkSince looks a serial up in a long journal.
func BenchmarkSince(b *testing.B) {
	z := manyDeltas(150_000, 1000)
	for b.Loop() {
		z.Since(1000)
	}
}

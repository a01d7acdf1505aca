package zonesource

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"testing"

	"inside53/resolver/zone"
)

// bigZone makes a zone of n names with one address each.
func bigZone(b *testing.B, n int) Part {
	b.Helper()
	apex := zone.MustName("big.example.")
	e := zone.NewTree(apex).Edit()
	putSOA(b, e, apex)
	for i := range n {
		putNumber(b, e, i, uint32(i))
	}
	return Part{Key: zoneKey("route53", "ZBIG"), Listed: noon,
		Zone: zone.New(zone.Info{Origin: zone.Public, ID: "ZBIG"}, e.Commit(), 0)}
}

func putNumber(b *testing.B, e *zone.Edit, i int, value uint32) {
	var rdata [4]byte
	binary.BigEndian.PutUint32(rdata[:], value)
	name := append([]byte("\x08"), fmt.Sprintf("h%07d", i)...)
	set, err := zone.NewRecords(zone.TypeA, 300, rdata[:])
	if err != nil {
		b.Fatal(err)
	}
	err = e.Put(append(name, "\x03big\x07example\x00"...), set)
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkPublishOneChange shows what one changed record costs from delivery to
// publication, in a small and in a large data set: nearly the same.
func BenchmarkPublishOneChange(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprint("of ", n), func(b *testing.B) {
			var last *zone.Snapshot
			cfg := Config{
				EC2: true, Expected: []Key{catalogKey("route53", "")}, MaxShrink: 0.5,
				Views: []ViewConfig{{Name: "a", Clients: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
					{Name: "b", Clients: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}},
			}
			k, err := NewKeeper(Options{Config: cfg, Publish: func(s *zone.Snapshot) { last = s }})
			if err != nil {
				b.Fatal(err)
			}
			p := bigZone(b, n)
			k.inbox.put(p)
			k.drain(true)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				was := last
				e := was.Zones[0].Tree.Edit()
				putNumber(b, e, i*7919%n, uint32(i+n))
				p.Zone = p.Zone.With(e.Commit(), 0)
				k.inbox.put(p)
				k.drain(true)
				if last == was {
					b.Fatal("nothing was published")
				}
			}
		})
	}
}

// BenchmarkState saves and loads a zone of 1,000,000 records.
func BenchmarkState(b *testing.B) {
	p := bigZone(b, 1_000_000)
	s := mustOpen(b, b.TempDir(), io.Discard)
	err := s.save(p)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("save", func(b *testing.B) {
		for b.Loop() {
			err := s.save(p)
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			n := 0
			for range s.load() {
				n++
			}
			if n != 1 {
				b.Fatal("the zone isn't there")
			}
		}
	})
	b.Run("write without disk", func(b *testing.B) {
		for b.Loop() {
			err := writeContainer(io.Discard, func(w io.Writer) error { return writePart(w, p) })
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

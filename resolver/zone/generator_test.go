package zone

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// generator makes random names and RRsets.
type generator struct {
	*rand.Rand
	apex []byte
	wide int // how many different labels
}

func newGenerator(seed uint64, apex string, wide int) *generator {
	return &generator{rand.New(rand.NewPCG(seed, 53)), MustName(apex), wide}
}

// name returns a name at or below the apex, now and then as deep as names go.
func (g *generator) name() []byte {
	depth := g.IntN(4)
	if g.IntN(50) == 0 {
		depth = g.IntN(MaxLabels)
	}
	var prefix []byte
	for range depth {
		label := fmt.Sprint(g.IntN(g.wide))
		switch g.IntN(10) {
		case 0:
			label = "*"
		case 1:
			label = strings.Repeat("x", 1+g.IntN(63))
		case 2:
			label = string([]byte{byte(g.IntN(256))})
		}
		if len(prefix)+len(label)+1+len(g.apex) > MaxName {
			break
		}
		prefix = append(append(prefix, byte(len(label))), label...)
	}
	name := append(prefix, g.apex...)
	Lower(name)
	return name
}

var someTypes = []uint16{TypeA, TypeNS, TypeCNAME, TypeSOA, TypeMX, TypeTXT, TypeAAAA, TypeDNAME, TypeDS, TypeHTTPS,
	257}

func (g *generator) rrtype() uint16 { return someTypes[g.IntN(len(someTypes))] }

func (g *generator) set() RRset {
	rrtype := g.rrtype()
	switch g.IntN(8) {
	case 0:
		return NewUnservable(rrtype, "because", g.bytes(20))
	case 2:
		group, err := NewGroup(rrtype, Weighted, make([]Member, 1+g.IntN(5)))
		if err != nil {
			panic(err)
		}
		return group
	case 1:
		return NewAlias(rrtype, Alias{ZoneID: []byte("Z1"), Target: g.name(), Health: g.IntN(2) == 0})
	}
	var rdata [][]byte
	for range 1 + g.IntN(4) {
		rdata = append(rdata, g.bytes(30))
	}
	if g.IntN(200) == 0 {
		rdata = append(rdata, g.bytes(40000))
	}
	s, err := NewRecords(rrtype, g.Uint32(), rdata...)
	if err != nil {
		panic(err)
	}
	return s
}

func (g *generator) bytes(limit int) []byte {
	b := make([]byte, g.IntN(limit))
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

// edit makes random changes to an edit and to its contents alike.
func (g *generator) edit(t *testing.T, e *Edit, c contents, steps int, deleting int) {
	t.Helper()
	for range steps {
		name := g.name()
		if g.IntN(100) < deleting {
			rrtype := g.rrtype()
			for there := range c { // most random names own nothing
				if g.IntN(2) == 0 {
					name = []byte(there)
					for rrtype = range c[there] {
						break
					}
				}
				break
			}
			if got, want := e.Delete(name, rrtype), c.remove(name, rrtype); got != want {
				t.Fatalf("deleting %s type %d: %t, want %t", String(name), rrtype, got, want)
			}
			continue
		}
		s := g.set()
		err := e.Put(name, s)
		if err != nil {
			t.Fatalf("putting %s: %v", String(name), err)
		}
		c.put(name, s)
		if !e.Lookup(name).RRset(s.Type).Equal(s) {
			t.Fatalf("%s: the edit doesn't show what was put", String(name))
		}
	}
}

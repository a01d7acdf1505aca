package resolver

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// zoneBuilder fills the tree of one zone.
type zoneBuilder struct {
	testing.TB
	block   *block
	origin  string
	edit    *zone.Edit
	records []string
}

func newZoneBuilder(t testing.TB, b *block) *zoneBuilder {
	return &zoneBuilder{TB: t, block: b, origin: b.words[2], edit: zone.NewTree(zone.MustName(b.words[2])).Edit()}
}

func (z *zoneBuilder) check(err error) {
	z.Helper()
	if err != nil {
		z.Fatalf("zone at line %d: %v", z.block.line, err)
	}
}

func (z *zoneBuilder) put(name string, s zone.RRset) {
	z.Helper()
	z.check(z.edit.Put(z.name(name), s))
}

// name returns the lower-case wire form of a name relative to the zone.
func (z *zoneBuilder) name(text string) []byte {
	z.Helper()
	switch {
	case text == "@":
		text = z.origin
	case !strings.HasSuffix(text, ".") && z.origin == ".":
		text += "."
	case !strings.HasSuffix(text, "."):
		text += "." + z.origin
	}
	name := wireName(z.TB, text)
	zone.Lower(name)
	return name
}

// alias parses "alias NAME TYPE TARGET [external] [evaluate]".
func (z *zoneBuilder) alias(words []string) zone.RRset {
	external, evaluate := slices.Contains(words, "external"), slices.Contains(words, "evaluate")
	return zone.NewAlias(rrtype(z.TB, words[2]),
		zone.Alias{ZoneID: []byte("Z2"), Target: z.name(words[3]), SameZone: !external, Health: evaluate})
}

// member parses "id=a weight=1 check=hc .. TTL RDATA RDATA", or with alias=TARGET,
// external=TARGET (either may have evaluate=yes after it) or unservable=WHY in place of records.
func (z *zoneBuilder) member(t uint16, words []string) zone.Member {
	z.Helper()
	var m zone.Member
	i := 0
	for ; i < len(words) && strings.Contains(words[i], "="); i++ {
		key, value, _ := strings.Cut(words[i], "=")
		switch key {
		case "id":
			m.SetID = []byte(value)
		case "weight":
			m.Weight = uint8(number(z.TB, value))
		case "check":
			m.Check = []byte(value)
		case "role":
			m.Secondary = value == "secondary"
		case "region":
			m.Region = []byte(value)
		case "continent":
			m.Continent = []byte(value)
		case "country":
			m.Country = []byte(value)
		case "state":
			m.Subdivision = []byte(value)
		case "location":
			m.Location = []byte(value)
		case "collection":
			m.Collection = []byte(value)
		case "bias":
			m.Bias = int8(bias(z.TB, value))
		case "evaluate":
			alias := m.Set.Alias()
			alias.Health = value == "yes"
			m.Set = zone.NewAlias(t, alias)
		case "alias":
			m.Set = zone.NewAlias(t, zone.Alias{Target: z.name(value), SameZone: true})
		case "external":
			m.Set = zone.NewAlias(t, zone.Alias{Target: z.name(value)})
		case "unservable":
			m.Set = zone.NewUnservable(t, value, nil)
		default:
			z.Fatalf("zone at line %d: member's %q", z.block.line, words[i])
		}
	}
	if m.Set.Exists() {
		return m
	}
	var err error
	m.Set, err = zone.NewRecords(t, number(z.TB, words[i]), z.rdata(t, words[i+1:])...)
	z.check(err)
	return m
}

// rdata packs values that have no blanks in them.
func (z *zoneBuilder) rdata(t uint16, values []string) (out [][]byte) {
	z.Helper()
	for _, v := range values {
		rr, err := dns.NewRR(fmt.Sprintf("x. 1 IN %s %s", dns.TypeToString[t], v))
		z.check(err)
		out = append(out, rdataOf(z.TB, rr))
	}
	return out
}

// putRecords lets miekg/dns read the master-file lines.
func (z *zoneBuilder) putRecords() {
	z.Helper()
	type key struct {
		name string
		t    uint16
	}
	sets := map[key][][]byte{}
	ttls := map[key]uint32{}
	var order []key
	parser := dns.NewZoneParser(strings.NewReader(strings.Join(z.records, "\n")+"\n"), z.origin, "")
	parser.SetDefaultTTL(3600)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		name := wireName(z.TB, rr.Header().Name)
		zone.Lower(name)
		k := key{string(name), rr.Header().Rrtype}
		if sets[k] == nil {
			order = append(order, k)
			ttls[k] = rr.Header().Ttl
		}
		sets[k] = append(sets[k], rdataOf(z.TB, rr))
	}
	z.check(parser.Err())
	for _, k := range order {
		s, err := zone.NewRecords(k.t, ttls[k], sets[k]...)
		z.check(err)
		z.check(z.edit.Put([]byte(k.name), s))
	}
}

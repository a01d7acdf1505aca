package recorder

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/ledger"
)

func address(text string) netip.Addr { return netip.MustParseAddr(text) }

// regionPart is an inventory with one of each.
func regionPart() zonesource.Part {
	return zonesource.Part{Key: zonesource.Key{Source: "ec2", Name: "/eu-west-1"}, Region: &zonesource.Region{
		AccountID: "123456789012", Name: "eu-west-1",
		VPCs:     []zonesource.VPC{{ID: "vpc-1", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}}},
		Peerings: []zonesource.Peering{{ID: "pcx-1", A: zone.VPC{ID: "vpc-1"}, B: zone.VPC{ID: "vpc-2"}, ADNS: true}},
		Interfaces: []*zonesource.Interface{{ID: "eni-1", VPC: "vpc-1", Private: address("10.0.0.1"),
			Public: address("198.51.100.1")}},
		Hosts: []*zonesource.Host{{Instance: "i-1", VPC: "vpc-1", Private: address("10.0.0.1"),
			Names: []zonesource.HostName{{Text: "web", From: "Name tag"}}}},
	}}
}

func catalogPart(ids ...string) zonesource.Part {
	p := zonesource.Part{Key: zonesource.Key{Source: "route53", Name: "catalog/"}, Catalog: &zonesource.Catalog{}}
	for _, id := range ids {
		name := zone.MustName(strings.ToLower(id) + ".example.")
		p.Catalog.Zones = append(p.Catalog.Zones, zonesource.Hosted{ID: id, Name: name})
	}
	return p
}

// oddZone has an RRset of each kind.
func oddZone(t *testing.T) zonesource.Part {
	t.Helper()
	p := zonePart(t, "Z9", map[string]string{"a.example.com.": "10.0.0.1", "example.com.": "10.0.0.2"})
	e := p.Zone.Tree.Edit()
	plain, err := zone.NewRecords(zone.TypeA, 60, []byte{10, 0, 0, 3})
	if err != nil {
		t.Fatal(err)
	}
	group, err := zone.NewGroup(zone.TypeA, zone.Weighted, []zone.Member{
		{SetID: []byte("blue"), Weight: 10, Set: plain}, {SetID: []byte("green"), Weight: 0, Check: []byte("hc"), Set: plain},
	})
	if err != nil {
		t.Fatal(err)
	}
	target := zone.Alias{ZoneID: []byte("Z2"), Target: zone.MustName("lb.example."), Health: true}
	alias := zone.NewAlias(zone.TypeA, target)
	for name, set := range map[string]zone.RRset{
		"w.example.com.": group, "al.example.com.": alias, "bad.example.com.": zone.NewUnservable(16, "no", []byte("raw")),
	} {
		err = e.Put(zone.MustName(name), set)
		if err != nil {
			t.Fatal(err)
		}
	}
	p.Zone = p.Zone.With(e.Commit(), 0)
	p.Problems = []zonesource.Problem{{Zone: "example.com.", Reason: "no"}}
	return p
}

// TestParts reads back what was written, of each kind.
func TestParts(t *testing.T) {
	b := newBench(t, t.TempDir())
	all := []zonesource.Part{oddZone(t), regionPart(), catalogPart("Z1", "Z2")}
	b.mustAccept(zonesource.Cause{}, all...)
	for _, want := range all {
		got, err := Part(t.Context(), b.l, b.r.Newest(), want.Key)
		if err != nil {
			t.Fatal(err)
		}
		if want.Zone != nil {
			if !sameZone(got, want) || got.Zone.ID != want.Zone.ID || got.Zone.Origin != want.Zone.Origin {
				t.Errorf("%s isn't what it was", want.Key)
			}
			continue
		}
		got.Listed = time.Time{}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
			cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			t.Errorf("%s: %s", want.Key, diff)
		}
	}
	n := 0
	for p, err := range Parts(t.Context(), b.l, b.r.Newest()) {
		if err != nil || p.Key.Source == "" {
			t.Errorf("%+v, %v", p, err)
		}
		n++
	}
	if n != len(all) {
		t.Errorf("%d parts", n)
	}
}

// TestRegionsAreInOrder: a region is read by id, as it is looked up, though its records lie by their keys: what is
// called like another one and more is before that one there.
func TestRegionsAreInOrder(t *testing.T) {
	b := newBench(t, t.TempDir())
	want := regionPart()
	for _, more := range []string{"-b", ".c", "0"} {
		h, f := *want.Region.Hosts[0], *want.Region.Interfaces[0]
		h.Instance, f.ID, f.Instance = h.Instance+more, f.ID+more, h.Instance+more
		want.Region.Hosts, want.Region.Interfaces = append(want.Region.Hosts, &h), append(want.Region.Interfaces, &f)
	}
	b.mustAccept(zonesource.Cause{}, want)
	got, err := Part(t.Context(), b.l, b.r.Newest(), want.Key)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range want.Region.Interfaces {
		if got.Region.Interfaces[i].ID != f.ID || got.Region.Hosts[i].Instance != want.Region.Hosts[i].Instance {
			t.Errorf("%d is %s of %s, want %s of %s", i, got.Region.Interfaces[i].ID, got.Region.Hosts[i].Instance, f.ID,
				want.Region.Hosts[i].Instance)
		}
	}
}

// TestWords says what changes in each kind of part.
func TestWords(t *testing.T) {
	b := newBench(t, t.TempDir())
	b.mustAccept(zonesource.Cause{Kind: zonesource.BySaved}, oddZone(t), regionPart(), catalogPart("Z1", "Z2"))
	z := oddZone(t)
	e := z.Zone.Tree.Edit()
	for _, name := range []string{"al.example.com.", "bad.example.com."} {
		e.Delete(zone.MustName(name), zone.TypeA)
		e.Delete(zone.MustName(name), 16)
	}
	plain, err := zone.NewRecords(zone.TypeA, 60, []byte{10, 0, 0, 4})
	if err != nil {
		t.Fatal(err)
	}
	group, err := zone.NewGroup(zone.TypeA, zone.Weighted, []zone.Member{
		{SetID: []byte("blue"), Weight: 20, Set: plain}, {SetID: []byte("green"), Weight: 0, Check: []byte("hc"), Set: plain},
	})
	if err == nil {
		err = e.Put(zone.MustName("w.example.com."), group)
	}
	if err != nil {
		t.Fatal(err)
	}
	z.Zone = z.Zone.With(e.Commit(), 0)
	r := regionPart()
	r.Region.Hosts, r.Region.Interfaces[0].Public = nil, netip.Addr{}
	b.mustAccept(zonesource.Cause{}, z, r, catalogPart("Z2"))
	var got []string
	for _, l := range b.history(Query{Since: b.r.Newest().Commit.At.Add(-time.Hour)}) {
		got = append(got, strings.Join([]string{l.Zone, l.Name, l.Type, l.Set, strings.Join(l.Before, " "),
			strings.Join(l.After, " ")}, "|"))
	}
	slices.Sort(got)
	for _, want := range []string{
		"example.com.|al.example.com.|A||ALIAS lb.example. Z2 true|",
		"example.com.|w.example.com.|A|blue weighted weight=20|10.0.0.3|10.0.0.4",
		"example.com.|w.example.com.|A|green weighted weight=0 health-check=hc|10.0.0.3|10.0.0.4",
		"example.com.|bad.example.com.|TXT||raw ; can't be served: no|",
		"z1.example.|z1.example.|zone||Z1|",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("not said: %s", want)
		}
	}
	if len(got) != 7 || !strings.HasPrefix(got[len(got)-1], "|") && !strings.HasPrefix(got[0], "|") {
		t.Errorf("%d lines: %q", len(got), got)
	}
}

// TestManyWords changes more than a version lists: it is found by the difference.
func TestManyWords(t *testing.T) {
	b := newBench(t, t.TempDir())
	z := zonePart(t, "Z1", map[string]string{"www.example.com.": "10.0.0.1"})
	b.mustAccept(zonesource.Cause{}, z)
	many := map[string]string{}
	for i := range 2000 {
		many[fmt.Sprintf("h%d.example.com.", i)] = "10.1.0.1"
	}
	many["www.example.com."] = "10.0.0.2"
	big := zonePart(t, "Z1", many)
	b.mustAccept(zonesource.Cause{}, big)
	lines := b.history(Query{Name: "www.example.com."})
	if len(lines) != 2 || lines[0].After[0] != "10.0.0.2" {
		t.Errorf("%q", brief(lines))
	}
	if lines := b.history(Query{Zone: "example.com."}); len(lines) != len(many)+1 {
		t.Errorf("%d lines of %d changes", len(lines), len(many)+1)
	}
	if n := len(b.history(Query{Zone: "Z1", Limit: 7})); n != 7 {
		t.Errorf("%d lines, at most 7", n)
	}
}

// FuzzSet gives any record to the decoder of RRsets.
func FuzzSet(f *testing.F) {
	f.Add([]byte("r\x03www\x00\x01"), []byte{0, 1, 1, 0, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		name, set, err := decodeSet(apex, ledger.Record{Key: key, Value: value})
		if err != nil {
			return
		}
		again := keyOfSet(apex, name, set.Type)
		if string(again) != string(key) || string(encodeSet(set)) != string(value) {
			t.Errorf("%q %q is read as %q %+v", key, value, name, set)
		}
	})
}

// TestFollowedChangeIsToldOnce: a change that a followed master made is one of the hosted zone, and not once more of
// what was begun and made of its version; these are kept all the same.
func TestFollowedChangeIsToldOnce(t *testing.T) {
	b := newBench(t, t.TempDir())
	hosted := zonePart(t, "Z1", map[string]string{"a.example.com.": "10.0.0.1"})
	begun, made := hosted, hosted
	begun.Key = zonesource.Key{Source: "follow", Name: "begun example.com."}
	made.Key = zonesource.Key{Source: "follow", Name: "example.com."}
	cause := zonesource.Cause{Kind: zonesource.ByFollow, Actor: "example.com."}
	b.mustAccept(cause, hosted, begun, made)
	is := func(p zonesource.Part) zonesource.Part { return changed(t, p, "a.example.com.", "10.0.0.2") }
	b.mustAccept(cause, is(begun), is(hosted), is(made))
	lines := b.history(Query{Name: "a.example.com."})
	if len(lines) != 2 || lines[0].Part != "route53/zone/Z1" || lines[1].Part != "route53/zone/Z1" {
		t.Errorf("%+v", lines)
	}
	kept, err := Part(t.Context(), b.l, b.r.Newest(), made.Key)
	if err != nil || !sameZone(kept, is(made)) {
		t.Errorf("the version isn't kept: %v", err)
	}
}

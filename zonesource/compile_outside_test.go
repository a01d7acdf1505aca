package zonesource

import (
	"net/netip"
	"testing"

	"inside53/resolver/zone"

	"github.com/google/go-cmp/cmp"
)

func TestOutside(t *testing.T) {
	region := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16")
	public := [4]byte{203, 0, 113, 1}
	region.Region.Interfaces = []*Interface{
		{ID: "eni-1", VPC: "vpc-a", Private: netip.MustParseAddr("10.0.0.1"), Public: netip.AddrFrom4(public),
			Instance: "i-1"}}
	region.Region.Hosts = []*Host{host("i-1", "vpc-a", "web", "10.0.0.1")}
	parts := []Part{
		publicZone(t, "ZPUB", "e.example."), publicZone(t, "ZTWIN", "e.example."),
		privateZone(t, "ZPRIV", "e.example.", "vpc-a"),
		privateZone(t, "ZIN", "in.example.", "vpc-a"), fileZone(t, "f.example."), publicZone(t, "ZP2", "p.example."), region,
	}
	cfg := Config{
		EC2: true, TagZone: "internal.", Self: Self{VPC: "vpc-a", Region: "eu-west-1"},
		Forward: []ForwardConfig{forwardTo("corp.example.", "10.9.0.4", "*"), forwardTo(".", "10.9.0.3", "vpc-a"),
			forwardTo(".", "10.9.0.2", "*"), forwardTo("p.example.", "10.9.0.5", "*")},
	}
	show := func(s *zone.Snapshot) []string {
		var out []string
		for i := range s.Outside.Apexes {
			out = append(out, showApex(s, &s.Outside.Apexes[i]))
		}
		return out
	}
	want := []string{". ->10.9.0.2", "e.example. public:ZPUB", "p.example. public:ZP2"}
	c := mustCompile(t, cfg, parts...)
	s := c.Snapshot
	if diff := cmp.Diff(want, show(s)); diff != "" {
		t.Errorf("apexes (-want +got):\n%s", diff)
	}
	o := s.Outside
	if o.Name != "outside" || o.Index != len(s.Views) || o.Addresses != zone.AddressPublic || len(o.VPCs) > 0 ||
		!o.Recursive() {
		t.Errorf("outside is %+v", o)
	}
	_, _, why := s.Inventory.Translate(o.Index, public)
	if why != zone.ViewPublic {
		t.Errorf("a public address is seen from outside as %v", why)
	}
	for _, v := range s.Views {
		if v == o || v.Name == o.Name {
			t.Errorf("a client can get the view %q", v.Name)
		}
	}

	// Without a default forwarder for everybody it is the first one of a view.
	cfg.Forward, want[0] = cfg.Forward[:2], ". ->10.9.0.3"
	s = mustCompile(t, cfg, parts...).Snapshot
	if diff := cmp.Diff(want, show(s)); diff != "" || !s.Outside.Recursive() {
		t.Errorf("with the forwarder of a view (-want +got):\n%s", diff)
	}

	// Without any there is none.
	cfg.Forward = cfg.Forward[:1]
	s = mustCompile(t, cfg, parts...).Snapshot
	if diff := cmp.Diff(want[1:], show(s)); diff != "" || s.Outside.Recursive() {
		t.Errorf("without a forwarder (-want +got):\n%s", diff)
	}

	// With a zone of the root the forwarder is below it.
	cfg.Forward = []ForwardConfig{forwardTo(".", "10.9.0.2", "*")}
	s = mustCompile(t, cfg, publicZone(t, "ZROOT", ".")).Snapshot
	if diff := cmp.Diff([]string{". public:ZROOT ->10.9.0.2 below"}, show(s)); diff != "" {
		t.Errorf("with a root (-want +got):\n%s", diff)
	}
}

func TestLocations(t *testing.T) {
	collection := func(id string, version int64, blocks ...string) Collection {
		c := Collection{ID: id, Version: version}
		for i := 0; i < len(blocks); i += 2 {
			c.Blocks = append(c.Blocks, Block{Location: blocks[i], Prefix: netip.MustParsePrefix(blocks[i+1])})
		}
		return c
	}
	base, other := catalogPart(nil), catalogPart(nil)
	base.Catalog.Collections = []Collection{collection("c1", 1, "old", "10.0.0.0/8"),
		collection("c2", 1, "two", "10.0.0.0/8")}
	other.Key = catalogKey("route53", "other")
	other.Catalog.Collections = []Collection{
		collection("c1", 2, "office", "10.0.0.0/8", "desk", "10.1.0.0/16", "six", "2001:db8::/32")}
	zonePart := publicZone(t, "Z1", "e.example.")
	cfg := Config{TrustECS: []netip.Prefix{netip.MustParsePrefix("10.0.0.53/32"), netip.MustParsePrefix("2001:db8::/64")}}
	first, err := Compile(nil, cfg, partsOf(base, other, zonePart), noon)
	if err != nil {
		t.Fatal(err)
	}
	e := zonePart.Zone.Tree.Edit()
	putA(t, e, zone.MustName("new.e.example."), "192.0.2.1")
	zonePart.Zone = zonePart.Zone.With(e.Commit(), 0)
	patched, err := Compile(first, cfg, partsOf(base, other, zonePart), noon)
	if err != nil {
		t.Fatal(err)
	}
	base.Catalog = &Catalog{}
	without, err := Compile(patched, cfg, partsOf(base, zonePart), noon)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*Compiled{"first": first, "patched": patched} {
		for _, tt := range []struct{ collection, client, want string }{
			{"c1", "10.2.3.4/32", "office"}, {"c1", "10.1.2.0/24", "desk"}, {"c1", "10.0.0.0/7", ""},
			{"c1", "2001:db8:1::/48", "six"},
			{"c2", "10.1.2.0/24", "two"}, {"c2", "11.0.0.0/24", ""}, {"c3", "10.1.2.0/24", ""},
		} {
			got, _ := c.Snapshot.Locations.Find([]byte(tt.collection), netip.MustParsePrefix(tt.client))
			if got != tt.want {
				t.Errorf("%s: %s of %s is in %q, want %q", name, tt.client, tt.collection, got, tt.want)
			}
		}
		for addr, want := range map[string]bool{"10.0.0.53": true, "10.0.0.54": false, "2001:db8::9": true,
			"2001:db9::9": false} {
			if got := c.Snapshot.Trusted(netip.MustParseAddr(addr)); got != want {
				t.Errorf("%s: trust in %s is %v", name, addr, got)
			}
		}
	}
	if without.Snapshot.Locations.Known([]byte("c1")) {
		t.Error("a collection stays that no account has")
	}
	old := first.Snapshot.Layers(first.Snapshot.Outside.Apex(zone.MustName("e.example.")))[0]
	now := patched.Snapshot.Layers(patched.Snapshot.Outside.Apex(zone.MustName("e.example.")))[0]
	if old == now || now != patched.Snapshot.Zones[0] {
		t.Error("the view from outside has the zone as it was")
	}
}

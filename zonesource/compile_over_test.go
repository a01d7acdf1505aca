package zonesource

import (
	"fmt"
	"testing"

	"inside53/resolver/zone"
)

// TestUnreadNamesOverZones: names of instances of a region that was not read may lie over zones of
// ours, below the suffix of a template and in the domains for them; nowhere else are they reckoned with.
func TestUnreadNamesOverZones(t *testing.T) {
	there := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16")
	there.Region.Hosts = []*Host{host("i-a", "vpc-a", "web.prod.one.example.", "10.0.0.1")}
	missing := regionPart("", "us-east-1").Key
	names := []string{"x.prod.one.example.", "one.example.", "www.one.example.", "x.deep.prod.one.example.",
		"x.other.example.", "x.names.example.", "x.far.example."}
	all := []string{"x.prod.one.example.", "x.deep.prod.one.example.", "x.names.example."}
	for _, test := range []struct {
		suffix string
		err    error
		want   []string
	}{
		{"prod.one.example.", nil, all},
		{"prod.one.example.", errGivenUp, all},
		{"prod.one.example.", errNew, nil},
		{"far.example.", nil, []string{"x.names.example."}}, // in no zone of ours: relative to ec2.zone
		{"", nil, []string{"x.names.example."}},
	} {
		cfg := tagConfig("internal.")
		cfg.Expected = []Key{there.Key, missing}
		cfg.Domains = [][]byte{zone.MustName("names.example.")}
		if test.suffix != "" {
			cfg.NameSuffixes = [][]byte{zone.MustName(test.suffix)}
		}
		parts := partsOf(there, publicZone(t, "Z1", "one.example.", "www.one.example. 192.0.2.1"),
			publicZone(t, "Z2", "deep.prod.one.example.", "www.deep.prod.one.example. 192.0.2.1"),
			publicZone(t, "Z3", "other.example.", "www.other.example. 192.0.2.1"))
		if test.err != nil {
			parts[missing] = Part{Key: missing, Err: test.err}
		}
		c, err := Compile(nil, cfg, parts, noon)
		if err != nil {
			t.Fatal(err)
		}
		var unread []string
		for _, name := range names {
			if mayBeUnread(c.Snapshot, viewNamed(t, c.Snapshot, "vpc-a"), name) {
				unread = append(unread, name)
			}
		}
		if fmt.Sprint(unread) != fmt.Sprint(test.want) {
			t.Errorf("%q, %v: %q may be of the region, want %q", test.suffix, test.err, unread, test.want)
		}
	}
}

// mayBeUnread reports whether a layer that was not read may have a name in a view, over none but
// public zones.
func mayBeUnread(s *zone.Snapshot, v *zone.View, name string) bool {
	wire := zone.MustName(name)
	for rest := wire; ; rest = rest[1+int(rest[0]):] {
		a := v.Apex(rest)
		switch {
		case a != nil:
			for _, z := range s.Layers(a) {
				if z.Unavailable != "" && z.MayHave(wire) {
					return true
				}
				if z.Origin == zone.Public {
					return false
				}
			}
			return false
		case len(rest) == 1:
			return false
		}
	}
}

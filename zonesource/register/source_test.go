package register

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/update"
)

// newSource makes a source with a name of each of some instances, and what its options say of the
// inventory.
func newSource(t *testing.T, regions *[]*zonesource.Region, unlisted *bool, instances ...string) *Source {
	t.Helper()
	s, err := New(Options{
		Grants:   []Grant{{Apex: zone.MustName("internal."), Names: []Pattern{"*"}, TTL: time.Minute}},
		Regions:  func() []*zonesource.Region { return *regions },
		Unlisted: func() bool { return *unlisted },
		VPCs:     func(netip.Addr) ([]string, bool) { return nil, true },
		Taken:    func([]byte) ([]string, bool) { return nil, false },
		StateDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range instances {
		name := zone.MustName("of-" + id + ".internal.")
		s.names[string(name)] = entry{Apex: zone.MustName("internal."), Name: name, Instance: id}
	}
	return s
}

// region is one of an account with running instances.
func region(account, name string, instances ...string) *zonesource.Region {
	r := &zonesource.Region{Account: account, Name: name}
	for _, id := range instances {
		r.Hosts = append(r.Hosts, &zonesource.Host{Instance: id, Private: netip.MustParseAddr("10.0.0.1")})
	}
	return r
}

// TestPrune: a name goes with its instance, and not because the region of the instance is still
// to be listed.
func TestPrune(t *testing.T) {
	var regions []*zonesource.Region
	unlisted := true
	s := newSource(t, &regions, &unlisted, "i-a", "i-b")
	prunes := func(what, want string, now ...*zonesource.Region) {
		t.Helper()
		regions = now
		s.prune(func(zonesource.Part) {})
		got := strings.Join(append(s.namesOf("i-a"), s.namesOf("i-b")...), " ")
		if got != want {
			t.Errorf("%s: there are %q, want %q", what, got, want)
		}
	}
	const both = "of-i-a.internal. of-i-b.internal."
	prunes("nothing is listed", both)
	prunes("another region is listed", both, region("", "eu-west-1", "i-a"))
	prunes("the region is one of another account", both, region("", "eu-west-1", "i-a"), region("x", "us-east-1"))
	prunes("both run", both, region("", "eu-west-1", "i-a"), region("", "us-east-1", "i-b"))
	prunes("the region isn't there any more", both, region("", "eu-west-1", "i-a"))
	prunes("its own region lacks it", "of-i-b.internal.", region("", "eu-west-1"))
	unlisted = false
	prunes("there are no other regions", "", region("", "eu-west-1"))
}

// TestRemove: a name goes by itself or with its address, and not with another one.
func TestRemove(t *testing.T) {
	regions := []*zonesource.Region{region("", "eu-west-1", "i-a")}
	unlisted := false
	for _, test := range []struct {
		class, rrtype uint16
		data          []byte
		gone          bool
	}{
		{update.ClassAny, zone.TypeANY, nil, true},
		{update.ClassAny, zone.TypeA, nil, true},
		{update.ClassAny, zone.TypeAAAA, nil, false},
		{update.ClassNone, zone.TypeA, []byte{10, 0, 0, 1}, true},
		{update.ClassNone, zone.TypeA, []byte{10, 0, 0, 2}, false},
	} {
		s := newSource(t, &regions, &unlisted, "i-a")
		in, result := s.instance(netip.MustParseAddr("10.0.0.1"))
		if result.Rcode != update.NoError {
			t.Fatal(result)
		}
		next, result := s.evaluate(in, request{apex: zone.MustName("internal."), message: &update.Message{
			Updates: []update.Record{{Name: zone.MustName("of-i-a.internal."), Class: test.class, Type: test.rrtype,
				Data: test.data}}}})
		if result.Rcode != update.NoError || (len(next) == 0) != test.gone {
			t.Errorf("class %d, type %d, %v: %d names, %v", test.class, test.rrtype, test.data, len(next), result)
		}
	}
}

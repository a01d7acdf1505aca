package zonesource

import (
	"slices"
	"strings"
	"testing"

	"inside53/resolver/zone"
)

// fenced returns what a view gets of a name of instances, sorted.
func fenced(t *testing.T, s *zone.Snapshot, view, name string) string {
	t.Helper()
	var out []string
	for _, z := range s.Zones {
		if z.Origin != zone.Tags {
			continue
		}
		for set := range z.Tree.Lookup(zone.MustName(name)).RRsets {
			g := s.Inventory.Given(viewNamed(t, s, view).Index, set.Data, zone.Pick{}, nil)
			var one zone.GivenAddress
			for g.Next(&one) {
				out = append(out, one.Addr.String())
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// peered returns a peering and which side may resolve the other's names.
func peered(a, b string, aDNS, bDNS bool) Peering {
	return Peering{ID: "pcx-" + a + b, A: zone.VPC{ID: a}, B: zone.VPC{ID: b}, ADNS: aDNS, BDNS: bDNS}
}

// TestFence: two environments, default VPCs in two regions and peerings, with automatic
// views and with configured ones.
func TestFence(t *testing.T) {
	ireland := regionPart("", "eu-west-1", "vpc-prod 10.0.0.0/16", "vpc-staging 10.1.0.0/16", "vpc-d1 172.31.0.0/16")
	ireland.Region.Hosts = []*Host{
		host("i-prod", "vpc-prod", "db,own", "10.0.0.10"), host("i-staging", "vpc-staging", "db", "10.1.0.10"),
		host("i-d1", "vpc-d1", "app", "172.31.0.10"),
		host("i-public", "vpc-staging", "web", "10.1.0.20", "203.0.113.20"),
		host("i-six", "vpc-staging", "six", "10.1.0.30", "fd00:2::30", "2001:db8::30"),
	}
	virginia := regionPart("", "us-east-1", "vpc-far 10.2.0.0/16", "vpc-d2 172.31.0.0/16", "vpc-twin 10.0.0.0/16")
	virginia.Region.Hosts = []*Host{
		host("i-far", "vpc-far", "far,db", "10.2.0.10"), host("i-d2", "vpc-d2", "app", "172.31.0.10"),
		host("i-twin", "vpc-twin", "own", "10.0.0.10"),
	}
	virginia.Region.Peerings = []Peering{peered("vpc-prod", "vpc-far", true, false)}
	automatic := tagConfig("internal.")
	configured := automatic
	configured.Views = []ViewConfig{
		{Name: "prod", VPCs: []string{"vpc-prod"}}, {Name: "staging", VPCs: []string{"vpc-staging"}},
		{Name: "twin", VPCs: []string{"vpc-twin"}},
		{Name: "vpn", VPCs: []string{"vpc-prod"}, Addresses: zone.AddressPublic}, {Name: "d1", VPCs: []string{"vpc-d1"}},
		{Name: "far", VPCs: []string{"vpc-far"}},
	}
	for _, test := range []struct {
		name string
		cfg  Config
		want map[string]string // "view name" -> addresses
	}{
		{"automatic", automatic, map[string]string{
			"vpc-staging db": "10.1.0.10", "vpc-far db": "10.2.0.10", "vpc-far web": "203.0.113.20",
			"vpc-staging web": "10.1.0.20",
			"rest db":         "", "rest web": "203.0.113.20", "rest app": "", "vpc-staging app": "",
			"vpc-staging six": "10.1.0.30 2001:db8::30 fd00:2::30", "vpc-far six": "2001:db8::30",
		}},
		{"configured", configured, map[string]string{
			"prod db": "10.0.0.10 10.2.0.10", "staging db": "10.1.0.10", "far db": "10.2.0.10", "prod own": "10.0.0.10",
			"twin own": "10.0.0.10", "twin db": "",
			"vpn db": "", "vpn web": "203.0.113.20", "d1 app": "172.31.0.10", "prod app": "",
		}},
	} {
		c := mustCompile(t, test.cfg, ireland, virginia)
		for key, want := range test.want {
			view, name, _ := strings.Cut(key, " ")
			if got := fenced(t, c.Snapshot, view, name+".internal."); got != want {
				t.Errorf("%s: %s gets %q, want %q", test.name, key, got, want)
			}
		}
	}
	want := []string{
		"internal. app.internal.  shared by vpc-d1, vpc-d2: each view gets its own",
		"internal. db.internal.  shared by vpc-far, vpc-prod, vpc-staging: each view gets its own",
		"internal. own.internal.  shared by vpc-prod, vpc-twin: each view gets its own",
	}
	// Of app no automatic view reaches any: both VPCs have one prefix.
	for _, cfg := range []Config{configured, automatic} {
		var shared []string
		for _, p := range mustCompile(t, cfg, ireland, virginia).Report.Problems {
			if strings.HasPrefix(p.Reason, "shared") {
				shared = append(shared, p.Zone+" "+p.Name+" "+p.Type+" "+p.Reason)
			}
		}
		if !slices.Equal(shared, want) {
			t.Errorf("shared names %q, want %q", shared, want)
		}
	}
}

// TestNamesOfOneServiceAreNotShared: where all views that reach one VPC of a name reach the
// others too, nothing is kept apart.
func TestNamesOfOneServiceAreNotShared(t *testing.T) {
	region := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16", "vpc-b 10.1.0.0/16")
	region.Region.Hosts = []*Host{host("i-a", "vpc-a", "web", "10.0.0.1"), host("i-b", "vpc-b", "web", "10.1.0.1")}
	region.Region.Peerings = []Peering{peered("vpc-a", "vpc-b", true, true)}
	c := mustCompile(t, tagConfig("internal."), region)
	if len(c.Report.Problems) > 0 {
		t.Errorf("problems %v", c.Report.Problems)
	}
	if got := fenced(t, c.Snapshot, "vpc-a", "web.internal."); got != "10.0.0.1 10.1.0.1" {
		t.Errorf("vpc-a gets %s", got)
	}
}

// TestFenceOfInterfacesThatAreManaged: their public addresses are never translated.
func TestFenceOfInterfacesThatAreManaged(t *testing.T) {
	region := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16")
	region.Region.Hosts = []*Host{host("i-a", "vpc-a", "web", "10.0.0.1", "203.0.113.1"),
		host("i-b", "vpc-a", "web", "10.0.0.2", "203.0.113.2")}
	region.Region.Interfaces = []*Interface{
		{ID: "eni-a", VPC: "vpc-a", Private: region.Region.Hosts[0].Private, Public: region.Region.Hosts[0].Public,
			Instance: "i-a", Managed: true}}
	cfg := tagConfig("internal.")
	c := mustCompile(t, cfg, region)
	if got := fenced(t, c.Snapshot, "vpc-a", "web.internal."); got != "10.0.0.2 203.0.113.1" {
		t.Errorf("vpc-a gets %s", got)
	}
	cfg.InstancesPublic = true
	again, err := Compile(c, cfg, partsOf(region), noon)
	if err != nil {
		t.Fatal(err)
	}
	if got := fenced(t, again.Snapshot, "vpc-a", "web.internal."); got != "203.0.113.1 203.0.113.2" {
		t.Errorf("with ec2.translate without instances vpc-a gets %s", got)
	}
}

// TestRegionsThatWereNotRead: the names of their instances fail, those of others stay, and
// public addresses that nobody has may be theirs.
func TestRegionsThatWereNotRead(t *testing.T) {
	there := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16")
	there.Region.Hosts = []*Host{host("i-a", "vpc-a", "web", "10.0.0.1")}
	there.Region.AccountID = "111122223333"
	missing := regionPart("", "us-east-1").Key
	public := [4]byte{203, 0, 113, 9}
	for _, test := range []struct {
		template, apex string
		err            error
		unread         bool
		uncertain      bool
	}{
		{"internal.", "internal.", nil, true, true},
		{"{region}.aws.", "aws.", nil, true, true},
		{"{region}.aws.", "eu-west-1.aws.", nil, false, true}, // all of it was read
		{"{account}.aws.", "aws.", nil, true, true},
		{"{account}.aws.", "111122223333.aws.", nil, true, true}, // the other region may have more of it
		{"{account}.aws.", "111122223333.aws.", errNew, false, false},
		{"{vpc}.{account}.aws.", "vpc-a.111122223333.aws.", nil, false, true}, // a VPC is in one region
		{"{vpc}.{account}.aws.", "aws.", nil, true, true},
		{"internal.", "internal.", errNew, false, false},
		{"internal.", "internal.", errGivenUp, true, false},
	} {
		cfg := tagConfig(test.template)
		cfg.Expected = []Key{there.Key, missing}
		parts := partsOf(there)
		if test.err != nil {
			parts[missing] = Part{Key: missing, Err: test.err}
		}
		c, err := Compile(nil, cfg, parts, noon)
		if err != nil {
			t.Fatal(err)
		}
		view := viewNamed(t, c.Snapshot, "vpc-a")
		a := view.Apex(zone.MustName(test.apex))
		if unread := a != nil && isUnread(c.Snapshot, a); unread != test.unread {
			t.Errorf("%s, %v: %s", test.template, test.err, showApex(c.Snapshot, a))
		}
		var layers []*zone.Zone
		if a != nil {
			layers = c.Snapshot.Layers(a)
		}
		if len(layers) > 1 && layers[0].Unavailable != "" {
			t.Errorf("%s: what was read is below: %s", test.template, showApex(c.Snapshot, a))
		}
		if a != nil && layers[0].Unavailable == "" && test.template == "internal." && layers[0].Origin != zone.Tags {
			t.Errorf("%s: what was read is not on top: %s", test.template, showApex(c.Snapshot, a))
		}
		if got := c.Snapshot.Inventory.Uncertain(view.Index, public); got != test.uncertain {
			t.Errorf("%s, %v: uncertain %t", test.template, test.err, got)
		}
		if c.Snapshot.Inventory.Uncertain(viewNamed(t, c.Snapshot, "rest").Index, public) {
			t.Errorf("%s: a view of public addresses is uncertain", test.template)
		}
	}
}

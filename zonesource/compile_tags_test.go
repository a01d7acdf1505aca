package zonesource

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/resolver/zone"
)

func host(instance, vpc, names string, addrs ...string) *Host {
	h := &Host{Instance: instance, VPC: vpc}
	for n := range strings.SplitSeq(names, ",") {
		h.Names = append(h.Names, HostName{Text: n, From: "dns tag"})
	}
	for _, a := range addrs {
		addr := netip.MustParseAddr(a)
		switch {
		case addr.Is6():
			h.IPv6 = append(h.IPv6, addr)
		case addr.IsPrivate():
			h.Private = addr
		default:
			h.Public = addr
		}
	}
	return h
}

// showTags writes the addresses of a zone of instance names.
func showTags(s *zone.Snapshot) []string {
	var out []string
	for _, z := range s.Zones {
		if z.Origin != zone.Tags {
			continue
		}
		for name, n := range z.Tree.All {
			for set := range n.RRsets {
				if set.Type != zone.TypeA && set.Type != zone.TypeAAAA {
					continue
				}
				line := zone.String(name)
				var m zone.InstanceAddress
				for w := set.Instances(); w.Next(&m); {
					for _, addr := range []netip.Addr{m.Private, m.Public} {
						if addr.IsValid() {
							line += " " + addr.String()
						}
					}
				}
				if set.TTL() != 30 || set.Kind != zone.Instances || set.Flags != zone.TagNames {
					line += " WRONG TTL, KIND OR FLAGS"
				}
				out = append(out, line)
			}
		}
	}
	slices.Sort(out)
	return out
}

func tagConfig(template string) Config {
	return Config{EC2: true, TagZone: template, TranslatedTTL: 30 * time.Second}
}

func TestTagNames(t *testing.T) {
	region := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16")
	region.Region.Hosts = []*Host{
		host("i-1", "vpc-a", "WEB,api.stage, _x_y ", "10.0.0.1", "203.0.113.1", "2001:db8::1"),
		host("i-2", "vpc-a", "web", "10.0.0.2"),
		host("i-3", "vpc-a", "web.internal,db.internal.", "10.0.0.2"),
		host("i-4", "vpc-a", "jump.other.example,www.shop.test,full.elsewhere.,api.prod,shop.test", "10.0.0.4"),
		host("i-5", "vpc-a", "My Server,\u212aelvin,-x,a..b,"+strings.Repeat("a", 64)+",*,internal,"+
			strings.Repeat("long.", 50)+"x", "10.0.0.5"),
		host("i-6", "vpc-a", "ip-10-0-0-6.ec2", "10.0.0.6"),
		host("i-7", "vpc-a", "lonely"),
	}
	c := mustCompile(t, tagConfig("internal."), region, publicZone(t, "Z1", "shop.test."))
	want := []string{
		"_x_y.internal. 10.0.0.1 203.0.113.1", "_x_y.internal. 2001:db8::1",
		"api.stage.internal. 10.0.0.1 203.0.113.1", "api.stage.internal. 2001:db8::1", "db.internal. 10.0.0.2",
		"web.internal. 10.0.0.1 203.0.113.1 10.0.0.2 10.0.0.2", "web.internal. 2001:db8::1",
		"www.shop.test. 10.0.0.4",
	}
	if got := showTags(c.Snapshot); !slices.Equal(got, want) {
		t.Errorf("names\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var problems []string
	for _, p := range c.Report.Problems {
		problems = append(problems, p.Name+" "+p.Reason)
		if p.Zone != "eu-west-1" {
			t.Errorf("a problem of %q", p.Zone)
		}
	}
	for _, want := range []string{
		`i-4 dns tag "jump.other.example": ends in example., which nobody means relatively, and is in no zone of ours`,
		`i-4 dns tag "api.prod": ends in prod., which nobody means relatively, and is in no zone of ours`,
		`i-4 dns tag "full.elsewhere.": is in no zone of ours`,
		`i-4 dns tag "shop.test": is the name of the zone itself`,
		`i-5 dns tag "My Server": has the character ' ', which no host name has`,
		"i-5 dns tag \"\u212aelvin\": has the character '\u212a', which no host name has",
		`i-5 dns tag "-x": has a label that begins or ends with a hyphen`,
		`i-5 dns tag "a..b": has an empty label`,
		`i-5 dns tag "` + strings.Repeat("a", 64) + `": has a label of 64 characters, 63 are allowed`,
		`i-5 dns tag "internal": is the name of the zone itself`,
		`i-5 dns tag "*": has the character '*', which no host name has`,
		`i-5 dns tag "` + strings.Repeat("long.", 50) + `x": with internal. is longer than a name can be`,
		`i-6 dns tag "ip-10-0-0-6.ec2": names in ec2.internal. are those of EC2`, `i-7 has names and no address`,
	} {
		if !slices.Contains(problems, want) {
			t.Errorf("not reported: %s", want)
		}
	}
	if len(problems) != 14 {
		t.Errorf("%d problems: %q", len(problems), problems)
	}
	layers := c.Snapshot.Layers(viewNamed(t, c.Snapshot, "rest").Apex(zone.MustName("internal.")))
	apex := layers[0].Tree.Lookup(zone.MustName("internal."))
	if !apex.RRset(zone.TypeSOA).Exists() || !apex.RRset(zone.TypeNS).Exists() {
		t.Error("the zone of instance names has no SOA or no NS")
	}
}

func TestTagZoneTemplate(t *testing.T) {
	ireland, lab := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16"), regionPart("lab", "us-east-1", "vpc-b 10.1.0.0/16")
	lab.Region.AccountID = ""
	ireland.Region.Hosts = []*Host{host("i-1", "vpc-a", "web", "10.0.0.1")}
	lab.Region.Hosts = []*Host{host("i-2", "vpc-b", "web,db", "10.1.0.1"), host("i-1", "vpc-b", "again", "10.1.0.1")}
	cases := map[string][]string{
		"internal.": {"db.internal. 10.1.0.1", "web.internal. 10.0.0.1 10.1.0.1"},
		"{region}.aws": {"db.us-east-1.aws. 10.1.0.1", "web.eu-west-1.aws. 10.0.0.1",
			"web.us-east-1.aws. 10.1.0.1"},
		"{vpc}.{account}.{region}.e.": {"db.vpc-b.lab.us-east-1.e. 10.1.0.1", "web.vpc-a.111122223333.eu-west-1.e. 10.0.0.1",
			"web.vpc-b.lab.us-east-1.e. 10.1.0.1"},
		"": nil,
	}
	for template, want := range cases {
		got := showTags(mustCompile(t, tagConfig(template), ireland, lab).Snapshot)
		if !slices.Equal(got, want) {
			t.Errorf("zone %q: %q, want %q", template, got, want)
		}
	}
}

func TestTagTreesAreRebased(t *testing.T) {
	region := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16")
	region.Region.Hosts = []*Host{host("i-1", "vpc-a", "web", "10.0.0.1")}
	cfg := tagConfig("internal.")
	first := mustCompile(t, cfg, region)
	again := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16", "vpc-b 10.1.0.0/16")
	again.Region.Hosts = region.Region.Hosts
	second, err := Compile(first, cfg, partsOf(again), noon)
	if err != nil {
		t.Fatal(err)
	}
	if first.Snapshot.Zones[0] != second.Snapshot.Zones[0] {
		t.Error("equal names made another zone")
	}
}

func TestTooManyInstancesOfOneName(t *testing.T) {
	region := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/8")
	for i := range 6000 {
		h := host("i-"+string(rune('a'+i%26))+time.Duration(i).String(), "vpc-a", "web")
		h.Private = netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		region.Region.Hosts = append(region.Region.Hosts, h)
	}
	c := mustCompile(t, tagConfig("internal."), region)
	if c.Report.Unservable != 1 || len(c.Report.Problems) != 1 ||
		!strings.Contains(c.Report.Problems[0].Reason, "6000 instances") {
		t.Errorf("unservable %d, problems %v", c.Report.Unservable, c.Report.Problems)
	}
}

func TestInventory(t *testing.T) {
	a := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16", "vpc-b 10.1.0.0/16")
	b := regionPart("lab", "us-east-1", "vpc-c 10.2.0.0/16", "vpc-d 10.0.0.0/16", "vpc-e 10.4.0.0/16")
	b.Region.AccountID = "444455556666"
	add := func(p Part, id, vpc, private, public, instance, balancer string, managed bool) {
		p.Region.Interfaces = append(p.Region.Interfaces, &Interface{
			ID: id, VPC: vpc, Private: netip.MustParseAddr(private), Public: netip.MustParseAddr(public), Instance: instance,
			Balancer: balancer, Managed: managed,
		})
	}
	add(a, "eni-a", "vpc-a", "10.0.0.1", "203.0.113.1", "i-a", "", false)
	add(a, "eni-b", "vpc-b", "10.1.0.1", "203.0.113.2", "i-b", "", false)
	add(a, "eni-lb", "vpc-a", "10.0.0.2", "203.0.113.3", "", "front", true)
	add(a, "eni-nat", "vpc-a", "10.0.0.3", "203.0.113.4", "", "", true)
	add(a, "eni-free", "vpc-a", "10.0.0.4", "203.0.113.5", "", "", false)
	add(b, "eni-c", "vpc-c", "10.2.0.1", "203.0.113.6", "i-c", "", false)
	add(b, "eni-d", "vpc-d", "10.0.9.1", "203.0.113.7", "i-d", "", false)
	add(b, "eni-e", "vpc-e", "10.4.0.1", "203.0.113.8", "i-e", "", false)
	add(b, "eni-a", "vpc-a", "10.0.0.1", "203.0.113.1", "", "", false) // the same one as its VPC's owner sees it
	a.Region.Hosts = []*Host{host("i-a", "vpc-a", "bad name,web,www", "10.0.0.1", "203.0.113.1")}
	a.Region.Peerings = []Peering{
		{A: zone.VPC{ID: "vpc-a"}, B: zone.VPC{ID: "vpc-b"}, ADNS: true},
		{A: zone.VPC{ID: "vpc-b"}, B: zone.VPC{ID: "vpc-c"}, ADNS: true, BDNS: true},
		{A: zone.VPC{ID: "vpc-d"}, B: zone.VPC{ID: "vpc-a"}, BDNS: true},
	}
	cfg := tagConfig("internal.")
	cfg.MaxAge, cfg.Self = time.Hour, Self{VPC: "vpc-a"}
	cfg.Views = []ViewConfig{
		{Name: "a", VPCs: []string{"vpc-a"}},
		{Name: "b", VPCs: []string{"vpc-b"}},
		{Name: "reach-region", VPCs: []string{"vpc-a"}, Reach: Reach{Regions: []string{"us-east-1"}}},
		{Name: "reach-account", Reach: Reach{Accounts: []string{"444455556666"}}},
		{Name: "reach-vpc", Reach: Reach{VPCs: []string{"vpc-e"}}},
		{Name: "reach-cidr", Reach: Reach{CIDRs: []netip.Prefix{netip.MustParsePrefix("10.2.0.0/24")}}},
		{Name: "public", VPCs: []string{"*"}, Addresses: zone.AddressPublic},
		{Name: "all", VPCs: []string{"*"}},
	}
	// Of the public addresses .1 to .8: which views give the private one.
	want := map[string]string{
		"a": "1.2.....", "b": ".2...6..", "reach-region": "12...6.8", "reach-account": ".....678", "reach-vpc": ".......8",
		"reach-cidr": ".....6..",
		"public":     "........", "all": "12...678",
	}
	want["a"] = "12......" // b by its peering; d overlaps its own prefix
	check := func(t *testing.T, c *Compiled, want map[string]string) {
		t.Helper()
		for _, v := range c.Snapshot.Views {
			got := []byte("........")
			for i := range byte(8) {
				_, _, why := c.Snapshot.Inventory.Translate(v.Index, [4]byte{203, 0, 113, i + 1})
				if why == zone.Translated {
					got[i] = '1' + i
				}
			}
			if string(got) != want[v.Name] {
				t.Errorf("view %s translates %s, want %s", v.Name, got, want[v.Name])
			}
		}
	}
	c := mustCompile(t, cfg, a, b)
	check(t, c, want)
	_, f, _ := c.Snapshot.Inventory.Translate(0, [4]byte{203, 0, 113, 1})
	if zone.String(f.Name) != "web.internal." || f.OwnerID != "i-a" {
		t.Errorf("eni-a belongs to %s, its PTR is %s", f.OwnerID, zone.String(f.Name))
	}
	cfg.LoadBalancers = true
	want["a"], want["reach-region"], want["all"] = "123.....", "123..6.8", "123..678"
	check(t, mustCompile(t, cfg, a, b), want)
	balancersOnly := cfg
	balancersOnly.InstancesPublic = true
	only := maps.Clone(want)
	for view := range only {
		only[view] = "........"
	}
	only["a"], only["reach-region"], only["all"] = "..3.....", "..3.....", "..3....."
	check(t, mustCompile(t, balancersOnly, a, b), only)

	b.Listed = noon.Add(-2 * time.Hour)
	want["a"], want["b"], want["reach-region"] = "123.....", ".2......", "123....."
	want["reach-account"], want["reach-vpc"], want["reach-cidr"], want["all"] = "........", "........", "........",
		"123....."
	check(t, mustCompile(t, cfg, a, b), want)
}

func TestTagZoneOfAnUnknownAccount(t *testing.T) {
	region := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16")
	region.Region.AccountID = ""
	region.Region.Hosts = []*Host{host("i-1", "vpc-a", "web,www", "10.0.0.1"), host("i-2", "vpc-a", "db", "10.0.0.2")}
	c := mustCompile(t, tagConfig("{account}.internal."), region)
	want := []Problem{{Zone: "eu-west-1", Name: "vpc-a",
		Reason: "zone of instance names {account}.internal.: {account} is not known"}}
	if len(c.Snapshot.Zones) != 0 || !slices.Equal(c.Report.Problems, want) {
		t.Errorf("%d zones, problems %v", len(c.Snapshot.Zones), c.Report.Problems)
	}
}

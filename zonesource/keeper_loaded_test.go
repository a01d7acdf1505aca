package zonesource

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"

	"inside53/resolver/zone"
)

// hosted lists zones of the base account: each is its id and its name.
func hosted(pairs ...string) Part {
	var zones []Hosted
	for i := 0; i < len(pairs); i += 2 {
		zones = append(zones, Hosted{ID: pairs[i], Name: zone.MustName(pairs[i+1])})
	}
	return catalogPart(zones)
}

// TestANewZoneTakesNothingAway has a zone appear that isn't read yet.
func TestANewZoneTakesNothingAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{Expected: []Key{catalogKey("route53", "")}, MaxShrink: 0.5, Views: []ViewConfig{{Name: "all"}}, Forward: []ForwardConfig{forwardTo("fwd.example.", "192.0.2.53", "*")}}
		b := newBench(t, cfg, "")
		b.start()
		defer b.end()
		b.deliver(hosted("Z1", "one.example."))
		if b.snapshot().Loaded {
			t.Error("loaded without any zone")
		}
		b.deliver(publicZone(t, "Z1", "one.example."))
		if !b.snapshot().Loaded {
			t.Error("not loaded with all zones")
		}
		b.deliver(listed(hosted("Z1", "one.example.", "Z2", "two.example.", "Z3", "one.example.", "Z4", "fwd.example."), 60))
		s := b.snapshot()
		if !s.Loaded || !b.Status().Loaded || len(b.Status().Missing) != 3 {
			t.Errorf("with a new zone: loaded %t, missing %q", s.Loaded, b.Status().Missing)
		}
		for name, unavailable := range map[string]bool{"one.example.": false, "two.example.": true, "fwd.example.": false} {
			a := viewNamed(t, s, "all").Apex(zone.MustName(name))
			if a == nil || (a.Unavailable != "") != unavailable {
				t.Errorf("%s is %s", name, showApex(s, a))
			}
		}
		b.deliver(listed(publicZone(t, "Z2", "two.example."), 61))
		if a := viewNamed(t, b.snapshot(), "all").Apex(zone.MustName("two.example.")); a.Unavailable != "" || len(a.Layers) != 1 {
			t.Errorf("when it is read it is %s", showApex(b.snapshot(), a))
		}
	})
}

// TestPrivateZonesNotReadYet are unavailable where they may belong.
func TestPrivateZonesNotReadYet(t *testing.T) {
	cfg := Config{Expected: []Key{catalogKey("route53", "")}, Views: []ViewConfig{{Name: "vpc", VPCs: []string{"vpc-a"}}, {Name: "none"}}}
	c := mustCompile(t, cfg, catalogPart([]Hosted{{ID: "Z1", Name: zone.MustName("one.example."), Private: true}}))
	if a := viewNamed(t, c.Snapshot, "vpc").Apex(zone.MustName("one.example.")); a == nil || a.Unavailable == "" {
		t.Error("a view of a VPC doesn't know that it exists")
	}
	if a := viewNamed(t, c.Snapshot, "none").Apex(zone.MustName("one.example.")); a != nil {
		t.Error("a view without a VPC knows it")
	}
}

// TestZonesThatCannotBeRead are not waited for where others could be read.
func TestZonesThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		cfg := Config{Expected: []Key{catalogKey("route53", "")}, MaxShrink: 0.5}
		b := newBench(t, cfg, dir)
		b.start()
		b.deliver(hosted("Z1", "one.example.", "Z2", "two.example.", "Z3", "three.example."),
			publicZone(t, "Z1", "one.example."), failing(zoneKey("route53", "Z2"), "access denied"))
		if b.snapshot().Loaded {
			t.Error("loaded while a zone may still come")
		}
		b.deliver(listed(failing(zoneKey("route53", "Z2"), "access denied"), 60), listed(failing(zoneKey("route53", "Z3"), "access denied"), 60))
		if b.snapshot().Loaded {
			t.Error("loaded although most zones can't be read")
		}
		b.deliver(publicZone(t, "Z2", "two.example."), listed(publicZone(t, "Z1", "one.example."), 60), listed(failing(zoneKey("route53", "Z3"), "throttled"), 29))
		if b.snapshot().Loaded {
			t.Error("loaded although the third zone may only be slow to come")
		}
		b.deliver(listed(failing(zoneKey("route53", "Z3"), "access denied"), 61))
		if !b.snapshot().Loaded {
			t.Errorf("not loaded: %q", b.Status().Missing)
		}
		b.end()

		// The next process has the same data, and AWS is away.
		b = newBench(t, cfg, dir)
		b.start()
		defer b.end()
		if !b.snapshot().Loaded || !slices.Equal(b.Status().Missing, []string{"route53 zone/Z3 (three.example.): not read yet"}) {
			t.Errorf("saved data: loaded %t, missing %q", b.snapshot().Loaded, b.Status().Missing)
		}
	})
}

// TestARegionThatIsNew takes nothing away from what is saved when it can't be listed.
func TestARegionThatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		cfg := Config{Expected: []Key{catalogKey("route53", "")}, MaxShrink: 0.5}
		b := newBench(t, cfg, dir)
		b.start()
		b.deliver(hosted("Z1", "one.example."), publicZone(t, "Z1", "one.example."))
		b.end()

		region, account := regionPart("", "eu-north-1").Key, catalogKey("route53", "other")
		cfg.Expected = append(cfg.Expected, region, account)
		b = newBench(t, cfg, dir)
		b.start()
		defer b.end()
		b.deliver(failing(region, "the region isn't enabled"))
		if b.snapshot().Loaded {
			t.Error("loaded while an account may still come")
		}
		b.deliver(failing(account, "access denied"))
		if !b.snapshot().Loaded || len(b.Status().Missing) != 2 {
			t.Errorf("loaded %t, missing %q", b.snapshot().Loaded, b.Status().Missing)
		}
	})
}

// TestARegionThatIsMissing is waited for where nothing is saved.
func TestARegionThatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		region := regionPart("", "eu-north-1").Key
		b := newBench(t, Config{Expected: []Key{catalogKey("route53", ""), region}, MaxShrink: 0.5}, "")
		b.start()
		defer b.end()
		b.deliver(hosted("Z1", "one.example."), publicZone(t, "Z1", "one.example."), failing(region, "the region isn't enabled"),
			listed(failing(region, "the region isn't enabled"), 3600))
		if b.snapshot().Loaded {
			t.Error("loaded without a region")
		}
	})
}

// TestEmptiedUnlisted: private zones of others stay until a second catalog lacks them.
func TestEmptiedUnlisted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hostedConfig(), "")
		b.start()
		defer b.end()
		zones := []Hosted{{ID: "Z1", Name: zone.MustName("one.example.")}}
		b.deliver(catalogPart(zones, Unlisted{ID: "ZEFS", Name: zone.MustName("efs.example."), VPC: zone.VPC{ID: "vpc-a"}}))
		for at, want := range []int{1, 0} {
			b.deliver(listed(catalogPart(zones), 10+50*at))
			if s := b.Status().Sources["route53"]; s.Pending != want {
				t.Errorf("catalog %d without: %+v", at, s)
			}
		}
	})
}

// TestEmptiedRegions wait for a second listing, small as they may be.
func TestEmptiedRegions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		region := func(change func(*Region)) Part {
			p := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16")
			p.Region.Interfaces = []Interface{{ID: "eni-1", VPC: "vpc-a", Private: netip.MustParseAddr("10.0.0.1")}}
			p.Region.Hosts = []Host{{Instance: "i-1", VPC: "vpc-a"}}
			p.Region.Peerings = []Peering{{ID: "pcx-1", A: zone.VPC{ID: "vpc-a"}, B: zone.VPC{ID: "vpc-b"}}}
			change(p.Region)
			return p
		}
		for what, change := range map[string]func(*Region){
			"VPCs":       func(r *Region) { r.VPCs = nil },
			"interfaces": func(r *Region) { r.Interfaces = nil },
			"hosts":      func(r *Region) { r.Hosts = nil },
			"peerings":   func(r *Region) { r.Peerings = nil },
			"CIDRs":      func(r *Region) { r.VPCs[0].CIDRs = nil },
			"its CIDR":   func(r *Region) { r.VPCs[0].CIDRs = []netip.Prefix{netip.MustParsePrefix("10.0.1.0/24")} },
		} {
			b := newBench(t, hostedConfig(), "")
			b.start()
			b.deliver(region(func(*Region) {}))
			b.deliver(listed(region(change), 10))
			if s := b.Status().Sources["ec2"]; s.Pending != 1 {
				t.Errorf("without %s: %+v", what, s)
			}
			b.deliver(listed(region(change), 60))
			if s := b.Status().Sources["ec2"]; s.Pending != 0 {
				t.Errorf("without %s a second time: %+v", what, s)
			}
			b.end()
		}
	})
}

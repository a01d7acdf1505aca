package zonesource

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
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

// isUnread reports whether an apex has a layer that has not been read.
func isUnread(s *zone.Snapshot, a *zone.Apex) bool {
	return slices.ContainsFunc(a.Layers, func(l zone.Layer) bool { return s.Zone(l).Unavailable != "" })
}

// refused is a listing that IAM refused.
func refused(key Key) Part {
	return Part{Key: key, Listed: noon, Err: fmt.Errorf("listing: %w", iamError{})}
}

type iamError struct{}

func (iamError) Error() string     { return "not authorized" }
func (iamError) ErrorCode() string { return "AccessDenied" }

// throttled is a listing that AWS throttled.
func throttled(key Key) Part {
	return Part{Key: key, Listed: noon, Err: fmt.Errorf("listing: %w", rateError{})}
}

type rateError struct{}

func (rateError) Error() string     { return "rate exceeded" }
func (rateError) ErrorCode() string { return "Throttling" }

// TestANewZoneTakesNothingAway has a zone appear that isn't read yet.
func TestANewZoneTakesNothingAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{Expected: []Key{catalogKey("route53", "")}, MaxShrink: 0.5, Views: []ViewConfig{{Name: "all"}},
			Forward: []ForwardConfig{forwardTo("fwd.example.", "192.0.2.53", "*")}}
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
		for name, unread := range map[string]bool{"one.example.": false, "two.example.": true, "fwd.example.": false} {
			a := viewNamed(t, s, "all").Apex(zone.MustName(name))
			if a == nil || isUnread(s, a) != unread {
				t.Errorf("%s is %s", name, showApex(s, a))
			}
		}
		b.deliver(listed(publicZone(t, "Z2", "two.example."), 61))
		a := viewNamed(t, b.snapshot(), "all").Apex(zone.MustName("two.example."))
		if isUnread(b.snapshot(), a) || len(a.Layers) != 1 {
			t.Errorf("when it is read it is %s", showApex(b.snapshot(), a))
		}
	})
}

// TestPrivateZonesNotReadYet are unavailable where they may belong.
func TestPrivateZonesNotReadYet(t *testing.T) {
	cfg := Config{Expected: []Key{catalogKey("route53", "")},
		Views: []ViewConfig{{Name: "vpc", VPCs: []string{"vpc-a"}}, {Name: "none"}}}
	c := mustCompile(t, cfg, catalogPart([]Hosted{{ID: "Z1", Name: zone.MustName("one.example."), Private: true}}))
	if a := viewNamed(t, c.Snapshot, "vpc").Apex(zone.MustName("one.example.")); a == nil || !isUnread(c.Snapshot, a) {
		t.Error("a view of a VPC doesn't know that it exists")
	}
	if a := viewNamed(t, c.Snapshot, "none").Apex(zone.MustName("one.example.")); a != nil {
		t.Error("a view without a VPC knows it")
	}
}

// TestZonesThatCannotBeRead are not waited for where others can be read.
func TestZonesThatCannotBeRead(t *testing.T) {
	z2, z3 := zoneKey("route53", "Z2"), zoneKey("route53", "Z3")
	for _, test := range []struct {
		name  string
		steps []Part
		ready int // the step after which it is; -1: never
	}{
		{"refused twice", []Part{refused(z3), listed(refused(z3), 5)}, 1},
		{"refused, then another error",
			[]Part{refused(z3), listed(failing(z3, "connection refused"), 5), listed(refused(z3), 10)}, -1},
		{"failing", []Part{failing(z3, "timeout"), listed(failing(z3, "timeout"), 299), listed(failing(z3, "timeout"), 300)},
			2},
		{"throttled", []Part{throttled(z3), listed(throttled(z3), 300), listed(failing(z3, "timeout"), 301),
			listed(failing(z3, "timeout"), 599),
			listed(failing(z3, "timeout"), 600)}, 4},
		{"others fail too", []Part{failing(z3, "timeout"), listed(failing(zoneKey("route53", "Z1"), "timeout"), 100),
			listed(failing(z3, "timeout"), 600)}, -1},
		{"most are refused", []Part{refused(z2), refused(z3), listed(refused(z2), 5), listed(refused(z3), 5)}, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, Config{Expected: []Key{catalogKey("route53", "")}, MaxShrink: 0.5}, t.TempDir())
				b.start()
				defer b.end()
				b.deliver(hosted("Z1", "one.example.", "Z2", "two.example.", "Z3", "three.example."),
					publicZone(t, "Z1", "one.example."))
				if test.name != "most are refused" {
					b.deliver(publicZone(t, "Z2", "two.example."))
				}
				for i, p := range test.steps {
					b.deliver(p)
					want := test.ready >= 0 && i >= test.ready
					if s := b.Status(); s.Loaded != want || b.snapshot().Loaded != want {
						t.Fatalf("after step %d: ready %t, answers %t; missing %q", i, s.Loaded, b.snapshot().Loaded, s.Missing)
					}
				}
				if test.ready < 0 {
					return
				}
				s := b.snapshot()
				if a := viewNamed(t, s, "rest").Apex(zone.MustName("three.example.")); a == nil || !isUnread(s, a) {
					t.Errorf("what can't be read is %s", showApex(s, a))
				}
				if !slices.ContainsFunc(b.Status().Report.Problems, func(p Problem) bool { return p.Zone == "three.example." }) {
					t.Errorf("the report has %v", b.Status().Report.Problems)
				}
			})
		})
	}
}

// TestSavedPartsThatAreLost: a zone whose part isn't there any more, or was never read by
// the process before, fails alone; what is certain stays, and it isn't ready.
func TestSavedPartsThatAreLost(t *testing.T) {
	cfg := Config{Expected: []Key{catalogKey("route53", "")}, MaxShrink: 0.5,
		Views: []ViewConfig{{Name: "vpc", VPCs: []string{"vpc-a"}}, {Name: "none"}}}
	damage := func(t *testing.T, dir string) {
		t.Helper()
		err := os.WriteFile(filepath.Join(dir, "parts", fileName(zoneKey("route53", "ZPRIV"))), []byte("damaged"), 0o600)
		if err != nil {
			t.Fatal(err)
		}
	}
	remove := func(t *testing.T, dir string) {
		t.Helper()
		err := os.Remove(filepath.Join(dir, "parts", fileName(zoneKey("route53", "ZPRIV"))))
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, lose := range map[string]func(*testing.T, string){"damaged": damage, "deleted": remove, "never read": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				b := newBench(t, cfg, dir)
				b.start()
				catalog := catalogPart([]Hosted{
					{ID: "ZPUB", Name: zone.MustName("example.com.")},
					{ID: "ZPRIV", Name: zone.MustName("example.com."), Private: true},
					{ID: "ZDEEP", Name: zone.MustName("deep.example.com.")},
				})
				b.deliver(catalog, publicZone(t, "ZPUB", "example.com."), publicZone(t, "ZDEEP", "deep.example.com."))
				if lose != nil {
					b.deliver(privateZone(t, "ZPRIV", "example.com.", "vpc-a"))
				}
				b.end()
				if lose != nil {
					lose(t, dir)
				}

				b = newBench(t, cfg, dir)
				b.start()
				defer b.end()
				check := func(when string) {
					t.Helper()
					s, status := b.snapshot(), b.Status()
					if !s.Loaded || status.Loaded || len(status.Missing) != 1 || status.Sources["route53"].Failing == 0 {
						t.Errorf("%s: answers %t, ready %t, missing %q, %d failing", when, s.Loaded, status.Loaded, status.Missing,
							status.Sources["route53"].Failing)
					}
					for view, unread := range map[string]bool{"vpc": true, "none": false} {
						a := viewNamed(t, s, view).Apex(zone.MustName("example.com."))
						if isUnread(s, a) != unread || unread && s.Layers(a)[0].Unavailable == "" {
							t.Errorf("%s: view %s has %s", when, view, showApex(s, a))
						}
						if a = viewNamed(t, s, view).Apex(zone.MustName("deep.example.com.")); isUnread(s, a) {
							t.Errorf("%s: view %s has not read %s", when, view, showApex(s, a))
						}
					}
				}
				check("at the start")
				b.deliver(failing(catalog.Key, "AWS is away"), failing(zoneKey("route53", "ZPRIV"), "AWS is away"))
				b.deliver(listed(failing(catalog.Key, "AWS is away"), 3600),
					listed(failing(zoneKey("route53", "ZPRIV"), "AWS is away"), 3600))
				check("an hour later")
				b.deliver(listed(privateZone(t, "ZPRIV", "example.com.", "vpc-a"), 3700))
				a := viewNamed(t, b.snapshot(), "vpc").Apex(zone.MustName("example.com."))
				if isUnread(b.snapshot(), a) || !b.Status().Loaded {
					t.Errorf("when it is read: ready %t, %s", b.Status().Loaded, showApex(b.snapshot(), a))
				}
			})
		})
	}
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
		b.deliver(hosted("Z1", "one.example."), publicZone(t, "Z1", "one.example."),
			failing(region, "the region isn't enabled"),
			listed(failing(region, "the region isn't enabled"), 3600))
		if b.snapshot().Loaded {
			t.Error("loaded without a region")
		}
	})
}

// TestAnAccountThatMayBeMissing: nothing is waited for that is expected of an account that
// the configuration names, once it was tried; its regions no more than its zones.
func TestAnAccountThatMayBeMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		catalog, region, own := catalogKey("route53", "other"), regionPart("other", "eu-north-1").Key,
			regionPart("", "eu-north-1")
		cfg := Config{Expected: []Key{catalogKey("route53", ""), own.Key, catalog, region}, MaxShrink: 0.5, EC2: true,
			Without: []string{"other"}}
		b := newBench(t, cfg, "")
		b.start()
		defer b.end()
		steps := [][]Part{
			{hosted("Z1", "one.example."), publicZone(t, "Z1", "one.example."), own},
			{refused(catalog)},
			{refused(region)},
		}
		for i, parts := range steps {
			b.deliver(parts...)
			if want := i == len(steps)-1; b.snapshot().Loaded != want || b.Status().Loaded != want {
				t.Fatalf("after step %d: answers %t, ready %t; missing %q", i, b.snapshot().Loaded, b.Status().Loaded,
					b.Status().Missing)
			}
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
			p.Region.Interfaces = []*Interface{{ID: "eni-1", VPC: "vpc-a", Private: netip.MustParseAddr("10.0.0.1")}}
			p.Region.Hosts = []*Host{{Instance: "i-1", VPC: "vpc-a"}}
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

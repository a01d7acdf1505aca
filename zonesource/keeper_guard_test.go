package zonesource

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"inside53/resolver/zone"
)

func TestGuardOfZones(t *testing.T) {
	full := numbered("one.example.", 0, 40)
	type step struct {
		at    int
		lines []string
		want  int // names published afterwards
	}
	cases := []struct {
		name      string
		maxShrink float64
		steps     []step
	}{
		{"a small loss", 0.5, []step{{0, full, 40}, {60, full[:25], 25}}},
		{"few records", 0.5, []step{{0, full[:11], 11}, {60, full[:2], 2}}},
		{"confirmed", 0.5, []step{{0, full, 40}, {60, full[:5], 40}, {120, full[:5], 5}}},
		{"confirmed too early", 0.5, []step{{0, full, 40}, {60, full[:5], 40}, {70, full[:5], 40}, {89, full[:5], 40},
			{90, full[:5], 5}}},
		{"it was a mistake", 0.5, []step{{0, full, 40}, {60, full[:5], 40}, {120, full, 40}, {180, full[:5], 40}}},
		{"the second lacks other names", 0.5,
			[]step{{0, full, 40}, {60, full[:15], 40}, {120, full[25:], 40}, {180, full[25:], 15}}},
		{"the second lacks a few more", 0.5, []step{{0, full, 40}, {60, full[:19], 40}, {120, full[:17], 17}}},
		{"the second lacks far more", 0.5,
			[]step{{0, full, 40}, {60, full[:18], 40}, {120, full[:1], 40}, {180, full[:1], 1}}},
		{"everything of a small zone", 0.5, []step{{0, full[:3], 3}, {60, nil, 3}, {120, nil, 0}}},
		{"believed", 1, []step{{0, full, 40}, {60, nil, 0}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := hostedConfig()
				cfg.MaxShrink = c.maxShrink
				b := newBench(t, cfg, "")
				b.start()
				defer b.end()
				for i, s := range c.steps {
					p := publicZone(t, "Z1", "one.example.", s.lines...)
					if s.lines == nil { // not even an SOA
						p.Zone = zone.New(p.Zone.Info, zone.NewTree(p.Zone.Apex), 0)
					}
					b.deliver(listed(p, s.at))
					if got := len(strings.Fields(b.names())); got != s.want {
						t.Fatalf("step %d: %d names, want %d", i, got, s.want)
					}
					waits := b.Status().Parts[0].Pending != nil
					if waits != (s.want != len(s.lines)) {
						t.Fatalf("step %d: pending %t", i, waits)
					}
				}
			})
		})
	}
}

func TestGuardOfFilesRegionsAndCatalogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hostedConfig(), "")
		b.start()
		defer b.end()
		region := func(n int) Part {
			p := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16")
			for i := range n {
				p.Region.Interfaces = append(p.Region.Interfaces,
					&Interface{ID: fmt.Sprint("eni-", i), VPC: "vpc-a", Private: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})})
			}
			return p
		}
		b.deliver(fileZone(t, "file.example.", numbered("file.example.", 0, 40)...), region(40),
			catalogPart(nil, Unlisted{ID: "ZEFS", Name: zone.MustName("efs.example."), VPC: zone.VPC{ID: "vpc-a"}}))
		b.deliver(listed(fileZone(t, "file.example."), 60), listed(region(3), 60), listed(catalogPart(nil), 60))
		if b.names() != "" {
			t.Errorf("the file of the operator is guarded: %s", b.names())
		}
		if n := len(slices.Collect(b.snapshot().Inventory.Interfaces)); n != 40 {
			t.Errorf("%d interfaces", n)
		}
		if got := showApex(b.snapshot(),
			viewNamed(t, b.snapshot(), "vpc-a").Apex(zone.MustName("efs.example."))); got != "efs.example. unavailable" {
			t.Errorf("unlisted zone: %s", got)
		}
		if s := b.Status().Sources["ec2"]; s.Pending != 1 {
			t.Errorf("ec2: %+v", s)
		}
		b.deliver(listed(region(3), 100), listed(catalogPart(nil), 100))
		if n := len(slices.Collect(b.snapshot().Inventory.Interfaces)); n != 3 {
			t.Errorf("%d interfaces after the second listing", n)
		}
		if a := viewNamed(t, b.snapshot(), "vpc-a").Apex(zone.MustName("efs.example.")); a != nil {
			t.Errorf("unlisted zone after the second catalog: %s", showApex(b.snapshot(), a))
		}
	})
}

func TestVanishedZones(t *testing.T) {
	hosted := func(gone bool) Hosted { return Hosted{ID: "Z1", Name: zone.MustName("one.example."), Gone: gone} }
	here, gone := []Hosted{hosted(false)}, []Hosted{hosted(true)}
	cases := []struct {
		name     string
		catalogs [][]Hosted
		stays    bool
	}{
		{"once", [][]Hosted{here, gone}, true},
		{"twice and confirmed", [][]Hosted{here, gone, gone}, false},
		{"twice, confirmed once", [][]Hosted{here, nil, gone}, false},
		{"never confirmed", [][]Hosted{here, nil, nil, nil, nil}, true},
		{"came back", [][]Hosted{gone, here, gone}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				b := newBench(t, hostedConfig(), dir)
				b.start()
				b.deliver(publicZone(t, "Z1", "one.example.", "www.one.example. 192.0.2.1"), publicZone(t, "Z2", "two.example."))
				for i, zones := range c.catalogs {
					zones = append(slices.Clone(zones), Hosted{ID: "Z2", Name: zone.MustName("two.example.")})
					b.deliver(listed(catalogPart(zones), 60*i))
					b.deliver(listed(catalogPart(zones), 60*i)) // the same one again counts once
				}
				stays := b.names() != ""
				if stays != c.stays {
					t.Errorf("stays %t, want %t", stays, c.stays)
				}
				b.end()
				again := newBench(t, hostedConfig(), dir)
				again.start()
				defer again.end()
				if stays := again.names() != ""; stays != c.stays {
					t.Errorf("stays %t after a restart, want %t", stays, c.stays)
				}
				var known []string
				for _, p := range again.Parts("route53") {
					known = append(known, p.Key.Name)
				}
				want := []string{"catalog/", "zone/Z1", "zone/Z2"}
				if !c.stays {
					want = slices.Delete(want, 1, 2)
				}
				if !slices.Equal(known, want) {
					t.Errorf("parts %v, want %v", known, want)
				}
			})
		})
	}
}

func TestErrorsOfZonesThatAreListedNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hostedConfig(), "")
		b.start()
		defer b.end()
		b.deliver(catalogPart([]Hosted{{ID: "Z1", Name: zone.MustName("one.example.")}}),
			failing(zoneKey("route53", "Z1"), "access denied"))
		if s := b.Status(); s.Sources["route53"].Failing != 1 ||
			!slices.Contains(s.Missing, "route53 zone/Z1 (one.example.): access denied") {
			t.Errorf("status %+v", s)
		}
		b.deliver(listed(catalogPart([]Hosted{{ID: "Z2", Name: zone.MustName("two.example.")}}), 60))
		if s := b.Status(); s.Sources["route53"].Failing != 0 {
			t.Errorf("status %+v", s)
		}
	})
}

func TestAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hostedConfig(), "")
		b.start()
		defer b.end()
		full := numbered("one.example.", 0, 40)
		b.deliver(publicZone(t, "Z1", "one.example.", full...), privateZone(t, "Z2", "one.example.", "vpc-a", full...),
			publicZone(t, "Z3", "three.example."),
			catalogPart([]Hosted{{ID: "Z1"}, {ID: "Z2"}, {ID: "Z3"}}))
		err := b.Accept("one.example.")
		if !errors.Is(err, ErrNothingPending) {
			t.Errorf("accepting nothing: %v", err)
		}
		b.deliver(listed(publicZone(t, "Z1", "one.example.", full[:1]...), 60),
			listed(privateZone(t, "Z2", "one.example.", "vpc-a", full[:2]...), 60),
			listed(catalogPart([]Hosted{{ID: "Z1"}, {ID: "Z2"}}), 60))
		err = b.Accept("ONE.example")
		if err == nil || !strings.Contains(err.Error(), "route53 zone/Z1 route53 zone/Z2") {
			t.Errorf("accepting two: %v", err)
		}
		for i, name := range []string{"Z1", "one.example", "three.example."} {
			err = b.Accept(name)
			if err != nil {
				t.Errorf("accepting %s: %v", name, err)
			}
			if got, want := len(strings.Fields(b.names())), []int{41, 3, 3}[i]; got != want {
				t.Errorf("%d names after %s, want %d", got, name, want)
			}
		}
		if len(b.snapshot().Zones) != 2 {
			t.Errorf("%d zones", len(b.snapshot().Zones))
		}
	})
}

func TestAcceptARegion(t *testing.T) {
	for _, name := range []string{"eu-west-1", "lab/eu-west-1"} {
		synctest.Test(t, func(t *testing.T) {
			cfg := hostedConfig()
			cfg.Expected = []Key{{"ec2", "lab/eu-west-1"}}
			b := newBench(t, cfg, "")
			b.start()
			defer b.end()
			b.deliver(regionPart("lab", "eu-west-1", "vpc-a 10.0.0.0/16"))
			b.deliver(listed(regionPart("lab", "eu-west-1"), 60))
			if len(b.snapshot().Inventory.VPCs) != 1 {
				t.Error("an emptied region was believed")
			}
			err := b.Accept(name)
			if err != nil || len(b.snapshot().Inventory.VPCs) != 0 {
				t.Errorf("accepting %s: %v, %d VPCs", name, err, len(b.snapshot().Inventory.VPCs))
			}
		})
	}
}

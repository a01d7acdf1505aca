package zonesource

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"inside53/resolver/zone"
)

// readingOf is what was read of names of Z1, as [amendmentOf] has them.
func readingOf(t *testing.T, began time.Time, texts ...string) *Reading {
	t.Helper()
	a := amendmentOf(t, began, texts...)
	r := &Reading{Key: zoneKey("route53", "Z1"), Began: began, Cause: Cause{ByEvent, "me", "C1"}}
	for _, s := range a.Sets {
		r.Names = append(r.Names, s.Name)
		if s.Set.Exists() {
			r.Sets = append(r.Sets, s)
		}
	}
	return r
}

// TestReadOrder holds readings of names to the order of observations: neither a listing nor a reading
// overrides, name by name, what was read or accepted after it began.
func TestReadOrder(t *testing.T) {
	type step struct {
		do   string // listing, reading, update
		at   int    // when it began, or was accepted
		what string // names with the last octet of their address, "-" for none
		want string // what is served then
		left string // names that a reading leaves
	}
	const both = "a.one.example. 1 b.one.example. 1"
	for name, steps := range map[string][]step{
		"a reading is served, and a listing from before it doesn't take it back": {
			{"listing", 0, both, both, ""},
			{"reading", 10, "a.one.example. 2 b.one.example. -", "a.one.example. 2", ""},
			{"listing", 5, both, "a.one.example. 2", ""},
			{"listing", 20, both, both, ""},
		},
		"a listing that began later counts": {
			{"listing", 20, both, both, ""},
			{"reading", 10, "a.one.example. 2", both, "a.one.example."},
			{"reading", 30, "a.one.example. 2", "a.one.example. 2 b.one.example. 1", ""},
		},
		"an older listing that comes late": {
			{"listing", 0, both, both, ""},
			{"listing", 20, "a.one.example. 3", "a.one.example. 3", ""},
			{"listing", 10, both, "a.one.example. 3", ""},
		},
		"of two readings the one that began later": {
			{"listing", 0, both, both, ""},
			{"reading", 20, "a.one.example. 3", "a.one.example. 3 b.one.example. 1", ""},
			{"reading", 10, "a.one.example. 2 b.one.example. 2", "a.one.example. 3 b.one.example. 2", "a.one.example."},
		},
		"an update that was accepted while it was read": {
			{"listing", 0, both, both, ""},
			{"update", 20, "a.one.example. 3", "a.one.example. 3 b.one.example. 1", ""},
			{"reading", 10, "a.one.example. 1 b.one.example. 2", "a.one.example. 3 b.one.example. 2", "a.one.example."},
		},
		"an update from before it": {
			{"listing", 0, both, both, ""},
			{"update", 10, "a.one.example. 3 b.one.example. 3", "a.one.example. 3 b.one.example. 3", ""},
			{"reading", 20, "a.one.example. 4", "a.one.example. 4 b.one.example. 3", ""},
			// The update isn't everywhere yet, and lies over the listing; what was read later of it not.
			{"listing", 30, "a.one.example. 4 b.one.example. 1", "a.one.example. 4 b.one.example. 3", ""},
			{"listing", 40, "a.one.example. 5 b.one.example. 1", "a.one.example. 5 b.one.example. 3", ""},
		},
		"an update that is told late": {
			{"listing", 0, both, both, ""},
			{"reading", 20, "a.one.example. 4", "a.one.example. 4 b.one.example. 1", ""},
			{"update", 10, "a.one.example. 3 b.one.example. 3", "a.one.example. 4 b.one.example. 3", ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, hostedConfig(), "")
				b.start()
				defer b.end()
				begin := time.Now()
				for _, s := range steps {
					at := begin.Add(time.Duration(s.at) * time.Second)
					fields := strings.Fields(s.what)
					var pairs, lines []string
					for i := 0; i+1 < len(fields); i += 2 {
						pairs = append(pairs, fields[i]+" "+fields[i+1])
						lines = append(lines, fields[i]+" 192.0.2."+fields[i+1])
					}
					var left [][]byte
					var err error
					switch s.do {
					case "listing":
						p := publicZone(t, "Z1", "one.example.", lines...)
						p.Listed = at
						b.deliver(p)
					case "reading":
						left, _, err = b.Read(readingOf(t, at, pairs...))
					case "update":
						err = b.Amend(amendmentOf(t, at, pairs...))
					}
					if err != nil {
						t.Fatal(err)
					}
					var names []string
					for _, n := range left {
						names = append(names, zone.String(n))
					}
					if got := b.addresses(); got != s.want || strings.Join(names, " ") != s.left {
						t.Errorf("after %s at %d: served %q, left %q; want %q, %q", s.do, s.at, got, names, s.want, s.left)
					}
				}
			})
		})
	}
}

// TestReadCause has what was read be accepted for its event, and nothing where nothing changed.
func TestReadCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hostedConfig(), "")
		var noted []Accepted
		b.accepted = func(all []Accepted) { noted = append(noted, all...) }
		b.start()
		defer b.end()
		p := publicZone(t, "Z1", "one.example.", "a.one.example. 192.0.2.1")
		p.Listed = time.Now()
		b.deliver(p)
		noted = nil
		for _, r := range []*Reading{
			readingOf(t, time.Now().Add(time.Second), "a.one.example. 1", "b.one.example. -"),
			readingOf(t, time.Now().Add(2*time.Second), "a.one.example. 2"),
		} {
			_, changed, err := b.Read(r)
			if err != nil || changed != (len(r.Names) == 1) {
				t.Fatalf("changed %t, %v", changed, err)
			}
		}
		if len(noted) != 1 || noted[0].Cause != (Cause{ByEvent, "me", "C1"}) {
			t.Errorf("noted %+v", noted)
		}
		gone := readingOf(t, time.Now().Add(time.Second), "a.two.example. 1")
		gone.Key = zoneKey("route53", "Z2")
		_, changed, err := b.Read(gone)
		if changed || err != nil {
			t.Errorf("a zone that isn't served: %t, %v", changed, err)
		}
	})
}

// TestReadRegionOrder holds readings of instances to the same order.
func TestReadRegionOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := hostedConfig()
		cfg.EC2, cfg.TagZone = true, "internal."
		cfg.Expected = append(cfg.Expected, Key{"ec2", "/eu-west-1"})
		b := newBench(t, cfg, "")
		b.start()
		defer b.end()
		begin := time.Now()
		key := Key{"ec2", "/eu-west-1"}
		ip := netip.MustParseAddr
		region := func(seconds int, hosts ...*Host) Part {
			p := regionPart("", "eu-west-1", "vpc-1 10.0.0.0/16")
			p.Key, p.Listed, p.Region.Hosts = key, begin.Add(time.Duration(seconds)*time.Second), hosts
			for _, h := range hosts {
				p.Region.Interfaces = append(p.Region.Interfaces, &Interface{ID: "eni-" + h.Instance, VPC: h.VPC,
					Private: h.Private, Public: h.Public, Instance: h.Instance})
			}
			return p
		}
		host := func(id, private, public string) *Host {
			h := &Host{Instance: id, VPC: "vpc-1", Private: ip(private), Names: []HostName{{Text: id, From: "dns tag"}}}
			if public != "" {
				h.Public = ip(public)
			}
			return h
		}
		served := func() string {
			p, _ := b.Kept(key)
			var out []string
			for _, h := range p.Region.Hosts {
				out = append(out, h.Instance+" "+h.Private.String()+" "+h.Public.String())
			}
			return strings.Join(out, ", ")
		}
		want := func(when, text string) {
			t.Helper()
			if got := served(); got != text {
				t.Errorf("%s: served %q, want %q", when, got, text)
			}
		}
		old := []*Host{host("i-a", "10.0.0.1", "192.0.2.1"), host("i-b", "10.0.0.2", "")}
		b.deliver(region(0, old...))
		read := func(seconds int, ids []string, hosts ...*Host) (left, changed bool) {
			t.Helper()
			p := region(seconds, hosts...)
			r := &RegionReading{Key: key, Began: p.Listed, Instances: ids, Hosts: hosts, Interfaces: p.Region.Interfaces,
				Cause: Cause{ByEvent, "me", ""}}
			left, changed, err := b.ReadRegion(r)
			if err != nil {
				t.Fatal(err)
			}
			return left, changed
		}
		// The address moves from one to the other, and one is new.
		read(10, []string{"i-b", "i-c"}, host("i-b", "10.0.0.2", "192.0.2.1"), host("i-c", "10.0.0.3", ""))
		const moved = "i-a 10.0.0.1 invalid IP, i-b 10.0.0.2 192.0.2.1, i-c 10.0.0.3 invalid IP"
		want("read", moved)
		b.deliver(region(5, old...))
		want("a listing from before", moved)
		left, _ := read(8, []string{"i-c"})
		if !left {
			t.Error("an older reading wasn't left")
		}
		want("an older reading", moved)
		_, changed := read(12, []string{"i-c"}, host("i-c", "10.0.0.3", ""))
		if changed {
			t.Error("the same again changed something")
		}
		read(14, []string{"i-c"})
		want("it ended", "i-a 10.0.0.1 invalid IP, i-b 10.0.0.2 192.0.2.1")
		b.deliver(region(20, old...))
		want("a listing from after", "i-a 10.0.0.1 192.0.2.1, i-b 10.0.0.2 invalid IP")
		if len(b.readings) != 0 {
			t.Errorf("readings are left of %d regions", len(b.readings))
		}
		left, _ = read(15, []string{"i-b"}, host("i-b", "10.0.0.2", "192.0.2.1"))
		if !left {
			t.Error("a reading from before the listing wasn't left")
		}
		r := &RegionReading{Key: key, Began: begin.Add(30 * time.Second), HasAddresses: true,
			Addresses: []ElasticIP{{Public: ip("192.0.2.1"), Card: "eni-i-b"}}}
		_, _, err := b.ReadRegion(r)
		if err != nil {
			t.Fatal(err)
		}
		want("elastic IPs", "i-a 10.0.0.1 invalid IP, i-b 10.0.0.2 192.0.2.1")
	})
}

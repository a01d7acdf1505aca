package zonesource

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"inside53/resolver/zone"
)

// largeRegion makes a region of n instances with a name, an interface and an address each.
func largeRegion(name string, n int) Part {
	p := regionPart("", name, "vpc-"+name+" 10.0.0.0/8")
	vpc := p.Region.VPCs[0].ID
	for i := range n {
		id := fmt.Sprintf("i-%s-%05d", name, i)
		private := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		public := netip.AddrFrom4([4]byte{52, byte(len(name)), byte(i >> 8), byte(i)})
		p.Region.Interfaces = append(p.Region.Interfaces,
			&Interface{ID: "eni-" + id, VPC: vpc, Private: private, Public: public, Instance: id})
		p.Region.Hosts = append(p.Region.Hosts, &Host{Instance: id, VPC: vpc, Private: private, Public: public,
			Names: []HostName{{Text: fmt.Sprintf("host-%s-%d", name, i), From: "dns tag"}}})
	}
	return p
}

// own returns a thing of a list, for which nobody else has it.
func own[T any](list []*T, i int) *T {
	one := *list[i]
	list[i] = &one
	return &one
}

// retagged returns a region in which one instance has another name.
func retagged(p Part, i int, name string) Part {
	region := *p.Region
	region.Hosts = slices.Clone(region.Hosts)
	own(region.Hosts, i).Names = []HostName{{Text: name, From: "dns tag"}}
	p.Region = &region
	return p
}

// moved returns a region in which one instance has another public address.
func moved(p Part, i, version int) Part {
	region := *p.Region
	region.Hosts, region.Interfaces = slices.Clone(region.Hosts), slices.Clone(region.Interfaces)
	public := netip.AddrFrom4([4]byte{53, 0, byte(version >> 8), byte(version)})
	own(region.Hosts, i).Public, own(region.Interfaces, i).Public = public, public
	p.Region = &region
	return p
}

// launched returns a region with so many instances, or with one more.
func launched(p Part, n int, more bool) Part {
	region := *p.Region
	region.Hosts, region.Interfaces = slices.Clip(region.Hosts[:n]), slices.Clip(region.Interfaces[:n])
	if more {
		one := largeRegion("a", 1).Region
		h, f := one.Hosts[0], one.Interfaces[0]
		h.Instance, f.Instance, f.ID = "i-a-99999", "i-a-99999", "eni-i-a-99999"
		h.Private, f.Private = netip.MustParseAddr("10.99.0.1"), netip.MustParseAddr("10.99.0.1")
		h.Public, f.Public = netip.Addr{}, netip.Addr{}
		h.Names = []HostName{{Text: "launched", From: "dns tag"}}
		region.Hosts, region.Interfaces = append(region.Hosts, h), append(region.Interfaces, f)
	}
	p.Region = &region
	return p
}

// manyViews makes a configuration of views, and zones that all of them see.
func manyViews(t testing.TB, views, zones int) (Config, map[Key]Part) {
	cfg := Config{Expected: []Key{catalogKey("route53", "")}}
	for i := range views {
		cfg.Views = append(cfg.Views, ViewConfig{Name: fmt.Sprint("view-", i),
			Clients: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i)}), 24)}})
	}
	parts := map[Key]Part{}
	var all []Hosted
	for i := range zones {
		apex := fmt.Sprintf("z%d.example.", i)
		p := publicZone(t, fmt.Sprint("Z", i), apex, "www."+apex+" 192.0.2.1")
		parts[p.Key] = p
		all = append(all, Hosted{ID: p.Zone.ID, Name: p.Zone.Apex})
	}
	catalog := catalogPart(all)
	parts[catalog.Key] = catalog
	return cfg, parts
}

// readdressed returns a part of a zone in which one name has another address.
func readdressed(t testing.TB, p Part, n int) Part {
	e := p.Zone.Tree.Edit()
	putA(t, e, append([]byte("\x03www"), p.Zone.Apex...), fmt.Sprintf("192.0.%d.%d", n>>8&0xff, n&0xff))
	p.Zone = p.Zone.With(e.Commit(), 0)
	return p
}

// TestListingAgainMakesNothingAnew: with two regions each listing of one puts it behind the
// other by its time, and that says nothing.
func TestListingAgainMakesNothingAnew(t *testing.T) {
	cfg := Config{EC2: true, TagZone: "internal."}
	parts := partsOf(publicZone(t, "Z1", "one.example."), largeRegion("a", 3), largeRegion("bb", 3))
	first, err := Compile(nil, cfg, parts, noon)
	if err != nil {
		t.Fatal(err)
	}
	last := first
	for i := range 4 {
		key := Key{"ec2", []string{"/a", "/bb"}[i%2]}
		p := parts[key]
		p.Listed = noon.Add(time.Duration(i+1) * time.Second)
		parts[key] = p
		zoneKey := zoneKey("route53", "Z1")
		parts[zoneKey] = readdressed(t, parts[zoneKey], i)
		for name, next := range map[string]*Compiled{
			"of all": mustCompileAfter(t, last, cfg, parts), "of one": last.next(parts, map[Key]bool{zoneKey: true}, noon),
		} {
			if next == nil || next.Snapshot.Views[0] != first.Snapshot.Views[0] ||
				next.Snapshot.Inventory != first.Snapshot.Inventory {
				t.Fatalf("listing %d, compiled %s: views or inventory were made anew", i, name)
			}
			last = next
		}
	}
}

func mustCompileAfter(t testing.TB, previous *Compiled, cfg Config, parts map[Key]Part) *Compiled {
	t.Helper()
	c, err := Compile(previous, cfg, parts, noon)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestLatestListingCounts: where two regions claim one public address, the one that was
// listed last is to be believed, whichever its key is.
func TestLatestListingCounts(t *testing.T) {
	cfg := Config{EC2: true}
	a, b := largeRegion("a", 1), largeRegion("bb", 1)
	b.Region.Interfaces[0].Public = a.Region.Interfaces[0].Public
	public := a.Region.Interfaces[0].Public.As4()
	parts := partsOf(a, b)
	last := mustCompileAfter(t, nil, cfg, parts)
	for i, key := range []Key{a.Key, b.Key, a.Key} {
		p := parts[key]
		p.Listed = noon.Add(time.Duration(i+1) * time.Second)
		parts[key] = p
		last = mustCompileAfter(t, last, cfg, parts)
		_, f, _ := last.Snapshot.Inventory.Translate(0, public)
		if f.ID != p.Region.Interfaces[0].ID {
			t.Errorf("%s was listed last, and the address is that of %s", key, f.ID)
		}
	}
}

// TestATagTouchesItsName: of a region with many instances one name is made anew, and the
// number of allocations is that of one name.
func TestATagTouchesItsName(t *testing.T) {
	var allocations []float64
	for _, n := range []int{500, 5000} {
		cfg := Config{EC2: true, TagZone: "internal."}
		region := largeRegion("a", n)
		parts := partsOf(region)
		first := mustCompileAfter(t, nil, cfg, parts)
		touched := map[Key]bool{region.Key: true}
		parts[region.Key] = retagged(region, n/2, "other")
		next := first.next(parts, touched, noon)
		if next == nil {
			t.Fatalf("of %d: everything was made anew", n)
		}
		sets := 0
		zone.Diff(first.Snapshot.Zones[0].Tree, next.Snapshot.Zones[0].Tree, func([]byte, zone.RRset, zone.RRset) bool {
			sets++
			return true
		})
		if sets != 2 || next.Snapshot.Views[0] != first.Snapshot.Views[0] ||
			!next.Snapshot.Inventory.SameAddresses(first.Snapshot.Inventory) {
			t.Errorf("of %d: %d names changed; views or addresses were made anew", n, sets)
		}
		f := next.Snapshot.Inventory.Private(0, region.Region.Interfaces[n/2].Private.As4())
		if f != nil && zone.String(next.Snapshot.Inventory.Name(f)) != "other.internal." {
			t.Errorf("of %d: the instance is called %s", n, zone.String(next.Snapshot.Inventory.Name(f)))
		}
		allocations = append(allocations, testing.AllocsPerRun(10, func() { first.next(parts, touched, noon) }))
	}
	if allocations[1] > 1.5*allocations[0] || allocations[0] > 300 {
		t.Errorf("allocations of one tag in 500 and in 5000 instances: %v", allocations)
	}
}

// TestAnInterfaceTouchesItself: an instance that comes, one that goes and an address that moves cost as many
// allocations in a region of many instances as in one of few, and leave the other interfaces as they are.
func TestAnInterfaceTouchesItself(t *testing.T) {
	changes := map[string]func(p Part, n int) Part{
		"comes": func(p Part, n int) Part { return launched(p, n, true) },
		"goes":  func(p Part, n int) Part { return launched(p, n-1, false) },
		"moves": func(p Part, n int) Part { return moved(p, n/2, 7) },
	}
	for name, change := range changes {
		var allocations []float64
		for _, n := range []int{500, 5000} {
			cfg := Config{EC2: true, TagZone: "internal."}
			region := largeRegion("a", n)
			parts := partsOf(region)
			first := mustCompileAfter(t, nil, cfg, parts)
			parts[region.Key] = change(region, n)
			touched := map[Key]bool{region.Key: true}
			next := first.next(parts, touched, noon)
			if next == nil || next.Snapshot.Views[0] != first.Snapshot.Views[0] {
				t.Fatalf("%s, of %d: everything was made anew", name, n)
			}
			was := map[*zone.Interface]bool{}
			for f := range first.Snapshot.Inventory.Interfaces {
				was[f] = true
			}
			fresh := 0
			for f := range next.Snapshot.Inventory.Interfaces {
				if !was[f] {
					fresh++
				}
			}
			if fresh > 1 {
				t.Errorf("%s, of %d: %d interfaces were made anew", name, n, fresh)
			}
			anew := mustCompileAfter(t, nil, cfg, parts)
			if !slices.Equal(showInterfaces(next.Snapshot), showInterfaces(anew.Snapshot)) {
				t.Errorf("%s, of %d: the inventory isn't what one made anew is", name, n)
			}
			allocations = append(allocations, testing.AllocsPerRun(10, func() { first.next(parts, touched, noon) }))
		}
		if allocations[1] > 1.5*allocations[0] || allocations[0] > 300 {
			t.Errorf("allocations where one %s, in 500 and in 5000 instances: %v", name, allocations)
		}
	}
}

// TestARecordCostsThatRecord: how many views see its zone, and how many others, is no matter.
func TestARecordCostsThatRecord(t *testing.T) {
	key := zoneKey("route53", "Z0")
	var allocations []float64
	for _, size := range [][2]int{{1, 1}, {50, 100}} {
		cfg, parts := manyViews(t, size[0], size[1])
		first := mustCompileAfter(t, nil, cfg, parts)
		parts[key] = readdressed(t, parts[key], 7)
		next := first.next(parts, map[Key]bool{key: true}, noon)
		if next == nil || &next.Snapshot.Views[0] != &first.Snapshot.Views[0] {
			t.Fatal("the views were made anew")
		}
		for _, v := range next.Snapshot.Views {
			z := next.Snapshot.Layers(v.Apex(zone.MustName("z0.example.")))[0]
			if string(z.Tree.Lookup(zone.MustName("www.z0.example.")).RRset(zone.TypeA).First()) != "\xc0\x00\x00\x07" {
				t.Errorf("view %s has the old address", v.Name)
			}
		}
		allocations = append(allocations,
			testing.AllocsPerRun(10, func() { first.next(parts, map[Key]bool{key: true}, noon) }))
	}
	if allocations[1] > allocations[0] {
		t.Errorf("allocations of a change of a zone that 1 and 50 views see: %v", allocations)
	}
}

// BenchmarkNext shows what one change costs beside much that doesn't change.
func BenchmarkNext(b *testing.B) {
	run := func(name string, cfg Config, parts map[Key]Part, change func(i int, parts map[Key]Part) Key) {
		b.Run(name, func(b *testing.B) {
			last := mustCompileAfter(b, nil, cfg, parts)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				key := change(i, parts)
				last = last.next(parts, map[Key]bool{key: true}, noon)
				if last == nil {
					b.Fatal("everything was made anew")
				}
			}
		})
	}
	record := func(i int, parts map[Key]Part) Key {
		key := zoneKey("route53", "Z0")
		parts[key] = readdressed(b, parts[key], i)
		return key
	}
	for _, size := range [][2]int{{1, 1}, {200, 500}} {
		cfg, parts := manyViews(b, size[0], size[1])
		run(fmt.Sprintf("record of a zone of %d that %d views see", size[1], size[0]), cfg, parts, record)
	}
	regions := func() (Config, map[Key]Part) {
		cfg, parts := manyViews(b, 3, 1)
		cfg.EC2, cfg.TagZone = true, "internal."
		for _, p := range []Part{largeRegion("a", 10_000), largeRegion("bb", 10_000)} {
			parts[p.Key] = p
		}
		return cfg, parts
	}
	cfg, parts := regions()
	run("record beside 20000 instances of two regions", cfg, parts, func(i int, parts map[Key]Part) Key {
		key := Key{"ec2", []string{"/a", "/bb"}[i%2]}
		p := parts[key]
		p.Listed = noon.Add(time.Duration(i) * time.Second)
		parts[key] = p
		return record(i, parts)
	})
	cfg, parts = regions()
	run("tag of one of 20000 instances", cfg, parts, func(i int, parts map[Key]Part) Key {
		key := Key{"ec2", "/a"}
		parts[key] = retagged(parts[key], 77, fmt.Sprint("name-", i))
		return key
	})
	cfg, parts = regions()
	run("elastic IP of one of 20000 instances", cfg, parts, func(i int, parts map[Key]Part) Key {
		key := Key{"ec2", "/a"}
		parts[key] = moved(parts[key], 77, i)
		return key
	})
	cfg, parts = regions()
	run("one of 20000 instances comes and goes", cfg, parts, func(i int, parts map[Key]Part) Key {
		key := Key{"ec2", "/a"}
		parts[key] = launched(parts[key], 10_000, i%2 == 0)
		return key
	})
}

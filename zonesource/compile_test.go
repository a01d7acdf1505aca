package zonesource

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"inside53/resolver/zone"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// recordsOf makes a tree from lines of "name address"; the apex gets an SOA.
func recordsOf(t testing.TB, apex string, lines ...string) *zone.Tree {
	t.Helper()
	name := zone.MustName(apex)
	e := zone.NewTree(name).Edit()
	putSOA(t, e, name)
	for _, line := range lines {
		owner, addr, _ := strings.Cut(line, " ")
		putA(t, e, zone.MustName(owner), addr)
	}
	return e.Commit()
}

func putSOA(t testing.TB, e *zone.Edit, apex []byte) {
	t.Helper()
	soa := slices.Concat(apex, apex, make([]byte, 20))
	binary.BigEndian.PutUint32(soa[len(soa)-4:], 86400)
	set, err := zone.NewRecords(zone.TypeSOA, 900, soa)
	if err != nil {
		t.Fatal(err)
	}
	err = e.Put(apex, set)
	if err != nil {
		t.Fatal(err)
	}
}

func putA(t testing.TB, e *zone.Edit, name []byte, addr string) {
	t.Helper()
	set, err := zone.NewRecords(zone.TypeA, 300, netip.MustParseAddr(addr).AsSlice())
	if err != nil {
		t.Fatal(err)
	}
	err = e.Put(name, set)
	if err != nil {
		t.Fatal(err)
	}
}

func hostedPart(t testing.TB, origin zone.Origin, id, apex string, vpcs []string, lines ...string) Part {
	t.Helper()
	info := zone.Info{Origin: origin, ID: id, Listed: noon}
	for _, v := range vpcs {
		info.VPCs = append(info.VPCs, zone.VPC{ID: v, Region: "eu-west-1"})
	}
	key := zoneKey("route53", id)
	if origin == zone.File {
		key = Key{"zonefile", apex}
	}
	return Part{Key: key, Listed: noon, Zone: zone.New(info, recordsOf(t, apex, lines...), 0)}
}

func publicZone(t testing.TB, id, apex string, lines ...string) Part {
	return hostedPart(t, zone.Public, id, apex, nil, lines...)
}

func privateZone(t testing.TB, id, apex, vpcs string, lines ...string) Part {
	return hostedPart(t, zone.Private, id, apex, strings.Fields(vpcs), lines...)
}

func fileZone(t testing.TB, apex string, lines ...string) Part {
	return hostedPart(t, zone.File, apex, apex, nil, lines...)
}

// regionPart makes a region with VPCs given as "id cidr...".
func regionPart(account, name string, vpcs ...string) Part {
	r := &Region{Account: account, AccountID: "111122223333", Name: name}
	for _, v := range vpcs {
		f := strings.Fields(v)
		vpc := VPC{ID: f[0]}
		for _, c := range f[1:] {
			vpc.CIDRs = append(vpc.CIDRs, netip.MustParsePrefix(c))
		}
		r.VPCs = append(r.VPCs, vpc)
	}
	return Part{Key: Key{"ec2", account + "/" + name}, Listed: noon, Region: r}
}

func catalogPart(zones []Hosted, unlisted ...Unlisted) Part {
	return Part{Key: catalogKey("route53", ""), Listed: noon, Catalog: &Catalog{Zones: zones, Unlisted: unlisted}}
}

func partsOf(parts ...Part) map[Key]Part {
	m := map[Key]Part{}
	for _, p := range parts {
		m[p.Key] = p
	}
	return m
}

func forwardTo(name string, upstream string, views ...string) ForwardConfig {
	return ForwardConfig{Zone: zone.MustName(name), Upstreams: []string{upstream}, Views: views}
}

func mustCompile(t testing.TB, cfg Config, parts ...Part) *Compiled {
	t.Helper()
	c, err := Compile(nil, cfg, partsOf(parts...), noon)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func viewNamed(t testing.TB, s *zone.Snapshot, name string) *zone.View {
	t.Helper()
	for _, v := range s.Views {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("no view %q", name)
	return nil
}

// showApex writes an apex on one line.
func showApex(s *zone.Snapshot, a *zone.Apex) string {
	if a == nil {
		return "none"
	}
	out := zone.String(a.Name)
	for _, z := range s.Layers(a) {
		out += fmt.Sprintf(" %v:%s", z.Origin, z.ID)
	}
	if a.Forward != zone.NoForward {
		out += " ->" + strings.Join(s.Forwarders[a.Forward].Upstreams, ",")
	}
	if a.Below {
		out += " below"
	}
	if a.Special != zone.NotSpecial {
		out += fmt.Sprintf(" special%d", a.Special)
	}
	if a.Computed {
		out += " computed"
	}
	if a.Unavailable != "" {
		out += " unavailable"
	}
	return out
}

// showSnapshot writes everything of a snapshot that queries can see.
func showSnapshot(s *zone.Snapshot) []string {
	out := []string{fmt.Sprint("loaded ", s.Loaded, " ttl ", s.TranslatedTTL)}
	for _, v := range append(slices.Clone(s.Views), s.Outside) {
		out = append(out, fmt.Sprintf("view %d %s %s %v %v", v.Index, v.Name, v.Region, v.VPCs, v.Addresses))
		for i := range v.Apexes {
			out = append(out, "  "+showApex(s, &v.Apexes[i]))
			if v.Apex(v.Apexes[i].Name) != &v.Apexes[i] {
				out = append(out, "  NOT FOUND BY NAME")
			}
		}
	}
	for _, z := range s.Zones {
		out = append(out, fmt.Sprintf("zone %v %s %s negative %x", z.Origin, z.ID, zone.String(z.Apex), z.Negative.Data))
		var sets []string
		for name, n := range z.Tree.All {
			for set := range n.RRsets {
				sets = append(sets, fmt.Sprintf("  %s %d %d %x", zone.String(name), set.Type, set.Flags, set.Data))
			}
		}
		slices.Sort(sets)
		out = append(out, sets...)
	}
	out = append(out, showInterfaces(s)...)
	for _, n := range s.Inventory.VPCs {
		out = append(out, fmt.Sprintf("vpc %+v", n))
	}
	for _, text := range []string{"10.0.0.1", "10.1.0.1", "10.2.0.1", "172.31.9.9", "192.0.2.1", "::1", "2001:db8::1"} {
		out = append(out, fmt.Sprint(text, " ", s.Client(netip.MustParseAddr(text))))
	}
	return out
}

func TestCompileEqualsCompileFromNothing(t *testing.T) {
	asFew, tags, cards := 0, 0, 0
	isEnough := func() bool { return asFew >= 20 && tags >= 5 && cards >= 5 } // it goes by the order of maps, too
	for seed := uint64(0); seed < 20 || seed < 100 && !isEnough(); seed++ {
		r := rand.New(rand.NewPCG(seed, 53))
		cfg := randomConfig(r)
		parts := map[Key]Part{}
		var previous *Compiled
		now := noon
		for step := range 60 {
			now = now.Add(time.Duration(r.IntN(900)) * time.Second)
			if r.IntN(25) == 0 {
				cfg = randomConfig(r)
			}
			was := maps.Clone(parts)
			for range 1 + r.IntN(3) {
				changeRandomly(t, r, parts, now)
			}
			before := ""
			if previous != nil {
				before = strings.Join(showSnapshot(previous.Snapshot), "\n")
			}
			next, err := Compile(previous, cfg, parts, now)
			if err != nil {
				t.Fatal(err)
			}
			if previous != nil && before != strings.Join(showSnapshot(previous.Snapshot), "\n") {
				t.Fatalf("seed %d step %d: the previous snapshot was changed", seed, step)
			}
			fresh, err := Compile(nil, cfg, parts, now)
			if err != nil {
				t.Fatal(err)
			}
			diff := cmp.Diff(showSnapshot(fresh.Snapshot), showSnapshot(next.Snapshot))
			if diff != "" {
				t.Fatalf("seed %d step %d: from nothing (-) and from the previous (+):\n%s", seed, step, diff)
			}
			diff = diffReports(&fresh.Report, &next.Report)
			if diff != "" {
				t.Fatalf("seed %d step %d: reports differ: %s", seed, step, diff)
			}
			if previous != nil && reflect.DeepEqual(previous.in.cfg, cfg) {
				few := previous.next(parts, touchedSince(was, parts), now)
				if few != nil {
					asFew++
					diff = cmp.Diff(showSnapshot(fresh.Snapshot), showSnapshot(few.Snapshot)) +
						diffReports(&fresh.Report, &few.Report)
					if diff != "" {
						t.Fatalf("seed %d step %d: from nothing (-) and from what has changed (+):\n%s", seed, step, diff)
					}
					if few.tags != previous.tags && len(few.in.regions) > 0 {
						tags++
					}
					if !slices.Equal(showInterfaces(few.Snapshot), showInterfaces(previous.Snapshot)) &&
						shareInterfaces(few.Snapshot.Inventory, previous.Snapshot.Inventory) {
						cards++
					}
					next = few
				}
			}
			previous = next
		}
	}
	if !isEnough() {
		t.Errorf("%d compilations looked at what had changed alone, of tags %d, of interfaces %d: too few to tell",
			asFew, tags, cards)
	}
}

func diffReports(a, b *Report) string {
	show := func(r *Report) string {
		out := fmt.Sprint(r.Problems, r.Unservable, r.Served, r.Missing)
		for _, z := range r.Zones() {
			out += fmt.Sprint("\n", z.Key, zone.String(z.Zone.Apex), z.Zone.Tree.Stats())
		}
		return out
	}
	return cmp.Diff(show(a), show(b))
}

// touchedSince returns the keys of parts that came, went or changed.
func touchedSince(was, is map[Key]Part) map[Key]bool {
	touched := map[Key]bool{}
	for key := range was {
		_, there := is[key]
		touched[key] = !there
	}
	for key, p := range is {
		old := was[key]
		touched[key] = old.Zone != p.Zone || old.Catalog != p.Catalog || old.Region != p.Region ||
			!slices.Equal(old.Problems, p.Problems)
	}
	maps.DeleteFunc(touched, func(_ Key, touched bool) bool { return !touched })
	return touched
}

func randomConfig(r *rand.Rand) Config {
	cfg := Config{
		NegativeTTL: time.Duration(r.IntN(3)) * time.Minute, Shadow: r.IntN(4) == 0, EC2: r.IntN(5) > 0,
		TagZone: []string{"internal.", "{region}.internal.", "", "e3.example."}[r.IntN(4)], TranslatedTTL: 30 * time.Second,
		MaxAge:        time.Hour,
		LoadBalancers: r.IntN(2) == 0, Allow: Allow{Private: true, VPCs: r.IntN(2) == 0},
		Expected: []Key{catalogKey("route53", "")},
	}
	if r.IntN(2) == 0 {
		cfg.Forward = []ForwardConfig{forwardTo(".", "10.9.0.2", "*"), forwardTo("e1.example.", "10.9.0.3", "*")}
		cfg.Forward[1].Layer = r.IntN(2) == 0
	}
	if r.IntN(3) == 0 {
		cfg.Views = []ViewConfig{
			{Name: "one", Clients: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}, VPCs: []string{"vpc-0", "vpc-2"}},
			{Name: "all", Clients: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}, VPCs: []string{"*"},
				Reach: Reach{Regions: []string{"region-1"}}},
		}
	}
	if r.IntN(2) == 0 {
		cfg.Self = Self{VPC: "vpc-1", Region: "region-1"}
	}
	return cfg
}

func changeRandomly(t *testing.T, r *rand.Rand, parts map[Key]Part, now time.Time) {
	n := r.IntN(6)
	apex := fmt.Sprintf("e%d.example.", r.IntN(4))
	var p Part
	switch r.IntN(14) {
	case 0:
		p = publicZone(t, fmt.Sprint("ZPUB", n), apex, "www."+apex+" 192.0.2.1")
	case 1:
		p = privateZone(t, fmt.Sprint("ZPRIV", n), apex, fmt.Sprintf("vpc-%d vpc-%d", r.IntN(3), 3), "db."+apex+" 10.0.0.1")
	case 2:
		p = fileZone(t, apex, "f."+apex+" 192.0.2.9")
	case 3:
		p = catalogPart([]Hosted{{ID: "ZPUB1", Name: zone.MustName("e1.example.")}},
			Unlisted{ID: "ZUN", Name: zone.MustName("efs.example."), VPC: zone.VPC{ID: fmt.Sprintf("vpc-%d", n)}, Owner: "efs"})
	case 4, 5:
		p = regionPart("", fmt.Sprint("region-", r.IntN(2)), "vpc-0 10.0.0.0/16",
			fmt.Sprintf("vpc-%d 10.%d.0.0/16 172.31.0.0/16", 1+r.IntN(3), r.IntN(3)))
		p.Region.Peerings = []Peering{{A: zone.VPC{ID: "vpc-0"}, B: zone.VPC{ID: "vpc-1"}, ADNS: r.IntN(2) == 0}}
		for i := range r.IntN(4) {
			id := fmt.Sprint("i-", i)
			addr := netip.AddrFrom4([4]byte{10, 0, 0, byte(10 + i)})
			public := netip.AddrFrom4([4]byte{203, 0, 113, byte(r.IntN(5))})
			p.Region.Interfaces = append(p.Region.Interfaces,
				&Interface{ID: fmt.Sprint("eni-", i), VPC: "vpc-0", Private: addr, Public: public, Instance: id})
			p.Region.Hosts = append(p.Region.Hosts,
				&Host{Instance: id, VPC: "vpc-0", Private: addr, Public: public,
					Names: []HostName{{Text: fmt.Sprint("host", r.IntN(2)), From: "dns tag"}}})
		}
	case 6: // a zone whose records alone change
		for key, old := range parts {
			if old.Zone != nil {
				e := old.Zone.Tree.Edit()
				putA(t, e, append([]byte("\x03new"), old.Zone.Apex...),
					netip.AddrFrom4([4]byte{192, 0, 2, byte(r.IntN(256))}).String())
				old.Zone = old.Zone.With(e.Commit(), 0)
				parts[key] = old
				return
			}
		}
		return
	case 7:
		for key := range parts {
			delete(parts, key)
			return
		}
		return
	default:
		changeRegionRandomly(r, parts, now)
		return
	}
	p.Listed = now
	p.Problems = []Problem{{Zone: apex, Reason: fmt.Sprint("problem ", r.IntN(3))}}
	parts[p.Key] = p
}

func TestUnchangedViewsAndTreesAreShared(t *testing.T) {
	cfg := Config{Views: []ViewConfig{
		{Name: "a", VPCs: []string{"vpc-a"}}, {Name: "b", VPCs: []string{"vpc-b"}},
	}}
	parts := partsOf(privateZone(t, "ZA", "a.example.", "vpc-a"), privateZone(t, "ZB", "b.example.", "vpc-b"),
		publicZone(t, "ZP", "example."))
	first, err := Compile(nil, cfg, parts, noon)
	if err != nil {
		t.Fatal(err)
	}
	parts = partsOf(parts[zoneKey("route53", "ZA")], privateZone(t, "ZB", "b.example.", "vpc-b", "x.b.example. 10.0.0.1"),
		parts[zoneKey("route53", "ZP")])
	second, err := Compile(first, cfg, parts, noon)
	if err != nil {
		t.Fatal(err)
	}
	if first.Snapshot.Views[0] != second.Snapshot.Views[0] {
		t.Error("view a was made again for a change that it doesn't see")
	}
	if first.Snapshot.Views[1] != second.Snapshot.Views[1] {
		t.Error("view b was made again for a change of records")
	}
	if first.Snapshot.Inventory != second.Snapshot.Inventory {
		t.Error("the inventory was made again for a change of a record")
	}
	at := second.Snapshot.Layers(second.Snapshot.Views[1].Apex(zone.MustName("b.example.")))[0]
	if !at.Tree.Lookup(zone.MustName("x.b.example.")).Exists() {
		t.Error("view b misses the new record")
	}
}

func TestCompileRefusesABrokenConfiguration(t *testing.T) {
	cfg := Config{
		EC2: true, TagZone: "bad zone.",
		Views: []ViewConfig{{Name: "a", Clients: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
			{Name: "a", Clients: []netip.Prefix{netip.MustParsePrefix("10.1.2.3/8")}}},
		Forward: []ForwardConfig{{Zone: []byte("x")}},
	}
	_, err := Compile(nil, cfg, nil, noon)
	if err == nil {
		t.Fatal("compiled")
	}
	for _, want := range []string{`"bad zone."`, `view "a" is there twice`, "10.1.2.3/8 are in view", "not a domain name",
		"no upstreams"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error doesn't say %s: %v", want, err)
		}
	}
}

func TestLoaded(t *testing.T) {
	cfg := Config{EC2: true, Expected: []Key{catalogKey("route53", ""), {"ec2", "/eu-west-1"},
		{"zonefile", "file.example."}}}
	catalog := catalogPart([]Hosted{{ID: "Z1", Name: zone.MustName("one.example.")},
		{ID: "Z2", Name: zone.MustName("two.example."), Gone: true}})
	all := []Part{catalog, publicZone(t, "Z1", "one.example."), regionPart("", "eu-west-1"), fileZone(t, "file.example.")}
	if c := mustCompile(t, cfg, all...); !c.Snapshot.Loaded || len(c.Report.Missing) > 0 {
		t.Errorf("complete data aren't loaded: %v", c.Report.Missing)
	}
	want := []string{
		"route53 catalog/: not read yet", "route53 zone/Z1 (one.example.): not read yet",
		"ec2 /eu-west-1: not read yet", "zonefile file.example.: not read yet",
	}
	for i, missing := range want {
		c := mustCompile(t, cfg, slices.Delete(slices.Clone(all), i, i+1)...)
		if c.Snapshot.Loaded || len(c.Report.Missing) != 1 || c.Report.Missing[0].String() != missing {
			t.Errorf("without part %d: loaded %t, missing %v, want %s", i, c.Snapshot.Loaded, c.Report.Missing, missing)
		}
		fails := slices.ContainsFunc(c.Report.Problems, func(p Problem) bool {
			return strings.HasSuffix(p.Reason, "has not been read: its names get SERVFAIL")
		})
		if fails != (i > 0) { // the zones of a catalog are known by their own parts
			t.Errorf("without part %d the report has %v", i, c.Report.Problems)
		}
	}
	cfg.Hosted.NoPublic = true
	if c := mustCompile(t, cfg, all[0], all[2], all[3]); !c.Snapshot.Loaded {
		t.Errorf("a zone that isn't wanted is waited for: %v", c.Report.Missing)
	}
}

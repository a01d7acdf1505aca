package route53

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"inside53/resolver/zone"
	"inside53/server/house"
	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/awssim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(house.Loopback(m)) }

// TestCalls counts the calls of a cycle: not one more than the data take.
func TestCalls(t *testing.T) {
	var many []hosted
	for i := range 201 {
		many = append(many, hosted{id: fmt.Sprintf("Z%05d", i), name: fmt.Sprintf("z%d.example.", i)})
	}
	vpc := func(n int) zone.VPC { return zone.VPC{ID: fmt.Sprintf("vpc-%d", n), Region: "eu-west-1"} }
	private := func(n int, vpcs ...zone.VPC) hosted {
		return hosted{id: fmt.Sprintf("ZP%d", n), name: fmt.Sprintf("p%d.example.", n), private: true, vpcs: vpcs}
	}
	vpcs := func(complete bool, n int) func() ([]zone.VPC, bool) {
		return func() ([]zone.VPC, bool) {
			var out []zone.VPC
			for i := range n {
				out = append(out, vpc(i))
			}
			return out, complete
		}
	}
	three := []hosted{private(1, vpc(0)), private(2, vpc(1)), private(3, vpc(0), vpc(1))}
	tests := []struct {
		name    string
		zones   []hosted
		options Options
		want    map[string]int
	}{
		{"three pages of zones", many, Options{Zones: []string{"z7.example"}},
			map[string]int{"ListHostedZones": 3, "ListResourceRecordSets": 1}},
		{"full pages of zones", many[:200], Options{Zones: []string{"Z00007"}},
			map[string]int{"ListHostedZones": 2, "ListResourceRecordSets": 1}},
		{"300 records", []hosted{{id: "Z1", name: "a.example.", sets: manySets("a.example.", 298)}}, Options{},
			map[string]int{"ListHostedZones": 1, "ListResourceRecordSets": 1}},
		{"301 records", []hosted{{id: "Z1", name: "a.example.", sets: manySets("a.example.", 299)}}, Options{},
			map[string]int{"ListHostedZones": 1, "ListResourceRecordSets": 2}},
		{"700 records", []hosted{{id: "Z1", name: "a.example.", sets: manySets("a.example.", 698)}}, Options{},
			map[string]int{"ListHostedZones": 1, "ListResourceRecordSets": 3}},
		{"private", three, Options{}, map[string]int{"ListHostedZones": 1, "GetHostedZone": 3, "ListResourceRecordSets": 3}},
		{"fewer VPCs", three, Options{VPCs: vpcs(true, 2)},
			map[string]int{"ListHostedZones": 1, "ListHostedZonesByVPC": 2, "ListResourceRecordSets": 3}},
		{"as many VPCs", three, Options{VPCs: vpcs(true, 3)},
			map[string]int{"ListHostedZones": 1, "GetHostedZone": 3, "ListResourceRecordSets": 3}},
		{"VPCs surveyed, apart from the cycles", three,
			Options{VPCs: vpcs(true, 3), Survey: func(string) []zone.VPC { return []zone.VPC{vpc(0)} }},
			map[string]int{"ListHostedZones": 1, "GetHostedZone": 3, "ListResourceRecordSets": 3}},
		{"VPCs not complete", three, Options{VPCs: vpcs(false, 2)},
			map[string]int{"ListHostedZones": 1, "GetHostedZone": 3, "ListResourceRecordSets": 3}},
		{"public wanted", three, Options{Visibility: []zone.Origin{zone.Public}}, map[string]int{"ListHostedZones": 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := simpleCloud(t, tt.zones...)
			s := c.source(tt.options)
			for range 2 { // the second cycle costs what the first did
				c.mustCycle(s)
				c.wantCalls(tt.want)
			}
		})
	}
}

func TestPublicAndPrivateOfOneName(t *testing.T) {
	a, b := zone.VPC{ID: "vpc-a", Region: "eu-west-1"}, zone.VPC{ID: "vpc-b", Region: "us-east-1"}
	c := simpleCloud(t,
		hosted{id: "Z1", name: "example.com.", sets: manySets("example.com.", 1)},
		hosted{id: "Z2", name: "example.com.", private: true, vpcs: []zone.VPC{b, a}},
		hosted{id: "Z3", name: "example.net."})
	began := time.Now()
	parts := c.mustCycle(c.source(Options{Zones: []string{"Example.com"}}))
	same(t, "parts", []string{"catalog/", "zone/Z1", "zone/Z2"}, names(parts))
	same(t, "catalog", &zonesource.Catalog{Zones: []zonesource.Hosted{
		{ID: "Z1", Name: zone.MustName("example.com"), Records: 3},
		{ID: "Z2", Name: zone.MustName("example.com"), Private: true, Records: 2},
	}}, parts[0].Catalog)
	public, private := parts[1].Zone, parts[2].Zone
	if public.Listed.Before(began) || public.Listed != parts[1].Listed {
		t.Errorf("listed %v", public.Listed)
	}
	public.Info.Listed, private.Info.Listed = time.Time{}, time.Time{}
	same(t, "public", zone.Info{Origin: zone.Public, ID: "Z1", Comment: "zone Z1"}, public.Info)
	same(t, "private", zone.Info{Origin: zone.Private, ID: "Z2", Comment: "zone Z2", VPCs: []zone.VPC{a, b}}, private.Info)
	same(t, "address", "10.0.0.0",
		netip.AddrFrom4([4]byte(lookup(public.Tree, "host00000.example.com", zone.TypeA).First())).String())
}

func TestUnmatchedZoneIsReported(t *testing.T) {
	c := simpleCloud(t, hosted{id: "Z1", name: "example.com."})
	parts := c.mustCycle(c.source(Options{Zones: []string{"example.com", "example.org", "ZNONE"}}))
	var zones []string
	for _, p := range parts[0].Problems {
		zones = append(zones, p.Zone)
	}
	same(t, "problems", []string{"example.org", "ZNONE"}, zones)
}

func TestByVPC(t *testing.T) {
	a, b := zone.VPC{ID: "vpc-a", Region: "eu-west-1"}, zone.VPC{ID: "vpc-b", Region: "us-east-1"}
	data := dataOf(t,
		hosted{id: "Z1", name: "one.example.", private: true, vpcs: []zone.VPC{a}},
		hosted{id: "Z2", name: "two.example.", private: true, vpcs: []zone.VPC{b, a}},
		hosted{id: "Z3", name: "three.example.", private: true, vpcs: []zone.VPC{b}})
	data["route53/vpc-b/list-hosted-zones-by-vpc.json"] = &fstest.MapFile{Data: []byte(
		`{"HostedZoneSummaries":[{"HostedZoneId":"ZEFS","Name":"fs-1.efs.us-east-1.amazonaws.com.","Owner":` +
			`{"OwningService":"efs.amazonaws.com"}}]}`)}
	c := newCloud(t, data)
	s := c.source(Options{VPCs: func() ([]zone.VPC, bool) { return []zone.VPC{a, b}, true }})
	parts := c.mustCycle(s)
	same(t, "one", []zone.VPC{a}, find(t, parts, "zone/Z1").Zone.VPCs)
	same(t, "two", []zone.VPC{a, b}, find(t, parts, "zone/Z2").Zone.VPCs)
	same(t, "three", []zone.VPC{b}, find(t, parts, "zone/Z3").Zone.VPCs)
	unlisted := []zonesource.Unlisted{
		{ID: "ZEFS", Name: zone.MustName("fs-1.efs.us-east-1.amazonaws.com"), VPC: b, Owner: "efs.amazonaws.com"}}
	same(t, "unlisted", unlisted, parts[0].Catalog.Unlisted)
	c.sim.ResetCalls()

	// Refused, it costs its feature and the other way is taken, from then on.
	c.faults(awssim.Fault{Operation: "ListHostedZonesByVPC", Fault: "access-denied"})
	parts = c.mustCycle(s)
	same(t, "two", []zone.VPC{a, b}, find(t, parts, "zone/Z2").Zone.VPCs)
	same(t, "unlisted", unlisted, parts[0].Catalog.Unlisted)
	if len(parts[0].Problems) != 1 ||
		!strings.Contains(parts[0].Problems[0].Reason, "needs the IAM action route53:ListHostedZonesByVPC") {
		t.Errorf("problems: %+v", parts[0].Problems)
	}
	c.wantCalls(map[string]int{"ListHostedZones": 1, "ListHostedZonesByVPC": 1, "GetHostedZone": 3,
		"ListResourceRecordSets": 3})
	c.mustCycle(s)
	c.wantCalls(map[string]int{"ListHostedZones": 1, "GetHostedZone": 3, "ListResourceRecordSets": 3})
}

// TestByVPCEmptied: an emptied listing takes no association away, one that ended does.
func TestByVPCEmptied(t *testing.T) {
	a, b, other := zone.VPC{ID: "vpc-a", Region: "eu-west-1"}, zone.VPC{ID: "vpc-b", Region: "us-east-1"},
		zone.VPC{ID: "vpc-x", Region: "us-east-1"}
	c := newCloud(t, dataOf(t,
		hosted{id: "Z1", name: "one.example.", private: true, vpcs: []zone.VPC{a}},
		hosted{id: "Z2", name: "two.example.", private: true, vpcs: []zone.VPC{b, a}},
		hosted{id: "Z3", name: "three.example.", private: true, vpcs: []zone.VPC{other}}))
	s := c.source(Options{VPCs: func() ([]zone.VPC, bool) { return []zone.VPC{a, b}, true }})
	want := func(parts []zonesource.Part) {
		t.Helper()
		same(t, "one", []zone.VPC{a}, find(t, parts, "zone/Z1").Zone.VPCs)
		same(t, "two", []zone.VPC{a, b}, find(t, parts, "zone/Z2").Zone.VPCs)
		same(t, "three", []zone.VPC{other}, find(t, parts, "zone/Z3").Zone.VPCs)
	}
	c.faults(awssim.Fault{Operation: "ListHostedZonesByVPC", Fault: "empty", Count: 2})
	want(c.mustCycle(s))
	c.wantCalls(map[string]int{"ListHostedZones": 1, "ListHostedZonesByVPC": 2, "GetHostedZone": 3,
		"ListResourceRecordSets": 3})
	want(c.mustCycle(s))
	c.wantCalls(map[string]int{"ListHostedZones": 1, "ListHostedZonesByVPC": 2, "ListResourceRecordSets": 3})
	c.faults(awssim.Fault{Operation: "ListHostedZonesByVPC", Fault: "empty"})
	want(c.mustCycle(s))
	c.wantCalls(map[string]int{"ListHostedZones": 1, "ListHostedZonesByVPC": 2, "GetHostedZone": 2,
		"ListResourceRecordSets": 3})
}

// TestAssociationsRefused: a private zone whose VPCs nobody may ask for isn't read. Without
// VPCs no view would have it, and its public namesake would answer.
func TestAssociationsRefused(t *testing.T) {
	a := zone.VPC{ID: "vpc-a", Region: "eu-west-1"}
	c := simpleCloud(t, hosted{id: "Z1", name: "one.example.", private: true, vpcs: []zone.VPC{a}})
	c.faults(awssim.Fault{Operation: "GetHostedZone", Fault: "access-denied", Count: 1})
	s := c.source(Options{})
	parts, err := c.cycle(s)
	if err != nil {
		t.Fatal(err)
	}
	p := find(t, parts, "zone/Z1")
	if p.Zone != nil || !awscall.IsDenied(p.Err) || !strings.Contains(p.Err.Error(), "route53:GetHostedZone") {
		t.Errorf("zone %v, error %v", p.Zone, p.Err)
	}
	p = find(t, c.mustCycle(s), "zone/Z1")
	same(t, "vpcs", []zone.VPC{a}, p.Zone.VPCs)
	same(t, "problems", 0, len(p.Problems))
	c.faults(awssim.Fault{Operation: "GetHostedZone", Fault: "access-denied", Count: 1})
	p = find(t, c.mustCycle(s), "zone/Z1")
	same(t, "vpcs kept", []zone.VPC{a}, p.Zone.VPCs)
	same(t, "problems", 1, len(p.Problems))
}

// TestAssociationsComeFirst: a private zone isn't there before its VPCs are known: it would
// be in no view, and its public namesake would answer.
func TestAssociationsComeFirst(t *testing.T) {
	a := zone.VPC{ID: "vpc-a", Region: "eu-west-1"}
	for _, fault := range []awssim.Fault{ // as often as a call is tried
		{Operation: "GetHostedZone", Fault: "throttle", Count: 6},
		{Operation: "GetHostedZone", Fault: "500", Count: 3},
		{Operation: "GetHostedZone", Fault: "fail", Count: 3},
	} {
		t.Run(fault.Fault, func(t *testing.T) {
			c := simpleCloud(t, hosted{id: "Z1", name: "one.example.", private: true, vpcs: []zone.VPC{a}})
			s := c.source(Options{})
			c.faults(fault)
			parts, err := c.cycle(s)
			if err != nil {
				t.Fatal(err)
			}
			p := find(t, parts, "zone/Z1")
			if p.Zone != nil || p.Err == nil ||
				!strings.Contains(p.Err.Error(), "asking for the VPCs of zone one.example. (Z1)") {
				t.Errorf("zone %v, error %v", p.Zone, p.Err)
			}
			same(t, "waiting", true, s.accounts[0].waiting())
			p = find(t, c.mustCycle(s), "zone/Z1")
			same(t, "vpcs", []zone.VPC{a}, p.Zone.VPCs)

			// Once they are known, they do.
			c.faults(fault)
			p = find(t, c.mustCycle(s), "zone/Z1")
			same(t, "vpcs kept", []zone.VPC{a}, p.Zone.VPCs)
			same(t, "problems", 1, len(p.Problems))
		})
	}
}

// TestSavedWithoutVPCs: what was saved without VPCs had none that could be read.
func TestSavedWithoutVPCs(t *testing.T) {
	c := simpleCloud(t, hosted{id: "Z1", name: "one.example.", private: true,
		vpcs: []zone.VPC{{ID: "vpc-a", Region: "eu-west-1"}}})
	s := c.source(Options{})
	info := zone.Info{Origin: zone.Private, ID: "Z1", Listed: time.Now().Add(-time.Minute)}
	s.accounts[0].restore([]zonesource.Part{
		{Key: zoneKey("Z1"), Zone: zone.New(info, zone.NewTree(zone.MustName("one.example")), 0)}})
	c.faults(awssim.Fault{Operation: "GetHostedZone", Fault: "500", Count: 3})
	parts, err := c.cycle(s)
	if err != nil {
		t.Fatal(err)
	}
	p := find(t, parts, "zone/Z1")
	if p.Err == nil {
		t.Errorf("published with the VPCs %v", p.Zone.VPCs)
	}
}

func TestOldestFirst(t *testing.T) {
	c := simpleCloud(t, hosted{id: "Z1", name: "one.example."}, hosted{id: "Z2", name: "two.example."},
		hosted{id: "Z3", name: "three.example."})
	s := c.source(Options{})
	for i := range 3 {
		s.accounts[0].zones[fmt.Sprintf("Z%d", i+1)] = &state{listed: time.Now().Add(time.Duration(i-10) * time.Minute)}
	}
	c.faults(awssim.Fault{Operation: "ListResourceRecordSets", Fault: "access-denied", Count: 1})
	parts, err := c.cycle(s)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "first", []string{"catalog/", "zone/Z1", "zone/Z2", "zone/Z3"}, names(parts))
	if parts[1].Err == nil || parts[1].Zone != nil ||
		!strings.Contains(parts[1].Err.Error(), "route53:ListResourceRecordSets") {
		t.Errorf("Z1: %+v", parts[1])
	}
	s.accounts[0].zones["Z2"].listed = time.Now() // after Z3
	same(t, "second", []string{"catalog/", "zone/Z1", "zone/Z3", "zone/Z2"}, names(c.mustCycle(s)))

	// What fails again and again no longer goes first.
	s.accounts[0].zones["Z2"].listed = time.Time{}
	s.accounts[0].zones["Z2"].failures = patienceWithZone
	same(t, "hopeless", []string{"catalog/", "zone/Z1", "zone/Z3", "zone/Z2"}, names(c.mustCycle(s)))
}

func TestUnchangedZoneSharesItsTree(t *testing.T) {
	c := simpleCloud(t, hosted{id: "Z1", name: "one.example.", sets: manySets("one.example.", 10)})
	var kept zonesource.Part
	s := c.source(Options{Kept: func(zonesource.Key) (zonesource.Part, bool) { return kept, true }})
	kept = find(t, c.mustCycle(s), "zone/Z1")
	first := kept.Zone
	second := find(t, c.mustCycle(s), "zone/Z1").Zone
	if first.Tree != second.Tree || !second.Listed.After(first.Listed) {
		t.Error("an unchanged zone has another tree, or an old listing")
	}
	_, err := c.sim.Change("Z1", awssim.Change{Action: "UPSERT",
		RecordSet: plainSet("host00003.one.example.", "A", 300, "10.9.9.9")})
	if err != nil {
		t.Fatal(err)
	}
	third := find(t, c.mustCycle(s), "zone/Z1").Zone
	if third.Tree == second.Tree {
		t.Error("a changed zone has the same tree")
	}
	same(t, "address", []byte{10, 9, 9, 9}, lookup(third.Tree, "host00003.one.example", zone.TypeA).First())
}

func TestVanishedZone(t *testing.T) {
	zones := []hosted{{id: "Z1", name: "one.example."}, {id: "Z2", name: "two.example."},
		{id: "Z3", name: "three.example."}}
	c := simpleCloud(t, zones...)
	s := c.source(Options{})
	c.mustCycle(s)
	c.sim.ResetCalls()

	// An emptied listing takes nothing away: one question proves it wrong.
	c.faults(awssim.Fault{Operation: "ListHostedZones", Fault: "empty", Count: 1})
	parts := c.mustCycle(s)
	same(t, "parts", []string{"catalog/", "zone/Z1", "zone/Z2", "zone/Z3"}, names(parts))
	same(t, "zones", 3, len(parts[0].Catalog.Zones))
	c.wantCalls(map[string]int{"ListHostedZones": 1, "GetHostedZone": 1, "ListResourceRecordSets": 3})

	// A zone that can't be asked for stays, with an error.
	c.replaceZones(dataOf(t, zones[:2]...))
	c.faults(awssim.Fault{Operation: "GetHostedZone", Fault: "access-denied", Count: 1})
	parts, err := c.cycle(s)
	if err != nil {
		t.Fatal(err)
	}
	if parts[0].Key.Name != "zone/Z3" || parts[0].Err == nil ||
		!strings.Contains(parts[0].Err.Error(), "route53:GetHostedZone") {
		t.Errorf("first part: %+v", parts[0])
	}
	catalog := find(t, parts, "catalog/").Catalog
	same(t, "third", zonesource.Hosted{ID: "Z3", Name: zone.MustName("three.example"), Records: 2}, catalog.Zones[2])

	// One that is deleted is gone, and stays so without being asked for again.
	for range 2 {
		parts = c.mustCycle(s)
		same(t, "parts", []string{"catalog/", "zone/Z1", "zone/Z2"}, names(parts))
		same(t, "third", zonesource.Hosted{ID: "Z3", Name: zone.MustName("three.example"), Records: 2, Gone: true},
			parts[0].Catalog.Zones[2])
	}
	same(t, "asked", 1, c.codes["GetHostedZone NoSuchHostedZone"])

	// After a while it is forgotten.
	s.accounts[0].zones["Z3"].gone = time.Now().Add(-goneFor - time.Second)
	same(t, "zones", 2, len(c.mustCycle(s)[0].Catalog.Zones))
}

// replaceZones gives the cloud another list of zones.
func (c *cloud) replaceZones(data fstest.MapFS) {
	c.t.Helper()
	const list = "route53/list-hosted-zones.json"
	err := c.sim.Replace(list, data[list].Data)
	if err != nil {
		c.t.Fatal(err)
	}
}

func TestSaved(t *testing.T) {
	c := simpleCloud(t, hosted{id: "Z1", name: "one.example."}, hosted{id: "Z2", name: "two.example."})
	saved := func(id, name string, age time.Duration) zonesource.Part {
		info := zone.Info{Origin: zone.Public, ID: id, Listed: time.Now().Add(-age)}
		return zonesource.Part{Key: zoneKey(id), Zone: zone.New(info, zone.NewTree(zone.MustName(name)), 0)}
	}
	s := c.source(Options{Zones: []string{"one.example", "two.example", "gone.example"}, Saved: func() []zonesource.Part {
		return []zonesource.Part{saved("Z1", "one.example", time.Minute), saved("Z2", "two.example", time.Hour),
			saved("ZGONE", "gone.example", time.Hour), saved("ZOTHER", "other.example", time.Hour)}
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var parts []zonesource.Part
	err := s.Run(ctx, func(p zonesource.Part) {
		parts = append(parts, p)
		if len(parts) == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	same(t, "parts", []string{"catalog/", "zone/Z2", "zone/Z1"}, names(parts))
	same(t, "gone", zonesource.Hosted{ID: "ZGONE", Name: zone.MustName("gone.example"), Gone: true},
		parts[0].Catalog.Zones[2])
}

// roles loads the base account and two roles, of which the second has the wrong
// external id.
func (c *cloud) roles() []*awsclient.Account {
	c.t.Helper()
	c.t.Setenv("AWS_ENDPOINT_URL", *c.config.BaseEndpoint)
	c.t.Setenv("AWS_ACCESS_KEY_ID", "AKIDTEST")
	c.t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	c.t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	c.t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	accounts, err := awsclient.Load(c.t.Context(), awsclient.Options{Region: "eu-west-1", Roles: []awsclient.Role{
		{Name: "other", ARN: "arn:aws:iam::222222222222:role/inside53", ExternalID: "x"},
		{Name: "denied", ARN: "arn:aws:iam::222222222222:role/inside53", ExternalID: "y"},
	}})
	if err != nil {
		c.t.Fatal(err)
	}
	return accounts
}

func TestTwoAccounts(t *testing.T) {
	data := dataOf(t, hosted{id: "ZBASE", name: "base.example."})
	for name, file := range dataOf(t,
		hosted{id: "ZROLE", name: "role.example.", private: true, vpcs: []zone.VPC{{ID: "vpc-r", Region: "us-east-1"}}}) {
		data["accounts/222222222222/"+name] = file
	}
	c := newCloud(t, data)
	s := c.source(Options{Accounts: c.roles()})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	arrived := make(chan zonesource.Part, 100)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, func(p zonesource.Part) { arrived <- p }) }()
	got := map[string]zonesource.Part{}
	for len(got) < 5 {
		select {
		case p := <-arrived:
			got[p.Key.Name] = p
		case err := <-ended:
			t.Fatalf("ended with %v, parts %v", err, got)
		}
	}
	cancel()
	err := <-ended
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	same(t, "zone", "other", got["zone/ZROLE"].Zone.Account)
	same(t, "vpcs", []zone.VPC{{ID: "vpc-r", Region: "us-east-1"}}, got["zone/ZROLE"].Zone.VPCs)
	same(t, "base", "ZBASE", got["catalog/"].Catalog.Zones[0].ID)
	same(t, "other", "ZROLE", got["catalog/other"].Catalog.Zones[0].ID)
	err = got["catalog/denied"].Err
	if err == nil || !strings.Contains(err.Error(),
		`listing the hosted zones of account "denied": needs the IAM action sts:AssumeRole`) {
		t.Errorf("denied: %v", err)
	}
}

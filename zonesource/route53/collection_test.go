package route53

import (
	"fmt"
	"net/netip"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awssim"
)

// withCollections adds CIDR collections to the data of a cloud: each with a version,
// and blocks as "location block".
func withCollections(data fstest.MapFS, collections map[string][]string, versions map[string]int) fstest.MapFS {
	var list []string
	for id, blocks := range collections {
		list = append(list, fmt.Sprintf(`{"Arn":"arn:aws:route53:::cidrcollection/%s","Id":%q,"Name":"name-%s","Version":%d}`,
			id, id, id, versions[id]))
		data[path.Join("route53", id, "list-cidr-blocks.json")] = &fstest.MapFile{Data: blocksJSON(blocks)}
	}
	data["route53/list-cidr-collections.json"] = &fstest.MapFile{
		Data: []byte(`{"CidrCollections":[` + strings.Join(sorted(list), ",") + `]}`)}
	return data
}

func blocksJSON(blocks []string) []byte {
	var list []string
	for _, b := range blocks {
		location, prefix, _ := strings.Cut(b, " ")
		list = append(list, fmt.Sprintf(`{"CidrBlock":%q,"LocationName":%q}`, prefix, location))
	}
	return []byte(`{"CidrBlocks":[` + strings.Join(list, ",") + `]}`)
}

func ipSet(name, collection, location string) awssim.RecordSet {
	s := plainSet(name, "A", 60, "192.0.2.1")
	s.SetIdentifier = location
	s.CIDRRoutingConfig = &awssim.CIDRRoutingConfig{CollectionID: collection, LocationName: location}
	return s
}

func block(location, prefix string) zonesource.Block {
	return zonesource.Block{Location: location, Prefix: netip.MustParsePrefix(prefix)}
}

// wantCollections compares those of the last catalog delivered.
func wantCollections(t *testing.T, parts []zonesource.Part, want ...zonesource.Collection) {
	t.Helper()
	diff := cmp.Diff(want, find(t, parts, "catalog/").Catalog.Collections,
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }))
	if diff != "" {
		t.Errorf("collections (-want +got):\n%s", diff)
	}
}

func TestCollections(t *testing.T) {
	var many []string // two pages of blocks
	for i := range 150 {
		many = append(many, fmt.Sprintf("branch 10.%d.0.0/16", i))
	}
	data := dataOf(t, hosted{id: "Z1", name: "one.example.", sets: []awssim.RecordSet{
		ipSet("www.one.example.", "c1", "office"), ipSet("www.one.example.", "c1", "*"),
		ipSet("app.one.example.", "c2", "branch"),
	}}, hosted{id: "Z2", name: "two.example.", sets: manySets("two.example.", 3)})
	c := newCloud(t, withCollections(data,
		map[string][]string{"c1": {"office 192.0.2.0/24", "lab 2001:db8::/32"}, "c2": many, "unused": {"x 10.0.0.0/8"}},
		map[string]int{"c1": 3, "c2": 1, "unused": 1}))
	s := c.source(Options{})

	parts := c.mustCycle(s)
	same(t, "parts", []string{"catalog/", "catalog/", "zone/Z1", "zone/Z2"}, names(parts))
	same(t, "before any zone is listed", 0, len(parts[0].Catalog.Collections))
	if !parts[0].Listed.Equal(parts[1].Listed) {
		t.Errorf("the catalog counts as listed twice: at %v and %v", parts[0].Listed, parts[1].Listed)
	}
	office := zonesource.Collection{ID: "c1", Name: "name-c1", Version: 3,
		Blocks: []zonesource.Block{block("office", "192.0.2.0/24"), block("lab", "2001:db8::/32")}}
	branches := zonesource.Collection{ID: "c2", Name: "name-c2", Version: 1}
	for _, b := range many {
		branches.Blocks = append(branches.Blocks, block("branch", strings.TrimPrefix(b, "branch ")))
	}
	wantCollections(t, parts, office, branches)
	c.wantCalls(map[string]int{"ListHostedZones": 1, "ListResourceRecordSets": 2, "ListCidrCollections": 1,
		"ListCidrBlocks": 3})

	// Nothing has changed: one call, and one catalog.
	parts = c.mustCycle(s)
	same(t, "parts", []string{"catalog/", "zone/Z1", "zone/Z2"}, sorted(names(parts)))
	wantCollections(t, parts, office, branches)
	c.wantCalls(map[string]int{"ListHostedZones": 1, "ListResourceRecordSets": 2, "ListCidrCollections": 1})

	// One collection changes.
	office.Version, office.Blocks = 4, []zonesource.Block{block("office", "198.51.100.0/24")}
	c.replace("route53/list-cidr-collections.json", `{"CidrCollections":[{"Id":"c1","Name":"name-c1","Version":4,"Arn":`+
		`"a"},{"Id":"c2","Name":"name-c2","Version":1,"Arn":"b"}]}`)
	c.replace("route53/c1/list-cidr-blocks.json", string(blocksJSON([]string{"office 198.51.100.0/24"})))
	parts = c.mustCycle(s)
	wantCollections(t, parts, office, branches)
	c.wantCalls(map[string]int{"ListHostedZones": 1, "ListResourceRecordSets": 2, "ListCidrCollections": 1,
		"ListCidrBlocks": 1})

	// The last record that names one goes, and with it the collection.
	c.replace("route53/Z1/list-resource-record-sets.json", string(dataOf(t, hosted{id: "Z1", name: "one.example.",
		sets: []awssim.RecordSet{ipSet("www.one.example.", "c1",
			"office")}})["route53/Z1/list-resource-record-sets.json"].Data))
	wantCollections(t, c.mustCycle(s), office)
}

func TestNoCollectionsNoCall(t *testing.T) {
	data := dataOf(t, hosted{id: "Z1", name: "one.example.", sets: manySets("one.example.", 3)})
	c := newCloud(t, withCollections(data, map[string][]string{"c1": {"office 192.0.2.0/24"}}, map[string]int{"c1": 1}))
	parts := c.mustCycle(c.source(Options{}))
	same(t, "parts", []string{"catalog/", "zone/Z1"}, names(parts))
	c.wantCalls(map[string]int{"ListHostedZones": 1, "ListResourceRecordSets": 1})
}

// TestCollectionFaults lets the listing fail in every way: the zones are served, the
// last good collections stay, and the report says why.
func TestCollectionFaults(t *testing.T) {
	good := zonesource.Collection{ID: "c1", Name: "name-c1", Version: 1,
		Blocks: []zonesource.Block{block("office", "192.0.2.0/24")}}
	tests := []struct {
		fault  awssim.Fault
		reason string
	}{
		{awssim.Fault{Operation: "ListCidrCollections", Fault: "access-denied"},
			"needs the IAM action route53:ListCidrCollections"},
		{awssim.Fault{Operation: "ListCidrCollections", Fault: "500"}, "InternalFailure"},
		{awssim.Fault{Operation: "ListCidrBlocks", Fault: "access-denied"}, "needs the IAM action route53:ListCidrBlocks"},
		{awssim.Fault{Operation: "ListCidrBlocks", Fault: "throttle"}, "Throttling"},
	}
	for _, tt := range tests {
		t.Run(tt.fault.Operation+" "+tt.fault.Fault, func(t *testing.T) {
			t.Parallel()
			data := dataOf(t, hosted{id: "Z1", name: "one.example.",
				sets: []awssim.RecordSet{ipSet("www.one.example.", "c1", "office")}})
			c := newCloud(t, withCollections(data, map[string][]string{"c1": {"office 192.0.2.0/24"}}, map[string]int{"c1": 1}))
			s := c.source(Options{})

			c.faults(tt.fault)
			parts := c.mustCycle(s)
			wantCollections(t, parts)
			wantProblem(t, parts, tt.reason)
			if !lookup(find(t, parts, "zone/Z1").Zone.Tree, "www.one.example.", zone.TypeA).Exists() {
				t.Error("the zone isn't served")
			}

			c.sim.ClearFaults()
			parts = c.mustCycle(s)
			wantCollections(t, parts, good)
			same(t, "problems", 0, len(find(t, parts, "catalog/").Problems))

			c.replace("route53/list-cidr-collections.json",
				`{"CidrCollections":[{"Id":"c1","Name":"name-c1","Version":2,"Arn":"a"}]}`)
			c.faults(tt.fault)
			parts = c.mustCycle(s)
			wantCollections(t, parts, good)
			wantProblem(t, parts, tt.reason)
		})
	}
}

func wantProblem(t *testing.T, parts []zonesource.Part, reason string) {
	t.Helper()
	problems := find(t, parts, "catalog/").Problems
	if len(problems) != 1 || !strings.HasPrefix(problems[0].Zone, "CIDR collections") ||
		!strings.Contains(problems[0].Reason, reason) {
		t.Errorf("problems %q, want %q", problems, reason)
	}
}

// TestCollectionThatIsNotThere: what isn't listed is asked for all the same, each time.
func TestCollectionThatIsNotThere(t *testing.T) {
	c := simpleCloud(t, hosted{id: "Z1", name: "one.example.",
		sets: []awssim.RecordSet{ipSet("www.one.example.", "c9", "office")}})
	s := c.source(Options{})
	parts := c.mustCycle(s)
	wantCollections(t, parts)
	wantProblem(t, parts, "NoSuchCidrCollection")
	c.wantCalls(map[string]int{"ListHostedZones": 1, "ListResourceRecordSets": 1, "ListCidrCollections": 1,
		"ListCidrBlocks": 1})
}

// TestSavedCollections: after a start they are there before anything is listed, and an
// unchanged version isn't listed again, nor lost while its zone can't be.
func TestSavedCollections(t *testing.T) {
	data := dataOf(t, hosted{id: "Z1", name: "one.example.",
		sets: []awssim.RecordSet{ipSet("www.one.example.", "c1", "office")}})
	c := newCloud(t, withCollections(data, map[string][]string{"c1": {"office 192.0.2.0/24"}}, map[string]int{"c1": 1}))
	saved := c.mustCycle(c.source(Options{}))
	c.sim.ResetCalls()
	good := find(t, saved, "catalog/").Catalog.Collections[0]

	s := c.source(Options{})
	s.accounts[0].restore(saved)
	c.faults(awssim.Fault{Operation: "ListResourceRecordSets", Fault: "access-denied"})
	parts, err := c.cycle(s)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "parts", []string{"catalog/", "zone/Z1"}, names(parts))
	wantCollections(t, parts, good)
	c.wantCalls(map[string]int{"ListHostedZones": 1, "ListResourceRecordSets": 1, "ListCidrCollections": 1})
}

// replace gives the cloud another file.
func (c *cloud) replace(name, text string) {
	c.t.Helper()
	err := c.sim.Replace(name, []byte(text))
	if err != nil {
		c.t.Fatal(err)
	}
}

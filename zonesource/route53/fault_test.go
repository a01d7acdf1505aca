package route53

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/awssim"
)

// TestFaults strikes a zone of three pages in every way, and then lets it be.
func TestFaults(t *testing.T) {
	const records = "ListResourceRecordSets"
	tests := []struct {
		name  string
		fault awssim.Fault
		err   string // of the zone's part; "" for a zone that is delivered
		calls map[string]int
	}{
		{"one 500", awssim.Fault{Fault: "500", Operation: records, Page: 2, Count: 1}, "",
			map[string]int{"ListHostedZones": 1, records: 4}},
		{"500", awssim.Fault{Fault: "500", Operation: records, Page: 2}, "InternalFailure",
			map[string]int{"ListHostedZones": 1, records: 4}},
		{"throttled thrice", awssim.Fault{Fault: "throttle", Operation: records, Count: 3}, "",
			map[string]int{"ListHostedZones": 1, records: 6}},
		{"throttled", awssim.Fault{Fault: "throttle", Operation: records, Page: 3}, "Throttling",
			map[string]int{"ListHostedZones": 1, records: 8}},
		{"denied", awssim.Fault{Fault: "access-denied", Operation: records},
			"needs the IAM action route53:ListResourceRecordSets",
			map[string]int{"ListHostedZones": 1, records: 1}},
		{"denied on the last page", awssim.Fault{Fault: "access-denied", Operation: records, Page: 3},
			"needs the IAM action route53:ListResourceRecordSets",
			map[string]int{"ListHostedZones": 1, records: 3}},
		{"hanging once", awssim.Fault{Fault: "hang", Operation: records, Page: 2, Count: 1}, "",
			map[string]int{"ListHostedZones": 1, records: 4}},
		{"hanging", awssim.Fault{Fault: "hang", Operation: records, Page: 2}, "deadline exceeded",
			map[string]int{"ListHostedZones": 1, records: 3}},
		{"broken off once", awssim.Fault{Fault: "fail", Operation: records, Page: 3, Count: 1}, "",
			map[string]int{"ListHostedZones": 1, records: 4}},
		{"broken off", awssim.Fault{Fault: "fail", Operation: records, Page: 3},
			"listing record sets of zone big.example. (Z1)",
			map[string]int{"ListHostedZones": 1, records: 5}},
		{"emptied once", awssim.Fault{Fault: "empty", Operation: records, Count: 1}, "",
			map[string]int{"ListHostedZones": 1, "GetHostedZone": 1, records: 4}},
		{"emptied", awssim.Fault{Fault: "empty", Operation: records},
			"no record sets listed where Route 53 counts 701, twice",
			map[string]int{"ListHostedZones": 1, "GetHostedZone": 1, records: 2}},
		{"second page emptied", awssim.Fault{Fault: "empty", Operation: records, Page: 2},
			"a page that was announced is empty, twice",
			map[string]int{"ListHostedZones": 1, "GetHostedZone": 1, records: 4}},
		// What is deleted once it has been listed leaves no sign, and isn't missed.
		{"changing once", awssim.Fault{Fault: "changing", Operation: records, Page: 1, Count: 1}, "",
			map[string]int{"ListHostedZones": 1, records: 3}},
		{"changing", awssim.Fault{Fault: "changing", Operation: records}, "",
			map[string]int{"ListHostedZones": 1, records: 3}},
		{"not advancing", awssim.Fault{Fault: "stuck", Operation: records, Page: 2}, "the page doesn't advance",
			map[string]int{"ListHostedZones": 1, records: 2}},
		{"first page not advancing", awssim.Fault{Fault: "stuck", Operation: records, Page: 1, Count: 1},
			"the page doesn't advance",
			map[string]int{"ListHostedZones": 1, records: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := simpleCloud(t, hosted{id: "Z1", name: "big.example.", sets: manySets("big.example.", 699)})
			timeout := time.Minute
			if tt.fault.Fault == "hang" {
				timeout = 2 * time.Second // also what an answer may take here
			}
			s := c.source(Options{Timeout: timeout})
			c.faults(tt.fault)
			parts, err := c.cycle(s)
			if err != nil {
				t.Fatal(err)
			}
			p := find(t, parts, "zone/Z1")
			switch {
			case tt.err == "" && p.Err != nil:
				t.Errorf("error %v", p.Err)
			case tt.err != "" && (p.Err == nil || p.Zone != nil || !strings.Contains(p.Err.Error(), tt.err)):
				t.Errorf("error %v, zone %v, want %q", p.Err, p.Zone, tt.err)
			}
			c.wantCalls(tt.calls)

			c.sim.ClearFaults()
			c.sim.ResetCalls()
			p = find(t, c.mustCycle(s), "zone/Z1")
			same(t, "record sets", 701, p.Zone.Tree.Stats().RRsets)
			c.wantCalls(map[string]int{"ListHostedZones": 1, records: 3})
		})
	}
}

// TestChangeWhileListing changes a zone of three pages after the first of them.
func TestChangeWhileListing(t *testing.T) {
	const zoneName = "big.example."
	all := manySets(zoneName, 699)
	slices.SortFunc(all, func(a, b awssim.RecordSet) int { return strings.Compare(a.Name, b.Name) })
	// The apex has two record sets, so the second page begins with the 299th host.
	boundary, late := all[298], all[600]
	add := func(n int) (changes []awssim.Change) {
		for _, set := range manySets("new."+zoneName, n) {
			changes = append(changes, awssim.Change{Action: "CREATE", RecordSet: set})
		}
		return changes
	}
	remove := func(sets ...awssim.RecordSet) (changes []awssim.Change) {
		for _, set := range sets {
			changes = append(changes, awssim.Change{Action: "DELETE", RecordSet: set})
		}
		return changes
	}
	tests := []struct {
		name    string
		changes []awssim.Change
		calls   map[string]int
		sets    int
	}{
		{"a page begins elsewhere", remove(boundary),
			map[string]int{"ListHostedZones": 1, "GetHostedZone": 1, "ListResourceRecordSets": 6}, 700},
		{"the count follows", remove(late),
			map[string]int{"ListHostedZones": 1, "GetHostedZone": 1, "ListResourceRecordSets": 3}, 700},
		{"deleted behind", remove(all[0]), map[string]int{"ListHostedZones": 1, "ListResourceRecordSets": 3}, 701},
		{"added and deleted", append(add(5), remove(boundary, late)...),
			map[string]int{"ListHostedZones": 1, "GetHostedZone": 1, "ListResourceRecordSets": 6}, 704},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := simpleCloud(t, hosted{id: "Z1", name: zoneName, sets: all})
			s := c.source(Options{})
			once := tt.changes
			s.options.OnCall = func(operation, _ string) {
				if operation != "ListResourceRecordSets" || once == nil {
					return
				}
				_, err := c.sim.Change("Z1", once...)
				if err != nil {
					t.Error(err)
				}
				once = nil
			}
			p := find(t, c.mustCycle(s), "zone/Z1")
			same(t, "record sets", tt.sets, p.Zone.Tree.Stats().RRsets)
			c.wantCalls(tt.calls)
		})
	}
}

// TestCatalogFaults strikes the list of zones: what is known goes on being refreshed.
func TestCatalogFaults(t *testing.T) {
	tests := []struct {
		fault awssim.Fault
		err   string
	}{
		{awssim.Fault{Fault: "500"}, "InternalFailure"},
		{awssim.Fault{Fault: "throttle"}, "Throttling"},
		{awssim.Fault{Fault: "access-denied"}, "needs the IAM action route53:ListHostedZones"},
		{awssim.Fault{Fault: "fail", Page: 2}, "listing the hosted zones of the base account"},
		{awssim.Fault{Fault: "stuck"}, "the page doesn't advance"},
		{awssim.Fault{Fault: "empty", Page: 2}, "a page that was announced is empty"},
	}
	for _, tt := range tests {
		t.Run(tt.fault.Fault, func(t *testing.T) {
			var zones []hosted
			for _, set := range manySets("zone.", 101) {
				zones = append(zones, hosted{id: "Z" + strings.ToUpper(set.Name[4:9]), name: set.Name})
			}
			c := simpleCloud(t, zones...)
			s := c.source(Options{Zones: []string{"Z00000", "Z00100"}})
			c.mustCycle(s)
			tt.fault.Operation = "ListHostedZones"
			c.faults(tt.fault)
			parts, err := c.cycle(s)
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			same(t, "parts", []string{"catalog/", "zone/Z00000", "zone/Z00100"}, names(parts))
			if parts[0].Err == nil || parts[0].Catalog != nil {
				t.Errorf("catalog: %+v", parts[0])
			}
			for _, p := range parts[1:] {
				if p.Err != nil {
					t.Errorf("%s: %v", p.Key.Name, p.Err)
				}
			}
		})
	}
}

// TestFirstCatalogEmpty doesn't take one empty list for an account without zones.
func TestFirstCatalogEmpty(t *testing.T) {
	c := simpleCloud(t, hosted{id: "Z1", name: "a.example."})
	s := c.source(Options{})
	c.faults(awssim.Fault{Operation: "ListHostedZones", Fault: "empty", Count: 1})
	parts := c.mustCycle(s)
	same(t, "parts", []string{"catalog/", "zone/Z1"}, names(parts))
	c.wantCalls(map[string]int{"ListHostedZones": 2, "ListResourceRecordSets": 1})

	none := simpleCloud(t)
	s = none.source(Options{})
	same(t, "parts without zones", []string{"catalog/"}, names(none.mustCycle(s)))
	none.wantCalls(map[string]int{"ListHostedZones": 2})
	none.mustCycle(s)
	none.wantCalls(map[string]int{"ListHostedZones": 1})
}

// TestAway gives a cycle up soon when nobody answers, and comes back at once.
func TestAway(t *testing.T) {
	var zones []hosted
	for _, id := range []string{"Z1", "Z2", "Z3", "Z4", "Z5"} {
		zones = append(zones, hosted{id: id, name: "zone" + id + ".example."})
	}
	c := simpleCloud(t, zones...)
	s := c.source(Options{Timeout: 500 * time.Millisecond})
	c.mustCycle(s)
	c.faults(awssim.Fault{Operation: "ListHostedZones", Fault: "hang"})
	parts, err := c.cycle(s)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	same(t, "without a list", []string{"catalog/"}, names(parts))
	c.sim.ClearFaults()

	c.faults(awssim.Fault{Operation: "ListResourceRecordSets", Fault: "hang"})
	parts, err = c.cycle(s)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	same(t, "without records", []string{"catalog/", "zone/Z1", "zone/Z2", "zone/Z3"}, names(parts))
	c.sim.ClearFaults()
	same(t, "after", []string{"catalog/", "zone/Z1", "zone/Z2", "zone/Z3", "zone/Z4", "zone/Z5"},
		sorted(names(c.mustCycle(s))))
	same(t, "timeouts told", 6, c.codes["ListResourceRecordSets timeout"])
}

// TestRunGivesUpWhileHanging ends Run in the middle of a call.
func TestRunGivesUpWhileHanging(t *testing.T) {
	c := simpleCloud(t, hosted{id: "Z1", name: "one.example."})
	s := c.source(Options{Timeout: time.Minute})
	c.faults(awssim.Fault{Operation: "ListResourceRecordSets", Fault: "hang"})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := s.Run(ctx, func(p zonesource.Part) {
		if p.Catalog == nil {
			t.Errorf("delivered %+v", p)
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestThrottlingHalvesTheBudget lets the whole way from the HTTP answer to the rate be seen.
func TestThrottlingHalvesTheBudget(t *testing.T) {
	c := simpleCloud(t, hosted{id: "Z1", name: "one.example."})
	a := c.fast("")
	s := c.source(Options{Accounts: []*awsclient.Account{a}})
	c.faults(awssim.Fault{Operation: "ListResourceRecordSets", Fault: "throttle", Count: 2})
	c.mustCycle(s)
	now, full := a.Budget.PerSecond()
	if now > full/2 {
		t.Errorf("%g a second of %g after throttling", now, full)
	}
	same(t, "told", 2, c.codes["ListResourceRecordSets Throttling"])
}

// TestMiscountingImplementation lists twice only once: a count that is always wrong by
// little is learned.
func TestMiscountingImplementation(t *testing.T) {
	f := &fakeAPI{counted: 12, sets: manyTypes(10)}
	s := f.source(t)
	for i, want := range []int{2, 1, 1} {
		parts := f.cycle(t, s)
		if parts[1].Err != nil {
			t.Fatal(parts[1].Err)
		}
		same(t, "listings", want, f.listings)
		same(t, "questions", map[bool]int{true: 1, false: 0}[i == 0], f.questions)
		f.listings, f.questions = 0, 0
	}
}

// TestShortListing refuses what lacks more than can be explained, and also what
// lists a record set on two pages. Two on one page are a fault of that name alone.
func TestShortListing(t *testing.T) {
	f := &fakeAPI{counted: 13, sets: manyTypes(10)}
	err := f.cycle(t, f.source(t))[1].Err
	if err == nil || !strings.Contains(err.Error(), "10 record sets listed where Route 53 counts 13, twice") {
		t.Errorf("error %v", err)
	}
	same(t, "listings", 2, f.listings)

	f = &fakeAPI{counted: 311, sets: append(manyTypes(310), manyTypes(4)[3]), repeats: true}
	err = f.cycle(t, f.source(t))[1].Err
	if err == nil || !strings.Contains(err.Error(), "host00003.example. A is listed twice") {
		t.Errorf("error %v", err)
	}
	same(t, "listings", 4, f.listings)

	f = &fakeAPI{counted: 11, sets: append(manyTypes(10), manyTypes(4)[3])}
	p := f.cycle(t, f.source(t))[1]
	if p.Err != nil || len(p.Problems) != 1 || p.Problems[0].Name != "host00003.example." ||
		p.Problems[0].Reason != "2 record sets without a routing policy" {
		t.Errorf("error %v, problems %+v", p.Err, p.Problems)
	}
	same(t, "listings", 1, f.listings)
}

// TestGroupAnnouncedWithoutIdentifier lists a group over the border of two pages from an
// implementation that repeats the whole group.
func TestGroupAnnouncedWithoutIdentifier(t *testing.T) {
	sets := manyTypes(299)
	for i := range 4 {
		set := setOf("weighted.example.", "A", fmt.Sprintf("192.0.2.%d", i))
		set.SetIdentifier, set.Weight = aws.String(fmt.Sprint(i)), aws.Int64(1)
		sets = append(sets, set)
	}
	f := &fakeAPI{counted: len(sets), sets: sets, repeats: true}
	p := f.cycle(t, f.source(t))[1]
	if p.Err != nil {
		t.Fatal(p.Err)
	}
	same(t, "records", len(sets), p.Zone.Tree.Stats().Records)
	same(t, "listings", 2, f.listings)
}

package ec2

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"slices"
	"testing"
	"time"

	"inside53/zonesource"
)

// TestStaying: whether everything may have gone or some things, what is noted stays, and things of one id go together.
func TestStaying(t *testing.T) {
	list := []string{"a", "b", "b", "c", "d"}
	id := func(s string) string { return s }
	for _, s := range []staying{
		{mayGo: map[string]bool{"b": false, "c": true, "x": false, "y": true}},
		{mayGo: map[string]bool{"a": true, "c": true, "d": true, "y": true}, all: true},
	} {
		if got := gone(&s, list, id); !slices.Equal(got, []int{1, 2}) {
			t.Errorf("all %t: gone are the places %d", s.all, got)
		}
		for of, want := range map[string]bool{"a": true, "b": false, "c": true, "new": !s.all} {
			if s.has(of) != want {
				t.Errorf("all %t: %s stays %t", s.all, of, !want)
			}
		}
	}
}

// TestTally: what is counted is what there is afterwards, and what is there twice is told.
func TestTally(t *testing.T) {
	y := tally{was: map[uint64]int32{1: 1, 2: 1, 3: 2}, more: map[uint64]int32{}}
	for _, step := range []struct {
		id    uint64
		more  int32
		twice bool
	}{{1, -1, false}, {2, -1, false}, {2, 1, false}, {4, 1, false}, {3, -1, false}, {3, -1, false}, {4, 1, true}} {
		if y.count(step.id, step.more) != step.twice {
			t.Errorf("%+v: twice is %t", step, !step.twice)
		}
	}
	if got := fmt.Sprint(y.all()); got != "map[2:1 4:2]" {
		t.Errorf("all are %s", got)
	}
}

// TestIDsIn: of a page the ids are known that stand in it, as they are written.
func TestIDsIn(t *testing.T) {
	page := "<reservationSet><item><instanceId>i-1</instanceId><instanceId>i-&lt;2</instanceId></item></reservationSet>"
	if got := instanceForm.idsIn([]byte(page)); !slices.Equal(got, []string{"i-1", "i-&lt;2"}) {
		t.Errorf("ids %q", got)
	}
	if got := instanceForm.idsIn([]byte("<reservationSet/>")); len(got) > 0 {
		t.Errorf("of a page without any: %q", got)
	}
}

// TestElsewhereAllTheTime: what a page tells that is another one now, and a page that is the same tells too, is one
// thing; and so it is when the pages that tell it change by and by.
func TestElsewhereAllTheTime(t *testing.T) {
	r := newLargeRegion(2)
	again := r.listings(t, nil)
	item := func(name string) []byte {
		return fmt.Appendf(nil, "<item><reservationId>r-more</reservationId><instancesSet><item>"+
			"<instanceId>i-000000</instanceId><vpcId>vpc-1</vpcId><instanceState><code>16</code><name>%s</name>"+
			"</instanceState><privateIpAddress>10.0.0.0</privateIpAddress></item></instancesSet></item></reservationSet>", name)
	}
	pages := r.pages[instanceForm.operation]
	was := pages[1]
	for _, state := range []string{"running", "stopping", "running"} {
		pages[1] = bytes.Replace(was, []byte("</reservationSet>"), item(state), 1)
		again(false) // it sees how many there are
		pages[0] = instancesPage(0, 2, len(state))
		again(false)
	}
	pages[1] = was
	again(false)
}

// TestFirstInterfaces: where interfaces weren't listed, those that instances tell of go when they are.
func TestFirstInterfaces(t *testing.T) {
	r := newLargeRegion(1)
	cards := r.pages[cardForm.operation]
	r.pages[cardForm.operation] = [][]byte{pageOf(cardForm, 0, 1, nil)}
	again := r.listings(t, nil)
	r.pages[instanceForm.operation][0] = instancesPage(0, 1, 1)
	again(false) // the page without any is the same
	r.pages[cardForm.operation] = cards
	again(false)
}

// TestFewerPages: what stood on pages that there are no more has gone, and what comes on more pages is there.
func TestFewerPages(t *testing.T) {
	small, r := newLargeRegion(1), newLargeRegion(3)
	large := r.pages
	again := r.listings(t, nil)
	for range 2 {
		r.pages, r.instances = small.pages, small.instances
		again(false) // it sees how many there are
		r.pages, r.instances = large, 3*pageSize
		again(false)
	}
}

// TestLoneVPC: a VPC that an interface or an instance alone tells of is there as long as that is.
func TestLoneVPC(t *testing.T) {
	for _, f := range []form{cardForm, instanceForm} {
		r := newLargeRegion(2)
		pages := r.pages[f.operation]
		if f.operation == cardForm.operation { // one of no instance: those of others would be looked at anyway
			r.loneCards = 1
			lone := "<item><networkInterfaceId>eni-lone</networkInterfaceId><vpcId>vpc-1</vpcId>" +
				"<privateIpAddress>10.99.0.1</privateIpAddress></item><item>"
			pages[1] = bytes.Replace(pages[1], []byte("<item>"), []byte(lone), 1)
		}
		again := r.listings(t, nil)
		was := pages[1]
		isLone := func(v zonesource.VPC) bool { return v.ID == "vpc-lone" }
		for range 2 {
			pages[1] = bytes.Replace(was, []byte(">vpc-1<"), []byte(">vpc-lone<"), 1)
			if !slices.ContainsFunc(again(false).VPCs, isLone) {
				t.Errorf("%s: the VPC isn't there", f.operation)
			}
			pages[1] = was
			if slices.ContainsFunc(again(false).VPCs, isLone) {
				t.Errorf("%s: the VPC is there still", f.operation)
			}
		}
	}
}

// TestRoomForPages: no more of the pages is remembered than there is room for, the small ones first; what changes is
// found nevertheless.
func TestRoomForPages(t *testing.T) {
	for _, test := range []struct {
		room       int
		remembered []string // of instances, interfaces and subnets
	}{
		{1, nil}, {200_000, []string{"DescribeSubnets"}},
		{1_000_000, []string{"DescribeNetworkInterfaces", "DescribeSubnets"}},
		{0, []string{"DescribeInstances", "DescribeNetworkInterfaces", "DescribeSubnets"}},
	} {
		r := newLargeRegion(2)
		r.room = test.room
		again := r.listings(t, nil)
		for version := range 3 {
			r.pages[instanceForm.operation][1] = instancesPage(1, 2, version)
			name := again(false).Hosts[pageSize].Names[0].Text
			if want := fmt.Sprintf("host-1-0-%d", version); name != want {
				t.Errorf("room for %d: the name is %s, want %s", test.room, name, want)
			}
			var have []string
			octets := 0
			for _, f := range []form{instanceForm, cardForm, subnetForm} {
				if r.of.last[f.operation].pages[0].body != nil {
					have = append(have, f.operation)
				}
			}
			for _, of := range r.of.last {
				for _, p := range of.pages {
					octets += len(p.body)
				}
			}
			if !slices.Equal(have, test.remembered) || octets != r.of.taken || r.of.taken != r.of.room.taken {
				t.Errorf("room for %d: remembered are %s, %d octets, said to be %d", test.room, have, octets, r.of.taken)
			}
		}
	}
}

// TestKnownCrossing: what load balancers are set to is known where it was asked not long ago and is in what is kept.
func TestKnownCrossing(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, test := range []struct {
		what    string
		crosses map[string]crossing
		kept    *zonesource.Region
		known   bool
	}{
		{"never asked", nil, &zonesource.Region{}, false},
		{"there are none", map[string]crossing{}, &zonesource.Region{}, true},
		{"nothing is kept", map[string]crossing{}, nil, false},
		{"known", map[string]crossing{"b": {true, now}, "a": {true, now}, "c": {false, now}},
			&zonesource.Region{CrossZone: []string{"a", "b"}}, true},
		{"asked by a listing that isn't kept", map[string]crossing{"a": {true, now}}, &zonesource.Region{}, false},
		{"long ago", map[string]crossing{"a": {false, now.Add(-crossEvery - 1)}}, &zonesource.Region{}, false},
	} {
		o := &Options{Affinity: true, Now: func() time.Time { return now }}
		l := &listing{region: &region{o: o, crossing: test.crosses}, last: zonesource.Part{Region: test.kept}}
		if l.knowsCrossing() != test.known {
			t.Errorf("%s: known is %t", test.what, !test.known)
		}
	}
}

// TestRememberedPages: pages are remembered as long as they are those that are known: where what a listing found
// isn't kept, the next one has nothing to go by, and finds the same.
func TestRememberedPages(t *testing.T) {
	r := newLargeRegion(2)
	l := &listing{region: &region{seed: maphash.MakeSeed(), room: &room{most: 1 << 20}}}
	known := []zonesource.Page{{Of: instanceForm.operation, Sum: zonesource.Sum{1}, Chunks: "0123456789abcdef"},
		{Of: cardForm.operation, Sum: zonesource.Sum{9}}, {Of: instanceForm.operation, Sum: zonesource.Sum{2}, Chunks: "x"}}
	l.pages.known = known
	if l.lastOf(&instanceForm) != nil || l.after(instanceForm.operation, &known[0]) != nil {
		t.Error("something is remembered before there was a listing")
	}
	for i, body := range r.pages[instanceForm.operation] {
		l.remember(instanceForm.operation, &page{sum: known[2*i].Sum, body: body})
	}
	l.keepPages()
	last := l.lastOf(&instanceForm)
	if last == nil || len(last.ids) != r.instances || l.after(instanceForm.operation, &known[0]) == nil ||
		l.after(instanceForm.operation, &known[2]) != nil || l.after(cardForm.operation, &known[1]) != nil {
		t.Error("it isn't what came that is remembered")
	}
	again := &listing{region: l.region}
	again.remember(instanceForm.operation, last.pages[0])
	again.remember(instanceForm.operation, last.pages[1])
	again.keepPages()
	if of := again.region.last[instanceForm.operation]; len(of.ids) != r.instances {
		t.Error("ids of the same pages are counted again")
	}
	for what, pages := range map[string][]zonesource.Page{
		"more pages": append(slices.Clone(known), known[0]), "fewer pages": known[:2], "none": nil,
		"another page":       {known[0], {Of: instanceForm.operation, Sum: zonesource.Sum{3}, Chunks: "x"}},
		"one that isn't cut": {known[0], {Of: instanceForm.operation, Sum: zonesource.Sum{2}}},
	} {
		l.pages.known = pages
		if l.lastOf(&instanceForm) != nil {
			t.Errorf("%s: they are taken for those that are remembered", what)
		}
	}
}

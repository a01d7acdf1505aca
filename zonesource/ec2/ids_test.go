package ec2

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"inside53/zonesource"
)

// TestPageIDs: of a page the ids are known that stand in it, and of a listing those of its pages alone.
func TestPageIDs(t *testing.T) {
	x := pageIDs{}
	page := func(sum byte) *zonesource.Page { return &zonesource.Page{Sum: zonesource.Sum{sum}} }
	raw := []byte("<reservationSet><item><instanceId>i-1</instanceId><instanceId>i-&lt;2</instanceId></item>" +
		"</reservationSet>")
	var ids []string
	x.of(&instanceForm, page(1), raw).each(func(id string) { ids = append(ids, id) })
	if !slices.Equal(ids, []string{"i-1", "i-&lt;2"}) {
		t.Errorf("ids %q", ids)
	}
	x.of(&instanceForm, page(2), nil)
	if x.of(&instanceForm, page(1), nil) == "" {
		t.Error("a page that is known is read again")
	}
	x.keep([]zonesource.Page{*page(2), *page(3)})
	if !slices.Equal(slices.Collect(maps.Keys(x)), []zonesource.Sum{{2}}) {
		t.Errorf("kept %v", x)
	}
}

// TestStays: whether all may have gone or some, what is noted stays, and nothing is noted twice.
func TestStays(t *testing.T) {
	list := []string{"a", "b", "b", "c", "d"}
	for _, some := range []bool{false, true} {
		s := newStays(list, func(s *string) string { return *s })
		if some {
			s.mayGo(map[string]bool{"b": false, "c": false, "x": false})
		} else {
			s.allMayGo()
			s.note("a")
			s.note("d")
		}
		s.note("c")
		s.note("x") // it is of no use: an instance that doesn't run
		if s.twice() {
			t.Errorf("some %t: something is there twice", some)
		}
		if got := s.merge([]string{"aa", "b", "e"}); !slices.Equal(got, []string{"a", "aa", "b", "c", "d", "e"}) {
			t.Errorf("some %t: %q", some, got)
		}
		if noted, mayGo := s.find("b"); noted || !mayGo {
			t.Errorf("some %t: b is noted %t, may go %t", some, noted, mayGo)
		}
		if _, mayGo := s.find("new"); mayGo == some {
			t.Errorf("some %t: what was elsewhere may go: %t", some, mayGo)
		}
		s.note("c")
		if !s.twice() {
			t.Errorf("some %t: c isn't there twice", some)
		}
	}
	s := newStays(list, func(s *string) string { return *s })
	s.mayGo(map[string]bool{"b": false})
	s.note("a")
	if !s.twice() {
		t.Error("what stands in a page that is the same and in another one isn't there twice")
	}
	if got := newStays(list, func(s *string) string { return *s }).merge(nil); !slices.Equal(got, list) {
		t.Errorf("where nothing may go: %q", got)
	}
	if got := newStays(nil, func(s *string) string { return *s }).merge(nil); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

// TestElsewhereAllTheTime: what a page tells that is another one now, and a page that is the same tells too, is one
// thing.
func TestElsewhereAllTheTime(t *testing.T) {
	r := newLargeRegion(2)
	again := r.listings(t, nil)
	page := &r.pages[instanceForm.operation][1]
	item := []byte("<item><reservationId>r-more</reservationId><instancesSet><item><instanceId>i-000000</instanceId>" +
		"<vpcId>vpc-1</vpcId><instanceState><code>16</code><name>running</name></instanceState>" +
		"<privateIpAddress>10.0.0.0</privateIpAddress></item></instancesSet></item></reservationSet>")
	*page = bytes.Replace(*page, []byte("</reservationSet>"), item, 1)
	again(false) // it sees how many there are
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

package resolver

import (
	"slices"
	"testing"

	"inside53/resolver/zone"
)

// TestMergeOfOccludedNames transfers what no answer shows: glue of sibling zones, addresses
// of the apex's name server below a cut, names below a DNAME and of a deeper zone; but not
// what a cut of an upper layer hides.
func TestMergeOfOccludedNames(t *testing.T) {
	w := newMergeWorld(t, 1)
	address := []byte{10, 0, 0, 1}
	upper, lower := w.trees[0].Edit(), w.trees[1].Edit()
	w.put(upper, "cut.m.example.", zone.TypeNS, zone.MustName("ns.other.m.example."))
	w.put(upper, "cut.m.example.", zone.TypeA, address)
	w.put(upper, "ns.cut.m.example.", zone.TypeA, address)
	w.put(upper, "deep.er.cut.m.example.", zone.TypeTXT, []byte("\x01x"))
	w.put(upper, "d.m.example.", zone.TypeDNAME, zone.MustName("e.example."))
	w.put(upper, "x.d.m.example.", zone.TypeA, address)
	w.put(upper, "child.m.example.", zone.TypeNS, zone.MustName("ns.child.m.example."))
	w.put(upper, "ns.child.m.example.", zone.TypeA, address)
	w.put(lower, "hidden.cut.m.example.", zone.TypeA, address)
	w.put(lower, "hidden.d.m.example.", zone.TypeA, address)
	w.trees[0], w.trees[1] = upper.Commit(), lower.Commit()
	snap, view, _ := w.snapshot()
	child := zone.NewTree(zone.MustName("child.m.example.")).Edit()
	w.put(child, "child.m.example.", zone.TypeSOA, soaRdata(mergeApex, mergeApex))
	apexes := append(slices.Clone(view.Apexes), zone.Apex{
		Name: zone.MustName("child.m.example."), Layers: []zone.Layer{zone.Layer(len(snap.Zones))},
		Forward: zone.NoForward,
	})
	snap.Zones = append(snap.Zones, zone.New(zone.Info{}, child.Commit(), 0))
	withChild := zone.NewView(zone.View{Name: view.Name, Index: view.Index, Apexes: apexes})
	snap.Views[view.Index] = withChild
	tree := New(nil, Options{}).NewMerger(nil).Merge(snap, w.live, withChild, withChild.Apex(mergeApex), false)
	for name, want := range map[string]uint16{
		"cut.m.example.": zone.TypeNS, "ns.cut.m.example.": zone.TypeA, "deep.er.cut.m.example.": zone.TypeTXT,
		"d.m.example.": zone.TypeDNAME, "x.d.m.example.": zone.TypeA,
		"child.m.example.": zone.TypeNS, "ns.child.m.example.": zone.TypeA,
	} {
		if !tree.Lookup(zone.MustName(name)).RRset(want).Exists() {
			t.Errorf("%s is not there", name)
		}
	}
	if !tree.Lookup(zone.MustName("cut.m.example.")).RRset(zone.TypeA).Exists() {
		t.Error("the address of the cut itself is not there")
	}
	for _, name := range []string{"hidden.cut.m.example.", "hidden.d.m.example."} {
		if tree.Lookup(zone.MustName(name)).Exists() {
			t.Errorf("%s is there, which the upper layer hides", name)
		}
	}
}

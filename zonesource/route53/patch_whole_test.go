package route53

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awssim"
)

// setText is a record set of the API; id is a set identifier, "" for none.
func setText(name, id, address string) string {
	if id != "" {
		id = "<SetIdentifier>" + id + "</SetIdentifier><Weight>1</Weight>"
	}
	return fmt.Sprintf("<ResourceRecordSet><Name>%s.a.example.</Name><Type>A</Type>%s<TTL>300</TTL><ResourceRecords>"+
		"<ResourceRecord><Value>%s</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>", name, id, address)
}

// TestPatchIsTheWhole: what is laid over the last zone is what the listing comes to that is decoded whole, or
// nothing is laid, where the listing isn't what Route 53 writes.
func TestPatchIsTheWhole(t *testing.T) {
	host := func(i int) string {
		return setText(fmt.Sprintf("host%05d", i), "", fmt.Sprintf("10.0.%d.%d", i/300, i%300%250))
	}
	group := func(id string) string { return setText("host00300", id, "10.7.0.1") }
	const changed = "10.9.9.9"
	for _, test := range []struct {
		name          string
		before, after [][3]string // page, what, in its place
		shifted       bool
	}{
		{name: "one value", after: [][3]string{{"0", "10.0.0.49", changed}}},
		{"a group that comes again at the border", [][3]string{
			{"0", "</ResourceRecordSets>", group("a") + group("b") + "</ResourceRecordSets>"},
			{"1", host(300), group("a") + group("b") + group("c")},
		}, [][3]string{{"0", host(299), setText("host00299", "", changed)}}, false},
		{"one name less, and one in two notations", nil, [][3]string{
			{"0", host(10), ""}, {"0", host(11), host(11) + setText("HOST00011", "", changed)}}, false},
		{"one name less, and one again elsewhere in another notation", nil, [][3]string{
			{"0", host(10), setText("hos\\164\\060\\060290", "", changed)}}, false},
		{"one name less, and one of another zone", nil, [][3]string{
			{"0", host(10), ""}, {"0", "host00011.a.example.", "host00011.b.example."}}, false},
		{"one name less, and one that is none", nil, [][3]string{{"0", host(10), setText("a..b", "", changed)}}, false},
		{"a page that doesn't begin where it should", nil, [][3]string{
			{"0", "<NextRecordType>A<", "<NextRecordType>AAAA<"}}, true},
	} {
		w := &changedWorld{pages: [][]byte{pageOf(0, 2), pageOf(1, 2)}}
		edit := func(all [][3]string) {
			for _, e := range all {
				page := &w.pages[e[0][0]-'0']
				is := bytes.Replace(*page, []byte(e[1]), []byte(e[2]), 1)
				if bytes.Equal(is, *page) {
					t.Fatalf("%s: no %.80s", test.name, e[1])
				}
				*page = is
			}
		}
		edit(test.before)
		l, z := w.lister(t, 600)
		list := func(known []zonesource.Page) *listing {
			found, err := l.listPages(t.Context(), z, known)
			if err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			return found
		}
		first := list(nil)
		kept := zonesource.Part{Key: zoneKey("Z1")}
		l.fill(&kept, z, first)
		kept.Pages = first.knownPages(l.source.program, kept.Zone.Tree.Stats().Names)
		edit(test.after)
		found := list(kept.Pages)
		if found.shifted != test.shifted {
			t.Errorf("%s: shifted is %t", test.name, found.shifted)
		}
		laid, err := l.patchOrDecode(t.Context(), z, kept, found)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		tree, problems := buildTree(z.hosted, list(nil).sets)
		is, its := tree, problems
		if laid == nil {
			is, its = buildTree(z.hosted, found.sets)
		} else {
			is, its = laid.tree, laid.problems
		}
		zone.Diff(tree, is, func(name []byte, was, now zone.RRset) bool {
			t.Errorf("%s: %s is %v, want %v", test.name, zone.String(name), now.Data, was.Data)
			return true
		})
		same(t, test.name+": problems", problems, its)
		if (laid != nil) != (test.name == "one value" || test.shifted) {
			t.Errorf("%s: laid over is %t", test.name, laid != nil)
		}
	}
}

// TestPatchUnderAmendments: what was accepted between two listings isn't a part of what the second one is laid over,
// whether Route 53 has it by then or not, and whatever else has changed.
func TestPatchUnderAmendments(t *testing.T) {
	w := &pagesWorld{cloud: simpleCloud(t, hosted{id: "Z1", name: "a.example.", sets: manySets("a.example.", 700)})}
	w.config.APIOptions = append(w.config.APIOptions, countDecoded(&w.decoded))
	w.restart(t.TempDir())
	w.refresh("the first", 702, 702)
	for i, inRoute53 := range []bool{false, true, false} {
		name := fmt.Sprintf("host%05d.a.example.", 100*i+7)
		set, err := zone.NewRecords(zone.TypeA, 300, []byte{10, 8, 8, byte(i)})
		if err != nil {
			t.Fatal(err)
		}
		a := &zonesource.Amendment{Source: Name, Zone: "Z1", Accepted: time.Now(),
			Sets: []zonesource.Amended{{Name: zone.MustName(name), Type: zone.TypeA, Set: set}}}
		err = w.keeper.Amend(a)
		if err != nil {
			t.Fatal(err)
		}
		other := fmt.Sprintf("host%05d.a.example.", 100*i+8) // often of the same chunk
		changes := []awssim.Change{{Action: "UPSERT", RecordSet: plainSet(other, "A", 300, "10.9.9.9")}}
		if inRoute53 {
			changes = append(changes, awssim.Change{Action: "UPSERT",
				RecordSet: plainSet(name, "A", 300, fmt.Sprintf("10.8.8.%d", i))})
		}
		_, err = w.sim.Change("Z1", changes...)
		if err != nil {
			t.Fatal(err)
		}
		part := w.refresh(fmt.Sprint("amended ", i), 1, 400)
		fresh := w.cloud.source(Options{})
		fresh.program = program()
		want := find(t, w.mustCycle(fresh), "zone/Z1")
		zone.Diff(want.Zone.Tree, part.Zone.Tree, func(name []byte, was, is zone.RRset) bool {
			t.Errorf("%d: %s is %v, want %v", i, zone.String(name), is.Data, was.Data)
			return true
		})
		if part.Sum != want.Sum || !slices.Equal(part.Pages, want.Pages) {
			t.Errorf("%d: another sum, or other pages", i)
		}
		served, _ := w.keeper.Kept(zoneKey("Z1"))
		if got := lookup(served.Zone.Tree, name, zone.TypeA).First(); !bytes.Equal(got, []byte{10, 8, 8, byte(i)}) {
			t.Errorf("%d: served is %v", i, got)
		}
	}
	err := w.keeper.Close()
	if err != nil {
		t.Error(err)
	}
}

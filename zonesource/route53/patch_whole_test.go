package route53

import (
	"bytes"
	"fmt"
	"testing"

	"inside53/resolver/zone"
	"inside53/zonesource"
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

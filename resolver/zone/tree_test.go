package zone

import (
	"errors"
	"fmt"
	"maps"
	"testing"
)

// contents is the slow tree: RRsets by name and type.
type contents map[string]map[uint16]RRset

func (c contents) put(name []byte, s RRset) {
	if c[string(name)] == nil {
		c[string(name)] = map[uint16]RRset{}
	}
	s.Data = append([]byte(nil), s.Data...)
	c[string(name)][s.Type] = s
}

func (c contents) remove(name []byte, rrtype uint16) bool {
	_, was := c[string(name)][rrtype]
	delete(c[string(name)], rrtype)
	if len(c[string(name)]) == 0 {
		delete(c, string(name))
	}
	return was
}

func (c contents) clone() contents {
	out := make(contents, len(c))
	for name, sets := range c {
		out[name] = maps.Clone(sets)
	}
	return out
}

// existing returns each name that exists by RFC 4592 section 2.2.2, the apex
// always, and how many names stand directly below it.
func (c contents) existing(apex []byte) map[string]uint32 {
	all := map[string]uint32{string(apex): 0}
	for name := range c {
		for name != string(apex) {
			_, known := all[name]
			if known {
				break
			}
			all[name] = 0
			name = name[int(name[0])+1:]
		}
	}
	for name := range all {
		if name != string(apex) {
			all[name[int(name[0])+1:]]++
		}
	}
	return all
}

func (c contents) stats(apex []byte) Stats {
	var s Stats
	for name, sets := range c {
		s.Names++
		for t, set := range sets {
			s.RRsets++
			s.Records += int(set.Count)
			s.Sets++
			if set.Kind == Group {
				s.Sets += int(set.Count) - 1
			}
			if set.Kind == Unservable {
				s.Unservable++
			}
			if t == TypeDNAME || t == TypeNS && name != string(apex) {
				s.Cuts++
			}
		}
	}
	return s
}

// check compares a tree with its contents, and its pages with what the layout
// promises.
func check(t *testing.T, tree *Tree, want contents) {
	t.Helper()
	if got, want := tree.Stats(), want.stats(tree.Apex()); got != want {
		t.Fatalf("stats %+v, want %+v", got, want)
	}
	exists := want.existing(tree.Apex())
	seen := map[string]bool{}
	tree.All(func(name []byte, n Node) bool {
		if seen[string(name)] {
			t.Fatalf("All visits %s twice", String(name))
		}
		seen[string(name)] = true
		children, ok := exists[string(name)]
		if !ok {
			t.Fatalf("All visits %s, which doesn't exist", String(name))
		}
		if n.n.children() != children {
			t.Fatalf("%s has %d children, want %d", String(name), n.n.children(), children)
		}
		checkNode(t, tree, name, n, want[string(name)])
		return true
	})
	if len(seen) != len(exists) {
		t.Fatalf("All visits %d names, want %d", len(seen), len(exists))
	}
	for name := range exists {
		checkNode(t, tree, []byte(name), tree.Lookup([]byte(name)), want[name])
	}
	checkPages(t, tree)
}

func checkNode(t *testing.T, tree *Tree, name []byte, n Node, want map[uint16]RRset) {
	t.Helper()
	if !n.Exists() || n.Empty() != (len(want) == 0) {
		t.Fatalf("%s: exists %t, empty %t; want RRsets of %d types", String(name), n.Exists(), n.Empty(), len(want))
	}
	last, count := -1, 0
	n.RRsets(func(s RRset) bool {
		if int(s.Type) <= last {
			t.Fatalf("%s: type %d after type %d", String(name), s.Type, last)
		}
		last = int(s.Type)
		count++
		if !s.Equal(want[s.Type]) || !n.RRset(s.Type).Equal(s) {
			t.Fatalf("%s type %d: %+v, by type %+v, want %+v", String(name), s.Type, s, n.RRset(s.Type), want[s.Type])
		}
		return true
	})
	if count != len(want) {
		t.Fatalf("%s: %d RRsets, want %d", String(name), count, len(want))
	}
	_, cname := want[TypeCNAME]
	_, dname := want[TypeDNAME]
	_, ns := want[TypeNS]
	cut := ns && string(name) != string(tree.Apex())
	if n.HasCNAME() != cname || n.HasDNAME() != dname || n.IsCut() != cut {
		t.Fatalf("%s: CNAME %t DNAME %t cut %t, want %t %t %t", String(name), n.HasCNAME(), n.HasDNAME(), n.IsCut(), cname,
			dname, cut)
	}
	for _, absent := range []uint16{0, 99, TypeANY} {
		if _, there := want[absent]; !there && n.RRset(absent).Exists() {
			t.Fatalf("%s has type %d", String(name), absent)
		}
	}
}

// checkPages walks the trie: every slot's page is right for its place, full
// pages were split, and no waste is left.
func checkPages(t *testing.T, tree *Tree) (pages, levels int) {
	t.Helper()
	var walk func(c child, bits uint, path uint64)
	walk = func(c child, bits uint, path uint64) {
		levels = max(levels, int(bits/8))
		if c.inner == nil {
			pages++
			p := c.page
			if p.waste != 0 || p.nodes > maxNodes && bits < 56 {
				t.Fatalf("page of %d nodes with %d octets of waste at %d bits", p.nodes, p.waste, bits)
			}
			live := 0
			p.each(func(n node) bool {
				live++
				h := HashName(append(append([]byte(nil), n.prefix()...), tree.apex...))
				if h != n.hash() {
					t.Fatalf("node %q has a wrong hash", n.prefix())
				}
				return true
			})
			if live != p.nodes {
				t.Fatalf("page has %d nodes and counts %d", live, p.nodes)
			}
			return
		}
		if c.page != nil {
			t.Fatal("a child is both page and inner node")
		}
		for i := range c.inner.slots {
			s := c.inner.slots[i]
			if s.page == nil {
				walk(s, bits+8, path|uint64(i)<<bits)
				continue
			}
			low := i & (1<<s.page.depth - 1)
			if c.inner.slots[low].page != s.page {
				t.Fatalf("slots %d and %d differ, but share %d bits", i, low, s.page.depth)
			}
			if i != low {
				continue
			}
			mask := uint64(1)<<(bits+uint(s.page.depth)) - 1
			want := path | uint64(i)<<bits
			s.page.each(func(n node) bool {
				if n.hash()&mask != want&mask {
					t.Fatalf("node %q is in a foreign page", n.prefix())
				}
				return true
			})
			walk(s, bits+8, want)
		}
	}
	walk(tree.root, 0, 0)
	return pages, levels
}

func TestTreeAgainstMap(t *testing.T) {
	for seed := range uint64(18) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			apex := []string{"example.com.", "."}[seed%2]
			g := newGenerator(seed, apex, []int{3, 30, 3000}[seed%3])
			tree, c := NewTree(g.apex), contents{}
			type version struct {
				tree *Tree
				want contents
			}
			old := []version{{tree, c.clone()}}
			for round := range 10 {
				e := tree.Edit()
				g.edit(t, e, c, 1+g.IntN(800), []int{20, 20, 20, 60, 90}[round%5])
				tree = e.Commit()
				check(t, tree, c)
				old = append(old, version{tree, c.clone()})
			}
			e := tree.Edit()
			for name, sets := range c.clone() {
				for rrtype := range sets {
					if !e.Delete([]byte(name), rrtype) {
						t.Fatalf("%s type %d can't be deleted", String([]byte(name)), rrtype)
					}
				}
			}
			check(t, e.Commit(), contents{})
			for _, v := range old {
				check(t, v.tree, v.want)
			}
		})
	}
}

// TestTreeLevels grows a tree past the 256 pages of one level, and down again.
func TestTreeLevels(t *testing.T) {
	g := newGenerator(1, "example.com.", 1)
	tree, c := NewTree(g.apex), contents{}
	s, _ := NewRecords(TypeA, 60, []byte{10, 0, 0, 1})
	const names = 60000
	name := func(i int) []byte { return MustName(fmt.Sprintf("h%d.example.com.", i)) }
	e := tree.Edit()
	for i := range names {
		err := e.Put(name(i), s)
		if err != nil {
			t.Fatal(err)
		}
		c.put(name(i), s)
	}
	full := e.Commit()
	check(t, full, c)
	pages, levels := checkPages(t, full)
	if levels != 2 || pages < names/maxNodes || pages > 4*names/maxNodes {
		t.Errorf("%d names in %d pages on %d levels", names, pages, levels)
	}

	e = full.Edit()
	few := contents{}
	for i := range names {
		if i%1000 == 0 {
			few.put(name(i), s)
		} else if !e.Delete(name(i), TypeA) {
			t.Fatalf("h%d can't be deleted", i)
		}
	}
	check(t, e.Commit(), few)
	check(t, full, c)
}

// TestChangeSharesPages: a change copies one page for each name that it writes to.
func TestChangeSharesPages(t *testing.T) {
	g := newGenerator(1, "example.com.", 1)
	s, _ := NewRecords(TypeA, 60, []byte{10, 0, 0, 1})
	tree := NewTree(g.apex)
	e := tree.Edit()
	for i := range 30000 {
		_ = e.Put(MustName(fmt.Sprintf("h%d.example.com.", i)), s)
	}
	tree = e.Commit()
	shared := func(a, b *Tree) (own int) {
		known := map[*page]bool{}
		a.root.pages(func(p *page) bool { known[p] = true; return true })
		b.root.pages(func(p *page) bool {
			if !known[p] {
				own++
			}
			return true
		})
		return own
	}

	other, _ := NewRecords(TypeA, 60, []byte{10, 0, 0, 2})
	e = tree.Edit()
	_ = e.Put(MustName("h77.example.com."), other)
	if own := shared(tree, e.Commit()); own != 1 {
		t.Errorf("changing an RRset made %d pages, want 1", own)
	}
	// A new name also counts in its parent; either page may have split.
	e = tree.Edit()
	_ = e.Put(MustName("new.example.com."), other)
	if own := shared(tree, e.Commit()); own > 4 {
		t.Errorf("adding a name made %d pages", own)
	}
	e = tree.Edit()
	if e.Delete(MustName("none.example.com."), TypeA) || e.Delete(MustName("h77.example.com."), TypeTXT) {
		t.Error("deleting what isn't there reported that it was")
	}
	if own := shared(tree, e.Commit()); own != 0 {
		t.Errorf("deleting nothing made %d pages", own)
	}
}

// TestEqualHashes: names whose hashes share all bits that the trie uses stay in one
// page, beyond its usual size, until it is full; then the edit says so.
func TestEqualHashes(t *testing.T) {
	tree := NewTree(MustName("."))
	e := tree.Edit()
	const hash = 0x11_2233_4455_6677
	names := fullPage - 1 // the apex may be there too
	prefix := func(i int) []byte { return []byte(fmt.Sprintf("\x05%05d", i)) }
	s, _ := NewRecords(TypeA, 60, []byte{10, 0, 0, 1})
	for i := range names {
		e.set(newNode(hash|uint64(i%3)<<60, prefix(i), 0, []RRset{s}))
	}
	if e.err != nil {
		t.Fatal(e.err)
	}
	tree = e.Commit()
	full := tree.Edit()
	for i := range indexSize {
		full.set(newNode(hash, prefix(names+i), 0, []RRset{s}))
	}
	if err := full.Put(MustName("www."), s); !errors.Is(err, ErrCollisions) {
		t.Errorf("a page filled up and the edit said %v", err)
	}
	for i := range names {
		if !tree.Find(hash|uint64(i%3)<<60, prefix(i)).RRset(TypeA).Equal(s) {
			t.Fatalf("name %d is lost", i)
		}
	}
	if tree.Find(hash, prefix(names)).Exists() {
		t.Error("found a name that isn't there")
	}
}

// TestSplitGoesOn: a page whose names share many bits is split until they part.
func TestSplitGoesOn(t *testing.T) {
	tree := NewTree(MustName("."))
	e := tree.Edit()
	for i := range uint64(maxNodes + 1) {
		e.set(newNode(i<<20, fmt.Appendf(nil, "\x05%05d", i), 0, nil))
	}
	e.Commit().root.pages(func(p *page) bool {
		if p.nodes > maxNodes {
			t.Errorf("a page of %d names was left", p.nodes)
		}
		return true
	})
}

// TestRewriting puts large RRsets over and over in one edit: superseded data must
// not pile up past what a page can address.
func TestRewriting(t *testing.T) {
	apex := MustName("example.com.")
	for _, others := range []int{0, 1, 10} {
		e := NewTree(apex).Edit()
		c := contents{}
		small, _ := NewRecords(TypeA, 60, []byte{10, 0, 0, 1})
		for i := range others {
			name := MustName(fmt.Sprintf("h%d.example.com.", i))
			_ = e.Put(name, small)
			c.put(name, small)
		}
		for i := range 1200 { // 72 MB; a page addresses 64
			s, _ := NewRecords(TypeTXT, uint32(i), make([]byte, 60000))
			err := e.Put(apex, s)
			if err != nil {
				t.Fatal(err)
			}
			c.put(apex, s)
			p := e.own(e.tree.apexHash)
			if len(p.data) > 4*maxPageData {
				t.Fatalf("with %d others, put %d: the page has grown to %d octets", others, i, len(p.data))
			}
		}
		check(t, e.Commit(), c)
	}
}

func TestPutRefuses(t *testing.T) {
	s, _ := NewRecords(TypeA, 60, []byte{10, 0, 0, 1})
	e := NewTree(MustName("example.com.")).Edit()
	for _, test := range []struct {
		what string
		name []byte
		set  RRset
		want error
	}{
		{"a sibling", MustName("example.org."), s, ErrOutOfZone},
		{"the parent", MustName("com."), s, ErrOutOfZone},
		{"a name that ends alike", MustName("anexample.com."), s, ErrOutOfZone},
		{"the apex in a label", []byte("\x0cxexample\x03com\x00"), s, ErrOutOfZone},
		{"no name", nil, s, ErrName},
		{"a cut name", []byte("\x03www"), s, ErrName},
		{"a pointer", []byte("\xc0\x0c"), s, ErrName},
		{"more than a name", append(MustName("example.com."), 0), s, ErrName},
	} {
		err := e.Put(test.name, test.set)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.what, err, test.want)
		}
		if e.Delete(test.name, TypeA) {
			t.Errorf("%s: deleted", test.what)
		}
	}
	if e.Put(MustName("example.com."), RRset{Type: TypeA}) == nil {
		t.Error("put an RRset of no kind")
	}
	check(t, e.Commit(), contents{})
}

func TestSpentEditPanics(t *testing.T) {
	e := NewTree(MustName(".")).Edit()
	e.Commit()
	defer func() {
		if recover() == nil {
			t.Error("an edit can be used after its commit")
		}
	}()
	e.Delete(MustName("a."), TypeA)
}

func TestLookupOutside(t *testing.T) {
	tree := NewTree(MustName("example.com."))
	for _, name := range []string{".", "com.", "example.org.", "xexample.com."} {
		if tree.Lookup(MustName(name)).Exists() {
			t.Errorf("%s exists", name)
		}
	}
	var none Node
	if none.Exists() || !none.Empty() || none.HasCNAME() || none.IsCut() || none.HasDNAME() || none.RRset(TypeA).Exists() {
		t.Error("the zero Node is something")
	}
	none.RRsets(func(s RRset) bool { t.Errorf("the zero Node has type %d", s.Type); return true })
	if !tree.Lookup(MustName("example.com.")).Exists() {
		t.Error("the apex doesn't exist")
	}
}

func TestAllStops(t *testing.T) {
	g := newGenerator(7, "example.com.", 100)
	e := NewTree(g.apex).Edit()
	g.edit(t, e, contents{}, 500, 0)
	visits := 0
	e.Commit().All(func([]byte, Node) bool { visits++; return visits < 3 })
	if visits != 3 {
		t.Errorf("visited %d names, want 3", visits)
	}
}

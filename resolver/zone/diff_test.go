package zone

import (
	"fmt"
	"testing"
)

type change struct{ was, is RRset }

// differences is the slow diff, keyed by name and type.
func differences(was, is contents) map[string]change {
	all := map[string]change{}
	key := func(name string, t uint16) string { return fmt.Sprintf("%s/%d", String([]byte(name)), t) }
	for name, sets := range is {
		for t, s := range sets {
			if !s.Equal(was[name][t]) {
				all[key(name, t)] = change{was[name][t], s}
			}
		}
	}
	for name, sets := range was {
		for t, s := range sets {
			if !is[name][t].Exists() {
				all[key(name, t)] = change{was: s}
			}
		}
	}
	return all
}

func checkDiff(t *testing.T, was, is *Tree, want map[string]change) {
	t.Helper()
	got := map[string]change{}
	Diff(was, is, func(name []byte, a, b RRset) bool {
		key := fmt.Sprintf("%s/%d", String(name), max(a.Type, b.Type))
		_, twice := got[key]
		if twice {
			t.Fatalf("%s is reported twice", key)
		}
		got[key] = change{a, b}
		return true
	})
	if len(got) != len(want) {
		t.Fatalf("%d differences, want %d", len(got), len(want))
	}
	for key, w := range want {
		g := got[key]
		if !g.was.Equal(w.was) || !g.is.Equal(w.is) {
			t.Fatalf("%s: %+v, want %+v", key, g, w)
		}
	}
}

func TestDiffAndRebase(t *testing.T) {
	for seed := range uint64(18) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			g := newGenerator(seed, "example.com.", []int{5, 40, 4000}[seed%3])
			steps := []int{50, 1500, 4000}[seed/3%3]
			c := contents{}
			e := NewTree(g.apex).Edit()
			g.edit(t, e, c, steps, 20)
			a := e.Commit()

			next := c.clone()
			e = a.Edit()
			g.edit(t, e, next, []int{1, 30, 4000}[seed%3], 50)
			b := e.Commit()
			want := differences(c, next)
			checkDiff(t, a, b, want)
			checkDiff(t, b, a, differences(next, c))
			checkDiff(t, a, a, nil)

			// The same content laid out anew shares nothing and may have other pages.
			e = NewTree(g.apex).Edit()
			for name, sets := range next {
				for _, s := range sets {
					_ = e.Put([]byte(name), s)
				}
			}
			fresh := e.Commit()
			checkDiff(t, b, fresh, nil)
			checkDiff(t, a, fresh, want)
			checkDiff(t, fresh, a, differences(next, c))
			checkDiff(t, NewTree(g.apex), b, differences(contents{}, next))
			checkDiff(t, b, NewTree(g.apex), differences(next, contents{}))

			rebased, changes := a.Rebase(fresh)
			if changes != len(want) || (changes == 0) != (rebased == a) {
				t.Fatalf("rebased with %d changes, want %d; the same tree: %t", changes, len(want), rebased == a)
			}
			check(t, rebased, next)
			check(t, a, c)
			same, changes := rebased.Rebase(b)
			if same != rebased || changes != 0 {
				t.Fatalf("rebasing onto equal content made %d changes", changes)
			}
			known := map[*page]bool{}
			a.root.pages(func(p *page) bool { known[p] = true; return true })
			own := 0
			rebased.root.pages(func(p *page) bool {
				if !known[p] {
					own++
				}
				return true
			})
			if own > 2*MaxLabels*len(want) { // a deep name makes a node for each of its labels
				t.Errorf("%d changes made %d pages", len(want), own)
			}
		})
	}
}

// TestDiffStops: nothing is reported after yield said no.
func TestDiffStops(t *testing.T) {
	g := newGenerator(3, "example.com.", 500)
	c := contents{}
	e := NewTree(g.apex).Edit()
	g.edit(t, e, c, 3000, 0)
	full := e.Commit()
	empty := NewTree(g.apex)
	for _, pair := range [][2]*Tree{{empty, full}, {full, empty}} {
		for stop := 1; stop < 40; stop++ {
			visits := 0
			Diff(pair[0], pair[1], func([]byte, RRset, RRset) bool { visits++; return visits < stop })
			if visits != stop {
				t.Fatalf("visited %d differences, want %d", visits, stop)
			}
		}
	}
}

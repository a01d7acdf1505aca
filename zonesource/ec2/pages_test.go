package ec2

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"inside53/zonesource"
)

// TestUnchangedRegionIsNotDecoded: pages that are those of the last listing, but for ids of
// requests and tokens, aren't decoded, by the next listing or after a start; what comes of
// them is the same; and one page that differs is seen.
func TestUnchangedRegionIsNotDecoded(t *testing.T) {
	for _, size := range []int{0, 2} { // all on one page, and two on a page
		t.Run(fmt.Sprint(size), func(t *testing.T) { unchangedRegion(t, size) })
	}
}

func unchangedRegion(t *testing.T, size int) {
	l := newLab(t, size)
	o := l.options()
	o.LoadBalancers = true
	var kept zonesource.Part
	o.Kept = func(zonesource.Key) (zonesource.Part, bool) { return kept, kept.Region != nil }
	program := zonesource.Sum{1}
	o.Program = func() zonesource.Sum { return program }
	refresh := func(what string) int {
		t.Helper()
		l.mu.Lock()
		l.decoded = 0
		l.mu.Unlock()
		part := list(t, o)
		if kept.Region != nil {
			if diff := cmp.Diff(kept.Region, part.Region, compareAddrs); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
			if diff := cmp.Diff(kept.Problems, part.Problems); diff != "" {
				t.Errorf("%s: problems (-want +got):\n%s", what, diff)
			}
		}
		kept = part
		kept.Listed = time.Time{} // long ago
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.decoded
	}
	all := refresh("the first")
	if all < 5 || len(kept.Pages) == 0 {
		t.Fatalf("%d pages decoded, %d remembered", all, len(kept.Pages))
	}
	// After a start what later listings fall back on is read: peerings and balancers.
	if n := refresh("after a start"); n > 2 && size == 0 || n >= all/2 {
		t.Errorf("%d of %d pages decoded after a start", n, all)
	}
	kept.Pages[len(kept.Pages)-1].Sum[0]++
	if n := refresh("a page differs"); n > 2 && size == 0 || n >= all/2 {
		t.Errorf("%d of %d pages decoded where one differs", n, all)
	}
	program[0]++
	if n := refresh("another program"); n != all {
		t.Errorf("%d pages decoded, want %d", n, all)
	}
	o.NameTag = "other"
	kept.Region.Hosts = nil // whatever it is, nothing of it stays
	l.decoded = 0
	if part := list(t, o); len(part.Region.Hosts) == 0 || l.decoded != all {
		t.Errorf("other options: %d pages decoded, %d hosts", l.decoded, len(part.Region.Hosts))
	}
}

// TestStartGoesOnFromSavedTimes: a region that was listed less than a refresh ago isn't
// listed at a start.
func TestStartGoesOnFromSavedTimes(t *testing.T) {
	l := newLab(t, 0)
	o := l.options()
	kept := list(t, o)
	o.Kept = func(zonesource.Key) (zonesource.Part, bool) { return kept, true }
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	r := s.newRegion(o.Accounts[0], o.Regions[0])
	r.salt = s.o.saltOf(r.account)
	if d := r.startAfter(); d < 59*time.Minute || d > time.Hour {
		t.Errorf("first listing after %s, want an hour", d)
	}
	kept.Listed = kept.Listed.Add(-2 * time.Hour)
	if d := r.startAfter(); d != 0 {
		t.Errorf("what is old is listed after %s", d)
	}
	kept.Listed, kept.Sum = time.Now(), zonesource.Sum{}
	if d := r.startAfter(); d != 0 {
		t.Errorf("what was made of something else is listed after %s", d)
	}
}

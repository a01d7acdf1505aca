package zonesource

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestListed: what was accepted or read lies over a listing, which stays to be compared with the next one.
func TestListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hostedConfig(), "")
		b.start()
		defer b.end()
		begin := time.Now()
		listing := func(seconds int, sum byte, line string) Part {
			p := publicZone(t, "Z1", "one.example.", line)
			p.Listed, p.Sum, p.Pages = begin.Add(time.Duration(seconds)*time.Second), Sum{sum}, []Page{{Items: int(sum)}}
			return p
		}
		want := func(when string, sum byte, address, served string) {
			t.Helper()
			p, good := b.Listed(zoneKey("route53", "Z1"))
			if !good || p.Sum != (Sum{sum}) || len(p.Pages) != 1 || p.Pages[0].Items != int(sum) {
				t.Errorf("%s: listed with sum %d, %v", when, p.Sum[0], p.Pages)
			}
			if got := addressesOf(p.Zone.Tree); got != address {
				t.Errorf("%s: listed is %q, want %q", when, got, address)
			}
			if got := b.addresses(); got != served {
				t.Errorf("%s: served is %q, want %q", when, got, served)
			}
		}
		const one, two, three = "a.one.example. 1", "a.one.example. 2", "a.one.example. 3"
		b.deliver(listing(0, 1, "a.one.example. 192.0.2.1"))
		want("before", 1, one, one)
		var all []*Amendment
		for i, text := range []string{"a.one.example. 4", two} { // one over the other
			a := amendmentOf(t, begin.Add(time.Duration(10+i)*time.Second), text)
			err := b.Amend(a)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, a)
			want("amended", 1, one, text)
		}
		b.deliver(listing(5, 1, "a.one.example. 192.0.2.1"))
		want("listed from before", 1, one, two)
		b.deliver(listing(20, 3, "a.one.example. 192.0.2.3"))
		want("listed, and not everywhere yet", 3, three, two)
		for _, a := range all {
			b.Synced(a)
		}
		b.deliver(listing(30, 4, "a.one.example. 192.0.2.3"))
		want("outlived", 4, three, three)
	})
}

// TestSwitchBeforeRun has other sources be wanted before the keeper runs: these run, and not those that it begins with.
func TestSwitchBeforeRun(t *testing.T) {
	b := newBench(t, Config{}, "")
	begun := b.source
	wanted := newHandSource()
	b.Switch(wanted)
	b.start()
	defer b.end()
	select {
	case wanted.parts <- Part{Key: Key{Source: "test", Name: "wanted"}}:
	case begun.parts <- Part{Key: Key{Source: "test", Name: "begun"}}:
		t.Error("what isn't wanted any more runs")
	case <-time.After(10 * time.Second):
		t.Error("no source runs")
	}
}

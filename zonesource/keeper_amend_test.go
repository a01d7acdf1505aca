package zonesource

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"inside53/resolver/zone"
)

// addresses are the records of names in the zone Z1 as published.
func (b *bench) addresses() string { return addressesOf(b.snapshot().Zones[0].Tree) }

func addressesOf(tree *zone.Tree) string {
	var out []string
	for name, n := range tree.All {
		for d := range n.RRset(zone.TypeA).Rdata() {
			out = append(out, zone.String(name)+" "+string('0'+rune(d[3])))
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// amendmentOf is a change of Z1: names with the last octet of their address, "-" for
// deleted ones.
func amendmentOf(t *testing.T, accepted time.Time, texts ...string) *Amendment {
	t.Helper()
	a := &Amendment{Source: "route53", Zone: "Z1", Accepted: accepted}
	for _, text := range texts {
		name, last, _ := strings.Cut(text, " ")
		s := Amended{Name: zone.MustName(name), Type: zone.TypeA}
		if last != "-" {
			var err error
			s.Set, err = zone.NewRecords(zone.TypeA, 300, []byte{192, 0, 2, last[0] - '0'})
			if err != nil {
				t.Fatal(err)
			}
		}
		a.Sets = append(a.Sets, s)
	}
	return a
}

// TestAmend has changes that were accepted lie over listings for as long as they have
// to, and no longer.
func TestAmend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hostedConfig(), "")
		b.start()
		defer b.end()
		begin := time.Now()
		at := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
		z1 := func(seconds int, lines ...string) Part {
			p := publicZone(t, "Z1", "one.example.", lines...)
			p.Listed = at(seconds)
			return p
		}
		want := func(when, text string) {
			t.Helper()
			if got := b.addresses(); got != text {
				t.Errorf("%s: served is %q, want %q", when, got, text)
			}
		}
		old := []string{"a.one.example. 192.0.2.1", "b.one.example. 192.0.2.1"}
		b.deliver(z1(0, old...))
		var ended []string
		note := func(name string) func([]Amended) {
			return func(different []Amended) {
				for _, d := range different {
					name += " " + zone.String(d.Name)
				}
				ended = append(ended, name)
			}
		}
		first := amendmentOf(t, at(10), "a.one.example. 2", "b.one.example. -", "c.one.example. 3")
		first.Ended = note("first")
		before := b.publications()
		err := b.Amend(first)
		if err != nil {
			t.Fatal(err)
		}
		const amended = "a.one.example. 2 c.one.example. 3"
		want("at once", amended)
		if b.publications() != before+1 {
			t.Error("not published before it returned")
		}
		b.deliver(z1(5, old...))
		want("a listing that began before", amended)
		if b.publications() != before+1 {
			t.Error("published again for nothing")
		}
		b.deliver(z1(20, old...))
		want("a listing that began after, the change isn't everywhere", amended)
		b.Synced(first)
		b.deliver(z1(9, old...))
		want("in sync, a listing that began before", amended)
		b.deliver(failing(zoneKey("route53", "Z1"), "throttled"))
		want("a listing that failed", amended)
		second := amendmentOf(t, at(30), "c.one.example. 5")
		second.Ended = note("second")
		err = b.Amend(second)
		if err != nil {
			t.Fatal(err)
		}
		b.deliver(z1(25, "a.one.example. 192.0.2.7", "b.one.example. 192.0.2.1"))
		want("the first has ended, the second not", "a.one.example. 7 b.one.example. 1 c.one.example. 5")
		if got := strings.Join(ended, ", "); got != "first a.one.example. b.one.example." {
			t.Errorf("ended: %s", got)
		}
		time.Sleep(11 * time.Minute) // it never gets in sync
		b.deliver(z1(700, "a.one.example. 192.0.2.7"))
		want("ten minutes later", "a.one.example. 7")
		if got := strings.Join(ended, ", "); got != "first a.one.example. b.one.example., second c.one.example." {
			t.Errorf("ended: %s", got)
		}
		if len(b.amendments) != 0 {
			t.Errorf("%d amendments are left", len(b.amendments))
		}
	})
}

// TestAmendLate: what was read of a zone before a change was accepted doesn't take it
// back, though it is told later.
func TestAmendLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hostedConfig(), "")
		b.start()
		defer b.end()
		begin := time.Now()
		z1 := func(seconds int) Part {
			p := publicZone(t, "Z1", "one.example.", "a.one.example. 192.0.2.1", "b.one.example. 192.0.2.1")
			p.Listed = begin.Add(time.Duration(seconds) * time.Second)
			return p
		}
		b.deliver(z1(0))
		newer := amendmentOf(t, begin.Add(20*time.Second), "a.one.example. 3")
		older := amendmentOf(t, begin.Add(10*time.Second), "a.one.example. 2", "b.one.example. 2")
		for _, a := range []*Amendment{newer, older} {
			err := b.Amend(a)
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, when := range []string{"at once", "after a listing"} {
			if got := b.addresses(); got != "a.one.example. 3 b.one.example. 2" {
				t.Errorf("%s: served is %q", when, got)
			}
			b.deliver(z1(5))
		}
	})
}

// TestAmendAndGuard has the guard see zones as they are served.
func TestAmendAndGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hostedConfig(), "")
		b.start()
		defer b.end()
		begin := time.Now()
		full := numbered("one.example.", 0, 40)
		p := publicZone(t, "Z1", "one.example.", full...)
		p.Listed = begin
		b.deliver(p)
		var lost, names []string
		for _, line := range full[:25] {
			name, _, _ := strings.Cut(line, " ")
			lost = append(lost, name+" -")
			names = append(names, name)
		}
		a := amendmentOf(t, begin.Add(time.Second), lost...)
		err := b.Amend(a)
		if err != nil {
			t.Fatal(err)
		}
		b.Synced(a)
		p = publicZone(t, "Z1", "one.example.", full[25:]...)
		p.Listed = begin.Add(time.Minute)
		b.deliver(p)
		if got := b.names(); strings.Count(got, " ") != 14 || b.Status().Sources["route53"].Pending != 0 {
			t.Errorf("after %d deletions there is %q", len(names), got)
		}
		// What is added to a zone that has shrunk is served when that is accepted.
		p = publicZone(t, "Z1", "one.example.")
		p.Listed = begin.Add(2 * time.Minute)
		b.deliver(p)
		err = b.Amend(amendmentOf(t, begin.Add(3*time.Minute), "new.one.example. 1"))
		if err != nil {
			t.Fatal(err)
		}
		err = b.Accept("Z1")
		if err != nil {
			t.Fatal(err)
		}
		if got := b.names(); got != "new.one.example." {
			t.Errorf("accepted: %q", got)
		}
	})
}

// TestAmendEarly has a change wait for its zone.
func TestAmendEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hostedConfig(), "")
		b.start()
		defer b.end()
		begin := time.Now()
		err := b.Amend(amendmentOf(t, begin.Add(time.Second), "a.one.example. 2"))
		if err != nil {
			t.Fatal(err)
		}
		p := publicZone(t, "Z1", "one.example.", "b.one.example. 192.0.2.1")
		p.Listed = begin
		b.deliver(p)
		if got := b.addresses(); got != "a.one.example. 2 b.one.example. 1" {
			t.Errorf("served is %q", got)
		}
		if zones := b.Hosted(); len(zones) != 1 || zones[0].ID != "Z1" {
			t.Errorf("hosted are %v", zones)
		}
	})
}

// TestAmendUnwanted ends the changes of a zone that a new configuration is without:
// no listing will.
func TestAmendUnwanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hostedConfig(), "")
		b.start()
		defer b.end()
		begin := time.Now()
		b.deliver(publicZone(t, "Z1", "one.example."))
		a := amendmentOf(t, begin, "a.one.example. 2")
		ended := 0
		a.Ended = func(different []Amended) { ended += 1 + len(different) }
		err := b.Amend(a)
		if err != nil {
			t.Fatal(err)
		}
		cfg := hostedConfig()
		cfg.Hosted.Zones = []string{"other.example."}
		err = b.Reconfigure(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if ended != 1 || len(b.amendments) != 0 {
			t.Errorf("ended %d times, %d amendments are left", ended, len(b.amendments))
		}
	})
}

// TestPrimaries puts the configured name into the SOA record of one zone.
func TestPrimaries(t *testing.T) {
	for _, tt := range []struct {
		primary PrimaryName
		zone    string // whose SOA has it
	}{
		{PrimaryName{ID: "Z1"}, "Z1"},
		{PrimaryName{Apex: zone.MustName("one.example.")}, "Z1"},
		{PrimaryName{Apex: zone.MustName("one.example."), Private: true}, "Z2"},
		{PrimaryName{Apex: zone.MustName("one.example."), Private: true, VPC: "vpc-a"}, "Z2"},
		{PrimaryName{Apex: zone.MustName("one.example."), Private: true, VPC: "vpc-b"}, ""},
	} {
		cfg := hostedConfig()
		tt.primary.Primary = zone.MustName("inside.example.")
		cfg.Primaries = []PrimaryName{tt.primary}
		c, err := Compile(nil, cfg, partsOf(publicZone(t, "Z1", "one.example."),
			privateZone(t, "Z2", "one.example.", "vpc-a")), noon)
		if err != nil {
			t.Fatal(err)
		}
		for _, z := range c.Snapshot.Zones {
			rdata := z.Tree.Lookup(z.Apex).RRset(zone.TypeSOA).First()
			has := strings.HasPrefix(string(rdata), string(tt.primary.Primary))
			if has != (z.ID == tt.zone) || len(z.Negative.Data) == 0 ||
				has != strings.HasPrefix(string(z.Negative.First()), string(tt.primary.Primary)) {
				t.Errorf("%+v: the SOA of %s is %q", tt.primary, z.ID, rdata)
			}
		}
	}
}

// TestAmendOvertaken: a change of which nobody knows whether it has reached all name servers
// doesn't come back once a later one of the same RRset is listed.
func TestAmendOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hostedConfig(), "")
		b.start()
		defer b.end()
		begin := time.Now()
		at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
		z1 := func(s int, lines ...string) Part {
			p := publicZone(t, "Z1", "one.example.", lines...)
			p.Listed = at(s)
			return p
		}
		b.deliver(z1(0, "a.one.example. 192.0.2.1"))
		unknown := amendmentOf(t, at(10), "a.one.example. 2", "b.one.example. 2")
		later := amendmentOf(t, at(20), "a.one.example. 3")
		for _, a := range []*Amendment{unknown, later} {
			err := b.Amend(a)
			if err != nil {
				t.Fatal(err)
			}
		}
		b.Synced(later)
		b.deliver(z1(30, "a.one.example. 192.0.2.3"))
		if got := b.addresses(); got != "a.one.example. 3 b.one.example. 2" {
			t.Errorf("served is %q", got)
		}
	})
}

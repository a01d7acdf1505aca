package transfer

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/resolver/history"
	"inside53/resolver/zone"
	"inside53/server/tsig"

	"github.com/miekg/dns"
)

func TestCatalogTree(t *testing.T) {
	apex := zone.MustName("catalog.example.")
	tree, err := catalogTree(apex, [][]byte{zone.MustName("a.example."), zone.MustName("b.example.")})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for name, node := range tree.All {
		for s := range node.RRsets {
			for _, rr := range recordsFor(t, name, s) {
				lines = append(lines, strings.Join(strings.Fields(rr.String()), " "))
			}
		}
	}
	slices.Sort(lines)
	want := []string{
		"catalog.example. 0 IN NS invalid.",
		"catalog.example. 0 IN SOA invalid. invalid. 0 60 10 2147483646 0",
		"version.catalog.example. 0 IN TXT \"2\"",
	}
	members := 0
	for _, l := range lines {
		if strings.Contains(l, " PTR ") {
			members++
			continue
		}
		if !slices.Contains(want, l) {
			t.Errorf("there is %s", l)
		}
	}
	if members != 2 || len(lines) != 5 {
		t.Errorf("the catalog is\n%s", strings.Join(lines, "\n"))
	}
	again, err := catalogTree(apex, [][]byte{zone.MustName("b.example."), zone.MustName("c.example.")})
	if err != nil {
		t.Fatal(err)
	}
	changes := 0
	zone.Diff(tree, again, func([]byte, zone.RRset, zone.RRset) bool { changes++; return true })
	if changes != 2 {
		t.Errorf("a member for another one is %d changes: the others keep their labels", changes)
	}
	_, err = catalogTree(zone.MustName(strings.Repeat("long-label-of-a-name.", 11)), [][]byte{apex})
	if err == nil {
		t.Error("a catalog whose members' names are too long")
	}
}

// recordsFor reads records as the library does.
func recordsFor(t *testing.T, name []byte, s zone.RRset) []dns.RR {
	t.Helper()
	var out []dns.RR
	for ttl, data := range s.Timed() {
		m := message{names: map[string]int{}}
		m.add(record{name, s.Type, ttl, data})
		rr, _, err := dns.UnpackRR(m.wire, 0)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rr)
	}
	return out
}

// TestNotifierTimes goes through the life of notes, without a network.
func TestNotifierTimes(t *testing.T) {
	counts := map[string]int{}
	n := newNotifier(func(result string) { counts[result]++ }, slog.New(slog.DiscardHandler))
	target := netip.MustParseAddrPort("127.0.0.1:53")
	apex := zone.MustName("example.com.")
	now := time.Now()
	notify := func(serial uint32) noteKey {
		n.note(target, "v", apex, &history.Version{Serial: serial}, tsig.Key{})
		return noteKey{target, "v", string(apex)}
	}
	k := notify(1)
	now = now.Add(time.Second)
	var waits []time.Duration
	for try := range notifyTries {
		due, _ := n.due(now, 10)
		if len(due) != 1 {
			t.Fatalf("try %d: %d due", try, len(due))
		}
		if again, _ := n.due(now, 10); len(again) != 0 {
			t.Fatal("notified twice at a time")
		}
		n.settle(noteResult{key: k, serial: 1, err: errors.New("no answer")}, now)
		if n.pending() == 0 {
			break
		}
		_, next := n.due(now, 10)
		waits = append(waits, next.Sub(now))
		now = next.Add(time.Millisecond)
	}
	if fmt.Sprint(waits) != "[3s 6s 12s 24s 48s]" || counts[notifyResultNoAnswer] != notifyTries ||
		counts[notifyResultUnreachable] != 1 ||
		n.pending() != 0 {
		t.Errorf("waits %v, counts %v, %d pending", waits, counts, n.pending())
	}

	// A newer version while one is under way is sent after it.
	notify(2)
	now = now.Add(time.Hour)
	n.due(now, 10)
	notify(3)
	if due, _ := n.due(now, 10); len(due) != 0 {
		t.Error("notified while the last one is under way")
	}
	n.settle(noteResult{key: k, serial: 2}, now)
	due, _ := n.due(now, 10)
	if len(due) != 1 || due[k].version.Serial != 3 {
		t.Errorf("due %v", due)
	}
	n.settle(noteResult{key: k, serial: 3, rcode: dns.RcodeNotAuth}, now)
	if n.pending() != 0 || counts[notifyResultOK] != 1 || counts[notifyResultRefused] != 1 {
		t.Errorf("%d pending, counts %v", n.pending(), counts)
	}

	// One secondary doesn't take the room of others.
	for i := range 30 {
		n.note(target, "v", zone.MustName(fmt.Sprintf("z%d.example.", i)), &history.Version{Serial: 1}, tsig.Key{})
	}
	n.note(netip.MustParseAddrPort("127.0.0.2:53"), "v", apex, &history.Version{Serial: 1}, tsig.Key{})
	due, _ = n.due(time.Now().Add(time.Second), notifiesAtOnce)
	if len(due) != notifiesToOne+1 {
		t.Errorf("%d are notified at a time", len(due))
	}
}

// TestContentFits looks at few of very many differences.
func TestContentFits(t *testing.T) {
	soa, err := zone.NewRecords(zone.TypeSOA, 60, make([]byte, 22))
	if err != nil {
		t.Fatal(err)
	}
	address, err := zone.NewRecords(1, 60, []byte{192, 0, 2, 1})
	if err != nil {
		t.Fatal(err)
	}
	d := history.Delta{OldSOA: soa, NewSOA: soa, Added: []history.Set{{Name: zone.MustName("a."), Records: address}}}
	many := make([]history.Delta, 150_000)
	for i := range many {
		many[i] = d
	}
	v := &history.Version{SOA: soa}
	few := content{version: v, deltas: many[:3]}
	if !few.fits(1232) || few.fits(100) {
		t.Errorf("three differences: %t, %t", few.fits(1232), few.fits(100))
	}
	all := content{version: v, deltas: many}
	began := time.Now()
	for range 1000 {
		if all.fits(2464) {
			t.Fatal("all of them fit")
		}
	}
	if took := time.Since(began); took > 500*time.Millisecond { // all of them take seconds
		t.Errorf("a thousand looks take %s", took)
	}
	single := content{version: v, deltas: []history.Delta{
		{OldSOA: soa, NewSOA: soa, Removed: slices.Repeat(d.Added, 1000)}}}
	if single.fits(1232) {
		t.Error("a difference of a thousand records fits")
	}
}

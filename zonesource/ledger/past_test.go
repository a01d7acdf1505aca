package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func damage(t testing.TB, path string) {
	t.Helper()
	body, err := os.ReadFile(path)
	if err == nil {
		body[len(body)-1] ^= 1
		err = os.WriteFile(path, body, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

var start = time.Date(2026, 1, 1, 0, 30, 0, 0, time.UTC)

// years commits a change every so often, from start on, and packs as a server does.
func years(t testing.TB, l *Ledger, w *Writer, n int, every time.Duration) (v *Version, now time.Time) {
	t.Helper()
	now = start
	packed := now
	for i := range n {
		d := draft("p", fmt.Sprintf("name%03d", i%100), fmt.Sprintf("10.0.0.%d", i))
		d.At = now
		d.Changes = []Change{{Part: "p", Zone: "example.com.", Name: fmt.Sprintf("name%03d.example.com.", i%100), Type: "A",
			Now: []string{fmt.Sprintf("10.0.0.%d", i)}}}
		v = mustCommit(t, w, d)
		now = now.Add(every)
		if now.Sub(packed) > time.Hour {
			packed = now
			err := l.Pack(context.Background(), v, now)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return v, now
}

func history(t testing.TB, l *Ledger, v *Version) []*Past {
	t.Helper()
	var all []*Past
	for e, err := range l.History(context.Background(), v) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func countOf(m *memory, path string) int {
	n := 0
	for name := range m.objects {
		if strings.HasPrefix(name, path) {
			n++
		}
	}
	return n
}

func packsOf(m *memory) []string {
	var names []string
	for name := range m.objects {
		if strings.HasPrefix(name, pastPath) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TestHistory reads the same past from packs, without some of them, and without any.
func TestHistory(t *testing.T) {
	m := newMemory()
	l := mustLedger(t, m)
	w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
	v, _ := years(t, l, w, 300, 17*time.Minute)
	packs := packsOf(m)
	if len(packs) < 3 || len(packs) > 2*smallPacks {
		t.Errorf("%d packs", len(packs))
	}
	check := func(what string) {
		t.Helper()
		all := history(t, l, v)
		if len(all) != 300 {
			t.Fatalf("%s: %d versions", what, len(all))
		}
		for i, e := range all {
			if e.Version != uint64(300-i) || len(e.Changes) != 1 || e.Changes[0].Now[0] != fmt.Sprintf("10.0.0.%d", 299-i) ||
				e.Actor != "Route 53" || !e.At.Equal(start.Add(time.Duration(299-i)*17*time.Minute)) {
				t.Fatalf("%s: %+v", what, e)
			}
		}
	}
	m.gets = 0
	check("with packs")
	if m.gets > len(packs)+20 {
		t.Errorf("%d objects read", m.gets)
	}
	m.objects[packs[0]] = []byte("damaged")
	delete(m.objects, packs[len(packs)/2])
	foreign, err := l.encodePast([]Past{{Name: commitName(300, nil), Commit: Commit{Version: 300, At: start}}})
	if err != nil {
		t.Fatal(err)
	}
	m.objects[pastName(300, 300, foreign)] = foreign // of a commit that was never made
	check("with damaged, missing and foreign packs")
	for _, name := range packs {
		delete(m.objects, name)
	}
	check("without packs")
	for at, want := range map[time.Time]uint64{start: 1, start.Add(time.Hour): 4, start.Add(10000 * time.Hour): 300} {
		is, err := l.Moment(t.Context(), v, at)
		if err != nil || is.Number() != want {
			t.Errorf("at %s: %+v, %v", at, is, err)
		}
	}
	_, err = l.Moment(t.Context(), v, start.Add(-1))
	if !errors.Is(err, ErrAbsent) {
		t.Errorf("before the first: %v", err)
	}
	e, err := l.Numbered(t.Context(), v, 77)
	if err != nil || e.Version != 77 {
		t.Errorf("%+v, %v", e, err)
	}
	_, err = l.Numbered(t.Context(), v, 301)
	if !errors.Is(err, ErrAbsent) {
		t.Errorf("a version to come: %v", err)
	}
}

// TestRetain keeps a month, and what is kept stays whole; what a crash has left goes next
// time.
func TestRetain(t *testing.T) {
	m := newMemory()
	l := mustLedger(t, m)
	w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
	v, now := years(t, l, w, 200, 12*time.Hour)
	r := Retention{Keep: 30 * 24 * time.Hour, Now: now}
	deleted := 0
	m.fault = func(call, name string) (bool, error) {
		if call == "delete" {
			deleted++
		}
		if deleted == 50 {
			return false, errInjected
		}
		return true, nil
	}
	_, err := l.Retain(t.Context(), v, r)
	if !errors.Is(err, errInjected) {
		t.Fatalf("crashed in between: %v", err)
	}
	m.fault = nil
	got, err := l.Retain(t.Context(), v, r)
	if err != nil || got.Removed == 0 || got.Over {
		t.Fatalf("%+v, %v", got, err)
	}
	if oldest, err := l.Moment(t.Context(), v, now.Add(-r.Keep)); err != nil || oldest.Number() != 141 {
		t.Errorf("of a month ago: %+v, %v", oldest, err)
	}
	if faults := l.Check(t.Context(), v); len(faults) > 0 {
		t.Error(faults)
	}
	commits, lists := countOf(m, commitPath), countOf(m, listPath)
	if commits != 60 || lists != 60 {
		t.Errorf("%d commits and %d lists are left", commits, lists)
	}
	got, err = l.Retain(t.Context(), v, Retention{Keep: r.Keep, Max: 1, Now: now})
	if err != nil || !got.Over {
		t.Errorf("over the bound: %+v, %v", got, err)
	}
	if n := countOf(m, commitPath); n != 3 {
		t.Errorf("of the last day %d versions are left", n)
	}
	if faults := l.Check(t.Context(), v); len(faults) > 0 {
		t.Error(faults)
	}
	got, err = l.Retain(t.Context(), v, Retention{Keep: time.Nanosecond, Now: now.Add(1000 * time.Hour)})
	if err != nil || countOf(m, commitPath) != 1 {
		t.Errorf("head stays alone: %+v, %v", got, err)
	}
}

// TestSweep removes uploads that came to nothing once they are a week old, and nothing else.
func TestSweep(t *testing.T) {
	m := newMemory()
	l := mustLedger(t, m)
	w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
	v, _ := years(t, l, w, 20, time.Hour)
	m.fault = func(call, name string) (bool, error) {
		if strings.HasPrefix(name, commitPath) && call == "put" {
			return false, errInjected
		}
		return true, nil
	}
	_, err := w.Commit(t.Context(), draft("p", "name001", "never"))
	if !errors.Is(err, errInjected) {
		t.Fatal(err)
	}
	m.fault = nil
	n, err := l.Sweep(t.Context(), v)
	if n != 0 || err != nil {
		t.Errorf("%d removed that are new, %v", n, err)
	}
	for name := range m.objects {
		m.ages[name] = 8 * 24 * time.Hour
	}
	before := len(m.objects)
	n, err = l.Sweep(t.Context(), v)
	if n != 2 || err != nil || len(m.objects) != before-2 {
		t.Errorf("%d removed, %v", n, err)
	}
	if faults := l.Check(t.Context(), v); len(faults) > 0 {
		t.Error(faults)
	}
}

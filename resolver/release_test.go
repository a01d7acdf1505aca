package resolver

import (
	"reflect"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// TestOldSnapshotsAreCollected: neither workers that wait for a query nor exchanges that
// wait for a worker keep the snapshot of their last answer, nor the parts of it.
func TestOldSnapshotsAreCollected(t *testing.T) {
	w := newTextWorld(t,
		"forwarder up\n    reply x.test. A NOERROR\nview all clients=10.0.0.0/8\n    . forward=up\nallow 10.0.0.0/8\n")
	answerAnything(w)
	forwarders := w.snap.Forwarders
	w.snap = nil
	workers := make([]*Worker, 8)
	for i := range workers {
		workers[i] = w.resolver.NewWorker()
	}
	var gone atomic.Int64
	const publications = 5
	for n := range publications {
		publishAndAsk(t, w, workers, snapshotOf(t, n, forwarders), &gone)
	}
	last := snapshotOf(t, 0, forwarders)
	err := w.resolver.Publish(last)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); gone.Load() < 3*publications; {
		runtime.GC()
		if time.Now().After(end) {
			t.Fatalf("%d of %d snapshots, views and trees are gone", gone.Load(), 3*publications)
		}
		time.Sleep(10 * time.Millisecond)
	}
	runtime.KeepAlive(workers)
}

// publishAndAsk publishes a snapshot, has each worker answer of it in every way, and counts
// when its parts are gone.
func publishAndAsk(t *testing.T, w *world, workers []*Worker, snap *zone.Snapshot, gone *atomic.Int64) {
	t.Helper()
	runtime.AddCleanup(snap, func(int) { gone.Add(1) }, 0)
	runtime.AddCleanup(snap.Views[0], func(int) { gone.Add(1) }, 0)
	runtime.AddCleanup(snap.Zones[0].Tree, func(int) { gone.Add(1) }, 0)
	err := w.resolver.Publish(snap)
	if err != nil {
		t.Fatal(err)
	}
	late := &lateAnswers{TB: t}
	out := make([]byte, 0, 4096)
	for i, worker := range workers {
		for _, name := range []string{"a.example.com.", "no.example.com.", "w" + string(rune('a'+i)) + ".test."} {
			worker.Expect(pack(t, func(m *dns.Msg) { m.Question[0].Name = name }), testClient)
			worker.Fetch()
			worker.Serve(pack(t, func(m *dns.Msg) { m.Question[0].Name = name }), testClient, UDP, out, late)
			worker.Serve(pack(t, func(m *dns.Msg) { m.SetNotify(name) }), testClient, UDP, out, late)
		}
	}
	late.wait.Wait()
}

// TestAnswersAtRestAreClear: what an answer was made of is gone from it, wherever it stood,
// so that the next one may begin without clearing anything.
func TestAnswersAtRestAreClear(t *testing.T) {
	w := newBusyWorld(t)
	out := make([]byte, 0, 4096)
	for _, c := range busyCases {
		pkt := busyPacket(t, c.name, c.rrtype, c.rd)
		x := w.worker.x
		_, result := w.worker.Serve(pkt, testClient, UDP, out, noSuspender{t})
		if result != c.result {
			t.Fatalf("%s: %s, want %s", c.title, result, c.result)
		}
		requireClear(t, c.title, &x.a)
	}
	a := &w.worker.x.a
	a.nhops = 1
	for range maxItems + 3 {
		a.add(inAdditional, 1, []byte{1}).owner = []byte{0}
	}
	if a.nitems != maxItems || !a.full {
		t.Fatalf("%d items, full %t", a.nitems, a.full)
	}
	a.release()
	requireClear(t, "too many items", a)
}

func requireClear(t *testing.T, title string, a *Answer) {
	t.Helper()
	if a.nitems != 0 || a.nhops != 0 || a.full || a.View != nil || a.target != nil || a.denied != nil || a.edeText != "" {
		t.Fatalf("%s: an answer at rest has %d items, %d hops, %v", title, a.nitems, a.nhops, a.View)
	}
	for n := range a.items {
		if !reflect.ValueOf(a.items[n]).IsZero() {
			t.Fatalf("%s: item %d of an answer at rest: %+v", title, n, a.items[n])
		}
	}
	for n := range a.hops {
		if !reflect.ValueOf(a.hops[n]).IsZero() {
			t.Fatalf("%s: hop %d of an answer at rest: %+v", title, n, a.hops[n])
		}
	}
}

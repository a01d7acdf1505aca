package resolver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"inside53/resolver/forward"
	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// snapshotOf makes a snapshot in which every name answers with one number.
func snapshotOf(t testing.TB, n int, forwarders []zone.Forwarder) *zone.Snapshot {
	t.Helper()
	b := block{words: strings.Fields("zone file example.com. id=Z1")}
	z := newZoneBuilder(t, &b)
	z.records = []string{"@ 900 IN SOA a. b. 1 2 3 4 5", fmt.Sprintf("a 60 IN CNAME b%d.example.com.", n),
		fmt.Sprintf("b%d 60 IN CNAME c.example.com.", n), fmt.Sprintf("c 60 IN A 192.0.2.%d", n)}
	z.putRecords()
	made := zone.New(zone.Info{Origin: zone.File, ID: "Z1"}, z.edit.Commit(), 0)
	snap := &zone.Snapshot{Zones: []*zone.Zone{made}, Forwarders: forwarders, Inventory: zone.NewInventory(nil, nil),
		Loaded: true}
	snap.Inventory.AddView(zone.AddressAuto, nil, nil, nil)
	apexes := []zone.Apex{{Name: made.Apex, Layers: []zone.Layer{0}, Forward: zone.NoForward}}
	if len(forwarders) > 0 {
		apexes = append(apexes, zone.Apex{Name: []byte{0}, Forward: 0})
	}
	snap.Views = []*zone.View{zone.NewView(zone.View{Name: "all", Apexes: apexes})}
	snap.SetClients(nil, 0, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	return snap
}

// lateAnswers counts the answers that come late, and that each comes once.
type lateAnswers struct {
	testing.TB
	wait sync.WaitGroup
	n    atomic.Int64
}

func (l *lateAnswers) Suspend() func([]byte, Result) {
	l.wait.Add(1)
	var called atomic.Bool
	return func(answer []byte, result Result) {
		if called.Swap(true) {
			l.Error("an answer was given twice")
			return
		}
		var m dns.Msg
		err := m.Unpack(answer)
		if err != nil || result == Dropped {
			l.Errorf("late answer: %v, %s", err, result)
		}
		l.n.Add(1)
		l.wait.Done()
	}
}

// TestPublishUnderLoad: no query sees half a change, and none is lost.
func TestPublishUnderLoad(t *testing.T) {
	w := newTextWorld(t,
		"forwarder up\n    reply x.test. A NOERROR\nview all clients=10.0.0.0/8\n    . forward=up\nallow 10.0.0.0/8\n")
	answerAnything(w)
	snaps := [2]*zone.Snapshot{snapshotOf(t, 1, w.snap.Forwarders), snapshotOf(t, 2, w.snap.Forwarders)}
	publish := func(i int) {
		err := w.resolver.Publish(snaps[i%2])
		if err != nil {
			t.Error(err)
		}
		w.resolver.PublishLive(&zone.Live{})
	}
	publish(0)
	var workers sync.WaitGroup
	var stop atomic.Bool
	late := &lateAnswers{TB: t}
	pkt := pack(t, func(m *dns.Msg) { m.Question[0].Name = "a.example.com." })
	var asked atomic.Int64
	for n := range 3 {
		workers.Go(func() {
			worker := w.resolver.NewWorker()
			out := make([]byte, 0, 4096)
			for i := 0; !stop.Load(); i++ {
				answer, _ := worker.Serve(pkt, testClient, UDP, out, late)
				var m dns.Msg
				err := m.Unpack(answer)
				if err != nil || len(m.Answer) != 3 {
					t.Errorf("%v: %v", err, &m)
					return
				}
				number := strings.TrimSuffix(strings.TrimPrefix(m.Answer[1].Header().Name, "b"), ".example.com.")
				if m.Answer[2].(*dns.A).A.String() != "192.0.2."+number {
					t.Errorf("half a change: %v", m.Answer)
					return
				}
				if i%50 == 0 {
					asked.Add(1)
					name := fmt.Sprintf("w%d-%d.test.", n, i)
					worker.Serve(pack(t, func(m *dns.Msg) { m.Question[0].Name = name }), testClient, Transport(i/50%2), out, late)
				}
			}
		})
	}
	for i := range 200 {
		publish(i)
		time.Sleep(time.Millisecond)
	}
	stop.Store(true)
	workers.Wait()
	late.wait.Wait()
	if late.n.Load() != asked.Load() || asked.Load() == 0 {
		t.Errorf("%d late answers to %d questions", late.n.Load(), asked.Load())
	}
}

// TestRunKeepsTheClock: what queries take for the time moves while Run runs, which
// ends with its context.
func TestRunKeepsTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, err := forward.New(forward.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r := New(f, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- r.Run(ctx) }()
		start := r.now.Load()
		time.Sleep(90 * time.Second)
		synctest.Wait()
		if got := r.now.Load() - start; got < 89 || got > 90 {
			t.Errorf("%d s after 90", got)
		}
		cancel()
		err = <-ran
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
}

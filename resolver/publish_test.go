package resolver

import (
	"os"
	"runtime"
	"testing"
	"time"

	"inside53/resolver/forward"
	"inside53/resolver/zone"
)

// TestPublicationsLeaveNothing: 300 publications with look-ups of our own between, of
// upstreams that the snapshots name and of others, leave descriptors and goroutines as
// they were.
func TestPublicationsLeaveNothing(t *testing.T) {
	const text = `
forwarder up
    reply www.example.net. A NOERROR
    an www.example.net. 0 A 192.0.2.1
forwarder own
    reply www.example.net. A NOERROR
    an www.example.net. 0 A 192.0.2.2
view all clients=10.0.0.0/8 forward=up
`
	w, _ := newWorld(t, parseBlocks(text))
	f := w.resolver.forwarder
	up, own := w.upstream["up"].addr, w.upstream["own"].addr
	snaps := []*zone.Snapshot{w.snap}
	for _, upstreams := range [][]string{{up}, {up, "127.0.0.1:9"}} {
		snaps = append(snaps, snapshotOf(t, 1, []zone.Forwarder{{Upstreams: upstreams}, {Upstreams: upstreams}}))
	}
	count := func() (descriptors, goroutines int) {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(all), runtime.NumGoroutine()
	}
	lookUp := func(upstream string) {
		t.Helper()
		g, err := f.Group(forward.GroupSpec{Upstreams: []string{upstream}})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Release(g)
		_, err = f.Resolve(t.Context(), g, &forward.Question{Name: zone.MustName("www.example.net."), Type: zone.TypeA})
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 50 { // most of the sockets that will be there
		lookUp(up)
		lookUp(own)
	}
	descriptors, goroutines := count()
	for i := range 300 {
		err := w.resolver.Publish(snaps[i%len(snaps)])
		if err != nil {
			t.Fatal(err)
		}
		lookUp(own)
		lookUp(up)
	}
	const sockets = 16 // of two upstreams, each with a goroutine; which of them are open is by chance
	if d, g := count(); d > descriptors+2*sockets || g > goroutines+2*sockets {
		t.Errorf("at once %d descriptors and %d goroutines, before %d and %d", d, g, descriptors, goroutines)
	}
	err := w.resolver.Publish(w.snap)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		d, g := count()
		if d <= descriptors+sockets && g <= goroutines+sockets {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after 10 s %d descriptors and %d goroutines, before %d and %d", d, g, descriptors, goroutines)
		}
	}
}

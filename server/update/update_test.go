package update

import (
	"net/netip"
	"testing"

	"inside53/resolver"
	"inside53/resolver/wire"
)

// endings counts how suspended updates ended.
type endings map[resolver.Result]int

// Suspend implements [resolver.Suspender].
func (e endings) Suspend() func([]byte, resolver.Result) {
	return func(answer []byte, result resolver.Result) {
		if len(answer) > 0 && answer[3]&15 != wire.RcodeServFail {
			panic("another answer than SERVFAIL")
		}
		e[result]++
	}
}

// TestUpdateShares: a client that sends more than is answered loses its own updates, and
// leaves room for others.
func TestUpdateShares(t *testing.T) {
	dropped := 0
	u := New(Options{Count: func(string) { dropped++ }}, &Policy{})
	send := func(e endings, tr resolver.Transport, addr netip.Addr) {
		u.Serve(make([]byte, 100), netip.AddrPortFrom(addr, 5353), tr, false, e)
	}
	flood, stream, quiet := endings{}, endings{}, endings{}
	for range 10_000 {
		send(flood, resolver.UDP, netip.MustParseAddr("192.0.2.1"))
		send(stream, resolver.TCP, netip.MustParseAddr("192.0.2.2"))
	}
	if flood[resolver.Dropped] != 10_000-2048 || stream[resolver.ServFail] != 10_000-2048 {
		t.Errorf("of 10,000 updates of a client each, by UDP %v, by TCP %v", flood, stream)
	}
	for i := range 5000 {
		send(quiet, resolver.UDP, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
	}
	if len(quiet) != 0 || u.queue.Len() != 8192 {
		t.Errorf("clients with one update lost %v; %d wait", quiet, u.queue.Len())
	}
	if dropped != flood[resolver.Dropped]+stream[resolver.ServFail] {
		t.Errorf("%d are counted as dropped", dropped)
	}
}

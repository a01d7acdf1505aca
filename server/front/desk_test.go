package front

import (
	"net/netip"
	"testing"

	"inside53/resolver"
	"inside53/resolver/wire"
	"inside53/server/listen"
	"inside53/server/transfer"
	"inside53/server/tsig"
)

// waitingMessages is the Suspender of a test: it counts what was suspended, and how it ended.
type waitingMessages struct {
	suspended int
	ended     map[resolver.Result]int
	rcodes    map[int]int
	streams   int
}

// Suspend implements [resolver.Suspender].
func (w *waitingMessages) Suspend() func([]byte, resolver.Result) {
	w.suspended++
	return w.Finish
}

// Stream implements [listen.Streamer].
func (w *waitingMessages) Stream() listen.Stream {
	w.suspended++
	w.streams++
	return w
}

// Send implements [listen.Stream]: a client that doesn't read would be waited for.
func (w *waitingMessages) Send([]byte) error { panic("a packet loop would wait") }

// End implements [listen.Stream].
func (w *waitingMessages) End(result resolver.Result) { w.ended[result]++ }

// Finish implements [listen.Stream].
func (w *waitingMessages) Finish(answer []byte, result resolver.Result) {
	w.ended[result]++
	if len(answer) > 0 {
		w.rcodes[int(answer[3]&15)]++
	}
}

func (w *waitingMessages) waiting() int {
	n := w.suspended
	for _, k := range w.ended {
		n -= k
	}
	return n
}

func newWaiting() *waitingMessages {
	return &waitingMessages{ended: map[resolver.Result]int{}, rcodes: map[int]int{}}
}

// TestDeskShares: one client leaves room for others, its own oldest goes first, and at the
// total the oldest of whoever has most.
func TestDeskShares(t *testing.T) {
	d := NewDesk(nil, func() tsig.Keyring { return nil }, func() listen.Worker { return nil })
	send := func(w *waitingMessages, tr resolver.Transport, addr string, size int) {
		p := &resolver.Packet{
			Bytes: make([]byte, size), Client: netip.AddrPortFrom(netip.MustParseAddr(addr), 5353), Transport: tr,
			Out: make([]byte, 0, 512), Suspender: w,
		}
		_, result := d.accept(p, false)
		if result != resolver.Dropped {
			t.Fatalf("the packet loop answers %v itself", result)
		}
	}
	flood, flood6, quiet := newWaiting(), newWaiting(), newWaiting()
	for range 5000 {
		send(flood, resolver.UDP, "192.0.2.1", 200)
	}
	if flood.waiting() > 512 || flood.ended[resolver.Dropped] != 5000-flood.waiting() {
		t.Errorf("one client has %d messages waiting, %d were dropped", flood.waiting(), flood.ended[resolver.Dropped])
	}
	for i := range 3000 { // of one /64, by TCP
		addr := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 14: byte(i >> 8), 15: byte(i)})
		send(flood6, resolver.TCP, addr.String(), 60_000)
	}
	if flood6.waiting() > 34 || flood6.rcodes[wire.RcodeServFail] != 3000-flood6.waiting() {
		t.Errorf("one /64 has %d messages of 60,000 octets waiting; told: %v", flood6.waiting(), flood6.rcodes)
	}
	for i := range 2000 { // each of another client, one message
		send(quiet, resolver.UDP, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String(), 100)
	}
	if quiet.waiting() < 2000 {
		t.Errorf("of 2000 clients with one message each, %d wait beside those with many", quiet.waiting())
	}
	all := flood.waiting() + flood6.waiting() + quiet.waiting()
	if d.queue.Len() > 2048 || all > 2048 {
		t.Errorf("%d messages wait in all, %d places are taken", all, d.queue.Len())
	}
}

// TestDeskChargesStreams: a transfer has its place until its stream ends.
func TestDeskChargesStreams(t *testing.T) {
	d := NewDesk(nil, func() tsig.Keyring { return nil }, func() listen.Worker { return nil })
	w := newWaiting()
	d.queue.Push(netip.MustParseAddr("192.0.2.1"), 5000, message{stream: w, finish: w.Finish})
	item := d.queue.Pop(t.Context())
	var s transfer.Stream = &placed{Stream: w, item: item}
	if d.queue.Len() != 2 {
		t.Errorf("%d places are taken while it is sent, want 2", d.queue.Len())
	}
	s.End(resolver.Local)
	if d.queue.Len() != 0 || w.ended[resolver.Local] != 1 {
		t.Errorf("%d places are taken after its end, which was told %v", d.queue.Len(), w.ended)
	}
}

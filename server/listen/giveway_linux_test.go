//go:build !portable_udp

package listen

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"inside53/resolver"
)

// callingWorker hands all queries on, and sends a packet to somebody when the first one comes.
type callingWorker struct {
	fakeWorker
	served *atomic.Int64
	to     net.Conn
	t      *testing.T
}

func (w callingWorker) Serve(
	pkt []byte, client netip.AddrPort, transport resolver.Transport, out []byte, s resolver.Suspender,
) ([]byte, resolver.Result) {
	if w.served.Add(1) == 1 {
		_, err := w.to.Write([]byte{1})
		if err != nil {
			w.t.Error(err)
		}
	}
	return w.fakeWorker.Serve(pkt, client, transport, out, s)
}

// TestGiveWay: with one processor, and more queries there than a loop serves in several turns, all of which are handed
// on, who has had something to read since the first of them reads it within a few turns.
func TestGiveWay(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	reader, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	caller, err := net.Dial("udp", reader.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Close()
	var served atomic.Int64
	script := newScript()
	s, err := Bind(Options{
		Addresses: []netip.AddrPort{loopback(0)}, Loops: 1,
		NewWorker: func() Worker { return callingWorker{fakeWorker{script}, &served, caller, t} },
	})
	if err != nil {
		t.Fatal(err)
	}
	const turns = 7 // fewer than after how many the loop yields in any case
	c := dial(t, "udp", s.Addrs()[0])
	for i := range turns * udpSlots {
		c.send(query(uint16(i), "late"))
	}
	read := make(chan int64, 1)
	go func() {
		_, _, err := reader.ReadFromUDP(make([]byte, 10))
		if err != nil {
			t.Error(err)
		}
		read <- served.Load()
	}()
	time.Sleep(10 * time.Millisecond) // until it waits
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	select {
	case n := <-read:
		if n > 3*udpSlots {
			t.Errorf("%d queries were served before", n)
		}
	case <-time.After(10 * time.Second):
		t.Error("nobody read")
	}
	for range turns * udpSlots {
		q := <-script.late
		q.answer(answerTo(q.query), resolver.Forwarded)
	}
	cancel()
	err = <-ended
	if err != nil {
		t.Error(err)
	}
}

// TestGiveWayClosed: once it is closed nobody waits for it.
func TestGiveWayClosed(t *testing.T) {
	w, err := newWay()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.give()
	}
	w.close()
	w.give()
}

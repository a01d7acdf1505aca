//go:build linux && !portable_udp && !race

package listen

import (
	"net"
	"testing"
	"time"
)

func TestPacketLoopAllocatesNothing(t *testing.T) {
	for _, bind := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::]:0"} {
		l := newLoop(t, bind, echoWorker{})
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(probeTargets(l.addr)[0]))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		q, b := query(1, "echo"), make([]byte, 512)
		served := 0
		allocs := testing.AllocsPerRun(200, func() {
			_, err := c.Write(q)
			if err != nil {
				t.Fatal(err)
			}
			served += l.step(t)
			_, err = c.Read(b)
			if err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 || served != 201 {
			t.Errorf("%s: %v allocations a packet, %d packets", bind, allocs, served)
		}
	}
}

// A suspended query uses the memory of one before.
func TestSuspendAllocations(t *testing.T) {
	l := newLoop(t, "0.0.0.0:0", echoWorker{})
	allocs := testing.AllocsPerRun(200, func() { l.Suspend()(nil, 0) })
	if allocs > 0 {
		t.Errorf("%v allocations a suspended query", allocs)
	}
}

func TestTCPAllocatesNothingPerQuery(t *testing.T) {
	r := start(t, func(o *Options) { o.NewWorker = func() Worker { return echoWorker{} } })
	c := dial(t, "tcp", r.Addrs()[0])
	const n = 30
	var stream []byte
	for i := range uint16(n) {
		q := query(i, "echo")
		stream = append(append(stream, 0, byte(len(q))), q...)
	}
	b := make([]byte, len(stream))
	allocs := testing.AllocsPerRun(200, func() {
		_, err := c.conn.Write(stream)
		for got := 0; got < len(stream) && err == nil; {
			var k int
			k, err = c.conn.Read(b)
			got += k
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	// The probes' and the test's own allocations are counted too; one a query would be 30.
	if allocs > 5 {
		t.Errorf("%v allocations for %d queries", allocs, n)
	}
}

// TestTCPBatchesAreFree: clients that don't read hold what is left of their answers, not the
// buffer of a batch and its worker.
func TestTCPBatchesAreFree(t *testing.T) {
	made := make(chan struct{}, 1000)
	r := start(t, func(o *Options) {
		worker := o.NewWorker
		o.NewWorker = func() Worker {
			made <- struct{}{}
			return worker()
		}
		o.TCP.Write = time.Minute
	})
	for i := range 40 {
		c := dialFrom(t, "127.5.0.1", r.Addrs()[0])
		for range 40 { // the client's own buffers fill up first
			_ = c.conn.SetWriteDeadline(time.Now().Add(time.Second))
			_, err := c.conn.Write(append([]byte{0, byte(len(query(1, "big-65535")))}, query(1, "big-65535")...))
			if err != nil {
				break
			}
		}
		eventually(t, "it is behind", func() bool {
			n := 0
			r.tcp[0].mu.Lock()
			defer r.tcp[0].mu.Unlock()
			for c := range r.tcp[0].conns {
				if c.stuck.Load() != 0 {
					n++
				}
			}
			return n == i+1
		})
	}
	if n := len(made); n > 20 {
		t.Errorf("%d workers were made", n)
	}
}

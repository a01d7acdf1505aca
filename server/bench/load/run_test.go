//go:build linux

package load

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

// serveUDP answers with what reply makes of each query, until the test ends.
func serveUDP(t *testing.T, reply func(q []byte) []byte) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { c.Close(); <-ended })
	go func() {
		defer close(ended)
		b := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if a := reply(b[:n]); a != nil {
				_, _ = c.WriteTo(a, from)
			}
		}
	}()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// rightly is the right answer to q.
func rightly(q []byte) []byte {
	a := bytes.Clone(good)
	copy(a, q[:2])
	return a
}

func TestRunUDP(t *testing.T) {
	i := 0
	server := serveUDP(t, func(q []byte) []byte {
		i++
		switch {
		case i%10 == 0:
			return nil
		case i%10 == 1:
			a := rightly(q)
			a[3] = 0x82
			return a
		}
		return rightly(q)
	})
	r, err := Run(t.Context(), &counted{n: 1000}, Options{Server: server, Lanes: 2, Window: 16, Once: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Answered+r.Bad+r.Lost != 1000 || r.Lost < 100 || r.Bad < 80 || r.Stray != 0 || r.Fault != wrongRcode.String() ||
		r.FaultAnswer == "" {
		t.Errorf("got %+v", r)
	}
}

// An idle second is measured where the rate says so, and the stream does not end it.
func TestRunPaced(t *testing.T) {
	server := serveUDP(t, rightly)
	r, err := Run(t.Context(), &counted{n: 1 << 30},
		Options{Server: server, Rate: 200, Warm: 50 * time.Millisecond, Measure: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if r.Answered == 0 || r.Answered > 200 || r.Bad+r.Stray != 0 || r.P50 <= 0 || r.Seconds < .3 {
		t.Errorf("got %+v", r)
	}
}

// TestRunDrained: an answer that comes after the end counts, and one that doesn't is lost.
func TestRunDrained(t *testing.T) {
	var heard atomic.Int64
	server := serveUDP(t, func(q []byte) []byte {
		time.Sleep(time.Millisecond)
		if heard.Add(1)%2 == 0 {
			return nil
		}
		return rightly(q)
	})
	o := Options{Server: server, Rate: 2000, Lanes: 1, Window: 256, Measure: 100 * time.Millisecond,
		Timeout: 500 * time.Millisecond}
	early, err := Run(t.Context(), &counted{n: 1 << 30}, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Drain = true
	all, err := Run(t.Context(), &counted{n: 1 << 30}, o)
	if err != nil {
		t.Fatal(err)
	}
	if early.Lost != 0 || all.Lost == 0 || all.Answered == 0 || all.Bad != 0 || all.Seconds > .4 {
		t.Errorf("without %+v, with %+v", early, all)
	}
}

// The answers come in one write, in the other order, cut in the middle of a message.
func TestRunTCP(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-ended })
	go func() {
		defer close(ended)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		for {
			var all []byte
			for range 4 {
				q := make([]byte, 2+len(query))
				_, err := io.ReadFull(c, q)
				if err != nil {
					return
				}
				a := rightly(q[2:])
				all = append(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...), all...)
			}
			for _, part := range [][]byte{all[:33], all[33:]} {
				_, err := c.Write(part)
				if err != nil {
					return
				}
			}
		}
	}()
	server := l.Addr().(*net.TCPAddr).AddrPort()
	r, err := Run(t.Context(), &counted{n: 400}, Options{Server: server, TCP: true, Lanes: 1, Window: 8, Once: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Answered != 400 || r.Bad+r.Lost+r.Stray != 0 {
		t.Errorf("got %+v", r)
	}
}

func TestAsk(t *testing.T) {
	silent := serveUDP(t, func([]byte) []byte { return nil })
	wrong := serveUDP(t, func(q []byte) []byte { return append(q[:2:2], good[2:len(good)-1]...) })
	for server, ok := range map[netip.AddrPort]bool{serveUDP(t, rightly): true, silent: false} {
		err := Ask(&counted{n: 2}, server, 100*time.Millisecond)
		if (err == nil) != ok {
			t.Errorf("asking: %v, want an answer: %t", err, ok)
		}
	}
	r, err := Run(t.Context(), &counted{n: 16}, Options{Server: wrong, Lanes: 1, Window: 1, Once: true})
	if err != nil || r.Bad != 1 || r.Answered != 15 {
		t.Errorf("of 16 addresses cut short one is looked for: %+v, %v", r, err)
	}
}

func TestOptions(t *testing.T) {
	server := netip.MustParseAddrPort("127.0.0.1:53")
	for _, o := range []Options{
		{Measure: 1}, {Server: netip.MustParseAddrPort("[::1]:53"), Measure: 1}, {Server: server},
		{Server: server, Measure: 1, Lanes: 513}, {Server: server, Measure: 1, Timeout: 1},
		{Server: server, Measure: 1, Window: 257}, {Server: server, Measure: 1, Rate: -1},
	} {
		_, err := Run(t.Context(), &counted{}, o)
		if err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

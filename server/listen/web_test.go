package listen

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestBounded has two clients fill a listener: each loses what is above its share, and at the
// total whoever has most loses what it used least.
func TestBounded(t *testing.T) {
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Bounded(plain, 3, 2)
	defer func() { _ = l.Close() }()
	dial := func(from string) net.Conn {
		t.Helper()
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0))}
		c, err := d.DialContext(context.Background(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	accept := func() net.Conn {
		t.Helper()
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	first := dial("127.1.0.1")
	one := accept()
	second := dial("127.1.0.1")
	accept()
	over := dial("127.1.0.1") // above its share
	other := dial("127.1.0.2")
	accept()
	expectClosed(t, over)
	_, err = first.Write([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = one.Read(make([]byte, 1)) // it is used: the second is idle longer
	if err != nil {
		t.Fatal(err)
	}
	third := dial("127.1.0.3")
	last := accept()
	expectClosed(t, second)
	for _, c := range []net.Conn{first, other, third} {
		expectOpen(t, c)
	}
	_ = last.Close()
	_ = last.Close() // counts once
	dial("127.1.0.4")
	accept()
	expectOpen(t, first)
}

func expectClosed(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, err := c.Read(make([]byte, 1))
	timeout, ok := err.(net.Error)
	if err == nil || ok && timeout.Timeout() {
		t.Errorf("%s is still open: %v", c.LocalAddr(), err)
	}
}

func expectOpen(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	_, err := c.Read(make([]byte, 1))
	timeout, ok := err.(net.Error)
	if !ok || !timeout.Timeout() {
		t.Errorf("%s is closed: %v", c.LocalAddr(), err)
	}
}

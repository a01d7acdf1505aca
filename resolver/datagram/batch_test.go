package datagram

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"inside53/server/house"
)

// TestImports holds the package to the arrows of the house.
func TestImports(t *testing.T) { house.Imports(t) }

// pair returns two connected sockets of loopback.
func pair(t *testing.T) (one, other syscall.RawConn) {
	t.Helper()
	listener, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	dialled, err := net.DialUDP("udp", nil, listener.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	back := dialled.LocalAddr().(*net.UDPAddr)
	port := listener.LocalAddr().(*net.UDPAddr)
	listener.Close()
	answering, err := net.DialUDP("udp", port, back)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialled.Close(); answering.Close() })
	one, err = dialled.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	other, err = answering.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return one, other
}

// on calls fn with the descriptor.
func on(t *testing.T, c syscall.RawConn, fn func(fd int) (int, error)) (n int, err error) {
	t.Helper()
	controlled := c.Control(func(fd uintptr) { n, err = fn(int(fd)) })
	if controlled != nil {
		t.Fatal(controlled)
	}
	return n, err
}

// TestBatch sends more packets than a batch receives at once, one of them too long, and finds none left.
func TestBatch(t *testing.T) {
	from, to := pair(t)
	out, in := NewBatch(5, 100), NewBatch(3, 50)
	want := []string{"one", "two", strings.Repeat("x", 60), "four", "five"}
	for i, p := range want {
		out.Set(i, append(out.Room(i), p...))
		if got := string(out.Sent(i)); got != p {
			t.Errorf("slot %d holds %q", i, got)
		}
	}
	n, err := on(t, from, func(fd int) (int, error) { return out.Send(fd, 0, 2) })
	if n != 2 || err != nil {
		t.Fatalf("sent %d: %v", n, err)
	}
	n, err = on(t, from, func(fd int) (int, error) { return out.Send(fd, 2, out.Len()) })
	if n != 3 || err != nil {
		t.Fatalf("sent %d: %v", n, err)
	}
	var got []string
	for _, wantN := range []int{3, 2} {
		n, err := on(t, to, in.Receive)
		if n != wantN || err != nil {
			t.Fatalf("received %d: %v", n, err)
		}
		for i := range n {
			got = append(got, string(in.Packet(i)))
		}
	}
	want[2] = want[2][:50]
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("received %q, want %q", got, want)
	}
	_, err = on(t, to, in.Receive)
	if !errors.Is(err, unix.EAGAIN) {
		t.Errorf("with none left: %v", err)
	}
}

// TestRefused says that nobody listens, as the host of an upstream does.
func TestRefused(t *testing.T) {
	gone, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.DialUDP("udp", nil, gone.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	gone.Close()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	b := NewBatch(2, 10)
	for i := range b.Len() {
		b.Set(i, append(b.Room(i), 'x'))
	}
	n, err := on(t, raw, func(fd int) (int, error) { return b.Send(fd, 0, 1) })
	if n != 1 || err != nil {
		t.Fatalf("sent %d: %v", n, err)
	}
	_, err = on(t, raw, b.Receive)
	if !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("receiving: %v", err)
	}
}

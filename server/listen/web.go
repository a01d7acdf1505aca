package listen

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"inside53/server/share"
)

// Bounded returns a listener like l, with a bound on the connections that are open at once:
// so many in all, so many of one client (an IPv4 address, a /64 of IPv6). What comes above
// the share is closed at once. Above the total the one goes that wasn't used for longest, of
// whoever holds most.
func Bounded(l net.Listener, total, perClient int) net.Listener {
	return &boundedListener{Listener: l, shares: share.New[*boundedConn](total, perClient)}
}

type boundedListener struct {
	net.Listener
	shares *share.Shares[*boundedConn]
}

// Accept implements [net.Listener].
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &boundedConn{Conn: conn, from: l, client: remoteAddr(conn)}
		c.touch()
		out, full, ok := l.shares.Add(c.client, c)
		if full {
			_ = out.Close()
		}
		if ok && out != c {
			return c, nil
		}
		_ = conn.Close()
	}
}

// remoteAddr returns the address of the other end.
func remoteAddr(conn net.Conn) netip.Addr {
	at, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return at.AddrPort().Addr()
}

// boundedConn is a connection that is counted until it is closed.
type boundedConn struct {
	net.Conn
	from   *boundedListener
	client netip.Addr
	used   atomic.Int64 // Unix nanoseconds
	once   sync.Once
}

func (c *boundedConn) touch() { c.used.Store(time.Now().UnixNano()) }

func (c *boundedConn) LastUsed() time.Time { return time.Unix(0, c.used.Load()) }

// Read implements [net.Conn].
func (c *boundedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.touch()
	}
	return n, err
}

// Write implements [net.Conn].
func (c *boundedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.touch()
	}
	return n, err
}

// Close implements [net.Conn].
func (c *boundedConn) Close() error {
	c.once.Do(func() { c.from.shares.Remove(c.client, c) })
	return c.Conn.Close()
}

//go:build linux

package attacker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Sources are so many addresses of loopback, one after another.
type Sources struct {
	First netip.Addr
	Count int
}

// at returns the address of a number, from the first on again after the last.
func (s Sources) at(i int) netip.Addr {
	b := s.First.As4()
	n := int(b[2])<<8 + int(b[3]) + i%max(1, s.Count)
	b[2], b[3] = byte(n>>8), byte(n)
	return netip.AddrFrom4(b)
}

// Flood is packets by UDP, whose answers nobody reads.
type Flood struct {
	Server  netip.AddrPort
	Sources Sources
	Rate    int                // packets a second
	Packet  func(i int) []byte // number i; it is valid until the next call
}

// burst is how long packets are gathered for: a timer is no finer on a busy machine.
const burst = 2 * time.Millisecond

// Run sends until ctx ends and returns how many packets were sent.
func (f Flood) Run(ctx context.Context) (sent int, err error) {
	conns := make([]net.Conn, max(1, f.Sources.Count))
	defer func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close() // nothing is read from it
			}
		}
	}()
	for i := range conns {
		d := net.Dialer{LocalAddr: &net.UDPAddr{IP: f.Sources.at(i).AsSlice()}}
		conns[i], err = d.DialContext(ctx, "udp", f.Server.String())
		if err != nil {
			return 0, fmt.Errorf("opening a socket to flood %s: %w", f.Server, err)
		}
	}
	tick := time.NewTicker(burst)
	defer tick.Stop()
	for began := time.Now(); ; {
		select {
		case <-ctx.Done():
			return sent, nil
		case <-tick.C:
		}
		due := int(time.Since(began).Seconds() * float64(f.Rate))
		for ; sent < due; sent++ {
			_, err = conns[sent%len(conns)].Write(f.Packet(sent))
			if err != nil && !errors.Is(err, unix.ECONNREFUSED) && !errors.Is(err, unix.ENOBUFS) {
				return sent, fmt.Errorf("flooding %s: %w", f.Server, err)
			}
		}
	}
}

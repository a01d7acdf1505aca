//go:build linux

package load

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"inside53/resolver/datagram"
)

// fullSocket is how often sending is tried while the send buffer is full.
const fullSocket = 1000

const (
	batchSize = 64   // the most packets of one system call
	maxPacket = 1472 // octets; longer ones are cut
)

// udp asks by UDP. The lanes share its memory, since they take turns.
type udp struct {
	in, out *datagram.Batch
	loaded  [batchSize]*slot
}

func newUDP() *udp {
	return &udp{in: datagram.NewBatch(batchSize, maxPacket), out: datagram.NewBatch(batchSize, maxPacket)}
}

func (u *udp) receive(l *lane, now func() time.Duration) (bool, error) {
	n, err := u.in.Receive(l.fd)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNREFUSED):
		return false, nil // nobody there yet, or gone: the queries will be lost
	case err != nil:
		return false, fmt.Errorf("receiving: %w", err)
	}
	t := now()
	for i := range n {
		l.answer(u.in.Packet(i), t)
	}
	return n > 0, nil
}

func (u *udp) send(l *lane, s Stream, n int, now time.Duration) (int, error) {
	n = min(n, batchSize)
	k := 0
	for ; k < n; k++ {
		q := l.load(s, now)
		if q == nil {
			break
		}
		u.loaded[k] = q
		u.out.Set(k, q.buf[2:2+q.n])
	}
	done := 0
	for tries := 0; done < k && tries < fullSocket; {
		sent, err := u.out.Send(l.fd, done, k)
		switch {
		case err == nil:
			done += sent
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNREFUSED),
			errors.Is(err, unix.ENOBUFS):
			tries++
			runtime.Gosched()
		default:
			return done, fmt.Errorf("sending: %w", err)
		}
	}
	for _, q := range u.loaded[done:k] {
		l.unload(q)
	}
	return done, nil
}

//go:build linux

package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// readSize is room for more than a window of answers.
const readSize = 256 << 10

// tcp asks by TCP, one write for all that can be asked.
type tcp struct {
	options Options
}

func (c *tcp) receive(l *lane, now func() time.Duration) (bool, error) {
	if l.read == nil {
		l.read = make([]byte, readSize)
	}
	n, err := unix.Read(l.fd, l.read[l.unread:])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return false, nil
	case err != nil && !errors.Is(err, unix.ECONNRESET):
		return false, fmt.Errorf("reading: %w", err)
	case err != nil || n == 0:
		return false, c.reconnect(l)
	}
	l.unread += n
	t := now()
	at := 0
	for l.unread-at >= 2 {
		size := int(binary.BigEndian.Uint16(l.read[at:]))
		if l.unread-at < 2+size {
			break
		}
		l.answer(l.read[at+2:at+2+size], t)
		at += 2 + size
	}
	l.unread = copy(l.read, l.read[at:l.unread])
	return true, nil
}

// reconnect takes a new connection for one that the server closed. What was
// outstanding is lost.
func (c *tcp) reconnect(l *lane) error {
	l.tally.Lost += uint64(l.outstanding())
	unix.Close(l.fd)
	fd, err := open(c.options)
	if err != nil {
		return fmt.Errorf("after the server closed a connection: %w", err)
	}
	l.fd = fd
	l.reset()
	return nil
}

func (c *tcp) send(l *lane, s Stream, n int, now time.Duration) (int, error) {
	loaded := 0
	if len(l.unsent) == 0 {
		l.pending = l.pending[:0]
		for ; loaded < n; loaded++ {
			q := l.load(s, now)
			if q == nil {
				break
			}
			l.pending = append(l.pending, q.buf[:2+q.n]...)
		}
		l.unsent = l.pending
	}
	if len(l.unsent) == 0 {
		return 0, nil
	}
	k, err := unix.Write(l.fd, l.unsent)
	switch {
	case err == nil:
		l.unsent = l.unsent[k:]
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
	case errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET):
		return loaded, c.reconnect(l)
	default:
		return loaded, fmt.Errorf("writing: %w", err)
	}
	return loaded, nil
}

//go:build linux

package upstream

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Lie is the address in every false answer.
var Lie = [4]byte{203, 0, 113, 66}

// guesses is how many ids a forger tries for each query.
const guesses = 8

// liar is forgers who see when something is asked, and the port that asks: they guess the id,
// or know it and answer from another port or address.
type liar struct {
	fd      int // the socket of true answers
	others  []int
	scratch []byte
}

// newLiar opens the forgers' own sockets: one of the same address, one of another.
func newLiar(fd int) (*liar, error) {
	l := &liar{fd: fd}
	for _, from := range [][4]byte{{127, 0, 0, 1}, {127, 88, 0, 1}} {
		own, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			l.others = append(l.others, own)
			err = unix.Bind(own, &unix.SockaddrInet4{Addr: from})
		}
		if err != nil {
			l.close()
			return nil, fmt.Errorf("opening a socket for false answers: %w", err)
		}
	}
	return l, nil
}

func (l *liar) close() {
	for _, fd := range l.others {
		_ = unix.Close(fd) // nothing is lost with it
	}
}

// lie sends false answers to a query. Those that can't be sent are lost.
func (l *liar) lie(query []byte, to *unix.SockaddrInet4) {
	l.scratch = append(l.scratch[:0], query...)
	l.scratch = append(l.scratch, make([]byte, 64+texts)...)
	a := Answer(l.scratch[:len(query)])
	if a == nil {
		return
	}
	address := Address(query[headerSize : questionEnd(query)-4])
	at := bytes.LastIndex(a, address[:])
	if at < 0 {
		return
	}
	copy(a[at:], Lie[:])
	for _, fd := range l.others {
		_ = unix.Sendto(fd, a, unix.MSG_DONTWAIT, to)
	}
	for i := range guesses {
		a[i%2] += byte(1 + i)
		if a[0] == query[0] && a[1] == query[1] {
			continue
		}
		err := unix.Sendto(l.fd, a, unix.MSG_DONTWAIT, to)
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			return
		}
	}
}

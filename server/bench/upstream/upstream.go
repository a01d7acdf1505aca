//go:build linux

package upstream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"inside53/resolver/datagram"
)

const (
	headerSize = 12
	typeA      = 1
	typeTXT    = 16
	typeOPT    = 41
	ttl        = 3600 // seconds, of every answer
)

// Address returns the address of a name in wire form.
func Address(name []byte) [4]byte {
	h := uint32(2166136261) // FNV-1a of the lower-case name
	for _, c := range name {
		if c >= 'A' && c <= 'Z' { // no length octet is as large
			c |= 0x20
		}
		h = (h ^ uint32(c)) * 16777619
	}
	return [4]byte{10, byte(h >> 16), byte(h >> 8), byte(h)}
}

// Answer makes the answer to query in place, and returns it: as much of query's
// capacity as it takes. It returns nil when query is not one question with at most one
// additional record, or when there is no room.
func Answer(query []byte) []byte {
	end := questionEnd(query)
	if end < 0 || cap(query) < end+room(query, end) || query[2]&0x80 != 0 {
		return nil
	}
	opt := query[11] == 1
	name, rrtype := query[headerSize:end-4], binary.BigEndian.Uint16(query[end-4:])
	address := Address(name)
	a := query[:end]
	a[2] = 0x80 | a[2]&0x79 // QR; opcode and RD as asked
	a[3] = 0x80             // RA
	clear(a[6:12])
	switch rrtype {
	case typeA:
		a[7] = 1
		a = append(a, 0xc0, headerSize, 0, typeA, 0, 1, 0, 0, ttl>>8, ttl&0xff, 0, 4)
		a = append(a, address[:]...)
	case typeTXT:
		a[7] = 1
		a = append(a, 0xc0, headerSize, 0, typeTXT, 0, 1, 0, 0, ttl>>8, ttl&0xff, texts>>8, texts&0xff)
		for range texts / textSize {
			a = append(append(a, textSize-1), text()...)
		}
	default:
		a[9] = 1
		a = append(a, 0, 0, 6, 0, 1, 0, 0, 0, 60, 0, 22, 0, 0)                           // . 60 SOA . .
		a = append(a, 0, 0, 0, 1, 0, 0, 14, 16, 0, 0, 2, 88, 0, 1, 81, 128, 0, 0, 0, 60) // 1 3600 600 86400 60
	}
	if opt {
		a[11] = 1
		a = append(a, 0, 0, typeOPT, 4, 208, 0, 0, 0, 0, 0, 0) // 1232 octets
	}
	return a
}

// The texts of a TXT record: as much as goes into an answer of 1232 octets beside any name.
const (
	textSize = 225 // with its length
	texts    = 4 * textSize
)

func text() string { return strings.Repeat("t", textSize-1) }

// room is how many octets Answer needs behind the question.
func room(query []byte, end int) int {
	if binary.BigEndian.Uint16(query[end-4:]) == typeTXT {
		return 64 + texts
	}
	return 64
}

// Dead is the name below which it answers nothing, and whatever asks waits.
const (
	Dead = "dead.example."
	dead = "\x04dead\x07example\x00"
)

// silent reports whether a query gets no answer.
func silent(query []byte) bool {
	end := questionEnd(query)
	return end > 0 && strings.HasSuffix(string(query[headerSize:end-4]), dead)
}

// questionEnd returns where the only question of a query ends, or -1.
func questionEnd(query []byte) int {
	if len(query) < headerSize+5 || query[4] != 0 || query[5] != 1 || query[10] != 0 || query[11] > 1 {
		return -1
	}
	for at := headerSize; at < len(query); at += int(query[at]) + 1 {
		switch {
		case query[at] > 63:
			return -1
		case query[at] == 0 && at+5 <= len(query):
			return at + 5
		}
	}
	return -1
}

// Options say how it answers.
type Options struct {
	// Count counts the questions, where it is not nil.
	Count *atomic.Uint64
	// Lies sends false answers before each true one.
	Lies bool
}

// Run answers on addr, an IPv4 address and port, until ctx ends. It wants a thread of
// its own.
func Run(ctx context.Context, addr netip.AddrPort, o Options) error {
	fd, err := bind(addr)
	if err != nil {
		return fmt.Errorf("listening on udp %s: %w", addr, err)
	}
	defer unix.Close(fd)
	var l *liar
	if o.Lies {
		l, err = newLiar(fd)
		if err != nil {
			return err
		}
		defer l.close()
	}
	b := datagram.NewPeers(64, 1472)
	for ctx.Err() == nil {
		n, err := b.Await(fd)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("receiving on udp %s: %w", addr, err)
		}
		if o.Count != nil {
			o.Count.Add(uint64(n))
		}
		serve(b, fd, n, l)
	}
	return nil
}

// serve answers the first n packets but those that get no answer. What can't be sent is
// lost, as on a network.
func serve(b *datagram.Batch, fd, n int, l *liar) {
	first := 0 // of those that are yet to be sent
	for i := range n {
		q := b.Packet(i)
		if silent(q) {
			send(b, fd, first, i)
			first = i + 1
			continue
		}
		if l != nil {
			l.lie(q, b.Peer(i))
		}
		a := Answer(q)
		if a == nil {
			a = formErr(q)
		}
		b.Set(i, a)
	}
	send(b, fd, first, n)
}

// send sends the packets in the slots from first to end.
func send(b *datagram.Batch, fd, first, end int) {
	for first < end {
		k, err := b.Send(fd, first, end)
		if err != nil {
			return
		}
		first += k
	}
}

// formErr makes the answer to what isn't understood, in place.
func formErr(query []byte) []byte {
	a := query[:headerSize]
	clear(a[min(len(query), 2):])
	a[2], a[3] = 0x80, 1
	return a
}

// bind returns a socket that gives up waiting after a while, so that Run sees the end.
func bind(addr netip.AddrPort) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	patience := unix.NsecToTimeval(int64(100 * time.Millisecond))
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience),
		unix.Bind(fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}),
	)
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

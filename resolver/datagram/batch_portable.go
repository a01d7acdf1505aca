//go:build !linux || portable_udp

package datagram

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Batch is memory for some packets. It must be made by [NewBatch].
type Batch struct {
	sent    [][]byte
	sizes   []int // of those that were received
	room    int
	packets []byte // room for each
	err     error  // of receiving, for the next call
}

// NewBatch returns a batch of so many packets with room for so many octets each, for connected sockets. Longer ones are
// cut.
func NewBatch(packets, room int) *Batch {
	return &Batch{
		sent: make([][]byte, packets), sizes: make([]int, packets), room: room, packets: make([]byte, packets*room),
	}
}

// Len returns how many packets there is room for.
func (b *Batch) Len() int { return len(b.sizes) }

// Room returns the room of slot i, empty. It may be filled and [Batch.Set].
func (b *Batch) Room(i int) []byte { return b.packets[i*b.room : i*b.room : (i+1)*b.room] }

// Receive takes what packets there are, into the first slots, and returns how many. No packet is EAGAIN.
func (b *Batch) Receive(fd int) (int, error) {
	n, err := 0, b.err
	b.err = nil
	for ; n < len(b.sizes) && err == nil; n++ {
		b.sizes[n], err = unix.Read(fd, b.Room(n)[:b.room])
	}
	switch {
	case err == nil:
		return n, nil
	case n <= 1:
		return 0, err
	case !errors.Is(err, unix.EAGAIN):
		b.err = err
	}
	return n - 1, nil
}

// Packet returns the packet that was received in slot i. Its capacity is all of the slot's room.
func (b *Batch) Packet(i int) []byte { return b.Room(i)[:b.sizes[i]] }

// Set makes p the packet of slot i that is sent, from where it is.
func (b *Batch) Set(i int, p []byte) { b.sent[i] = p }

// Sent returns what was Set.
func (b *Batch) Sent(i int) []byte { return b.sent[i] }

// Send sends the packets in the slots from first to end and returns how many the
// kernel took. It does not wait: no room is EAGAIN.
func (b *Batch) Send(fd, first, end int) (int, error) {
	for i := first; i < end; i++ {
		_, err := unix.Write(fd, b.sent[i])
		if err != nil && i == first {
			return 0, err
		}
		if err != nil {
			return i - first, nil // the next call has it
		}
	}
	return end - first, nil
}

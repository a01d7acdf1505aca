//go:build !portable_udp

package datagram

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmsghdr is struct mmsghdr. Go pads it as C does.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// Batch is memory for some packets. It must be made by [NewBatch] or [NewPeers], since its headers point into it.
type Batch struct {
	headers []mmsghdr
	vectors []unix.Iovec
	peers   []unix.RawSockaddrInet4 // nil: the sockets are connected
	room    int
	packets []byte // room for each
}

// NewBatch returns a batch of so many packets with room for so many octets each, for connected sockets. Longer ones are
// cut.
func NewBatch(packets, room int) *Batch {
	b := &Batch{
		headers: make([]mmsghdr, packets), vectors: make([]unix.Iovec, packets),
		room: room, packets: make([]byte, packets*room),
	}
	for i := range b.headers {
		h := &b.headers[i].hdr
		h.Iov = &b.vectors[i]
		h.SetIovlen(1)
	}
	return b
}

// NewPeers returns a batch for sockets that aren't connected, of IPv4: each packet carries the address it came from and
// is sent to.
func NewPeers(packets, room int) *Batch {
	b := NewBatch(packets, room)
	b.peers = make([]unix.RawSockaddrInet4, packets)
	for i := range b.headers {
		h := &b.headers[i].hdr
		h.Name = (*byte)(unsafe.Pointer(&b.peers[i]))
		h.Namelen = unix.SizeofSockaddrInet4
	}
	return b
}

// Len returns how many packets there is room for.
func (b *Batch) Len() int { return len(b.headers) }

// Room returns the room of slot i, empty. It may be filled and [Batch.Set].
func (b *Batch) Room(i int) []byte { return b.packets[i*b.room : i*b.room : (i+1)*b.room] }

// Receive takes what packets there are, into the first slots, and returns how many. No packet is EAGAIN.
func (b *Batch) Receive(fd int) (int, error) {
	return b.receive(fd, unix.MSG_DONTWAIT, unix.RawSyscall6)
}

// Await is Receive, but waits for the first packet, and the calling thread with it; for sockets that wait.
func (b *Batch) Await(fd int) (int, error) { return b.receive(fd, unix.MSG_WAITFORONE, unix.Syscall6) }

func (b *Batch) receive(
	fd int, flags uintptr, call func(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, errno unix.Errno),
) (int, error) {
	for i := range b.vectors {
		b.Set(i, b.Room(i)[:b.room])
	}
	n, _, errno := call(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.headers[0])),
		uintptr(len(b.headers)), flags, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// Packet returns the packet that was received in slot i. Its capacity is all of the slot's room.
func (b *Batch) Packet(i int) []byte { return b.Room(i)[:b.headers[i].n] }

// Peer returns where the packet in slot i came from, of a batch with peers.
func (b *Batch) Peer(i int) *unix.SockaddrInet4 {
	p := &b.peers[i]
	port := (*[2]byte)(unsafe.Pointer(&p.Port))
	return &unix.SockaddrInet4{Port: int(port[0])<<8 | int(port[1]), Addr: p.Addr}
}

// Set makes p the packet of slot i that is sent, from where it is.
func (b *Batch) Set(i int, p []byte) {
	b.vectors[i].Base = unsafe.SliceData(p)
	b.vectors[i].SetLen(len(p))
}

// Sent returns what was Set.
func (b *Batch) Sent(i int) []byte { return unsafe.Slice(b.vectors[i].Base, b.vectors[i].Len) }

// Send sends the packets in the slots from first to end and returns how many the
// kernel took. It does not wait: no room is EAGAIN.
func (b *Batch) Send(fd, first, end int) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.headers[first])),
		uintptr(end-first), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

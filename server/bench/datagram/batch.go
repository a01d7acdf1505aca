//go:build linux

package datagram

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Size is the most packets of one system call.
const Size = 64

// MaxPacket is the most octets of a packet; longer ones are cut.
const MaxPacket = 1472

// mmsghdr is struct mmsghdr. Go pads it as C does.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// Batch is memory for up to Size IPv4 packets. It must be made by [NewBatch], since
// its headers point into it.
type Batch struct {
	headers [Size]mmsghdr
	vectors [Size]unix.Iovec
	peers   [Size]unix.RawSockaddrInet4
	packets [Size][MaxPacket]byte
}

// NewBatch returns a batch. With peers, each packet carries the address it came from
// and is sent to; without, the socket is connected.
func NewBatch(peers bool) *Batch {
	b := new(Batch)
	for i := range b.headers {
		h := &b.headers[i].hdr
		h.Iov = &b.vectors[i]
		h.SetIovlen(1)
		if peers {
			h.Name = (*byte)(unsafe.Pointer(&b.peers[i]))
			h.Namelen = unix.SizeofSockaddrInet4
		}
	}
	return b
}

// Receive takes what packets there are, into the first slots, and returns how many.
// With wait it waits for the first one, and the calling thread with it; without, no
// packet is EAGAIN.
func (b *Batch) Receive(fd int, wait bool) (int, error) {
	for i := range b.vectors {
		b.vectors[i].Base = &b.packets[i][0]
		b.vectors[i].SetLen(MaxPacket)
	}
	flags, call := uintptr(unix.MSG_DONTWAIT), unix.RawSyscall6
	if wait {
		flags, call = unix.MSG_WAITFORONE, unix.Syscall6
	}
	n, _, errno := call(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.headers[0])), Size, flags, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// Packet returns the packet in slot i. Its capacity is all of the slot's room.
func (b *Batch) Packet(i int) []byte { return b.packets[i][:b.headers[i].n] }

// Peer returns where the packet in slot i came from, of a batch with peers.
func (b *Batch) Peer(i int) *unix.SockaddrInet4 {
	p := &b.peers[i]
	port := (*[2]byte)(unsafe.Pointer(&p.Port))
	return &unix.SockaddrInet4{Port: int(port[0])<<8 | int(port[1]), Addr: p.Addr}
}

// Set makes p the packet of slot i. It is sent from where it is.
func (b *Batch) Set(i int, p []byte) {
	b.vectors[i].Base = &p[0]
	b.vectors[i].SetLen(len(p))
}

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

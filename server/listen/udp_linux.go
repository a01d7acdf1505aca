//go:build !portable_udp

package listen

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"inside53/resolver"
)

// udpSlots is the most packets that one system call takes or gives. Measured: 64
// leaves the system calls at 2 % of the cost of a packet under load.
const udpSlots = 64

// turnsBeforeYield is how many turns a loop that always finds packets takes before it
// lets other goroutines run: those that wait for an upstream, TCP, the admin server.
const turnsBeforeYield = 8

// bufferStride keeps the same offset of neighbouring slots out of the same set of the
// first-level cache, which a stride of 4096 would not.
const bufferStride = maxUDPQuery + 64

// maxUselessErrors is how many errors in a row receiving may give before the loop
// slows down, so that a broken network does not burn a core.
const maxUselessErrors = 100

// mmsghdr is struct mmsghdr. Go pads it as C does.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// controlWords is room for one packet-info message of either family, aligned as
// struct cmsghdr asks.
type controlWords [6]uint64

// udpRing is the preallocated memory of one packet loop: slot i receives into in[i],
// and its answer is built in out[i]. The kernel is given pointers into it, all typed,
// so that the collector knows them too.
type udpRing struct {
	recv    [udpSlots]mmsghdr
	send    [udpSlots]mmsghdr
	recvVec [udpSlots]unix.Iovec
	sendVec [udpSlots]unix.Iovec
	names   [udpSlots]unix.RawSockaddrInet6 // or RawSockaddrInet4, as the socket is
	control [udpSlots]controlWords
	results [udpSlots]resolver.Result // of send[i]
	in      [udpSlots][bufferStride]byte
	out     [udpSlots][bufferStride]byte
}

// udpLoop is one socket and the goroutine that serves it. Its methods but answer,
// stop, close and kernelDrops belong to that goroutine.
type udpLoop struct {
	loopState
	ring    *udpRing
	nameLen uint32
	pktinfo bool // the bind is a wildcard: answers name their source address
	tally   tally
	began   time.Time // when the batch under way was received

	// errno is where work, which the poller calls, leaves why it left.
	poll  syscall.RawConn
	work  func(fd uintptr) (leave bool)
	errno unix.Errno

	// slot is the one being served, for Suspend; suspended says whether it came.
	slot      int
	suspended bool

	way      *way
	handedOn bool // queries were suspended since it was given

	// mu lets late answers end before the descriptor is closed and given to somebody
	// else. Sending does not block, so neither does closing.
	mu     sync.RWMutex
	file   *os.File
	fd     int // of file
	closed bool
	drops  dropCount

	late sync.Pool // of *lateUDP
	held held
}

// listenUDP serves addr, whose port is not 0, by o.Loops sockets of its own.
func listenUDP(addr netip.AddrPort, v6only bool, o Options, p *probe) ([]*udpLoop, error) {
	files, err := bindShared(addr, v6only, o.Loops, o.ReceiveBuffer)
	if err != nil {
		return nil, err
	}
	return serveUDP(addr, files, o, p)
}

// serveUDP makes a packet loop of each of the sockets of an address, which it owns from here on.
func serveUDP(addr netip.AddrPort, files []*os.File, o Options, p *probe) ([]*udpLoop, error) {
	loops := make([]*udpLoop, 0, len(files))
	for i, f := range files {
		l, err := newUDPLoop(addr, f, o.ReceiveBuffer)
		if err != nil {
			for _, l := range loops {
				l.close()
			}
			closeAll(files[i:])
			return nil, err
		}
		l.addr, l.index, l.worker, l.probe = addr, i, o.NewWorker(), p
		loops = append(loops, l)
	}
	if got := loops[0].receiveBuffer; got < o.ReceiveBuffer {
		o.Log.Warn("the kernel gives a smaller receive buffer than asked for; bursts will lose queries",
			"address", addr.String(), "bytes", got, "asked", o.ReceiveBuffer,
			"remedy", fmt.Sprintf("sysctl -w net.core.rmem_max=%d", o.ReceiveBuffer))
	}
	return loops, nil
}

func newUDPLoop(addr netip.AddrPort, f *os.File, receiveBuffer int) (*udpLoop, error) {
	l := &udpLoop{file: f, pktinfo: addr.Addr().IsUnspecified()}
	var err error
	l.poll, err = f.SyscallConn()
	if err != nil {
		return nil, err
	}
	controlled := l.poll.Control(func(fd uintptr) {
		l.fd = int(fd)
		err = setServed(l.fd, addr)
		l.receiveBuffer = raiseReceiveBuffer(l.fd, receiveBuffer)
	})
	err = errors.Join(controlled, err)
	if err != nil {
		return nil, err
	}
	l.way, err = newWay()
	if err != nil {
		return nil, err
	}
	l.work = l.serveAll
	l.prepare(addr)
	return l, nil
}

// prepare points the headers at the ring's memory. The kernel leaves the vectors and,
// as all addresses of a socket are of one size, the name lengths as they are, so
// nothing but the control length of wildcard binds is set again between packets.
func (l *udpLoop) prepare(addr netip.AddrPort) {
	r := new(udpRing)
	l.ring = r
	l.nameLen = unix.SizeofSockaddrInet6
	if addr.Addr().Is4() {
		l.nameLen = unix.SizeofSockaddrInet4
	}
	for i := range udpSlots {
		r.recvVec[i].Base = &r.in[i][0]
		r.recvVec[i].SetLen(maxUDPQuery)
		h := &r.recv[i].hdr
		h.Iov = &r.recvVec[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
		h.Namelen = l.nameLen
		r.send[i].hdr.Iov = &r.sendVec[i]
		r.send[i].hdr.SetIovlen(1)
		r.send[i].hdr.Namelen = l.nameLen
	}
	l.armControl(udpSlots)
}

// armControl makes room for control messages in the first n slots.
func (l *udpLoop) armControl(n int) {
	if !l.pktinfo {
		return
	}
	for i := range n {
		h := &l.ring.recv[i].hdr
		h.Control = (*byte)(unsafe.Pointer(&l.ring.control[i]))
		h.SetControllen(int(unsafe.Sizeof(controlWords{})))
	}
}

// run is the packet loop. It ends after stop, when what had come in is answered.
//
// It waits in the runtime's poller and not in the system call. A goroutine that blocks
// in the kernel keeps its processor until the runtime takes it away, up to 10 ms
// later, and for that long nobody runs who waits for an upstream: measured with one
// processor at 20,000 queries a second, late answers took 5 ms that way and take 40 us
// this way. The cost of a packet under load is the same.
func (l *udpLoop) run() error {
	for useless := 0; ; useless++ {
		l.errno = 0
		turns := l.turns.Load()
		err := l.poll.Read(l.work)
		switch {
		case l.stopping.Load():
			l.finish()
			return nil
		case err != nil:
			return fmt.Errorf("receiving on udp %s: %w", l.addr, err)
		case l.errno == unix.EBADF || l.errno == unix.ENOTSOCK || l.errno == unix.EFAULT:
			return fmt.Errorf("receiving on udp %s: %w", l.addr, l.errno)
		}
		l.counters.receiveErrors.Add(1)
		if l.turns.Load() > turns {
			useless = 0
		}
		if useless > maxUselessErrors {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// serveAll serves what packets there are. It leaves when receiving failed or the loop
// is to stop; otherwise the poller waits and calls it again.
//
// It works inside of the poller's call, and after a few packets does not ask whether
// there are more: the queue was empty then, and what has come since wakes the poller,
// whose events are kept from one wait to the next but not from one call of Read to the
// next. At moderate load that saves one system call of three.
func (l *udpLoop) serveAll(fd uintptr) (leave bool) {
	for busy := 1; !l.stopping.Load(); busy++ {
		n, errno := l.receive(fd)
		switch {
		case errno == unix.EAGAIN:
			return false
		case errno == unix.EINTR:
			continue
		case errno != 0:
			l.errno = errno
			return true
		}
		l.turns.Add(1)
		l.began = time.Now()
		l.flush(l.serve(n))
		l.armControl(n)
		if n < fewPackets {
			return false
		}
		if l.handedOn {
			l.handedOn = false
			l.way.give()
		}
		if busy%turnsBeforeYield == 0 {
			runtime.Gosched()
		}
	}
	return true
}

// finish answers what is queued when the loop stops. Bounded, since the queue may be
// filled as fast as it is emptied.
func (l *udpLoop) finish() {
	for range 256 {
		n, errno := l.receive(uintptr(l.fd))
		if errno != 0 {
			return
		}
		l.began = time.Now()
		l.flush(l.serve(n))
		l.armControl(n)
	}
}

// receive takes what packets there are, at most udpSlots. It does not block, so the
// system call need not tell the scheduler; nor need flush, where a call that told it
// would be taken for a blocked one (64 answers take 200 us) and lose its processor
// every time.
func (l *udpLoop) receive(fd uintptr) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&l.ring.recv[0])), udpSlots,
		unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// serve answers the first n slots and returns how many answers are to be sent.
func (l *udpLoop) serve(n int) int {
	r := l.ring
	if n >= fewPackets {
		l.expect(n)
	}
	answers := 0
	for i := range n {
		m := &r.recv[i]
		if m.hdr.Flags&unix.MSG_TRUNC != 0 {
			l.counters.truncated.Add(1)
			continue
		}
		pkt := r.in[i][:m.n:maxUDPQuery]
		client := clientOf(&r.names[i])
		probe := l.probe.is(pkt)
		if probe {
			l.probed.Store(probeMark(client.Port(), pkt))
		}
		l.slot, l.suspended = i, false
		answer, result := l.worker.Serve(pkt, client, resolver.UDP, r.out[i][:0:maxUDPAnswer], l)
		if len(answer) == 0 {
			if !l.suspended {
				l.tally.add(result)
			}
			continue
		}
		s := &r.send[answers]
		r.sendVec[answers].Base = &answer[0]
		r.sendVec[answers].SetLen(len(answer))
		s.hdr.Name = (*byte)(unsafe.Pointer(&r.names[i]))
		if l.pktinfo {
			s.hdr.Control = (*byte)(unsafe.Pointer(&r.control[i]))
			s.hdr.SetControllen(replyControl(&r.control[i], &m.hdr))
		}
		if probe {
			result = resolver.Uncounted // no metric shows our own probes
		}
		r.results[answers] = result
		answers++
	}
	l.worker.Flush()
	return answers
}

// expect lets the worker prepare for the first n slots together.
func (l *udpLoop) expect(n int) {
	r := l.ring
	for i := range n {
		l.worker.Expect(r.in[i][:r.recv[i].n:maxUDPQuery], clientOf(&r.names[i]))
	}
	l.worker.Fetch()
}

// flush sends the first n answers and counts them. One that the kernel refuses is
// skipped: the others have done nothing wrong.
func (l *udpLoop) flush(n int) {
	r := l.ring
	patience := 1
	for done := 0; done < n; {
		k, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(l.fd), uintptr(unsafe.Pointer(&r.send[done])),
			uintptr(n-done), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == 0:
			for i := done; i < done+int(k); i++ {
				l.tally.add(r.results[i])
			}
			done += int(k)
		case errno == unix.EINTR:
		case errno == unix.EAGAIN && patience > 0:
			// The send buffer is full. Wait a little, once a batch: a link that is
			// slower than the queries has to lose answers somewhere.
			patience--
			l.awaitRoom()
		case errno == unix.EAGAIN:
			l.counters.sendErrors.Add(uint64(n - done))
			done = n
		default:
			l.counters.sendErrors.Add(1)
			done++
		}
	}
	l.tally.addTimed(&l.counters, time.Since(l.began))
}

// awaitRoom waits up to 5 ms for room in the send buffer.
func (l *udpLoop) awaitRoom() {
	fds := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLOUT}}
	_, err := unix.Poll(fds, 5)
	if err != nil {
		l.counters.sendErrors.Add(1)
	}
}

// socket is the socket, as it is.
func (l *udpLoop) socket() (syscall.RawConn, error) { return l.poll, nil }

// stop makes run end soon.
func (l *udpLoop) stop() {
	l.stopping.Store(true)
	// An error means that the socket is closed, and run over.
	_ = l.file.SetReadDeadline(time.Unix(1, 0))
}

// close closes the socket; run must have ended or never begun. Late answers are
// dropped from here on.
func (l *udpLoop) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.drops.read(l.fd)
	l.closed = true
	l.file.Close()
	l.way.close()
}

// kernelDrops returns how many packets found the receive buffer full.
func (l *udpLoop) kernelDrops() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return l.drops.last()
	}
	return l.drops.read(l.fd)
}

//go:build !portable_udp

package listen

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"inside53/resolver"
)

// lateUDP is what it takes to answer a suspended query: where it came from and, on a
// wildcard bind, the address it came to. It is used again once its answer has been given.
type lateUDP struct {
	loop    *udpLoop
	finish  func(answer []byte, result resolver.Result) // answer, bound once
	hdr     [1]mmsghdr
	vec     unix.Iovec
	name    unix.RawSockaddrInet6
	control controlWords
}

// Suspend implements [resolver.Suspender] for the query being served.
func (l *udpLoop) Suspend() func(answer []byte, result resolver.Result) {
	r := l.ring
	p, ok := l.late.Get().(*lateUDP)
	if !ok {
		p = l.newLate()
	}
	p.name = r.names[l.slot]
	if l.pktinfo {
		h := &p.hdr[0].hdr
		p.control = r.control[l.slot]
		h.Control = (*byte)(unsafe.Pointer(&p.control))
		h.SetControllen(replyControl(&p.control, &r.recv[l.slot].hdr))
	}
	l.suspended, l.handedOn = true, true
	l.waiting.Add(1)
	return p.finish
}

// newLate returns one that points to its own memory.
func (l *udpLoop) newLate() *lateUDP {
	p := &lateUDP{loop: l}
	p.finish = p.answer
	h := &p.hdr[0].hdr
	h.Name = (*byte)(unsafe.Pointer(&p.name))
	h.Namelen = l.nameLen
	h.Iov = &p.vec
	h.SetIovlen(1)
	return p
}

// answer sends the late answer from the socket that the query came in by, or leaves it to the end of a round.
func (p *lateUDP) answer(answer []byte, result resolver.Result) {
	l := p.loop
	switch {
	case len(answer) == 0:
		l.counters.count(result)
		l.waiting.Add(-1)
		l.late.Put(p)
	case l.rounds.isOpen() && l.hold(p, answer, result):
		if !l.rounds.isOpen() {
			l.sendHeld() // the end may not have seen it
		}
	default:
		p.vec.Base = &answer[0]
		p.vec.SetLen(len(answer))
		l.sendLate(p.hdr[:], []resolver.Result{result})
		p.vec.Base = nil
		l.late.Put(p)
	}
}

// isOpen reports whether a round is under way.
func (r *rounds) isOpen() bool { return r != nil && r.open.Load() > 0 }

// sendLate sends late answers, which have results, and counts them. One that the kernel refuses is skipped.
func (l *udpLoop) sendLate(answers []mmsghdr, results []resolver.Result) {
	defer l.waiting.Add(-int64(len(answers)))
	l.mu.RLock()
	defer l.mu.RUnlock()
	for done := 0; done < len(answers); {
		n, errno := uintptr(0), unix.EBADF
		if !l.closed {
			n, _, errno = unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(l.fd), uintptr(unsafe.Pointer(&answers[done])),
				uintptr(len(answers)-done), unix.MSG_DONTWAIT, 0, 0)
		}
		switch errno {
		case 0:
			for _, result := range results[done : done+int(n)] {
				l.counters.count(result)
			}
			done += int(n)
		case unix.EINTR:
		default:
			l.counters.sendErrors.Add(1)
			done++
		}
	}
}

// The bounds of what a loop holds: twice as many as a reader of replies handles in a round, of usual size.
const (
	heldAnswers = 32
	heldBytes   = 8 << 10
)

// held are a loop's late answers that go at the end of a round, by one system call.
type held struct {
	some atomic.Bool

	mu      sync.Mutex
	n, used int // of answers and bytes
	answers [heldAnswers]mmsghdr
	vecs    [heldAnswers]unix.Iovec
	results [heldAnswers]resolver.Result
	queries [heldAnswers]*lateUDP // that the answers point to
	bytes   [heldBytes]byte
}

// hold copies an answer to be sent at the end of the round; false if it is too long for that.
func (l *udpLoop) hold(p *lateUDP, answer []byte, result resolver.Result) bool {
	h := &l.held
	if len(answer) > len(h.bytes) {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.n == len(h.answers) || len(answer) > len(h.bytes)-h.used {
		l.sendHeldLocked()
	}
	copy(h.bytes[h.used:], answer)
	h.vecs[h.n].Base = &h.bytes[h.used]
	h.vecs[h.n].SetLen(len(answer))
	h.used += len(answer)
	h.answers[h.n] = p.hdr[0]
	h.answers[h.n].hdr.Iov = &h.vecs[h.n]
	h.results[h.n], h.queries[h.n] = result, p
	h.n++
	h.some.Store(true)
	return true
}

// sendHeld sends what is held.
func (l *udpLoop) sendHeld() {
	if !l.held.some.Load() {
		return
	}
	l.held.mu.Lock()
	defer l.held.mu.Unlock()
	l.sendHeldLocked()
}

func (l *udpLoop) sendHeldLocked() {
	h := &l.held
	l.sendLate(h.answers[:h.n], h.results[:h.n])
	for _, p := range h.queries[:h.n] {
		l.late.Put(p)
	}
	clear(h.answers[:h.n])
	clear(h.queries[:h.n])
	h.n, h.used = 0, 0
	h.some.Store(false)
}

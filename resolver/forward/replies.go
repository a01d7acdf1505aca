package forward

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"inside53/resolver/datagram"
)

const (
	readSize   = 4096 // of a buffer for a reply by UDP: more than we say we take
	repliesMax = 16   // replies by UDP that one system call takes
)

// reader is what a goroutine needs to take replies by UDP apart.
type reader struct {
	batch *datagram.Batch
	walk  walker
}

func newReader() any { return &reader{batch: datagram.NewBatch(repliesMax, readSize)} }

// read receives replies until the socket has done its work.
func (s *udpSocket) read(context.Context) {
	defer s.f.udp.Add(-1)
	defer s.f.drop(s.conn)
	var ended error
	err := s.raw.Read(func(fd uintptr) (leave bool) {
		leave, ended = s.receive(int(fd))
		return leave
	})
	err = errors.Join(err, ended)
	if err != nil {
		s.broken(err)
	}
	s.end()
}

// receive handles what replies there are; leave says that no more are to come.
//
// It works inside of the poller's call, and where few replies came doesn't ask whether there are more: what has come
// since wakes the poller, as in the packet loops. Nothing that it does may close the socket, which would wait for it.
func (s *udpSocket) receive(fd int) (leave bool, err error) {
	r := s.f.readers.Get().(*reader)
	defer s.f.readers.Put(r)
	for n := r.batch.Len(); n == r.batch.Len(); {
		n, err = r.batch.Receive(fd)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return false, nil
		case errors.Is(err, unix.EINTR):
			n = r.batch.Len()
			continue
		case err != nil:
			return true, err
		}
		if s.handleAll(r, n) {
			return true, nil
		}
	}
	return false, nil
}

// handleAll handles the first n packets of r's; drained says that all have come that the socket waited for.
func (s *udpSocket) handleAll(r *reader, n int) (drained bool) {
	defer s.f.beginRound(n).EndRound()
	for i := range n {
		if s.handle(r.batch.Packet(i), &r.walk) {
			return true
		}
	}
	return false
}

// handle handles one packet; drained says that all have come that the socket waited for.
func (s *udpSocket) handle(msg []byte, w *walker) (drained bool) {
	p, ok, drained := s.claim(msg)
	switch {
	case ok:
		s.f.showReply(msg, p.at.u, false, p)
		s.f.reply(p, msg, w)
	case p.fl != nil:
		s.f.noteOdd(p, msg)
	}
	return drained
}

// Rounds is told of each round: several replies that came together are taken apart one after the other, and those that
// wait for them told, so that what they send may go together at its end. Rounds of several goroutines overlap.
type Rounds interface {
	BeginRound()
	EndRound()
}

// SetRounds says who is told of rounds from now on.
func (f *Forwarder) SetRounds(r Rounds) { f.rounds.Store(&r) }

// beginRound begins a round of n replies where somebody is told of it, and returns what ends it.
func (f *Forwarder) beginRound(n int) Rounds {
	r := f.rounds.Load()
	if r == nil || n < 2 {
		return noRounds{}
	}
	(*r).BeginRound()
	return *r
}

type noRounds struct{}

func (noRounds) BeginRound() {}
func (noRounds) EndRound()   {}

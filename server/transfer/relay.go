package transfer

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"time"

	"inside53/resolver"
	"inside53/resolver/wire"
)

// relayTime is how long a secondary waits for the first message of its answer.
const relayTime = 10 * time.Second

// relay is a message that is handed on to who leads.
type relay struct {
	Received
	job    job // without what is to be sent
	finish func([]byte, resolver.Result)
	room   int // the most octets that the answer may have
	kind   string
}

// isElsewhere reports whether another server has the zones.
func (q *request) isElsewhere() bool { return q.t.Fleet != nil && q.t.Fleet.Term() == 0 }

// relay hands a message on. One that was handed on goes back without an answer.
func (q *request) relay() ([]byte, resolver.Result, bool) {
	if q.Handed {
		return nil, resolver.Dropped, true
	}
	r := relay{Received: q.Received, room: cap(q.Out), kind: q.kind()}
	r.Out = nil // it is lent
	r.job = job{asked: q.m, signature: q.signature, client: q.client, apex: q.apex}
	if q.stream != nil {
		r.job.stream = q.stream()
	} else {
		r.finish = q.Late()
	}
	for _, gone := range q.t.outgoing.Push(q.client.Addr(), 0, r) {
		q.t.full(gone.job.client, gone.job.apex, gone.kind, gone.job.signature.KeyName())
		gone.fail()
	}
	return nil, resolver.Local, true
}

// fail says that nobody has answered in time.
func (r *relay) fail() {
	if r.finish == nil {
		r.job.fail()
		return
	}
	m := responseTo(r.job.asked)
	m.Authoritative, m.Rcode = false, wire.RcodeServFail
	answer, err := r.job.signature.Pack(m)
	if err != nil || len(answer) > r.room {
		answer = nil
	}
	r.finish(answer, resolver.ServFail)
}

// relayAll hands messages on until ctx ends.
func (t *Server) relayAll(ctx context.Context) error {
	var running sync.WaitGroup
	for range transferWorkers {
		running.Go(func() {
			for item := t.outgoing.Pop(ctx); item != nil; item = t.outgoing.Pop(ctx) {
				t.relay(ctx, &item.Value)
				item.Done()
			}
		})
	}
	running.Wait()
	for _, r := range t.outgoing.Clear() {
		r.fail()
	}
	return ctx.Err()
}

// relay hands one message on, and its answer back.
func (t *Server) relay(ctx context.Context, r *relay) {
	limited, stop := context.WithTimeout(ctx, relayTime)
	defer stop()
	answers, err := t.Fleet.Open(limited, r.Packet, r.Client, r.Transport == resolver.UDP)
	if err != nil {
		t.Count(r.kind, "failed")
		t.Log.Warn("not handed on", "client", r.Client.Addr().String(), "kind", r.kind, "error", err)
		r.fail()
		return
	}
	defer answers.Close()
	if r.finish != nil {
		answer, err := answers.Next() // it is there
		if err != nil || len(answer) > r.room {
			r.fail()
			return
		}
		t.Count(r.kind, "handed_on")
		r.finish(answer, resultOf(answer))
		return
	}
	err = t.copyAnswers(answers, r.job.stream)
	outcome := "handed_on"
	if err != nil {
		outcome = "failed"
		t.Log.Warn("transfer broke off between servers", "client", r.Client.Addr().String(), "kind", r.kind, "error", err)
	}
	t.Count(r.kind, outcome)
}

// copyAnswers sends what the leader answers.
func (t *Server) copyAnswers(from Answers, to Stream) error {
	var last []byte
	for {
		m, err := from.Next()
		if errors.Is(err, io.EOF) && isLast(last) {
			to.End(resultOf(last))
			return nil
		}
		if err == nil {
			last = m
			err = to.Send(m)
		}
		if err == nil {
			err = from.Await()
		}
		if err != nil {
			to.End(resolver.Dropped)
			return err
		}
	}
}

// isLast reports whether a message may be the last of an answer: an error, or one whose last
// record is an SOA record (RFC 5936 section 2.2, RFC 1995 section 4).
func isLast(m []byte) bool {
	if len(m) < wire.HeaderSize || m[wire.AtRcode]&wire.MaskRcode != wire.RcodeNoError {
		return len(m) > 0
	}
	at := wire.HeaderSize
	for range binary.BigEndian.Uint16(m[wire.AtQuestions:]) {
		at = wire.SkipName(m, at) + wire.QuestionFixed
	}
	rrtype := uint16(0)
	for range binary.BigEndian.Uint16(m[wire.AtAnswers:]) {
		r, end := wire.ReadRecord(m, at)
		if end < 0 {
			return false
		}
		rrtype, at = r.Type, end
	}
	return rrtype == wire.TypeSOA
}

// resultOf classifies an answer.
func resultOf(answer []byte) resolver.Result {
	if len(answer) < wire.HeaderSize {
		return resolver.Dropped
	}
	switch answer[wire.AtRcode] & wire.MaskRcode {
	case wire.RcodeNoError:
		return resolver.Local
	case wire.RcodeServFail:
		return resolver.ServFail
	case wire.RcodeFormErr:
		return resolver.FormErr
	}
	return resolver.Refused
}

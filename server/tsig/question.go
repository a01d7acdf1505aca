package tsig

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"inside53/resolver"
	"inside53/resolver/wire"

	"github.com/miekg/dns"
)

// Server answers questions, as [resolver.Worker] does.
type Server interface {
	Serve(
		pkt []byte, client netip.AddrPort, tr resolver.Transport, out []byte, s resolver.Suspender,
	) ([]byte, resolver.Result)
}

// question is one with a TSIG record, whose answer is signed by the same key (RFC 8945
// section 5.3). nsupdate asks so for the zone of a name.
type question struct {
	resolver.Suspender
	signature *Signature
	size      int // the most bytes that an answer may have
}

// Serve answers a question that may be signed, by way of inner, which is asked without the
// signature. accepted is false for a question without one.
func (k Keyring) Serve(
	inner Server, pkt []byte, client netip.AddrPort, tr resolver.Transport, out []byte, s resolver.Suspender,
) (answer []byte, result resolver.Result, accepted bool) {
	m, err := Read(pkt)
	if err != nil {
		return nil, resolver.Dropped, false
	}
	signature, err := k.Verify(pkt, m)
	if err == nil && signature == nil {
		return nil, resolver.Dropped, false
	}
	reply := &dns.Msg{
		MsgHdr:   dns.MsgHdr{Id: m.Id, Response: true, RecursionDesired: m.RecursionDesired},
		Question: m.Question,
	}
	switch {
	case err != nil:
		reply.Rcode, result = dns.RcodeFormatError, resolver.FormErr
	case !signature.Good():
		reply.Rcode, result = dns.RcodeNotAuth, resolver.Refused
	}
	if reply.Rcode != dns.RcodeSuccess {
		wire, err := signature.Pack(reply)
		if err != nil {
			return nil, resolver.Dropped, true
		}
		return append(out[:0], wire...), result, true
	}
	q := &question{Suspender: s, signature: signature, size: dns.MaxMsgSize}
	if tr == resolver.UDP {
		q.size = dns.MinMsgSize
		if opt := m.IsEdns0(); opt != nil {
			q.size = min(max(q.size, int(opt.UDPSize())), cap(out))
		}
	}
	answer, result = inner.Serve(m.unsigned(pkt), client, tr, out, q)
	if len(answer) == 0 {
		return answer, result, true
	}
	return append(out[:0], q.sign(answer)...), result, true
}

// Suspend implements [resolver.Suspender].
func (q *question) Suspend() func([]byte, resolver.Result) {
	finish := q.Suspender.Suspend()
	return func(answer []byte, result resolver.Result) {
		if len(answer) > 0 {
			answer = q.sign(answer)
		}
		finish(answer, result)
	}
}

// sign returns an answer with its signature, truncated where both have no room (RFC 8945
// section 5.3). What can't be signed is nothing.
func (q *question) sign(answer []byte) []byte {
	signed, err := q.signature.Sequence().Sign(bytes.Clone(answer))
	if err == nil && len(signed) <= q.size {
		return signed
	}
	signed, err = q.signature.Sequence().Sign(truncated(answer))
	if err != nil {
		return nil
	}
	return signed
}

// truncated returns the header of an answer with TC, its question and its OPT record.
func truncated(answer []byte) []byte {
	at := wire.HeaderSize
	if binary.BigEndian.Uint16(answer[wire.AtQuestions:]) > 0 {
		at = wire.SkipName(answer, at) + wire.QuestionFixed
	}
	short := bytes.Clone(answer[:at])
	short[wire.AtFlags] |= wire.FlagTC
	clear(short[wire.AtAnswers:wire.HeaderSize])
	for end := wire.SkipRecord(answer, at); end > 0; end = wire.SkipRecord(answer, at) {
		if answer[at] == 0 && binary.BigEndian.Uint16(answer[at+1:]) == wire.TypeOPT {
			short[wire.AtAdditional+1] = 1
			return append(short, answer[at:end]...)
		}
		at = end
	}
	return short
}

package tsig

import (
	"net/netip"

	"inside53/resolver"

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
	m := new(dns.Msg)
	err := m.Unpack(pkt)
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
	m.Extra = m.Extra[:len(m.Extra)-1]
	bare, err := m.Pack()
	if err != nil {
		return nil, resolver.Dropped, false
	}
	q := &question{Suspender: s, signature: signature, size: dns.MaxMsgSize}
	if tr == resolver.UDP {
		q.size = dns.MinMsgSize
		if opt := m.IsEdns0(); opt != nil {
			q.size = min(max(q.size, int(opt.UDPSize())), cap(out))
		}
	}
	answer, result = inner.Serve(bare, client, tr, out, q)
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
	m := new(dns.Msg)
	err := m.Unpack(answer)
	if err != nil {
		return nil
	}
	m.Compress = true
	wire, err := q.signature.Pack(m)
	if err == nil && len(wire) <= q.size {
		return wire
	}
	short := &dns.Msg{MsgHdr: m.MsgHdr, Question: m.Question}
	short.Truncated = true
	if opt := m.IsEdns0(); opt != nil {
		short.Extra = []dns.RR{opt}
	}
	wire, err = q.signature.Pack(short)
	if err != nil {
		return nil
	}
	return wire
}

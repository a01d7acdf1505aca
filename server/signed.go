package server

import (
	"encoding/binary"
	"net/netip"

	"inside53/resolver"

	"github.com/miekg/dns"
)

// mayBeSigned reports whether a question may have a TSIG record: whatever has more in
// its additional section than an OPT record. It is called for each question where there
// are keys.
func mayBeSigned(pkt []byte) bool {
	if len(pkt) < headerSize+5 || pkt[2]&0xf8 != 0 || pkt[11]|pkt[10] == 0 {
		return false
	}
	if binary.BigEndian.Uint16(pkt[10:]) > 1 {
		return true
	}
	at := headerSize
	for pkt[at] != 0 {
		at += 1 + int(pkt[at])
		if at >= len(pkt) {
			return false // no name: not a question that anybody signs
		}
	}
	at += 5 // the root, type and class
	return at < len(pkt) && pkt[at] != 0
}

// signedQuestion is a question with a TSIG record, whose answer is signed by the same
// key (RFC 8945 section 5.3). nsupdate asks so for the zone of a name.
type signedQuestion struct {
	resolver.Suspender
	signature *signature
	size      int // the most bytes that an answer may have
}

// serveSigned answers a question that may be signed; taken is false for one that isn't.
func (f *front) serveSigned(keys keyring, pkt []byte, client netip.AddrPort, tr resolver.Transport, out []byte, s resolver.Suspender) (answer []byte, result resolver.Result, taken bool) {
	m := new(dns.Msg)
	err := m.Unpack(pkt)
	if err != nil {
		return nil, resolver.Dropped, false
	}
	signature, err := keys.verify(pkt, m)
	if err == nil && signature == nil {
		return nil, resolver.Dropped, false
	}
	reply := &dns.Msg{MsgHdr: dns.MsgHdr{Id: m.Id, Response: true, RecursionDesired: m.RecursionDesired}, Question: m.Question}
	switch {
	case err != nil:
		reply.Rcode, result = dns.RcodeFormatError, resolver.FormErr
	case !signature.good():
		reply.Rcode, result = dns.RcodeNotAuth, resolver.Refused
	}
	if reply.Rcode != dns.RcodeSuccess {
		wire, err := signature.pack(reply)
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
	q := &signedQuestion{Suspender: s, signature: signature, size: dns.MaxMsgSize}
	if tr == resolver.UDP {
		q.size = dns.MinMsgSize
		if opt := m.IsEdns0(); opt != nil {
			q.size = min(max(q.size, int(opt.UDPSize())), cap(out))
		}
	}
	answer, result = f.inner.Serve(bare, client, tr, out, q)
	if len(answer) == 0 {
		return answer, result, true
	}
	return append(out[:0], q.sign(answer)...), result, true
}

// Suspend implements [resolver.Suspender].
func (q *signedQuestion) Suspend() func([]byte, resolver.Result) {
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
func (q *signedQuestion) sign(answer []byte) []byte {
	m := new(dns.Msg)
	err := m.Unpack(answer)
	if err != nil {
		return nil
	}
	m.Compress = true
	wire, err := q.signature.pack(m)
	if err == nil && len(wire) <= q.size {
		return wire
	}
	short := &dns.Msg{MsgHdr: m.MsgHdr, Question: m.Question}
	short.Truncated = true
	if opt := m.IsEdns0(); opt != nil {
		short.Extra = []dns.RR{opt}
	}
	wire, err = q.signature.pack(short)
	if err != nil {
		return nil
	}
	return wire
}

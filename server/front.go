package server

import (
	"encoding/binary"
	"net/netip"

	"inside53/resolver"
	"inside53/resolver/wire"
	"inside53/server/listen"
	"inside53/server/transfer"
	"inside53/server/tsig"
	"inside53/server/update"

	"github.com/miekg/dns"
)

// front stands before a resolver's worker and accepts the messages that are no questions
// for it. Updates are refused by the resolver, and only then are they looked at: questions
// pay nothing for it. What may be for transfers is looked at before, where there are any:
// questions for SOA are that too. So is what may be signed, where there are keys.
type front struct {
	inner     listen.Worker
	updates   *update.Server // of opcode UPDATE; nil leaves them refused
	transfers *transfer.Server
	keys      func() tsig.Keyring
}

// opcodeUpdate is that of dynamic updates (RFC 2136 section 2.2).
const opcodeUpdate = 5

// Serve implements [listen.Worker].
func (f *front) Serve(
	pkt []byte, client netip.AddrPort, tr resolver.Transport, out []byte, s resolver.Suspender,
) ([]byte, resolver.Result) {
	if f.transfers.On() && concernsTransfers(pkt) {
		answer, result, accepted := f.transfers.Serve(pkt, client, tr, out, streamOf(s))
		if accepted {
			return answer, result
		}
	}
	if keys := f.keys(); len(keys) > 0 && mayBeSigned(pkt) {
		answer, result, accepted := keys.Serve(f.inner, pkt, client, tr, out, s)
		if accepted {
			return answer, result
		}
	}
	answer, result := f.inner.Serve(pkt, client, tr, out, s)
	if result != resolver.Refused {
		return answer, result
	}
	if f.updates != nil && pkt[2]>>3&0xf == opcodeUpdate {
		return f.updates.Serve(pkt, client, tr, answer, s)
	}
	if !f.transfers.On() && concernsTransfers(pkt) {
		f.refusedTransfer(pkt, client)
	}
	return answer, result
}

// refusedTransfer has a question for AXFR or IXFR counted and logged that the resolver has
// refused, where nothing is transferred.
func (f *front) refusedTransfer(pkt []byte, client netip.AddrPort) {
	apex, at := wire.AppendName(nil, pkt, wire.HeaderSize)
	if at < 0 || at+wire.QuestionFixed > len(pkt) || pkt[wire.AtFlags]&wire.MaskOpcode != 0 {
		return
	}
	qtype := binary.BigEndian.Uint16(pkt[at:])
	if qtype == wire.TypeAXFR || qtype == wire.TypeIXFR {
		f.transfers.Refused(apex, qtype, client.Addr())
	}
}

// streamOf returns what suspends a query for an answer of many messages; nil where the
// transport has none.
func streamOf(s resolver.Suspender) func() transfer.Stream {
	streamer, ok := s.(listen.Streamer)
	if !ok {
		return nil
	}
	return func() transfer.Stream { return streamer.Stream() }
}

// concernsTransfers reports whether a packet may be for transfers: the opcode NOTIFY, or
// a question for SOA, IXFR or AXFR. It is all that other questions pay.
func concernsTransfers(pkt []byte) bool {
	if len(pkt) < wire.HeaderSize+5 || pkt[2]&0x80 != 0 {
		return false
	}
	switch pkt[2] >> 3 & 0xf {
	case dns.OpcodeNotify:
		return true
	case dns.OpcodeQuery:
	default:
		return false
	}
	at := wire.HeaderSize
	for pkt[at] != 0 {
		at += 1 + int(pkt[at])
		if at+2 >= len(pkt) {
			return false
		}
	}
	if at+5 > len(pkt) {
		return false
	}
	switch binary.BigEndian.Uint16(pkt[at+1:]) {
	case dns.TypeSOA, dns.TypeIXFR, dns.TypeAXFR:
		return true
	}
	return false
}

// mayBeSigned reports whether a question may have a TSIG record: whatever has more in
// its additional section than an OPT record. It is called for each question where there
// are keys.
func mayBeSigned(pkt []byte) bool {
	if len(pkt) < wire.HeaderSize+5 || pkt[2]&0xf8 != 0 || pkt[11]|pkt[10] == 0 {
		return false
	}
	if binary.BigEndian.Uint16(pkt[10:]) > 1 {
		return true
	}
	at := wire.HeaderSize
	for pkt[at] != 0 {
		at += 1 + int(pkt[at])
		if at >= len(pkt) {
			return false // no name: not a question that anybody signs
		}
	}
	at += 5 // the root, type and class
	return at < len(pkt) && pkt[at] != 0
}

// Expect implements [listen.Worker].
func (f *front) Expect(pkt []byte, client netip.AddrPort) { f.inner.Expect(pkt, client) }

// Fetch implements [listen.Worker].
func (f *front) Fetch() { f.inner.Fetch() }

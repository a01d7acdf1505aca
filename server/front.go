package server

import (
	"encoding/binary"
	"net/netip"

	"inside53/resolver"
	"inside53/server/listen"
	"inside53/server/tsig"
)

// front stands before a resolver's worker and takes the messages that are no questions
// for it. Updates are refused by the resolver, and only then are they looked at: questions
// pay nothing for it. What may be for transfers is looked at before, where there are any:
// questions for SOA are that too. So is what may be signed, where there are keys.
type front struct {
	inner     listen.Worker
	updates   handler    // of opcode UPDATE; nil leaves them refused
	transfers *transfers // nil leaves them refused
	keys      func() tsig.Keyring
}

// handler answers messages of one kind, for several packet loops at a time.
type handler interface {
	// take is as Serve of [listen.Worker]; refusal is what the resolver would answer.
	take(pkt []byte, client netip.AddrPort, tr resolver.Transport, refusal []byte, s resolver.Suspender) ([]byte, resolver.Result)
}

// opcodeUpdate is that of dynamic updates (RFC 2136 section 2.2).
const opcodeUpdate = 5

// headerSize is that of a DNS message. What is shorter is not DNS.
const headerSize = 12

// Serve implements [listen.Worker].
func (f *front) Serve(pkt []byte, client netip.AddrPort, tr resolver.Transport, out []byte, s resolver.Suspender) ([]byte, resolver.Result) {
	if f.transfers.on() && concernsTransfers(pkt) {
		answer, result, taken := f.transfers.take(pkt, client, tr, out, s)
		if taken {
			return answer, result
		}
	}
	if keys := f.keys(); len(keys) > 0 && mayBeSigned(pkt) {
		answer, result, taken := keys.Serve(f.inner, pkt, client, tr, out, s)
		if taken {
			return answer, result
		}
	}
	answer, result := f.inner.Serve(pkt, client, tr, out, s)
	if result != resolver.Refused {
		return answer, result
	}
	if f.updates != nil && pkt[2]>>3&0xf == opcodeUpdate {
		return f.updates.take(pkt, client, tr, answer, s)
	}
	return answer, result
}

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

// Expect implements [listen.Worker].
func (f *front) Expect(pkt []byte, client netip.AddrPort) { f.inner.Expect(pkt, client) }

// Fetch implements [listen.Worker].
func (f *front) Fetch() { f.inner.Fetch() }

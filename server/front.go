package server

import (
	"net/netip"

	"inside53/resolver"
	"inside53/server/listen"
)

// front stands before a resolver's worker and takes the messages that are no questions
// for it. Updates are refused by the resolver, and only then are they looked at: questions
// pay nothing for it. What may be for transfers is looked at before, where there are any:
// questions for SOA are that too. So is what may be signed, where there are keys.
type front struct {
	inner     listen.Worker
	updates   handler    // of opcode UPDATE; nil leaves them refused
	transfers *transfers // nil leaves them refused
	keys      func() keyring
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
		answer, result, taken := f.serveSigned(keys, pkt, client, tr, out, s)
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

// Expect implements [listen.Worker].
func (f *front) Expect(pkt []byte, client netip.AddrPort) { f.inner.Expect(pkt, client) }

// Fetch implements [listen.Worker].
func (f *front) Fetch() { f.inner.Fetch() }

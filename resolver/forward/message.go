package forward

import (
	"encoding/binary"
	"errors"

	"inside53/resolver/wire"
)

// NoEDE is the [Message.EDE] of a message without an extended error (RFC 8914).
const NoEDE uint16 = wire.NoEDE

// Flags say what is in a [Message], so that readers know without a walk
// whether there is anything for them to do.
type Flags uint8

// The flags. The address flags tell of the answer section only.
const (
	HasA       Flags = 1 << iota // an A RR
	HasAAAA                      // an AAAA RR
	HasSVCB                      // an HTTPS or SVCB RR, which may carry address hints
	HasAlias                     // a CNAME or DNAME RR: the answer's last owner may differ from the question
	HasRRSIG                     // an RRSIG RR, in either section
	IsNegative                   // no RR answers the question: NODATA or NXDOMAIN, at the end of a chain or at once
	IsFailure                    // no answer: SERVFAIL because the upstreams failed (RFC 9520)
	HasLocal                     // an address, or a hint of one, for which the internet has no use
)

// HasAddress covers all RRs that hold addresses.
const HasAddress = HasA | HasAAAA | HasSVCB

// Question identifies one cacheable question. The class is always IN.
type Question struct {
	Name   []byte // lower-case, uncompressed wire form, borrowed for the call
	Type   uint16 // a type, not a meta type that asks for a transfer
	DO, CD bool   // DNSSEC records wanted; checking disabled
}

// Message is an upstream's answer in the form that the encoder copies. It is
// immutable and may be held for as long as the reader likes, and with it the 8 KiB
// that it lies in.
//
// Body holds the answer section's RRs, then the authority section's; nothing
// of the additional section is kept. Header, question and Body in a row are
// a valid message: Body begins at offset 12 + len(name) + 4, and compression
// pointers count from the message's first byte. An RR is
//
//	owner   2 bytes of pointer, or a full uncompressed name
//	type, class (IN), TTL, RDLENGTH, RDATA as in RFC 1035 3.2.1
//
// Names inside RDATA are never compressed. An owner is a pointer when it equals
// the question's name or a suffix of it (then it points at offset 12+k into the
// question), or when it equals a name in the RDATA of an earlier RR of Body, or
// a suffix of one, and that lies at or below offset 0x3FFF; pointers lead to
// uncompressed names, never to pointers. The root as owner is the one byte
// zero. A and AAAA have RDLENGTH 4 and 16; the parameters of SVCB and HTTPS are
// well-formed and in ascending order; a CNAME's RDATA is one name.
//
// The TTLs in Body are those received, at most [MaxTTL], and never less than TTL.
type Message struct {
	Rcode     uint8
	AD        bool   // the upstream says the data is authentic
	Flags     Flags  //
	EDE       uint16 // the upstream's first extended error code, NoEDE if none
	Answers   uint16 // RRs of the answer section: RRs[:Answers]
	Authority uint16 // RRs of the authority section: RRs[Answers:]
	// RRs[Turn:Turn+Turns], in the answer section, are the addresses that were asked
	// for, all of one size: they may be written in any order. Turns is 0 where there is
	// no more than one.
	Turn, Turns uint16
	TTL         uint32 // lifetime, seconds: the least of the TTLs in Body, for a negative answer as in RFC 2308
	Stored      int64  // when it came, Unix seconds

	lengths
}

// Failure returns the failure that keeps an expired message in use at now, in Unix seconds: why
// there is no newer one. Nil where none is known, as while the upstreams are being asked again.
func (f *Forwarder) Failure(m *Message, now int64) *Message {
	failure := f.cache.failure(m)
	if failure == nil || now >= failure.Stored+staleRecheck {
		return nil
	}
	return failure
}

// Data returns the RDATA of the records of one type in the answer section, whoever owns
// them: those at the end of a chain, or the chain's own CNAMEs. It is borrowed from Body.
func (m *Message) Data(typ uint16) [][]byte {
	var all [][]byte
	body := m.Body()
	for _, rr := range m.RRs()[:m.Answers] {
		if rr.Type == typ {
			at := rr.TTLOff + 6
			all = append(all, body[at:at+uint32(binary.BigEndian.Uint16(body[at-2:]))])
		}
	}
	return all
}

// RR says where one RR of a [Message] lies.
type RR struct {
	Off    uint32 // of the owner, in Body
	TTLOff uint32 // of the TTL, in Body; type and class are the 4 bytes before, RDLENGTH and RDATA follow
	Type   uint16
}

// State is what the cache knows about a question.
type State uint8

// The states of a question in the cache.
const (
	Miss         State = iota // nothing: ask
	Fresh                     // the message is the answer, or the failure to get one (IsFailure)
	Stale                     // expired: ask, and use it if that fails (RFC 8767)
	StaleFailing              // expired, and asked for in vain less than 30 s ago: use it, do not ask (RFC 8767 section 5)
)

// Lookup is the cache's answer. Message is nil when State is Miss.
type Lookup struct {
	*Message
	Age   uint32 // seconds since the message came; to be taken off the TTLs of a fresh answer
	State State
	// Prefetch: fresh, with less than a tenth of the TTL left, and this caller
	// is the one that should call Ask (done may be nil) beside answering.
	Prefetch bool
}

// StaleTTL is the TTL, in seconds, of RRs in a stale answer (RFC 8767 section 4).
const StaleTTL = 30

// Why there is no answer from an upstream.
var (
	// ErrStale comes with an expired message, to be answered with TTLs of
	// StaleTTL and EDE 3 (Stale Answer), or EDE 19 if its rcode is NXDOMAIN.
	ErrStale = errors.New("answer is stale")
	// ErrServFail: the upstreams answered, but none of them well. The message has
	// rcode SERVFAIL and the upstream's EDE, if any.
	ErrServFail = errors.New("upstreams answered with an error")
	// ErrTimeout: no upstream answered in time. The message has rcode SERVFAIL and EDE 22.
	ErrTimeout = errors.New("no upstream answered")
	// ErrFull: as many questions wait or are in flight as are allowed, and of nobody more
	// than of this client.
	ErrFull = errors.New("too many questions are waiting for upstreams")
	// ErrClient: the client's share of them is used up.
	ErrClient = errors.New("too many questions of this client are waiting for upstreams")
	// ErrCut: the share of the zone that the name is in is used up.
	ErrCut = errors.New("too many questions about this zone are waiting for upstreams")
	// ErrPackets: the upstream's packets were used up by others, until it was too late.
	ErrPackets = errors.New("packets of the upstream are used up")
	// ErrRepeated: the very query waits already, and its answer is the answer to this one.
	ErrRepeated = errors.New("query is waiting already")
	// ErrLoop: the upstream that is being asked asks the same of us.
	ErrLoop = errors.New("loop: the upstream asks back what it is being asked")
	// ErrClosed: the forwarder does not run.
	ErrClosed = errors.New("forwarder is not running")
)

// ednsSize is how much we take by UDP. DNS flag day 2020: it fits any path without
// fragments.
const ednsSize = 1232

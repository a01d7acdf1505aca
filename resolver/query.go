package resolver

import (
	"encoding/binary"
	"net/netip"

	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// Query is one question with all that the decision may depend on. It is made by
// [Query.inspect] and belongs to one worker; nothing may keep it.
type Query struct {
	particulars
	Labels zone.Labels // of Name

	name   [zone.MaxName]byte
	_      byte                                    // asked begins at a word
	asked  [zone.MaxName + wire.QuestionFixed]byte // the question as sent, letter case and all
	starts wire.Starts                             // scratch: of the labels of name
}

// particulars are a Query but for its names: what a query that waits keeps.
type particulars struct {
	Client    netip.Addr // not IPv4-mapped, no zone
	port      uint16     // of the client
	Transport Transport
	Now       int64  // Unix seconds
	Rand      uint64 // 64 random bits for draws
	fixed     bool   // policies choose by a fixed rule, for secondaries (see Merger)

	ID         uint16
	RD, AD, CD bool
	opcode     byte
	Type       uint16
	Class      uint16
	EDNS       bool
	DO         bool
	version    byte   // of EDNS
	UDPSize    uint16 // as the client said; 512 without EDNS
	KeepAlive  bool   // EDNS TCP keepalive option (RFC 7828)
	NSID       bool   // who answers is asked for (RFC 5001)
	// ECS is the client subnet (RFC 7871) of a forwarder that is trusted to tell it;
	// the zero Prefix otherwise.
	ECS netip.Prefix

	nameLen   int
	askedLen  int
	options   span // of the OPT record, in the packet
	signature int  // where the TSIG record begins that ends the packet; 0 for none
	unseen    bool // the packet has more records than the door looks at
	names     int  // that the door went over, at most maxNames
}

// span is a part of a packet.
type span struct{ from, to int }

// Name returns the lower-case wire form of the name asked for.
func (q *Query) Name() []byte { return q.name[:q.nameLen:q.nameLen] }

// verdict is what the door makes of a packet.
type verdict uint8

const (
	accepted  verdict = iota // a question to be answered
	ignored                  // not a query: nothing goes out
	malformed                // FORMERR
	badOpcode                // NOTIMP: an opcode that nobody defined, or that we don't have
	refused                  // REFUSED, unless a Handler wants it: UPDATE and NOTIFY
)

const (
	// maxSeen is how many records the door looks at where the header allows for more than
	// a question can have.
	maxSeen = 16
	// maxNames is how many names it goes over in any packet: those of a question with SOA,
	// OPT and TSIG, and where that fails those of the records that it looks at. Each takes
	// at most 127 labels and 126 pointers, so that this bounds the work.
	maxNames = 1 + 4 + 1 + 3 + maxSeen + 1
)

// inspect is the door: it goes over a packet once and builds nothing. It finds question,
// OPT record and signature, and says what the packet is. Who sent it is not known yet,
// so that the cost is bounded whatever it holds.
//
// A question has no records but one OPT, a signature that ends it (TSIG or SIG(0)) and,
// for IXFR, the client's SOA: with others it is malformed, which the counts of the header
// tell. Octets behind the message are left alone. A name in the question section has no
// pointer: there is nothing before it that one could lead to.
//
// What is accepted, miekg/dns would accept with equal facts, but for the form of EDNS
// options that mean nothing here: these are skipped (RFC 6891 section 6.1.2).
func (q *Query) inspect(pkt []byte) verdict {
	if len(pkt) < wire.HeaderSize || pkt[wire.AtFlags]&wire.FlagQR != 0 {
		return ignored // RFC 8906: neither a query nor an error one could answer
	}
	q.ID = binary.BigEndian.Uint16(pkt)
	q.RD = pkt[wire.AtFlags]&wire.FlagRD != 0
	q.AD = pkt[wire.AtRcode]&wire.FlagAD != 0
	q.CD = pkt[wire.AtRcode]&wire.FlagCD != 0
	q.opcode = pkt[wire.AtFlags] & wire.MaskOpcode >> wire.ShiftOpcode
	q.names = 0
	q.reset()
	switch q.opcode {
	case wire.OpcodeQuery:
		if !q.question(pkt) {
			q.reset()
			q.skim(pkt)
			return malformed
		}
		return accepted
	case wire.OpcodeNotify, wire.OpcodeUpdate:
		q.skim(pkt)
		return refused
	default:
		q.skim(pkt)
		return badOpcode
	}
}

// reset forgets what the query before said.
func (q *Query) reset() {
	q.EDNS, q.DO, q.KeepAlive, q.NSID, q.UDPSize, q.version = false, false, false, false, wire.MinUDP, 0
	q.ECS = netip.Prefix{}
	q.nameLen, q.askedLen, q.Type, q.Class = 0, 0, 0, 0
	q.options, q.signature, q.unseen = span{}, 0, false
}

// concerns reports whether a question may be for others than the decision: those who send
// zones to secondaries, or keep the keys of signatures.
func (q *Query) concerns() bool {
	switch q.Type {
	case wire.TypeSOA, wire.TypeIXFR, wire.TypeAXFR:
		return true
	}
	return q.signature != 0
}

// question reads a packet of the opcode QUERY; false when it isn't one question.
func (q *Query) question(pkt []byte) bool {
	// One question, no answer, at most one record of the authority section and two
	// additional ones.
	counts := binary.BigEndian.Uint64(pkt[wire.AtQuestions:])
	authority, additional := uint16(counts>>16), int(uint16(counts))
	if counts>>32 != 1<<16 || authority > 1 || additional > 2 {
		return false
	}
	size := q.parseName(pkt[wire.HeaderSize:])
	at := wire.HeaderSize + size + wire.QuestionFixed
	if size == 0 || at > len(pkt) {
		return false
	}
	fixed := pkt[at-wire.QuestionFixed : at]
	q.Type = binary.BigEndian.Uint16(fixed)
	q.Class = binary.BigEndian.Uint16(fixed[2:])
	q.askedLen = copy(q.asked[:], pkt[wire.HeaderSize:at])
	if authority == 1 {
		if q.Type != wire.TypeIXFR {
			return false
		}
		at = q.skipSOA(pkt, at)
	}
	for ; additional > 0 && at >= 0; additional-- {
		at = q.parseAdditional(pkt, at, additional == 1)
	}
	return at >= 0
}

// skim goes over the records of a packet that is no question, or none that is right. It
// finds the zone section of a request, a signature, and the OPT record of a packet that
// gets an error: without OPT in the answer too (RFC 6891 section 6.1.1), the client would
// believe that nobody knows EDNS here. Of very many records only the first are seen.
func (q *Query) skim(pkt []byte) {
	at, seen := wire.HeaderSize, 0
	if q.opcode != wire.OpcodeQuery && binary.BigEndian.Uint16(pkt[wire.AtQuestions:]) == 1 {
		size := q.parseName(pkt[at:])
		if at+size+wire.QuestionFixed <= len(pkt) && size > 0 {
			q.Type = binary.BigEndian.Uint16(pkt[at+size:])
			q.Class = binary.BigEndian.Uint16(pkt[at+size+2:])
		}
	}
	opts, opt, last := 0, record{}, record{}
	for section := range 4 {
		count := binary.BigEndian.Uint16(pkt[wire.AtQuestions+2*section:])
		for range count {
			if seen == maxSeen {
				q.unseen = true
				return
			}
			seen++
			if section == 0 {
				q.names++
				at = wire.SkipName(pkt, at) + wire.QuestionFixed
				if at < wire.QuestionFixed || at > len(pkt) {
					return
				}
				continue
			}
			last = q.record(pkt, at)
			at = last.end
			if at < 0 {
				return
			}
			if last.rrtype == wire.TypeOPT {
				opt = last
				opts += 1 + 3 - section // only in the additional section it is right
			}
		}
	}
	if last.rrtype == wire.TypeTSIG && pkt[wire.AtAdditional]|pkt[wire.AtAdditional+1] != 0 {
		q.signature = last.at
	}
	if opts == 1 && pkt[opt.at] == 0 {
		q.setOPT(pkt[opt.fixed:opt.rdata], span{opt.rdata, opt.end})
	}
}

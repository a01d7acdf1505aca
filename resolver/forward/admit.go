package forward

import (
	"encoding/binary"

	"inside53/resolver/wire"
)

// Bounds on lifetimes, seconds.
const (
	MaxTTL         = 86400 // of an RR: a day; RFC 8767 section 4 advises a cap of days to weeks
	MaxNegativeTTL = 3600  // of NODATA and NXDOMAIN: RFC 2308 section 5 advises 1 to 3 hours
	noSOATTL       = 3     // of a negative answer without SOA, not cached by RFC 2308 section 5: this ends storms
	maxChain       = 16    // CNAMEs and DNAMEs followed in one answer
	maxTargets     = 16    // names in RDATA that later owners are compared with
)

// verdict is what became of a reply.
type verdict uint8

const (
	isAnswer   verdict = iota // NOERROR or NXDOMAIN, now an entry
	isRefusal                 // another rcode: another upstream may know
	isReferral                // a delegation: the upstream is no resolver, or not for this name
	isEndless                 // a chain of more names than are followed
	isCut                     // truncated, though it came by TCP or TLS
	isNoEDNS                  // the upstream does not understand EDNS
	isBroken                  // malformed
)

// record is an RR of a reply before it is admitted.
type record struct {
	name       uint32 // owner: offset in walker.names
	nameLen    uint16
	typ, class uint16
	ttl        uint32
	off, end   int  // RDATA in the message
	accepted   bool // stands in the body
}

// walker takes replies apart. It is scratch space: one a goroutine, reused.
type walker struct {
	msg     []byte
	query   Question
	records []record // answer, then authority
	answers int      // of them, in the answer section
	names   []byte   // owners, uncompressed; the question's first
	rcode   int
	ede     uint16
	data    rdata
	rrs     []RR
	targets []int // offsets in data.out of names in RDATA
	flags   Flags
	ttl     uint32
	turn    int // as Message.Turn
	turns   int
	room    []uint64 // for the entry
	endless bool     // the chain has more names than are followed
}

// read takes the reply msg to q apart. The entry it returns, for an answer,
// shares nothing with msg. msg has passed [isReply].
func (w *walker) read(msg []byte, q *Question, now int64) (*entry, verdict) {
	w.msg, w.query = msg, *q // what it points to stays where it is
	if msg[wire.AtQuestions+1] == 0 {
		w.rcode, w.ede = int(msg[wire.AtRcode]&wire.MaskRcode), NoEDE
	} else if !w.parse() {
		return nil, isBroken
	}
	switch w.rcode {
	case wire.RcodeNoError, wire.RcodeNXDomain:
		if msg[wire.AtQuestions+1] == 0 {
			return nil, isBroken // what has none, or doesn't exist?
		}
	case wire.RcodeFormErr, wire.RcodeNotImp, wire.RcodeBadVers:
		return nil, isNoEDNS
	default:
		return nil, isRefusal
	}
	return w.admit(now)
}

// parse walks the whole message: counts, names, lengths and the OPT RR must fit.
func (w *walker) parse() bool {
	msg := w.msg
	w.records, w.names = w.records[:0], append(w.names[:0], w.query.Name...)
	w.rcode, w.ede = int(msg[3]&0x0F), NoEDE
	w.answers = int(binary.BigEndian.Uint16(msg[6:]))
	kept := w.answers + int(binary.BigEndian.Uint16(msg[8:]))
	all := kept + int(binary.BigEndian.Uint16(msg[10:]))
	off := wire.HeaderSize + len(w.query.Name) + 4
	seenOPT := false
	var last record
	lastOwner := -1
	for i := range all {
		r := record{nameLen: uint16(len(w.query.Name))}
		next := off + 2
		switch p := pointerAt(msg, off); {
		case p == wire.HeaderSize: // the question's name, as almost always
		case p >= 0 && p == lastOwner:
			r.name, r.nameLen = last.name, last.nameLen
		default:
			r.name = uint32(len(w.names))
			w.names, next = wire.AppendName(w.names, msg, off)
			if next < 0 {
				return false
			}
			r.nameLen = uint16(len(w.names) - int(r.name))
			lastOwner = p
			last = r
		}
		if len(msg)-next < 10 {
			return false
		}
		r.typ = binary.BigEndian.Uint16(msg[next:])
		r.class = binary.BigEndian.Uint16(msg[next+2:])
		r.ttl = binary.BigEndian.Uint32(msg[next+4:])
		r.off = next + 10
		r.end = r.off + int(binary.BigEndian.Uint16(msg[next+8:]))
		if r.end > len(msg) {
			return false
		}
		off = r.end
		if r.typ == wire.TypeOPT {
			// One, at the root, in the additional section (RFC 6891 6.1.1).
			if seenOPT || i < kept || r.nameLen != 1 {
				return false
			}
			seenOPT = true
			w.rcode |= int(r.ttl>>24) << 4
			if !w.options(msg[r.off:r.end]) {
				return false
			}
		}
		if i < kept {
			w.records = append(w.records, r)
		}
	}
	return true // what follows the last record is no part of the message
}

// pointerAt returns where the compression pointer at msg[off:] leads, -1 if
// there is none.
func pointerAt(msg []byte, off int) int {
	if off+2 > len(msg) || msg[off] < 0xC0 {
		return -1
	}
	return int(binary.BigEndian.Uint16(msg[off:]) & wire.MaxPointer)
}

// options finds the extended error in an OPT RR's RDATA (RFC 8914).
func (w *walker) options(b []byte) bool {
	for len(b) > 0 {
		if len(b) < 4 {
			return false
		}
		code, length := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		b = b[4:]
		if length > len(b) {
			return false
		}
		if code == wire.OptionEDE && length >= 2 && w.ede == NoEDE {
			w.ede = binary.BigEndian.Uint16(b)
		}
		b = b[length:]
	}
	return true
}

// owner returns the owner's name.
func (w *walker) owner(r *record) []byte { return w.names[r.name : r.name+uint32(r.nameLen)] }

// admit builds the entry from the records that have to do with the question.
// The others could poison whoever trusts them (RFC 5452 section 6) and go.
func (w *walker) admit(now int64) (*entry, verdict) {
	w.data = rdata{msg: w.msg, out: w.data.out[:0], names: w.data.names[:0]}
	w.rrs, w.targets = w.rrs[:0], w.targets[:0]
	w.flags, w.ttl, w.turn, w.turns, w.endless = 0, MaxTTL, 0, 0, false
	cur, answered := w.chain()
	if w.endless {
		return nil, isEndless
	}
	if w.data.bad {
		return nil, isBroken
	}
	answers := len(w.rrs)
	if answers == 0 && w.answers > 0 {
		return nil, isBroken // answers, but to some other question
	}
	if !answered {
		verdict := w.negative(cur)
		if verdict != isAnswer {
			return nil, verdict
		}
	}
	w.authority(cur, !answered)
	if w.data.bad || wire.HeaderSize+len(w.query.Name)+4+len(w.data.out)+wire.OPTSize > wire.MaxMessage {
		return nil, isBroken
	}
	return w.entry(now, answers), isAnswer
}

// entry copies what was gathered, with room for the one try that most need.
func (w *walker) entry(now int64, answers int) (e *entry) {
	e, w.room = newEntryIn(w.room, &contents{
		name: w.query.Name, body: w.data.out, answers: w.rrs[:answers], authority: w.rrs[answers:], tries: 1,
	})
	e.key = key{typ: w.query.Type, do: w.query.DO, cd: w.query.CD}
	e.Rcode, e.AD, e.Flags, e.EDE = uint8(w.rcode), w.msg[3]&wire.FlagAD != 0, w.flags, w.ede
	e.Stored, e.TTL, e.Turn, e.Turns = now, w.ttl, uint16(w.turn), uint16(w.turns)
	return e
}

// negative finds how long an answer without the type asked for lives
// (RFC 2308 section 5), or that it is none.
func (w *walker) negative(cur []byte) verdict {
	w.flags |= IsNegative
	limit, referral := uint32(noSOATTL), false
	for i := range w.records[w.answers:] {
		r := &w.records[w.answers+i]
		switch {
		case r.class != wire.ClassIN:
		case w.isSOA(r, cur):
			minimum := binary.BigEndian.Uint32(w.msg[r.end-4:])
			limit = min(ttlOf(r.ttl), ttlOf(minimum), MaxNegativeTTL)
			r.ttl = limit
			w.ttl = min(w.ttl, limit)
			return isAnswer
		case r.typ == wire.TypeNS:
			referral = true
		}
	}
	// NS without SOA: the upstream is no resolver, or not for this name.
	if referral && w.rcode == wire.RcodeNoError && len(w.rrs) == 0 {
		return isReferral
	}
	w.ttl = min(w.ttl, limit)
	return isAnswer
}

// isSOA reports whether r is the SOA of a zone that name is in.
func (w *walker) isSOA(r *record, name []byte) bool {
	return r.typ == wire.TypeSOA && r.end-r.off >= 22 && wire.SuffixAt(name, w.owner(r)) >= 0
}

// authority takes what proves a negative answer or a wildcard: the SOA, and for
// those who asked for DNSSEC records NSEC, NSEC3 and the RRSIGs. NS goes.
func (w *walker) authority(cur []byte, negative bool) {
	soa := false
	for i := range w.records[w.answers:] {
		r := &w.records[w.answers+i]
		if r.class != wire.ClassIN {
			continue
		}
		typ := r.typ
		if typ == wire.TypeRRSIG {
			typ = w.covers(r)
		}
		switch {
		case r.typ == wire.TypeSOA && negative && !soa && w.isSOA(r, cur):
			soa = true
			w.accept(r)
		case !w.query.DO:
		case r.typ != wire.TypeSOA && (typ == wire.TypeNSEC || typ == wire.TypeNSEC3 || typ == wire.TypeSOA && negative):
			w.accept(r)
		}
	}
}

// ttlOf reads a TTL: one with the highest bit is zero (RFC 2181 section 8).
func ttlOf(ttl uint32) uint32 {
	if ttl > 1<<31-1 {
		return 0
	}
	return min(ttl, MaxTTL)
}

// accept appends r to the body.
func (w *walker) accept(r *record) {
	r.accepted = true
	d := &w.data
	if d.bad {
		return
	}
	rr := RR{Off: uint32(len(d.out)), Type: r.typ}
	w.appendOwner(w.owner(r))
	ttl := ttlOf(r.ttl)
	w.ttl = min(w.ttl, ttl)
	d.out = binary.BigEndian.AppendUint16(d.out, r.typ)
	d.out = append(d.out, 0, wire.ClassIN)
	rr.TTLOff = uint32(len(d.out))
	d.out = binary.BigEndian.AppendUint32(d.out, ttl)
	d.out = append(d.out, 0, 0)
	start, firstName := len(d.out), len(d.names)
	d.off, d.end = r.off, r.end
	if !d.copy(r.typ) || len(d.out)-start > wire.MaxMessage {
		d.bad = true
		return
	}
	binary.BigEndian.PutUint16(d.out[start-2:], uint16(len(d.out)-start))
	for _, at := range d.names[firstName:] {
		if len(w.targets) < maxTargets && d.out[at] != 0 {
			w.targets = append(w.targets, at)
		}
	}
	d.names = d.names[:firstName]
	w.rrs = append(w.rrs, rr)
	w.mark(r.typ)
	if wire.FindAddress(r.typ, d.out[start:], isLocal) != nil {
		w.flags |= HasLocal
	}
}

// appendOwner appends an owner, as a pointer where [Message] says so.
func (w *walker) appendOwner(owner []byte) {
	d := &w.data
	if len(owner) == 1 {
		d.out = append(d.out, 0)
		return
	}
	if k := wire.SuffixAt(w.query.Name, owner); k >= 0 {
		d.out = append(d.out, 0xC0, byte(wire.HeaderSize+k))
		if wire.HeaderSize+k > 0xFF {
			d.out[len(d.out)-2] |= 1
		}
		return
	}
	body := wire.HeaderSize + len(w.query.Name) + 4
	for _, at := range w.targets {
		k := wire.SuffixAt(nameAt(d.out, at), owner)
		if k >= 0 && body+at+k <= wire.MaxPointer {
			d.out = binary.BigEndian.AppendUint16(d.out, 0xC000|uint16(body+at+k))
			return
		}
	}
	d.out = append(d.out, owner...)
}

// nameAt returns the uncompressed name at b[at:], which is known to be whole.
func nameAt(b []byte, at int) []byte {
	end := at
	for b[end] != 0 {
		end += 1 + int(b[end])
	}
	return b[at : end+1]
}

func isLocal(addr []byte) bool { return wire.KindOfAddress(addr) != 0 }

// mark sets the flags that an RR of type typ calls for. Addresses stand in the
// answer section only: the authority section's types are not among them.
func (w *walker) mark(typ uint16) {
	switch typ {
	case wire.TypeA:
		w.flags |= HasA
	case wire.TypeAAAA:
		w.flags |= HasAAAA
	case wire.TypeSVCB, wire.TypeHTTPS:
		w.flags |= HasSVCB
	case wire.TypeCNAME, wire.TypeDNAME:
		w.flags |= HasAlias
	case wire.TypeRRSIG:
		w.flags |= HasRRSIG
	}
}

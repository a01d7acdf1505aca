package forward

import (
	"encoding/binary"

	"inside53/resolver/wire"
)

// appendQuery appends the query for q (RFC 1035 4.1, RFC 6891 6.1): RD, the AD
// bit to be told of authentic data without DO (RFC 6840 5.7), CD and DO as in q.
// The id is zero; it is the socket's to choose. The OPT RR is the last 11 bytes.
func appendQuery(b []byte, q *Question) []byte {
	flags := byte(wire.FlagAD)
	if q.CD {
		flags |= wire.FlagCD
	}
	b = append(b, 0, 0, wire.FlagRD, flags, 0, 1, 0, 0, 0, 0, 0, 1)
	b = append(b, q.Name...)
	b = binary.BigEndian.AppendUint16(b, q.Type)
	b = append(b, 0, wire.ClassIN)
	do := byte(0)
	if q.DO {
		do = 0x80
	}
	return append(b, 0, 0, wire.TypeOPT, ednsSize>>8, ednsSize&0xFF, 0, 0, do, 0, 0, 0)
}

// appendPacket appends query with its id, and without OPT RR if plain.
func appendPacket(b, query []byte, id uint16, plain bool) []byte {
	at := len(b)
	b = append(b, query...)
	binary.BigEndian.PutUint16(b[at:], id)
	if plain {
		b = b[:len(b)-wire.OPTSize]
		b[at+11] = 0 // ARCOUNT
	}
	return b
}

// isReply reports whether msg is an upstream's reply to query (as made by
// [appendQuery]) sent with id: a response to a standard query that echoes
// the question. Servers that know no EDNS may send back a bare header.
func isReply(msg []byte, id uint16, query []byte) bool {
	if len(msg) < wire.HeaderSize || binary.BigEndian.Uint16(msg) != id ||
		msg[2]&(wire.FlagQR|wire.MaskOpcode) != wire.FlagQR || msg[4] != 0 {
		return false
	}
	if msg[5] == 0 && len(msg) == wire.HeaderSize {
		rcode := msg[3] & 0x0F
		return rcode == wire.RcodeFormErr || rcode == wire.RcodeNotImp
	}
	question := query[wire.HeaderSize : len(query)-wire.OPTSize]
	end := wire.HeaderSize + len(question)
	// The type and class could only be confused by a letter's case with ones
	// that a query of ours can't have: they are compared exactly.
	return msg[5] == 1 && len(msg) >= end &&
		wire.EqualNames(msg[wire.HeaderSize:end-4], question[:len(question)-4]) &&
		string(msg[end-4:end]) == string(question[len(question)-4:])
}

package forward

import (
	"encoding/binary"
	"errors"
)

// errMalformed covers all a message can have wrong: nobody reads the details,
// the upstream is tried no further.
var errMalformed = errors.New("malformed message")

// maxHops is how many pointers a name of 255 octets can make use of.
const maxHops = 126

// appendName appends the name at msg[off:], decompressed and in its case, and
// returns the offset behind it. Pointers must lead backwards, into the message's
// body, so that every name ends (RFC 1035 4.1.4).
func appendName(dst, msg []byte, off int) (name []byte, next int, err error) {
	start, length, next := off, 0, -1
	for hops := 0; ; {
		if off >= len(msg) || hops > maxHops {
			return dst, 0, errMalformed
		}
		c := int(msg[off])
		switch {
		case c == 0:
			if next < 0 {
				next = off + 1
			}
			return append(dst, 0), next, nil
		case c < 0x40:
			length += 1 + c
			if off+1+c > len(msg) || length+1 > maxName {
				return dst, 0, errMalformed
			}
			dst = append(dst, msg[off:off+1+c]...)
			off += 1 + c
		case c >= 0xC0:
			if off+2 > len(msg) {
				return dst, 0, errMalformed
			}
			if next < 0 {
				next = off + 2
			}
			off = int(binary.BigEndian.Uint16(msg[off:]) & maxPointer)
			if off >= start || off < headerLen {
				return dst, 0, errMalformed
			}
			start = off
			hops++
		default: // 01 and 10: label types that nobody uses (RFC 6891 section 5)
			return dst, 0, errMalformed
		}
	}
}

// lower is an ASCII letter in lower case. Label lengths are below 'A', so whole
// names in wire form can be folded byte by byte.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// equalNames compares names (or any bytes) without regard to ASCII case (RFC 4343).
func equalNames(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i, c := range a {
		if c != b[i] && lower(c) != lower(b[i]) {
			return false
		}
	}
	return true
}

// suffixAt returns the offset in name at which suffix begins, -1 if name is
// neither equal to it nor below it.
func suffixAt(name, suffix []byte) int {
	k := len(name) - len(suffix)
	if k < 0 {
		return -1
	}
	at := 0
	for at < k {
		at += 1 + int(name[at])
	}
	if at != k || !equalNames(name[k:], suffix) {
		return -1
	}
	return k
}

// appendQuery appends the query for q (RFC 1035 4.1, RFC 6891 6.1): RD, the AD
// bit to be told of authentic data without DO (RFC 6840 5.7), CD and DO as in q.
// The id is zero; it is the socket's to choose. The OPT RR is the last 11 bytes.
func appendQuery(b []byte, q *Question) []byte {
	flags := byte(flagAD)
	if q.CD {
		flags |= flagCD
	}
	b = append(b, 0, 0, flagRD, flags, 0, 1, 0, 0, 0, 0, 0, 1)
	b = append(b, q.Name...)
	b = binary.BigEndian.AppendUint16(b, q.Type)
	b = append(b, 0, classIN)
	do := byte(0)
	if q.DO {
		do = 0x80
	}
	return append(b, 0, 0, typeOPT, ednsSize>>8, ednsSize&0xFF, 0, 0, do, 0, 0, 0)
}

const optLen = 11

// appendPacket appends query with its id, and without OPT RR if plain.
func appendPacket(b, query []byte, id uint16, plain bool) []byte {
	at := len(b)
	b = append(b, query...)
	binary.BigEndian.PutUint16(b[at:], id)
	if plain {
		b = b[:len(b)-optLen]
		b[at+11] = 0 // ARCOUNT
	}
	return b
}

// isReply reports whether msg is an upstream's reply to query (as made by
// [appendQuery]) sent with id: a response to a standard query that echoes
// the question. Servers that know no EDNS may send back a bare header.
func isReply(msg []byte, id uint16, query []byte) bool {
	if len(msg) < headerLen || binary.BigEndian.Uint16(msg) != id ||
		msg[2]&(flagQR|flagOpcode) != flagQR || msg[4] != 0 {
		return false
	}
	if msg[5] == 0 && len(msg) == headerLen {
		rcode := msg[3] & 0x0F
		return rcode == rcodeFormErr || rcode == rcodeNotImp
	}
	question := query[headerLen : len(query)-optLen]
	end := headerLen + len(question)
	// The type and class could only be confused by a letter's case with ones
	// that a query of ours can't have: they are compared exactly.
	return msg[5] == 1 && len(msg) >= end &&
		equalNames(msg[headerLen:end-4], question[:len(question)-4]) &&
		string(msg[end-4:end]) == string(question[len(question)-4:])
}

package wire

import "encoding/binary"

// Record is one record of a message.
type Record struct {
	Name  []byte // uncompressed, in the case that it came in
	Type  uint16
	Class uint16
	TTL   uint32
	Data  []byte // with the names uncompressed that may come compressed
	// Odd says that Data have no name where their type has one. They are as they came.
	Odd bool
}

// ReadRecord reads the record at an offset of a message, and returns where it ends; -1 for
// what isn't one. The record has memory of its own.
func ReadRecord(msg []byte, at int) (r Record, end int) {
	r.Name, at = AppendName(nil, msg, at)
	if at < 0 || at+RecordFixed > len(msg) {
		return r, -1
	}
	r.Type = binary.BigEndian.Uint16(msg[at:])
	r.Class = binary.BigEndian.Uint16(msg[at+2:])
	r.TTL = binary.BigEndian.Uint32(msg[at+4:])
	start := at + RecordFixed
	end = start + int(binary.BigEndian.Uint16(msg[at+8:]))
	if end > len(msg) {
		return r, -1
	}
	var ok bool
	r.Data, ok = appendData(nil, msg[:end], start, r.Type)
	if !ok {
		r.Data, r.Odd = append(r.Data[:0], msg[start:end]...), true
	}
	return r, end
}

// SkipRecord returns where the record at an offset ends; -1 for what isn't one.
func SkipRecord(msg []byte, at int) int {
	at = SkipName(msg, at)
	if at < 0 || at+RecordFixed > len(msg) {
		return -1
	}
	end := at + RecordFixed + int(binary.BigEndian.Uint16(msg[at+8:]))
	if end > len(msg) {
		return -1
	}
	return end
}

// CompressedNames returns where names may come compressed in the data of a type (RFC 3597
// section 4): so many octets in, after so many character strings, so many of them. Names of
// other types are never compressed.
func CompressedNames(rrtype uint16) (octets, texts, names int) {
	switch rrtype {
	case TypeNS, TypeMD, TypeMF, TypeCNAME, TypeMB, TypeMG, TypeMR, TypePTR, TypeNXT, TypeDNAME:
		return 0, 0, 1
	case TypeSOA, TypeMINFO, TypeRP:
		return 0, 0, 2
	case TypeMX, TypeAFSDB, TypeRT, TypeKX:
		return 2, 0, 1
	case TypePX:
		return 2, 0, 2
	case TypeSRV:
		return 6, 0, 1
	case TypeNAPTR:
		return 4, 3, 1
	case TypeSIG:
		return 18, 0, 1
	}
	return 0, 0, 0
}

// appendData appends the data from an offset to the end of msg.
func appendData(dst, msg []byte, at int, rrtype uint16) ([]byte, bool) {
	octets, texts, names := CompressedNames(rrtype)
	if names == 0 {
		return append(dst, msg[at:]...), true
	}
	start := at
	at += octets
	for range texts {
		if at >= len(msg) {
			return dst, false
		}
		at += 1 + int(msg[at])
	}
	if at > len(msg) {
		return dst, false
	}
	dst = append(dst, msg[start:at]...)
	for range names {
		dst, at = AppendName(dst, msg, at)
		if at < 0 || at > len(msg) {
			return dst, false
		}
	}
	return append(dst, msg[at:]...), true
}

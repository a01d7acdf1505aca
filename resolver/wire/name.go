package wire

import "encoding/binary"

// maxPointers is how many pointers a name of 255 octets can make use of.
const maxPointers = 126

// pointer marks a compression pointer: both high bits of the octet. One of them alone is a
// label type that nobody uses (RFC 6891 section 5).
const pointer = 0xc0

// SkipName returns where the name at an offset ends. A pointer ends it and isn't followed.
// It is -1 for a name that isn't whole, and for one that is longer than any may be.
func SkipName(msg []byte, at int) int {
	for start := at; uint(at) < uint(len(msg)); {
		switch c := int(msg[at]); {
		case c == 0:
			return at + 1
		case c <= MaxLabel:
			at += 1 + c
			if at-start >= MaxName {
				return -1
			}
		case c >= pointer && at+2 <= len(msg):
			return at + 2
		default:
			return -1
		}
	}
	return -1
}

// AppendName appends the name at an offset to dst, decompressed and in its case, and
// returns where it ends in the message. Pointers must lead backwards, into the message's
// body, so that every name ends (RFC 1035 section 4.1.4). The offset is -1 for what isn't
// a name; dst may have grown all the same.
func AppendName(dst, msg []byte, at int) (name []byte, end int) {
	start, length, end := at, 0, -1
	for pointers := 0; uint(at) < uint(len(msg)) && pointers <= maxPointers; {
		c := int(msg[at])
		switch {
		case c == 0:
			if end < 0 {
				end = at + 1
			}
			return append(dst, 0), end
		case c <= MaxLabel:
			length += 1 + c
			if at+1+c > len(msg) || length >= MaxName {
				return dst, -1
			}
			dst = append(dst, msg[at:at+1+c]...)
			at += 1 + c
		case c >= pointer && at+2 <= len(msg):
			if end < 0 {
				end = at + 2
			}
			at = int(binary.BigEndian.Uint16(msg[at:]) & MaxPointer)
			if at >= start || at < HeaderSize {
				return dst, -1
			}
			start = at
			pointers++
		default:
			return dst, -1
		}
	}
	return dst, -1
}

// Starts are offsets of the labels of a name, left to right, without the root label.
type Starts [MaxLabels]uint8

// FoldName copies the uncompressed name at the start of b to dst, in lower case, notes
// where its labels begin, and returns its size and the number of labels; -1 and 0 for what
// isn't such a name.
func FoldName(dst *[MaxName]byte, starts *Starts, b []byte) (size, labels int) {
	b = b[:min(len(b), MaxName)]
	i := 0
	for {
		if i >= len(b) {
			return -1, 0
		}
		n := int(b[i])
		if n == 0 {
			break
		}
		if n > MaxLabel || labels == MaxLabels {
			return -1, 0 // the last one of too many begins where the root label would be
		}
		starts[labels] = uint8(i)
		labels++
		i += 1 + n
	}
	size = i + 1
	from, to := b[:size], dst[:size]
	for len(from) >= 8 && len(to) >= 8 {
		binary.LittleEndian.PutUint64(to, LowerWord(binary.LittleEndian.Uint64(from)))
		from, to = from[8:], to[8:]
	}
	for n := range min(len(from), len(to)) {
		to[n] = LowerByte(from[n])
	}
	return size, labels
}

// LowerWord is LowerByte for eight octets at once: of each octet that is a letter of upper
// case the bit 0x20 is set.
func LowerWord(w uint64) uint64 {
	const each = 0x0101010101010101
	low := w &^ (0x80 * each)
	fromA := low + (0x80-'A')*each // the upper bit of an octet: from 'A' on
	aboveZ := low + (0x7f-'Z')*each
	return w | (fromA&^aboveZ&^w&(0x80*each))>>2
}

// SplitName notes where the labels of a name begin and returns their number; -1 unless
// name is one well-formed, uncompressed name and nothing else.
func SplitName(starts *Starts, name []byte) (labels int) {
	if len(name) == 0 || len(name) > MaxName {
		return -1
	}
	i := 0
	for name[i] != 0 {
		n := int(name[i])
		if n > MaxLabel || i+n+1 >= len(name) {
			return -1
		}
		starts[labels] = uint8(i)
		labels++
		i += n + 1
	}
	if i != len(name)-1 {
		return -1
	}
	return labels
}

// LowerByte returns an ASCII letter in lower case and every other octet as it is. Length
// octets are below 'A', so that whole names can be folded octet by octet.
func LowerByte(c byte) byte {
	if c-'A' < 26 {
		c += 'a' - 'A'
	}
	return c
}

// Lower folds the letters of a name in wire form to lower case, in place.
func Lower(name []byte) {
	for i, c := range name {
		name[i] = LowerByte(c)
	}
}

// EqualNames compares names, or any octets, without regard to ASCII case (RFC 4343).
func EqualNames(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i, c := range a {
		if c != b[i] && LowerByte(c) != LowerByte(b[i]) {
			return false
		}
	}
	return true
}

// SuffixAt returns the offset in name at which suffix begins, without regard to case; -1
// when name is neither equal to it nor below it. Both are uncompressed and well-formed.
func SuffixAt(name, suffix []byte) int {
	k := len(name) - len(suffix)
	if k < 0 {
		return -1
	}
	at := 0
	for at < k {
		at += 1 + int(name[at])
	}
	if at != k || !EqualNames(name[k:], suffix) {
		return -1
	}
	return k
}

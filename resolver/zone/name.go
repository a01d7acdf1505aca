package zone

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"inside53/resolver/wire"
)

// MaxName is the longest name in wire form, root label included.
const MaxName = wire.MaxName

// MaxLabels is the most labels that a name of MaxName octets can have, without
// the root label.
const MaxLabels = wire.MaxLabels

// HashLabel returns the hash of the name label.parent, given the hash of parent.
// Hashing right to left gives the hashes of all ancestors of a name in one pass.
// The label is without its length octet; its letter case makes no difference.
func HashLabel(parent uint64, label []byte) uint64 { return hashLabel(parent, label, 0, seed.factor) }

// ofSize divides labels by their size.
const ofSize = 0xe703_7ed1_a0b4_28db

// hashLabel is HashLabel for the label from an offset to the end of a name's beginning. What
// stands before the label lets it be read in words all the same.
func hashLabel(parent uint64, name []byte, at int, factor uint64) uint64 {
	size := len(name) - at
	h := parent ^ uint64(size)*ofSize
	for size > 8 {
		h = mix(h^wire.LowerWord(binary.LittleEndian.Uint64(name[at:])), factor)
		at += 8
		size -= 8
	}
	var last uint64
	if end := len(name); end >= 8 {
		last = wire.LowerWord(binary.LittleEndian.Uint64(name[end-8:])) >> (64 - 8*uint(size)) // 0 for size 0
	} else {
		for i := end - 1; i >= at; i-- {
			last = last<<8 | uint64(wire.LowerByte(name[i]))
		}
	}
	return mix(h^last, factor)
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// HashName returns the hash of a whole name in lower-case wire form.
func HashName(name []byte) uint64 {
	var l Labels
	n := l.Parse(name)
	if n < 0 {
		return 0
	}
	return l.Hash[n]
}

// Labels locates the labels of one name and holds the hash of each of its
// ancestors. Index i counts labels from the right: Off[i] is the offset of the
// suffix of i labels, Hash[i] its hash; Off[0] is the root label's.
type Labels struct {
	Count int
	Off   [MaxLabels + 1]uint8
	Hash  [MaxLabels + 1]uint64
}

// Parse fills l from a lower-case name in wire form and returns the number of
// labels, or -1 when name is not one well-formed, uncompressed name.
func (l *Labels) Parse(name []byte) int {
	var starts wire.Starts
	n := wire.SplitName(&starts, name)
	if n < 0 {
		return -1
	}
	l.Set(name, starts[:n])
	return n
}

// Set fills l for a well-formed name whose labels begin at starts, left to right: for
// parsers that have walked the name already. Its letter case makes no difference, so that
// they needn't wait for the lower-case one.
func (l *Labels) Set(name []byte, starts []uint8) {
	n := len(starts)
	root := uint8(len(name) - 1)
	l.Count = n
	l.Off[0] = root
	h, factor := seed.root, seed.factor
	l.Hash[0] = h
	for i := 1; i <= n; i++ {
		s := int(starts[n-i])
		h = hashLabel(h, name[:s+1+int(name[s])], s+1, factor)
		l.Off[i] = uint8(s)
		l.Hash[i] = h
	}
}

// IsSubdomain reports whether name is at or below ancestor. Both are lower-case
// wire form.
func IsSubdomain(name, ancestor []byte) bool {
	for len(name) >= len(ancestor) {
		if len(name) == len(ancestor) {
			return string(name) == string(ancestor)
		}
		name = name[int(name[0])+1:]
	}
	return false
}

// CountLabels returns the number of labels of a well-formed name, root excluded.
func CountLabels(name []byte) int {
	n := 0
	for i := 0; name[i] != 0; i += int(name[i]) + 1 {
		n++
	}
	return n
}

// Lower folds ASCII letters of a name in wire form to lower case, in place.
func Lower(name []byte) { wire.Lower(name) }

// String returns the text of a wire name as people write it (RFC 1035 section
// 5.1, decimal escapes), with a trailing dot. Malformed names give "<bad name>".
func String(name []byte) string {
	if len(name) == 1 && name[0] == 0 {
		return "."
	}
	out := make([]byte, 0, len(name)+8)
	for i := 0; ; {
		if i >= len(name) {
			return "<bad name>"
		}
		size := int(name[i])
		if size == 0 && i == len(name)-1 {
			return string(out)
		}
		if size == 0 || size > wire.MaxLabel || i+1+size >= len(name) {
			return "<bad name>"
		}
		for _, c := range name[i+1 : i+1+size] {
			switch {
			case c == '.' || c == '\\' || c == '"' || c == ';' || c == '(' || c == ')' || c == '@' || c == '$':
				out = append(out, '\\', c)
			case c > ' ' && c < 0x7f:
				out = append(out, c)
			default:
				out = append(out, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
			}
		}
		out = append(out, '.')
		i += size + 1
	}
}

// ErrName says that a text is not a domain name.
var ErrName = errors.New("not a domain name")

// ParseName returns the lower-case wire form of plain text such as
// "www.example.com.", with or without the trailing dot, escapes as String writes them: for
// constants and configured names. Texts from Route 53 and from master files have
// their own parsers.
func ParseName(text string) ([]byte, error) {
	if text == "." {
		return []byte{0}, nil
	}
	out := make([]byte, 1, len(text)+2)
	start := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '.':
			if !closeLabel(out, start) {
				return nil, ErrName
			}
			start = len(out)
			out = append(out, 0)
			continue
		case c == '\\':
			b, width := unescape(text[i:])
			if width == 0 {
				return nil, ErrName
			}
			c = b
			i += width - 1
		case c <= ' ' || c >= 0x7f:
			return nil, ErrName
		}
		out = append(out, c)
	}
	if len(out) > start+1 { // without a last dot
		if !closeLabel(out, start) {
			return nil, ErrName
		}
		out = append(out, 0)
	} else if start == 0 {
		return nil, ErrName
	}
	if len(out) > MaxName {
		return nil, ErrName
	}
	Lower(out)
	return out, nil
}

// closeLabel writes the length of the label that begins at start; false for one that can't
// be.
func closeLabel(out []byte, start int) bool {
	size := len(out) - start - 1
	if size == 0 || size > wire.MaxLabel {
		return false
	}
	out[start] = byte(size)
	return true
}

// unescape reads the escape at the start of text: three decimal digits, or any other octet
// for itself (RFC 1035 section 5.1). The width is 0 for what is none.
func unescape(text string) (c byte, width int) {
	if len(text) < 2 {
		return 0, 0
	}
	if text[1] < '0' || text[1] > '9' {
		return text[1], 2
	}
	number := 0
	for _, digit := range []byte(text[1:min(4, len(text))]) {
		if digit < '0' || digit > '9' {
			return 0, 0
		}
		number = number*10 + int(digit-'0')
	}
	if len(text) < 4 || number > 0xff {
		return 0, 0
	}
	return byte(number), 4
}

// MustName is [ParseName] for constants; it panics on a text that is no name.
func MustName(text string) []byte {
	name, err := ParseName(text)
	if err != nil {
		panic("zone: " + text + ": " + err.Error())
	}
	return name
}

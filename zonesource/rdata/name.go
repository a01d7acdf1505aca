package rdata

import (
	"errors"
	"fmt"
	"strconv"
)

// Limits of RFC 1035 2.3.4, in bytes of wire form.
const (
	maxLabel = 63
	maxName  = 255
)

// notation is the number base of escapes of three digits.
type notation uint8

const (
	octal   notation = 8  // Route 53 API
	decimal notation = 10 // master files, RFC 1035 5.1
)

// ParseName returns the wire form, in lower case, of a name as the Route 53
// API writes it: escapes are octal (\052 is "*", \056 a dot inside a label),
// the trailing dot may be missing, "." is the root. A backslash before
// anything but a digit stands for that byte. Bytes up to 0x20 and from 0x7f
// have to be escaped.
func ParseName(text string) ([]byte, error) {
	wire, err := parseName(text, octal)
	if err != nil {
		return nil, fmt.Errorf("name %s: %w", excerpt(text), err)
	}
	return wire, nil
}

// ParseMasterName returns the wire form, in lower case, of a name as master
// files and dig write it: escapes are decimal (\042 is "*", \046 a dot inside a
// label), a backslash before anything but a digit stands for that byte. The
// name is absolute with or without its trailing dot.
func ParseMasterName(text string) ([]byte, error) {
	wire, err := parseName(text, decimal)
	if err != nil {
		return nil, fmt.Errorf("name %s: %w", excerpt(text), err)
	}
	return wire, nil
}

// AppendMasterName appends to dst the wire form of a name as it stands in a
// master file: as ParseMasterName has it, but letters keep their case, a name
// without a trailing dot is relative to origin, and "@" alone is origin
// itself (RFC 1035 5.1). origin is in wire form. The text is borrowed.
func AppendMasterName(dst, text, origin []byte) ([]byte, error) {
	wire, ok := appendPlainName(dst, text, origin)
	if ok {
		return wire, nil
	}
	if string(text) == "@" {
		return append(dst, origin...), nil
	}
	wire, err := appendName(dst, string(text), decimal, origin)
	if err != nil {
		return nil, fmt.Errorf("name %s: %w", excerpt(text), err)
	}
	return wire, nil
}

// appendPlainName does the work of AppendMasterName for names of letters,
// digits, hyphens and the like, which nearly all are, and refuses all others.
func appendPlainName(dst, text, origin []byte) ([]byte, bool) {
	if len(text) == 0 || text[0] == '.' || len(text)+1+len(origin) > maxName {
		return nil, false
	}
	length := len(dst)
	dst = append(dst, 0)
	for _, c := range text {
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || 'A' <= c && c <= 'Z' || c == '*' ||
			c == '/':
			dst = append(dst, c)
		case c == '.':
			label := len(dst) - length - 1
			if label == 0 || label > maxLabel {
				return nil, false
			}
			dst[length] = byte(label)
			length = len(dst)
			dst = append(dst, 0)
		default:
			return nil, false
		}
	}
	label := len(dst) - length - 1
	if label > maxLabel {
		return nil, false
	}
	if label > 0 {
		dst[length] = byte(label)
		dst = append(dst, origin...)
	}
	return dst, true
}

func parseName(text string, n notation) ([]byte, error) {
	wire, err := appendName(make([]byte, 0, len(text)+2), text, n, root)
	if err != nil {
		return nil, err
	}
	for i, c := range wire {
		// A label length is at most 63 and so below every letter.
		if 'A' <= c && c <= 'Z' {
			wire[i] = c + 'a' - 'A'
		}
	}
	return wire, nil
}

// excerpt quotes a text for an error, the beginning of a long one.
func excerpt[T string | []byte](text T) string {
	const most = 200
	if len(text) > most {
		return strconv.Quote(string(text[:most])) + "..."
	}
	return strconv.Quote(string(text))
}

// root is the origin of names that are absolute in any case.
var root = []byte{0}

// appendName appends the wire form of text to dst, letters as they stand, and
// that of origin to it where text does not end in a dot. Positions in its
// errors count from 1 at the start of text.
func appendName(dst []byte, text string, n notation, origin []byte) ([]byte, error) {
	if text == "" {
		return nil, errors.New("empty name")
	}
	if text == "." {
		return append(dst, 0), nil
	}
	start := len(dst)
	length := start // where the length of the label under way goes
	dst = append(dst, 0)
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '.':
			if len(dst) == length+1 {
				return nil, fmt.Errorf("empty label at position %d", i+1)
			}
			dst[length] = byte(len(dst) - length - 1)
			length = len(dst)
			dst = append(dst, 0)
			i++
			continue
		case c == '\\':
			b, width, err := unescape(text[i:], n)
			if err != nil {
				return nil, fmt.Errorf("%w at position %d", err, i+1)
			}
			c = b
			i += width
		case c <= ' ' || c == 0x7f || c > 0x7f && n == octal:
			return nil, fmt.Errorf("byte 0x%02x at position %d needs an escape", c, i+1)
		default:
			i++
		}
		if len(dst)-length > maxLabel {
			return nil, fmt.Errorf("label longer than %d bytes at position %d", maxLabel, i)
		}
		dst = append(dst, c)
	}
	// With a trailing dot the label under way is empty: it is the root.
	if len(dst) > length+1 {
		dst[length] = byte(len(dst) - length - 1)
		dst = append(dst, origin...)
	}
	if len(dst)-start > maxName {
		return nil, fmt.Errorf("%d bytes long in wire form, more than %d", len(dst)-start, maxName)
	}
	return dst, nil
}

// unescape decodes the escape at the start of text, which begins with a
// backslash, and returns the byte and the width of the escape.
func unescape(text string, n notation) (byte, int, error) {
	if len(text) < 2 {
		return 0, 0, errors.New("backslash at the end")
	}
	if text[1] < '0' || text[1] > '9' {
		return text[1], 2, nil
	}
	if len(text) < 4 {
		return 0, 0, fmt.Errorf("escape %q is not of three %s digits", text, n)
	}
	value := 0
	for _, c := range []byte(text[1:4]) {
		if c < '0' || c >= '0'+byte(n) {
			return 0, 0, fmt.Errorf("escape %q is not of three %s digits", text[:4], n)
		}
		value = value*int(n) + int(c-'0')
	}
	if value > 0xff {
		return 0, 0, fmt.Errorf("escape %q is more than one byte", text[:4])
	}
	return byte(value), 4, nil
}

// String returns the word for the notation in errors.
func (n notation) String() string {
	if n == octal {
		return "octal"
	}
	return "decimal"
}

// FormatName returns a name as ListResourceRecordSets does: each byte but a-z,
// 0-9, hyphen, underscore and the dots between labels as an octal escape,
// with a trailing dot. The wire form has to be whole and uncompressed.
func FormatName(wire []byte) string {
	return string(appendNameText(make([]byte, 0, len(wire)+8), wire, appendListed))
}

// FormatMasterName returns a name as master files and dig write it: bytes that
// do not print as decimal escapes, those with a meaning in master files after
// a backslash, with a trailing dot. The wire form has to be whole and
// uncompressed.
func FormatMasterName(wire []byte) string {
	return string(appendNameText(make([]byte, 0, len(wire)+8), wire, appendMaster))
}

// appendNameText appends the labels of wire, byte by byte through appendByte.
// It stops at the end of a name cut short.
func appendNameText(dst, wire []byte, appendByte func([]byte, byte) []byte) []byte {
	if len(wire) == 0 || wire[0] == 0 {
		return append(dst, '.')
	}
	for len(wire) > 0 && wire[0] != 0 {
		end := min(1+int(wire[0]), len(wire))
		for _, c := range wire[1:end] {
			dst = appendByte(dst, c)
		}
		dst = append(dst, '.')
		wire = wire[end:]
	}
	return dst
}

// appendListed appends a byte of an owner name as Route 53 lists it.
func appendListed(dst []byte, c byte) []byte {
	switch {
	case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		return append(dst, c)
	default:
		return appendOctal(dst, c)
	}
}

// appendValueByte appends a byte of a name inside a value: as appendListed,
// but values keep their case.
func appendValueByte(dst []byte, c byte) []byte {
	if 'A' <= c && c <= 'Z' {
		return append(dst, c)
	}
	return appendListed(dst, c)
}

func appendMaster(dst []byte, c byte) []byte {
	switch {
	case c <= ' ' || c >= 0x7f:
		return append(dst, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
	case c == '.' || c == '"' || c == '(' || c == ')' || c == ';' || c == '@' || c == '$' || c == '\\':
		return append(dst, '\\', c)
	default:
		return append(dst, c)
	}
}

func appendOctal(dst []byte, c byte) []byte {
	return append(dst, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
}

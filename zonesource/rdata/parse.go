package rdata

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxRdata is the greatest length of rdata, which has 16 bits on the wire.
const maxRdata = 65535

// ParseValue returns the packed rdata of one value of a resource record set as
// the Route 53 API writes it, for a record of type rrtype. The types
// are those of Route 53 and, in their presentation form, all others that have
// one; each may also be in the generic form of RFC 3597. Escapes are octal
// throughout.
func ParseValue(rrtype uint16, value string) ([]byte, error) {
	packed, err := parseValue(rrtype, &scanner{text: value, notation: octal, origin: root})
	if err != nil {
		return nil, fmt.Errorf("%s value %s: %w", TypeText(rrtype), excerpt(value), err)
	}
	return packed, nil
}

// ParseMasterValue returns the packed rdata of a record as it stands in a
// master file: all that comes after the type, on one line, without
// comments and parentheses. Names without a trailing dot are relative to
// origin, which is in wire form; escapes are decimal.
func ParseMasterValue(rrtype uint16, text string, origin []byte) ([]byte, error) {
	var packed []byte
	err := errors.New("more than one line")
	if !strings.Contains(text, "\n") {
		packed, err = parseValue(rrtype, &scanner{text: text, notation: decimal, origin: origin})
	}
	if err != nil {
		return nil, fmt.Errorf("%s data %s: %w", TypeText(rrtype), excerpt(text), err)
	}
	return packed, nil
}

func parseValue(rrtype uint16, s *scanner) ([]byte, error) {
	if s.atGeneric(rrtype) {
		return parseGeneric(rrtype, s)
	}
	fields := layout(rrtype)
	if fields == nil {
		return nil, errors.New(`a type without a form of its own is written \# LENGTH HEX`)
	}
	s.out = make([]byte, 0, len(s.text)+16)
	for _, f := range fields {
		s.field(f)
	}
	s.end()
	if s.err != nil {
		return nil, s.err
	}
	if len(s.out) > maxRdata {
		return nil, fmt.Errorf("%d bytes of rdata, more than %d", len(s.out), maxRdata)
	}
	return s.out, nil
}

// field appends one field.
func (s *scanner) field(f field) {
	switch f.kind {
	case number8:
		s.uint(f.what, 8)
	case number16:
		s.uint(f.what, 16)
	case number32:
		s.uint(f.what, 32)
	case period:
		s.period(f.what)
	case domain:
		s.name(f.what)
	case text:
		s.characterString(f.what)
	case texts:
		s.strings()
	case optionalText:
		if s.more() {
			s.characterString(f.what)
		}
	case octets:
		s.out = append(s.out, s.bytes(s.next(f.what))...)
	case propertyTag:
		s.tag()
	case ipv4:
		s.address(4)
	case ipv6:
		s.address(16)
	case hexadecimal:
		s.hexadecimal(f.what)
	case dottedHex:
		s.dottedHex(f.what)
	case base64Text:
		s.base64(f.what)
	case base64Key:
		if s.more() {
			s.base64(f.what)
		}
	default:
		s.special(f)
	}
}

// tag appends the property tag of a CAA record, a word of letters and digits
// (RFC 8659 4.1). What else older listings have in it is kept.
func (s *scanner) tag() {
	f := s.next("tag")
	if s.err == nil && (f.quoted || f.text == "") {
		s.fail(f.pos, "tag in quotation marks")
		return
	}
	s.appendString("tag", f)
}

// atGeneric reports whether the first word is \#, and, for a type with a form of its own,
// the second a number: text may be "#" too.
func (s *scanner) atGeneric(rrtype uint16) bool {
	if !s.more() {
		return false
	}
	rest, ok := strings.CutPrefix(s.text[s.pos:], `\#`)
	if !ok || rest != "" && !isBlank(rest[0]) {
		return false
	}
	rest = strings.TrimLeft(rest, " \t")
	return layout(rrtype) == nil || rest != "" && '0' <= rest[0] && rest[0] <= '9'
}

// parseGeneric reads \# LENGTH HEX (RFC 3597 5). For a type with a form of its
// own the bytes have to be rdata of that type.
func parseGeneric(rrtype uint16, s *scanner) ([]byte, error) {
	s.next("generic form")
	length := s.next("length")
	if s.err != nil {
		return nil, s.err
	}
	want, err := strconv.ParseUint(length.text, 10, 16)
	if err != nil {
		s.fail(length.pos, "length %s is not a number from 0 to %d", excerpt(length.text), maxRdata)
		return nil, s.err
	}
	s.out = []byte{}
	if s.more() {
		s.hexadecimal("data")
	}
	if s.err != nil {
		return nil, s.err
	}
	if len(s.out) != int(want) {
		return nil, fmt.Errorf("%d bytes of data where the length says %d", len(s.out), want)
	}
	err = check(rrtype, s.out)
	if err != nil {
		return nil, err
	}
	return s.out, nil
}

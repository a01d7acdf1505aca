package rdata

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// scanner reads the fields of one value and appends their wire form to out. The first
// error stays, and later calls then do nothing.
type scanner struct {
	text     string
	notation notation
	origin   []byte // of names, in wire form; in octal notation names are absolute
	pos      int
	out      []byte
	err      error
}

// word is a word or a quoted string, escapes still in it.
type word struct {
	text   string
	pos    int // of the first byte of text, from 0
	quoted bool
}

// fail keeps the first error, with the position of byte at.
func (s *scanner) fail(at int, format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format+" at position %d", append(args, at+1)...)
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// more skips blanks and reports whether anything follows.
func (s *scanner) more() bool {
	for s.pos < len(s.text) && isBlank(s.text[s.pos]) {
		s.pos++
	}
	return s.err == nil && s.pos < len(s.text)
}

// next returns the next field; what is its name in errors.
func (s *scanner) next(what string) word {
	if !s.more() {
		s.fail(len(s.text), "no %s", what)
		return word{}
	}
	if s.text[s.pos] == '"' {
		return s.quoted(what)
	}
	start := s.pos
	for s.pos < len(s.text) && !isBlank(s.text[s.pos]) {
		switch s.text[s.pos] {
		case '"':
			if s.notation == decimal { // the next string begins
				return word{text: s.text[start:s.pos], pos: start}
			}
			s.fail(s.pos, "quotation mark inside %s", what)
			return word{}
		case '\\':
			s.pos++ // the escaped byte is no blank and no quotation mark
		}
		s.pos++
	}
	s.pos = min(s.pos, len(s.text))
	return word{text: s.text[start:s.pos], pos: start}
}

func (s *scanner) quoted(what string) word {
	opening := s.pos
	for i := opening + 1; i < len(s.text); i++ {
		switch s.text[i] {
		case '"':
			s.pos = i + 1
			return word{text: s.text[opening+1 : i], pos: opening + 1, quoted: true}
		case '\\':
			i++
		}
	}
	s.fail(opening, "%s without closing quotation mark", what)
	return word{}
}

// end checks that nothing is left.
func (s *scanner) end() {
	if s.more() {
		s.fail(s.pos, "unexpected %s", excerpt(s.text[s.pos:]))
	}
}

// uint appends an unsigned decimal number of the given width in bits.
func (s *scanner) uint(what string, bits int) {
	f := s.next(what)
	if s.err != nil {
		return
	}
	number, err := strconv.ParseUint(f.text, 10, bits)
	if err != nil || f.quoted {
		s.fail(f.pos, "%s %s is not a number from 0 to %d", what, excerpt(f.text), uint64(1)<<bits-1)
		return
	}
	for shift := bits - 8; shift >= 0; shift -= 8 {
		s.out = append(s.out, byte(number>>shift))
	}
}

// name appends a domain name, which keeps its case.
func (s *scanner) name(what string) {
	f := s.next(what)
	if s.err != nil {
		return
	}
	if f.quoted {
		s.fail(f.pos, "%s in quotation marks", what)
		return
	}
	if f.text == "@" && s.notation == decimal {
		s.out = append(s.out, s.origin...)
		return
	}
	out, err := appendName(s.out, f.text, s.notation, s.origin)
	if err != nil {
		s.fail(f.pos, "%s %s: %w, in a name that starts", what, excerpt(f.text), err)
		return
	}
	s.out = out
}

// address appends an IPv4 (4) or IPv6 (16) address of size bytes.
func (s *scanner) address(size int) {
	f := s.next("address")
	if s.err != nil {
		return
	}
	address, err := netip.ParseAddr(f.text)
	if err != nil || f.quoted || address.Zone() != "" || address.BitLen() != size*8 {
		version := 4
		if size == 16 {
			version = 6
		}
		s.fail(f.pos, "%s is not an IPv%d address", excerpt(f.text), version)
		return
	}
	s.out = append(s.out, address.AsSlice()...)
}

// bytes returns the content of a field, escapes resolved.
func (s *scanner) bytes(f word) []byte {
	content := make([]byte, 0, len(f.text))
	for i := 0; i < len(f.text); {
		if f.text[i] != '\\' {
			content = append(content, f.text[i])
			i++
			continue
		}
		c, width, err := unescape(f.text[i:], s.notation)
		if err != nil {
			s.fail(f.pos+i, "%w", err)
			return nil
		}
		content = append(content, c)
		i += width
	}
	return content
}

// characterString appends a <character-string> of RFC 1035 3.3: its length and
// at most 255 bytes.
func (s *scanner) characterString(what string) {
	f := s.next(what)
	s.appendString(what, f)
}

func (s *scanner) appendString(what string, f word) {
	content := s.bytes(f)
	if s.err != nil {
		return
	}
	if len(content) > 255 {
		s.fail(f.pos, "%s of %d bytes, more than 255,", what, len(content))
		return
	}
	s.out = append(s.out, byte(len(content)))
	s.out = append(s.out, content...)
}

// strings appends all that is left as character strings, at least one. In octal notation
// several have to be quoted: unquoted words may be several strings or one with blanks.
func (s *scanner) strings() {
	first := s.next("string")
	s.appendString("string", first)
	for s.more() {
		f := s.next("string")
		if s.err == nil && s.notation == octal && (!first.quoted || !f.quoted) {
			s.fail(f.pos, "several strings of which not all are in quotation marks")
			return
		}
		s.appendString("string", f)
	}
}

// rest returns all that is left, without the blanks that may stand in it (RFC 4034 2.2).
func (s *scanner) rest(what string) string {
	var digits []byte
	for first := true; first || s.more(); first = false {
		f := s.next(what)
		if f.quoted {
			s.fail(f.pos, "%s in quotation marks", what)
		}
		digits = append(digits, f.text...)
	}
	return string(digits)
}

// hexadecimal appends all that is left as pairs of hexadecimal digits.
func (s *scanner) hexadecimal(what string) {
	start := s.pos
	s.appendHex(what, s.rest(what), start)
}

// appendHex appends pairs of hexadecimal digits that stand at position start.
func (s *scanner) appendHex(what, digits string, start int) {
	if s.err != nil {
		return
	}
	out, err := hex.AppendDecode(s.out, []byte(digits))
	if err != nil {
		s.fail(start, "%s %s is not hexadecimal", what, excerpt(digits))
		return
	}
	s.out = out
}

// dottedHex appends all that is left as hexadecimal digits after 0x, with dots where one
// likes.
func (s *scanner) dottedHex(what string) {
	start := s.pos
	digits := s.rest(what)
	after, ok := strings.CutPrefix(strings.ToLower(digits), "0x")
	after = strings.ReplaceAll(after, ".", "")
	if !ok || after == "" {
		s.fail(start, "%s %s is not 0x and digits", what, excerpt(digits))
	}
	s.appendHex(what, after, start)
}

// base64 appends all that is left as base64.
func (s *scanner) base64(what string) {
	start := s.pos
	s.appendBase64(what, s.rest(what), start)
}

func (s *scanner) appendBase64(what, digits string, start int) {
	if s.err != nil {
		return
	}
	out, err := base64.StdEncoding.AppendDecode(s.out, []byte(digits))
	if err != nil {
		s.fail(start, "%s %s is not base64", what, excerpt(digits))
		return
	}
	s.out = out
}

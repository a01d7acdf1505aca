package rdata

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

const maxRdata = 65535

// ParseValue returns the packed rdata of one value of a resource record set as
// the Route 53 API writes it, for a record of type rrtype. The types
// are those of Route 53 and, in their presentation form, all others that have
// one; each may also be in the generic form of RFC 3597. Escapes are octal
// throughout.
func ParseValue(rrtype uint16, value string) ([]byte, error) {
	packed, err := parseValue(rrtype, value)
	if err != nil {
		return nil, fmt.Errorf("%s value %s: %w", TypeText(rrtype), excerpt(value), err)
	}
	return packed, nil
}

func parseValue(rrtype uint16, value string) ([]byte, error) {
	s := scanner{text: value}
	if s.atGeneric() {
		return parseGeneric(rrtype, &s)
	}
	s.out = make([]byte, 0, len(value)+2)
	switch rrtype {
	case dns.TypeA:
		s.address(4)
	case dns.TypeAAAA:
		s.address(16)
	case dns.TypeCNAME, dns.TypeNS, dns.TypePTR, dns.TypeDNAME:
		s.name("name")
	case dns.TypeMX:
		s.uint("preference", 16)
		s.name("mail server")
	case dns.TypeTXT, dns.TypeSPF:
		s.strings()
	case dns.TypeSRV:
		s.uint("priority", 16)
		s.uint("weight", 16)
		s.uint("port", 16)
		s.name("target")
	case dns.TypeSOA:
		s.name("primary server")
		s.name("mailbox")
		for _, what := range []string{"serial", "refresh", "retry", "expire", "minimum"} {
			s.uint(what, 32)
		}
	case dns.TypeCAA:
		s.uint("flags", 8)
		s.tag()
		s.out = append(s.out, s.bytes(s.next("value"))...)
	case dns.TypeNAPTR:
		s.uint("order", 16)
		s.uint("preference", 16)
		s.characterString("flags")
		s.characterString("service")
		s.characterString("regular expression")
		s.name("replacement")
	case dns.TypeDS:
		s.uint("key tag", 16)
		s.uint("algorithm", 8)
		s.uint("digest type", 8)
		s.hexadecimal("digest")
	case dns.TypeSSHFP:
		s.uint("algorithm", 8)
		s.uint("fingerprint type", 8)
		s.hexadecimal("fingerprint")
	case dns.TypeTLSA:
		s.uint("certificate usage", 8)
		s.uint("selector", 8)
		s.uint("matching type", 8)
		s.hexadecimal("certificate data")
	default:
		return parsePresentation(rrtype, value)
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

// atGeneric reports whether the first word is \#.
func (s *scanner) atGeneric() bool {
	if !s.more() {
		return false
	}
	rest, ok := strings.CutPrefix(s.text[s.pos:], `\#`)
	return ok && (rest == "" || isBlank(rest[0]))
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
	_, err = formatValue(rrtype, s.out)
	if err != nil {
		return nil, err
	}
	return s.out, nil
}

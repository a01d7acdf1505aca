package rdata

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/miekg/dns"
)

// FormatValue returns packed rdata of type rrtype as Route 53 lists the value:
// names with a trailing dot, strings quoted, octal escapes. A type without
// a form of its own comes in that of RFC 3597. ParseValue gives the same bytes
// back. Rdata that is not whole, or has compressed names, is an error.
func FormatValue(rrtype uint16, rdata []byte) (string, error) {
	text, err := formatValue(rrtype, rdata)
	if err != nil {
		return "", fmt.Errorf("rdata of type %s: %w", TypeText(rrtype), err)
	}
	return text, nil
}

func formatValue(rrtype uint16, rdata []byte) (string, error) {
	if len(rdata) > maxRdata {
		return "", fmt.Errorf("%d bytes, more than %d", len(rdata), maxRdata)
	}
	text, known, err := formatFields(rrtype, rdata)
	if known {
		return text, err
	}
	return formatPresentation(rrtype, rdata)
}

// formatFields formats the types that are written out here; known is false for
// all others.
func formatFields(rrtype uint16, rdata []byte) (text string, known bool, err error) {
	p := printer{rest: rdata, out: make([]byte, 0, len(rdata)+16)}
	switch rrtype {
	case dns.TypeA:
		p.address(4)
	case dns.TypeAAAA:
		p.address(16)
	case dns.TypeCNAME, dns.TypeNS, dns.TypePTR, dns.TypeDNAME:
		p.name()
	case dns.TypeMX:
		p.uint(2)
		p.name()
	case dns.TypeTXT, dns.TypeSPF:
		p.characterString()
		for p.err == nil && len(p.rest) > 0 {
			p.characterString()
		}
	case dns.TypeSRV:
		p.uint(2)
		p.uint(2)
		p.uint(2)
		p.name()
	case dns.TypeSOA:
		p.name()
		p.name()
		for range 5 {
			p.uint(4)
		}
	case dns.TypeCAA:
		p.uint(1)
		p.tag()
		p.quoted(p.take(len(p.rest)))
	case dns.TypeNAPTR:
		p.uint(2)
		p.uint(2)
		p.characterString()
		p.characterString()
		p.characterString()
		p.name()
	case dns.TypeDS:
		p.uint(2)
		p.uint(1)
		p.uint(1)
		p.hexadecimal()
	case dns.TypeSSHFP:
		p.uint(1)
		p.uint(1)
		p.hexadecimal()
	case dns.TypeTLSA:
		p.uint(1)
		p.uint(1)
		p.uint(1)
		p.hexadecimal()
	default:
		return "", false, nil
	}
	if p.err == nil && len(p.rest) > 0 {
		p.err = fmt.Errorf("%d bytes too many", len(p.rest))
	}
	return string(p.out), true, p.err
}

// printer writes the fields of packed rdata, with a blank between. The first
// error stays; later calls then do nothing.
type printer struct {
	rest []byte
	out  []byte
	err  error
}

var errShort = errors.New("ends too early")

// take returns the next n bytes, or nil with the error kept.
func (p *printer) take(n int) []byte {
	if p.err == nil && n > len(p.rest) {
		p.err = errShort
	}
	if p.err != nil {
		return nil
	}
	taken := p.rest[:n]
	p.rest = p.rest[n:]
	return taken
}

// blank separates the field to come from the one before.
func (p *printer) blank() {
	if len(p.out) > 0 {
		p.out = append(p.out, ' ')
	}
}

func (p *printer) uint(size int) {
	var number [8]byte
	copy(number[8-size:], p.take(size))
	p.blank()
	p.out = strconv.AppendUint(p.out, binary.BigEndian.Uint64(number[:]), 10)
}

func (p *printer) address(size int) {
	address, ok := netip.AddrFromSlice(p.take(size))
	if ok {
		p.out = address.AppendTo(p.out)
	}
}

func (p *printer) name() {
	length := 0
	for {
		if length >= len(p.rest) {
			p.take(length + 1) // keeps the error
			return
		}
		label := int(p.rest[length])
		if label > maxLabel {
			p.fail(fmt.Errorf("name with label of type 0x%02x", label&0xc0))
			return
		}
		length += 1 + label
		if label == 0 {
			break
		}
	}
	if length > maxName {
		p.fail(fmt.Errorf("name of %d bytes, more than %d", length, maxName))
		return
	}
	p.blank()
	p.out = appendNameText(p.out, p.take(length), appendValueByte)
}

func (p *printer) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *printer) characterString() {
	length := p.take(1)
	if p.err != nil {
		return
	}
	p.quoted(p.take(int(length[0])))
}

// quoted writes content in quotation marks. What prints stands as it is, the
// blank too; quotation mark and backslash come after a backslash, all else as
// octal escape.
func (p *printer) quoted(content []byte) {
	p.blank()
	p.out = append(p.out, '"')
	for _, c := range content {
		switch {
		case c == '"' || c == '\\':
			p.out = append(p.out, '\\', c)
		case c < ' ' || c >= 0x7f:
			p.out = appendOctal(p.out, c)
		default:
			p.out = append(p.out, c)
		}
	}
	p.out = append(p.out, '"')
}

// tag writes the tag of a CAA record as a word, which can't be empty.
func (p *printer) tag() {
	length := p.take(1)
	if p.err == nil && length[0] == 0 {
		p.fail(errors.New("empty tag"))
	}
	if p.err != nil {
		return
	}
	p.blank()
	for _, c := range p.take(int(length[0])) {
		p.out = appendValueByte(p.out, c)
	}
}

// hexadecimal writes all that is left, at least one byte.
func (p *printer) hexadecimal() {
	if len(p.rest) == 0 {
		p.fail(errShort)
		return
	}
	p.blank()
	start := len(p.out)
	p.out = hex.AppendEncode(p.out, p.take(len(p.rest)))
	for i, c := range p.out[start:] {
		if 'a' <= c && c <= 'f' {
			p.out[start+i] = c - 'a' + 'A'
		}
	}
}

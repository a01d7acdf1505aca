package rdata

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
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

// FormatMasterValue returns packed rdata as a master file has it: names absolute, strings
// quoted, decimal escapes. ParseMasterValue gives the same bytes back. What is an error of
// FormatValue is one here.
func FormatMasterValue(rrtype uint16, rdata []byte) (string, error) {
	text, err := formatMaster(rrtype, rdata)
	if err != nil {
		return "", fmt.Errorf("rdata of type %s: %w", TypeText(rrtype), err)
	}
	return text, nil
}

func formatValue(rrtype uint16, rdata []byte) (string, error) {
	err := check(rrtype, rdata)
	if err != nil {
		return "", err
	}
	text, known := formatFields(rrtype, rdata, octal)
	if known {
		return text, nil
	}
	return formatPresentation(rrtype, rdata, octal), nil
}

func formatMaster(rrtype uint16, rdata []byte) (string, error) {
	err := check(rrtype, rdata)
	if err != nil {
		return "", err
	}
	text, known := formatFields(rrtype, rdata, decimal)
	if known {
		return text, nil
	}
	return formatPresentation(rrtype, rdata, decimal), nil
}

// formatFields formats the types all of whose fields are plain; known is false for all
// others. The rdata were checked.
func formatFields(rrtype uint16, rdata []byte, n notation) (text string, known bool) {
	fields := layout(rrtype)
	if fields == nil {
		return "", false
	}
	p := printer{rest: rdata, out: make([]byte, 0, len(rdata)+16), notation: n}
	for _, f := range fields {
		if !p.field(f.kind) {
			return "", false
		}
	}
	return string(p.out), true
}

// field writes one field; false for a kind that is not plain.
func (p *printer) field(k kind) bool {
	switch k {
	case number8, algorithm, digestType, hashAlgorithm, keyProtocol:
		p.uint(1)
	case number16, certificateType, keyFlags:
		p.uint(2)
	case number32, period:
		p.uint(4)
	case domain:
		p.name()
	case text:
		p.characterString()
	case optionalText, texts:
		for len(p.rest) > 0 {
			p.characterString()
		}
	case octets:
		p.quoted(p.next(len(p.rest)))
	case propertyTag:
		p.tag()
	case ipv4:
		p.address(4)
	case ipv6:
		p.address(16)
	case hexadecimal:
		p.hexadecimal()
	default:
		return false
	}
	return true
}

// printer writes the fields of checked rdata, with a blank between.
type printer struct {
	rest     []byte
	out      []byte
	notation notation
}

var errShort = errors.New("ends too early")

// next returns the next n bytes.
func (p *printer) next(n int) []byte {
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
	copy(number[8-size:], p.next(size))
	p.blank()
	p.out = strconv.AppendUint(p.out, binary.BigEndian.Uint64(number[:]), 10)
}

func (p *printer) address(size int) {
	p.blank()
	address, ok := netip.AddrFromSlice(p.next(size))
	if ok {
		p.out = address.AppendTo(p.out)
	}
}

func (p *printer) name() {
	length := 1
	for p.rest[length-1] != 0 {
		length += 1 + int(p.rest[length-1])
	}
	p.blank()
	appendByte := appendValueByte
	if p.notation == decimal {
		appendByte = appendMaster
	}
	p.out = appendNameText(p.out, p.next(length), appendByte)
}

func (p *printer) characterString() {
	p.quoted(p.next(int(p.next(1)[0])))
}

// quoted writes content in quotation marks. What prints stands as it is, the
// blank too; quotation mark and backslash come after a backslash, all else as an escape.
func (p *printer) quoted(content []byte) {
	p.blank()
	p.string(content)
}

// string is quoted without a blank before it.
func (p *printer) string(content []byte) {
	p.out = append(p.out, '"')
	for _, c := range content {
		switch {
		case c == '"' || c == '\\':
			p.out = append(p.out, '\\', c)
		case c >= ' ' && c < 0x7f:
			p.out = append(p.out, c)
		case p.notation == decimal:
			p.out = append(p.out, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
		default:
			p.out = appendOctal(p.out, c)
		}
	}
	p.out = append(p.out, '"')
}

// tag writes the tag of a CAA record as a word.
func (p *printer) tag() {
	p.blank()
	for _, c := range p.next(int(p.next(1)[0])) {
		if p.notation == decimal {
			p.out = appendMaster(p.out, c)
		} else {
			p.out = appendValueByte(p.out, c)
		}
	}
}

// hexadecimal writes all that is left.
func (p *printer) hexadecimal() {
	p.blank()
	p.out = append(p.out, strings.ToUpper(hex.EncodeToString(p.next(len(p.rest))))...)
}

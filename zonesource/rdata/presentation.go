package rdata

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// rrOverhead is what a packed record of the root has around its rdata: owner,
// type, class, TTL and length.
const rrOverhead = 1 + 2 + 2 + 4 + 2

// parsePresentation reads a value of a type that is not written out in
// parseValue, HTTPS and SVCB among them: as the rdata of a master file line,
// once its octal escapes are decimal ones.
func parsePresentation(rrtype uint16, value string) ([]byte, error) {
	if dns.TypeToRR[rrtype] == nil {
		return nil, errors.New(`a type without a form of its own is written \# LENGTH HEX`)
	}
	line, err := masterText(value)
	if err != nil {
		return nil, err
	}
	return parseMaster(rrtype, line, ".")
}

// ParseMasterValue returns the packed rdata of a record as it stands in a
// master file: all that comes after the type, on one line, without
// comments and parentheses. Names without a trailing dot are relative to
// origin, which is in wire form; escapes are decimal. The types are those of
// miekg/dns, and all others in the generic form of RFC 3597.
func ParseMasterValue(rrtype uint16, text string, origin []byte) ([]byte, error) {
	var packed []byte
	var err error
	s := scanner{text: text}
	if s.atGeneric() {
		packed, err = parseGeneric(rrtype, &s)
	} else {
		packed, err = parseMaster(rrtype, text, FormatMasterName(origin))
	}
	if err != nil {
		return nil, fmt.Errorf("%s data %s: %w", TypeText(rrtype), excerpt(text), err)
	}
	return packed, nil
}

func parseMaster(rrtype uint16, text, origin string) ([]byte, error) {
	// The library takes a record without rdata for a part of a dynamic update.
	if strings.Trim(text, " \t") == "" {
		return nil, errors.New("empty")
	}
	if strings.Contains(text, "\n") {
		return nil, errors.New("more than one line")
	}
	// At the end of its input the library takes a number that is missing for 0;
	// it does not take a further line end for one.
	const ends = "\n\n\n\n\n\n\n\n"
	zp := dns.NewZoneParser(strings.NewReader(". 0 IN "+TypeText(rrtype)+" "+text+ends), origin, "")
	rr, ok := zp.Next()
	if !ok {
		return nil, parserFault(zp.Err())
	}
	packed, err := packRecord(rr)
	if err != nil {
		return nil, err
	}
	return packed, checkFields(rrtype, packed)
}

// checkFields finds what the library packs though a field of it is missing.
func checkFields(rrtype uint16, packed []byte) error {
	_, _, err := formatFields(rrtype, packed)
	return err
}

// parserFault is the library's error without the place in the line made up for
// it.
func parserFault(err error) error {
	fault, _, _ := strings.Cut(err.Error(), " at line: ")
	return errors.New(strings.TrimPrefix(fault, "dns: "))
}

// packRecord returns the uncompressed rdata of a record of the root.
func packRecord(rr dns.RR) ([]byte, error) {
	// Len may fall short of the packed length by a few bytes for odd input.
	size := dns.Len(rr) + 512
	if size > rrOverhead+maxRdata+512 {
		return nil, fmt.Errorf("more than %d bytes of rdata", maxRdata)
	}
	buffer := make([]byte, min(size, rrOverhead+maxRdata))
	end, err := dns.PackRR(rr, buffer, 0, nil, false)
	if err != nil {
		return nil, err
	}
	return buffer[rrOverhead:end:end], nil
}

// masterText returns value with each octal escape as a decimal one. What would
// end the rdata in a master file, or hide a part of it, is refused.
func masterText(value string) (string, error) {
	out := make([]byte, 0, len(value))
	quoted := false
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '\\':
			b, width, err := unescape(value[i:], octal)
			if err != nil {
				return "", fmt.Errorf("%w at position %d", err, i+1)
			}
			if width == 4 {
				out = append(out, '\\', '0'+b/100, '0'+b/10%10, '0'+b%10)
			} else {
				out = append(out, value[i:i+width]...)
			}
			i += width - 1
			continue
		case c == '"':
			quoted = !quoted
		case c < ' ' && c != '\t' || c == 0x7f:
			return "", fmt.Errorf("byte 0x%02x at position %d needs an escape", c, i+1)
		case !quoted && (c == ';' || c == '(' || c == ')'):
			return "", fmt.Errorf("%q outside quotation marks at position %d", c, i+1)
		}
		out = append(out, c)
	}
	if quoted {
		return "", errors.New("no closing quotation mark")
	}
	return string(out), nil
}

// formatPresentation is the way back. Where the library's text does not lead
// back to the same bytes, it takes the generic form.
func formatPresentation(rrtype uint16, rdata []byte) (string, error) {
	if dns.TypeToRR[rrtype] == nil {
		return generic(rdata), nil
	}
	header := dns.RR_Header{Name: ".", Rrtype: rrtype, Class: dns.ClassINET, Rdlength: uint16(len(rdata))}
	rr, end, err := dns.UnpackRRWithHeader(header, rdata, 0)
	if err != nil {
		return "", err
	}
	if end != len(rdata) {
		return "", fmt.Errorf("%d bytes too many", len(rdata)-end)
	}
	text, ok := octalText(strings.TrimPrefix(rr.String(), rr.Header().String()))
	if !ok {
		return generic(rdata), nil
	}
	again, err := parsePresentation(rrtype, text)
	if err != nil || !bytes.Equal(again, rdata) {
		return generic(rdata), nil
	}
	return text, nil
}

// octalText returns master file text with each decimal escape as an octal one.
func octalText(text string) (string, bool) {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out = append(out, text[i])
			continue
		}
		b, width, err := unescape(text[i:], decimal)
		if err != nil {
			return "", false
		}
		if width == 4 {
			out = appendOctal(out, b)
		} else {
			out = append(out, text[i:i+width]...)
		}
		i += width - 1
	}
	return string(out), true
}

// generic returns the form of RFC 3597 5.
func generic(rdata []byte) string {
	text := `\# ` + strconv.Itoa(len(rdata))
	if len(rdata) > 0 {
		text += " " + hex.EncodeToString(rdata)
	}
	return text
}

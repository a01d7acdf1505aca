package rdata

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// formatPresentation returns checked rdata in the library's text where that leads back to
// the same bytes, else in the generic form.
func formatPresentation(rrtype uint16, rdata []byte, n notation) string {
	if dns.TypeToRR[rrtype] == nil {
		return generic(rdata)
	}
	header := dns.RR_Header{Name: ".", Rrtype: rrtype, Class: dns.ClassINET, Rdlength: uint16(len(rdata))}
	rr, end, err := dns.UnpackRRWithHeader(header, rdata, 0)
	text, ok := "", true
	switch {
	case err != nil && (rrtype == dns.TypeSVCB || rrtype == dns.TypeHTTPS):
		text = serviceText(rdata, n)
	case err != nil || end != len(rdata):
		return generic(rdata)
	default:
		text = strings.TrimPrefix(rr.String(), rr.Header().String())
		if n == octal {
			text, ok = octalText(text)
		}
	}
	if !ok || text == "" {
		return generic(rdata)
	}
	again, err := parseValue(rrtype, &scanner{text: text, notation: n, origin: root})
	if err != nil || !bytes.Equal(again, rdata) {
		return generic(rdata)
	}
	return text
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

package rdata

import (
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// Type returns the number of the record type called text: a mnemonic such as
// "A" or the form TYPE65280 of RFC 3597 5, in any case of letters. It
// reports false for a text that names no type.
func Type(text string) (uint16, bool) {
	text = strings.ToUpper(text)
	digits, numbered := strings.CutPrefix(text, "TYPE")
	if numbered {
		number, err := strconv.ParseUint(digits, 10, 16)
		// ParseUint takes no sign, but it does take leading zeros, which
		// would give one type many names.
		if err != nil || strconv.FormatUint(number, 10) != digits {
			return 0, false
		}
		return uint16(number), true
	}
	number, known := otherTypes[text]
	if known {
		return number, true
	}
	number, known = dns.StringToType[text]
	if !known || reservedType(number) {
		return 0, false
	}
	return number, true
}

// TypeText returns the mnemonic of a record type, or TYPE and its number for
// one that has none.
func TypeText(rrtype uint16) string {
	for text, number := range otherTypes {
		if number == rrtype {
			return text
		}
	}
	text, known := dns.TypeToString[rrtype]
	if !known || reservedType(rrtype) {
		return "TYPE" + strconv.Itoa(int(rrtype))
	}
	return text
}

// reservedType reports whether the library has a word for a number that is
// no type.
func reservedType(rrtype uint16) bool {
	return rrtype == dns.TypeNone || rrtype == dns.TypeReserved
}

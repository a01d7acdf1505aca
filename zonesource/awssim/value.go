package awssim

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// recordTypes are the types of Route 53.
func recordTypes() []string {
	return []string{"SOA", "A", "TXT", "NS", "CNAME", "MX", "NAPTR", "PTR", "SRV", "SPF", "AAAA", "CAA", "DS", "TLSA",
		"SSHFP", "SVCB", "HTTPS"}
}

// validateValue checks one value in the way of Route 53; the error is the inner part of its message.
func validateValue(typ, value string) error {
	switch typ {
	case "A":
		a, err := netip.ParseAddr(value)
		if err != nil || !a.Is4() {
			return errors.New("ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)")
		}
		return nil
	case "AAAA":
		a, err := netip.ParseAddr(value)
		if err != nil || !a.Is6() || a.Zone() != "" {
			return errors.New("AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)")
		}
		return nil
	case "CNAME", "NS", "PTR":
		return validateFields(value, typ, "name")
	case "MX":
		return validateFields(value, typ, "uint16", "name")
	case "SRV":
		return validateFields(value, typ, "uint16", "uint16", "uint16", "name")
	case "SOA":
		return validateFields(value, typ, "name", "name", "uint32", "uint32", "uint32", "uint32", "uint32")
	case "TXT", "SPF":
		return validateText(value)
	}
	// The rest is written as in a master file, and rarely with escapes.
	text := value
	if typ == "SVCB" || typ == "HTTPS" {
		// Hints may be mapped addresses, and the library takes none.
		text = strings.ReplaceAll(value, "::ffff:", "::fffe:")
	}
	_, err := dns.NewRR(". 0 IN " + typ + " " + text)
	if err != nil || strings.ContainsAny(value, "\r\n;") && typ != "CAA" && typ != "NAPTR" {
		return errors.New(typ + "RRDATAInvalid (Value is not valid " + typ + " data)")
	}
	return nil
}

// validateFields checks a value of blank-separated fields of the given kinds.
func validateFields(value, typ string, kinds ...string) error {
	fields := strings.Fields(value)
	if len(fields) != len(kinds) {
		return errors.New(typ + "RRDATANot" + strconv.Itoa(len(kinds)) + "Fields (" + typ + " record doesn't have " +
			strconv.Itoa(len(kinds)) + " fields)")
	}
	for i, k := range kinds {
		var err error
		switch k {
		case "name":
			_, err = parseName(fields[i])
		case "uint16":
			_, err = strconv.ParseUint(fields[i], 10, 16)
		case "uint32":
			_, err = strconv.ParseUint(fields[i], 10, 32)
		}
		if err != nil {
			return errors.New(typ + "RRDATAInvalidField (Field " + strconv.Itoa(i+1) + " is not valid)")
		}
	}
	return nil
}

// validateText checks quoted strings of at most 255 octets, blank between them, 4000 octets in all.
// Inside quotes a backslash stands before a quote, a backslash or three octal digits.
func validateText(value string) error {
	rest, strs := strings.TrimSpace(value), 0
	for rest != "" {
		if rest[0] != '"' {
			return errors.New("InvalidCharacterString (Value should be enclosed in quotation marks)")
		}
		length, end, err := quotedString(rest)
		if err != nil {
			return err
		}
		if length > 255 {
			return errors.New("CharacterStringTooLong (Value is too long)")
		}
		strs++
		rest = strings.TrimLeft(rest[end:], " \t")
	}
	if strs == 0 {
		return errors.New("InvalidCharacterString (Value should be enclosed in quotation marks)")
	}
	if len(value) > 4000 {
		return errors.New("TXTRDATATooLong (Value is longer than 4000 characters)")
	}
	return nil
}

// quotedString measures the string at the start of s: its octets, and where it ends in s.
func quotedString(s string) (octets, end int, err error) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return octets, i + 1, nil
		case '\\':
			_, isOctal := octal(s[i:])
			switch {
			case isOctal:
				i += 3
			case i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
				i++
			default:
				return 0, 0, errors.New("InvalidCharacterString (An escape is not three octal digits, a quote or a backslash)")
			}
		}
		octets++
	}
	return 0, 0, errors.New("InvalidCharacterString (A quotation mark is missing)")
}

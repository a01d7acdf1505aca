package rdata

import "bytes"

// Equal reports whether two packed rdata of a type are the same record: the case of letters
// in names carries no meaning (RFC 4034 6.2).
func Equal(rrtype uint16, a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if len(a) != len(b) || !bytes.EqualFold(a, b) {
		return false
	}
	return bytes.Equal(Canonical(rrtype, a), Canonical(rrtype, b))
}

func hasNames(rrtype uint16) bool {
	for _, f := range layout(rrtype) {
		if f.kind == domain {
			return true
		}
	}
	return false
}

// Canonical returns packed rdata with the names that are fields of their own in lower case,
// a copy where there are such. Rdata that aren't right come as they are.
func Canonical(rrtype uint16, rdata []byte) []byte {
	if !hasNames(rrtype) {
		return rdata
	}
	out := bytes.Clone(rdata)
	rest := out
	for _, f := range layout(rrtype) {
		length, err := fieldLength(f.kind, rest)
		if err != nil || length > len(rest) {
			return out
		}
		if f.kind == domain {
			for i, c := range rest[:length] {
				if 'A' <= c && c <= 'Z' { // the length of a label is below every letter
					rest[i] = c + 'a' - 'A'
				}
			}
		}
		rest = rest[length:]
	}
	return out
}

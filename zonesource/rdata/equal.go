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
	return hasNames(rrtype) && bytes.Equal(lowerNames(rrtype, a), lowerNames(rrtype, b))
}

func hasNames(rrtype uint16) bool {
	for _, f := range layout(rrtype) {
		if f.kind == domain {
			return true
		}
	}
	return false
}

// lowerNames returns a copy of rdata with the names that are fields of their own in lower
// case; rdata that aren't right come as they are.
func lowerNames(rrtype uint16, rdata []byte) []byte {
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

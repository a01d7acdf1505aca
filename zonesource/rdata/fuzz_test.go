package rdata

import (
	"bytes"
	"testing"
)

// FuzzMasterValue takes any rdata of any type to the text of a master file and back: the
// octets are the same. What isn't rdata of the type is an error, and never more.
func FuzzMasterValue(f *testing.F) {
	for rrtype := range layouts {
		f.Add(rrtype, []byte("\x00\x01\x00\x00\x01a\x00"))
		f.Add(rrtype, []byte{})
	}
	f.Add(uint16(257), []byte("\x00\x05issuea\\\\b\\\""))
	f.Add(uint16(256), []byte("\x00\x01\x00\x02a\\\"\xff"))
	f.Add(uint16(65280), []byte("any"))
	f.Add(uint16(65), []byte("\x00\x01\x00\x00\x06\x00\x10"+
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01"))
	f.Fuzz(func(t *testing.T, rrtype uint16, data []byte) {
		text, err := FormatMasterValue(rrtype, data)
		if (err == nil) != (check(rrtype, data) == nil) {
			t.Fatalf("%s %x: %v, checked %v", TypeText(rrtype), data, err, check(rrtype, data))
		}
		if err != nil {
			return
		}
		again, err := ParseMasterValue(rrtype, text, []byte("\x01o\x00"))
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%s %x -> %q -> %x, %v", TypeText(rrtype), data, text, again, err)
		}
		same := Canonical(rrtype, data)
		if len(same) != len(data) || !Equal(rrtype, data, same) {
			t.Fatalf("%s %x is not %x", TypeText(rrtype), data, same)
		}
	})
}

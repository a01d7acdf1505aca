package transfer

import (
	"bytes"
	"encoding/binary"
	"testing"

	"inside53/resolver/wire"
	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// isWhole reports whether data have names, uncompressed, where a reader looks for compressed
// ones. Data of a zone do.
func isWhole(rrtype uint16, data []byte) bool {
	octets, texts, names := wire.CompressedNames(rrtype)
	at := octets
	for range texts {
		if at >= len(data) {
			return false
		}
		at += 1 + int(data[at])
	}
	for range names {
		if at >= len(data) {
			return false
		}
		end := wire.SkipName(data, at)
		var starts wire.Starts
		if end < 0 || wire.SplitName(&starts, data[at:end]) < 0 {
			return false
		}
		at = end
	}
	return true
}

// FuzzRecordsGoOut has any rdata of any type go out beside names that it may be compressed
// against, and compares what a reader finds.
func FuzzRecordsGoOut(f *testing.F) {
	apex := zone.MustName("example.net.")
	for rrtype, data := range map[uint16]string{
		dns.TypeCAA: "\x00\x05issue\\;\"\x00", dns.TypeURI: "\x00\x01\x00\x01\\\"",
		dns.TypeAMTRELAY: "\x0a\x81\xc0\x00\x02\x01",
		dns.TypeHTTPS:    "\x00\x01\x00\x00\x06\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01",
		dns.TypeNXT:      "\x01A\x07EXAMPLE\x03net\x00\x40\x01", dns.TypeMX: "\x00\x0a\x07example\x03net\x00",
		dns.TypeSOA: "\x00\x00" + "01234567890123456789", dns.TypeSRV: "\x00\x01\x00\x02\x00\x03\x07example\x03net\x00more",
		dns.TypeNAPTR: "\x00\x01\x00\x02\x01U\x00\x02!!\x00", dns.TypePX: "\x00\x01\x01a\x00\x01b\x00",
		65280: "\xc0\x0c", dns.TypeA: "\x01",
	} {
		f.Add(rrtype, []byte(data))
	}
	asked := new(dns.Msg).SetAxfr("example.net.")
	f.Fuzz(func(t *testing.T, rrtype uint16, data []byte) {
		if len(data) > 20_000 || !isWhole(rrtype, data) {
			return
		}
		var m message
		err := m.begin(asked)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			m.add(record{apex, rrtype, 60, data})
		}
		msg := m.finish(true)
		at := wire.SkipName(msg, wire.HeaderSize) + wire.QuestionFixed
		for range binary.BigEndian.Uint16(msg[wire.AtAnswers:]) {
			r, end := wire.ReadRecord(msg, at)
			if end < 0 || r.Odd || r.Type != rrtype || !bytes.Equal(r.Data, data) || !bytes.Equal(r.Name, apex) {
				t.Fatalf("type %d: %x has become %x (%+v)", rrtype, data, r.Data, r)
			}
			at = end
		}
	})
}

package update

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"inside53/resolver/wire"
	"inside53/server/tsig"

	"github.com/miekg/dns"
)

// FuzzRecordsComeIn signs updates with any rdata of any type: the signature is good, and
// the rdata are those that were sent.
func FuzzRecordsComeIn(f *testing.F) {
	for rrtype, data := range map[uint16]string{
		dns.TypeCAA: "\x00\x05issue\\;\"\x00", dns.TypeURI: "\x00\x01\x00\x01\\\"", dns.TypeAMTRELAY: "\x0a\x80",
		dns.TypeHTTPS: "\x00\x01\x00\x00\x06\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01",
		dns.TypeNXT:   "\x01A\x00\x40\x01", dns.TypeMX: "\x00\x0a\x01A\x00", 65280: "\xc0\x0c",
		dns.TypeA: "\x01", dns.TypeTXT: "",
		dns.TypeLOC: "\x00", dns.TypeOPT: "\x00\x0a\x00", dns.TypeNSEC3: "\x01\x00\x00\x0a\xff",
	} {
		f.Add(rrtype, []byte(data))
	}
	const secret = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	keys := tsig.Keyring{"ops.": tsig.Key{Name: "ops.", Algorithm: dns.HmacSHA256, Secret: secret}}
	f.Fuzz(func(t *testing.T, rrtype uint16, data []byte) {
		if len(data) > 20_000 || rrtype == dns.TypeTSIG {
			return
		}
		m := new(dns.Msg).SetUpdate("example.net.")
		m.Ns = []dns.RR{&dns.RFC3597{
			Hdr:   dns.RR_Header{Name: "x.example.net.", Rrtype: rrtype, Class: dns.ClassINET, Ttl: 60},
			Rdata: hex.EncodeToString(data),
		}}
		m.SetTsig("ops.", dns.HmacSHA256, tsig.Fudge, time.Now().Unix())
		packet, _, err := dns.TsigGenerate(m, secret, "", false)
		if err != nil {
			t.Skip(err)
		}
		outline, err := tsig.Read(packet)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := keys.Verify(packet, outline)
		if err != nil || !signature.Good() {
			t.Fatalf("type %d, %x: %+v, %v", rrtype, data, signature, err)
		}
		_, updates, err := recordsOf(packet)
		_, _, names := wire.CompressedNames(rrtype)
		if err != nil && names > 0 {
			return // no names where the type has some
		}
		if err != nil || len(updates) != 1 || names == 0 && !bytes.Equal(updates[0].Data, data) {
			t.Fatalf("type %d: %x has become %+v, %v", rrtype, data, updates, err)
		}
	})
}

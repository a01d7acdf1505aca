package tsig

import (
	"testing"
	"time"

	"inside53/resolver/wire"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

const secret = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// signedQuery is a question as it goes over the wire.
func signedQuery(t testing.TB) []byte {
	t.Helper()
	m := new(dns.Msg).SetQuestion("www.example.net.", dns.TypeA)
	m.SetEdns0(1232, true)
	m.SetTsig("ops.", dns.HmacSHA256, Fudge, time.Now().Unix())
	packet, _, err := dns.TsigGenerate(m, secret, "", false)
	if err != nil {
		t.Fatal(err)
	}
	return packet
}

// FuzzRead reads any octets: an outline says the same as the library, where that reads them,
// and one signature is good to both.
func FuzzRead(f *testing.F) {
	keys := Keyring{"ops.": {Name: "ops.", Algorithm: dns.HmacSHA256, Secret: secret}}
	good := signedQuery(f)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(append(good[:len(good):len(good)], "after"...))
	f.Add(append(make([]byte, wire.HeaderSize-1), 1))
	f.Fuzz(func(t *testing.T, pkt []byte) {
		if len(pkt) < wire.HeaderSize {
			return
		}
		o, err := Read(pkt)
		if err != nil {
			if len(o.Question)+len(o.Extra) > 0 {
				t.Fatalf("%v, and more than a header: %v", err, o.Msg)
			}
			return
		}
		m := new(dns.Msg)
		if m.Unpack(pkt) != nil || len(pkt) == wire.HeaderSize {
			return
		}
		if diff := cmp.Diff(m.Question, o.Question); diff != "" && len(m.Question)+len(o.Question) > 0 {
			t.Fatalf("questions (-library +outline):\n%s", diff)
		}
		if theirs, ours := m.IsTsig(), o.IsTsig(); theirs != nil || ours != nil {
			if diff := cmp.Diff(theirs, ours); diff != "" {
				t.Fatalf("signature (-library +outline):\n%s", diff)
			}
		}
		signature, err := keys.Verify(pkt, o)
		if err != nil || signature == nil || signature.Fault == dns.RcodeBadKey {
			return
		}
		verified := dns.TsigVerify(append([]byte(nil), pkt...), secret, "", false) == nil
		if good := signature.Fault == 0 || signature.Fault == dns.RcodeBadTrunc; verified && !good {
			t.Fatalf("good to the library, and %s here", dns.RcodeToString[signature.Fault])
		} else if signature.Good() && !verified {
			t.Fatal("good here, and not to the library")
		}
	})
}

// TestTruncated: what has no room beside its signature leaves header, question and OPT.
func TestTruncated(t *testing.T) {
	m := new(dns.Msg).SetReply(new(dns.Msg).SetQuestion("www.example.net.", dns.TypeA))
	rr, err := dns.NewRR("www.example.net. 60 IN A 192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	m.Answer = []dns.RR{rr, rr}
	m.SetEdns0(1232, true)
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	m.Answer, m.Truncated = nil, true
	want, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, truncated(packet)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

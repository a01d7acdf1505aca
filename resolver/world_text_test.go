package resolver

import (
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// wireName packs a name in text, in its case.
func wireName(t testing.TB, text string) []byte {
	t.Helper()
	var buf [256]byte
	n, err := dns.PackDomainName(text, buf[:], 0, nil, false)
	if err != nil {
		t.Fatalf("name %q: %v", text, err)
	}
	return buf[:n:n]
}

// rdataOf packs the rdata of a record without compression.
func rdataOf(t testing.TB, rr dns.RR) []byte {
	t.Helper()
	buf := make([]byte, dns.Len(rr)+300)
	n, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		t.Fatalf("%v: %v", rr, err)
	}
	at := len(wireName(t, rr.Header().Name)) + 10
	return buf[at:n:n]
}

func rrtype(t testing.TB, text string) uint16 {
	t.Helper()
	n, ok := dns.StringToType[text]
	if ok {
		return n
	}
	return uint16(number(t, strings.TrimPrefix(text, "TYPE")))
}

func bias(t testing.TB, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil || n < -99 || n > 99 {
		t.Fatalf("bias %q", text)
	}
	return n
}

func number(t testing.TB, text string) uint32 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

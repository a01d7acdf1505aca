//go:build !race

package resolver

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"inside53/resolver/forward"

	"github.com/miekg/dns"
)

// TestIdentityCosts: who asks who we are in each query, by NSID or id.server, has the word made
// four times a second at most, and gets no garbage made beside it.
func TestIdentityCosts(t *testing.T) {
	f, err := forward.New(forward.Options{})
	if err != nil {
		t.Fatal(err)
	}
	made, now := 0, time.Unix(1_700_000_000, 0)
	r := New(f, Options{Now: func() time.Time { return now }, ID: func() string {
		made++
		return strings.Repeat("dns-", 20) + strconv.Itoa(made)
	}})
	err = r.Publish(snapshotOf(t, 1, nil))
	if err != nil {
		t.Fatal(err)
	}
	w := r.NewWorker()
	out := make([]byte, 0, 4096)
	for title, pkt := range map[string][]byte{
		"NSID": pack(t, func(m *dns.Msg) {
			m.Extra = nil
			m.SetEdns0(1232, false)
			m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID}}
		}),
		"id.server": pack(t, func(m *dns.Msg) {
			m.Question[0] = dns.Question{Name: "id.server.", Qtype: dns.TypeTXT, Qclass: dns.ClassCHAOS}
		}),
	} {
		before, said := made, ""
		now = now.Add(time.Second)
		n := testing.AllocsPerRun(200, func() {
			answer, _ := w.Serve(pkt, testClient, UDP, out, nil)
			out = answer
		})
		said = string(out)
		if n != 0 || made != before+1 {
			t.Errorf("%s: %v allocations, made %d times", title, n, made-before)
		}
		if !strings.Contains(said, "dns-"+strconv.Itoa(made)) {
			t.Errorf("%s: the answer doesn't say %d: %q", title, made, said)
		}
	}
}

package server

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/resolver/history"

	"github.com/miekg/dns"
)

// roamer is a secondary that asks the servers of a fleet at random. It transfers a zone when it is told a serial
// that is greater than its own (RFC 1982), as all secondaries do, and notes what they would not: two contents
// under one serial.
type roamer struct {
	f       follower
	random  *rand.Rand
	serials map[uint32]string // the content of each
	asked   int
	fenced  int // answers SERVFAIL: nobody leads, or nothing may be said yet
}

// roam begins with the zone of one server.
func roam(t *testing.T, from *program, seed uint64) *roamer {
	t.Helper()
	r := &roamer{
		f:      follower{p: from, from: "127.0.0.1", key: "dublin.", apex: "example.com."},
		random: rand.New(rand.NewPCG(seed, 1996)), serials: map[uint32]string{},
	}
	from.await(t, "the zone is there", func() bool { return r.soa(t).Rcode == dns.RcodeSuccess })
	r.f.axfr(t)
	r.note(t)
	return r
}

// soa asks for the SOA record at the server that is asked last.
func (r *roamer) soa(t *testing.T) *dns.Msg {
	t.Helper()
	return r.f.exchange(t, r.f.sign(new(dns.Msg).SetQuestion(r.f.apex, dns.TypeSOA)))
}

// note notes the content of the serial that it has.
func (r *roamer) note(t *testing.T) {
	t.Helper()
	is := strings.Join(r.f.lines(), "\n")
	was, known := r.serials[r.f.soa.Serial]
	if known && was != is {
		t.Errorf("two contents under serial %d:\n%s\n\n%s", r.f.soa.Serial, was, is)
	}
	r.serials[r.f.soa.Serial] = is
}

// refresh asks one of some servers as secondaries do. What is refused is asked for another time.
func (r *roamer) refresh(t *testing.T, members []*program) {
	t.Helper()
	r.f.p = members[r.random.IntN(len(members))]
	r.asked++
	reply := r.soa(t)
	if reply.Rcode != dns.RcodeSuccess || len(reply.Answer) != 1 {
		r.fenced++
		return
	}
	said := reply.Answer[0].(*dns.SOA).Serial
	if !history.After(said, r.f.soa.Serial) {
		return
	}
	before := r.f.soa.Serial
	m := new(dns.Msg).SetIxfr(r.f.apex, before, ".", ".")
	if r.random.IntN(4) == 0 {
		m = new(dns.Msg).SetAxfr(r.f.apex)
	}
	all, err := r.f.transfer(t, m)
	if err != nil || len(all) == 0 {
		return // nobody leads now
	}
	if first, is := all[0].(*dns.SOA); !is || history.After(before, first.Serial) {
		t.Fatalf("having serial %d it is sent %v", before, all[0])
	}
	if m.Question[0].Qtype == dns.TypeAXFR {
		r.f.whole(t, all)
	} else {
		r.f.apply(t, all)
	}
	r.note(t)
}

// settle asks until it has what all servers have, by AXFR from each.
func (r *roamer) settle(t *testing.T, members []*program) {
	t.Helper()
	members[0].await(t, "the secondary has what all servers have", func() bool {
		r.refresh(t, members)
		return !slices.ContainsFunc(members, func(p *program) bool { return !r.equals(t, p) })
	})
}

// equals reports whether a server has the serial that the secondary has. It has the same content then.
func (r *roamer) equals(t *testing.T, p *program) bool {
	t.Helper()
	f := follower{p: p, from: r.f.from, key: r.f.key, apex: r.f.apex}
	all, err := f.transfer(t, new(dns.Msg).SetAxfr(f.apex))
	if err != nil || len(all) == 0 {
		return false
	}
	f.whole(t, all)
	if f.soa.Serial != r.f.soa.Serial {
		return false
	}
	if !slices.Equal(f.lines(), r.f.lines()) {
		t.Errorf("under serial %d a server has\n%s\nthe secondary\n%s", f.soa.Serial, strings.Join(f.lines(), "\n"),
			strings.Join(r.f.lines(), "\n"))
	}
	return true
}

// during has it ask until something is done.
func (r *roamer) during(t *testing.T, members []*program, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		r.refresh(t, members)
		if time.Now().After(end) {
			t.Fatal("it is never done")
		}
	}
}

package server

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// follower is a secondary: it has one zone, by AXFR and IXFR.
type follower struct {
	p      *program
	from   string
	key    string
	apex   string
	soa    *dns.SOA
	has    map[string]bool // records but the SOA
	by     string          // how the last transfer was: axfr, ixfr or none
	extent int             // differences of the last IXFR
}

func (f *follower) sign(m *dns.Msg) *dns.Msg {
	if f.key == "" {
		return m
	}
	algorithm := dns.HmacSHA256
	if f.key == "virginia." {
		algorithm = dns.HmacSHA512
	}
	return m.SetTsig(f.key, algorithm, 300, time.Now().Unix())
}

func (f *follower) secrets() map[string]string {
	if f.key == "" {
		return nil
	}
	return map[string]string{f.key: transferSecret}
}

// dialFrom dials as the client of an address.
func dialFrom(t *testing.T, network, from string, to netip.AddrPort) *dns.Conn {
	t.Helper()
	var local net.Addr = &net.TCPAddr{IP: net.ParseIP(from)}
	if network == "udp" {
		local = &net.UDPAddr{IP: net.ParseIP(from)}
	}
	d := net.Dialer{LocalAddr: local, Timeout: patience}
	c, err := d.Dial(network, to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &dns.Conn{Conn: c}
}

// transfer returns the records of one transfer.
func (f *follower) transfer(t *testing.T, m *dns.Msg) ([]dns.RR, error) {
	t.Helper()
	tr := &dns.Transfer{Conn: dialFrom(t, "tcp", f.from, f.p.addr), TsigSecret: f.secrets(), ReadTimeout: patience}
	messages, err := tr.In(f.sign(m), "")
	if err != nil {
		return nil, err
	}
	var all []dns.RR
	for e := range messages {
		if e.Error != nil && err == nil {
			err = e.Error
		}
		all = append(all, e.RR...)
	}
	_ = tr.Close()
	return all, err
}

// axfr takes the zone as a whole.
func (f *follower) axfr(t *testing.T) {
	t.Helper()
	all, err := f.transfer(t, new(dns.Msg).SetAxfr(f.apex))
	if err != nil {
		t.Fatalf("AXFR of %s: %v", f.apex, err)
	}
	f.whole(t, all)
}

func (f *follower) whole(t *testing.T, all []dns.RR) {
	t.Helper()
	first, ok := all[0].(*dns.SOA)
	last, ok2 := all[len(all)-1].(*dns.SOA)
	if !ok || !ok2 || first.Serial != last.Serial {
		t.Fatalf("AXFR from %v to %v", all[0], all[len(all)-1])
	}
	f.soa, f.has, f.by = first, map[string]bool{}, "axfr"
	for _, rr := range all[1 : len(all)-1] {
		if rr.Header().Rrtype == dns.TypeSOA {
			t.Errorf("another SOA record: %v", rr)
		}
		if f.has[rr.String()] {
			t.Errorf("twice: %v", rr)
		}
		f.has[rr.String()] = true
	}
}

// ixfr takes what has changed.
func (f *follower) ixfr(t *testing.T) {
	t.Helper()
	all, err := f.transfer(t, new(dns.Msg).SetIxfr(f.apex, f.soa.Serial, f.soa.Ns, f.soa.Mbox))
	if err != nil {
		t.Fatalf("IXFR of %s: %v", f.apex, err)
	}
	f.apply(t, all)
}

func (f *follower) apply(t *testing.T, all []dns.RR) {
	t.Helper()
	if len(all) == 1 {
		f.by = "none"
		return
	}
	if all[1].Header().Rrtype != dns.TypeSOA {
		f.whole(t, all)
		return
	}
	f.by, f.extent = "ixfr", 0
	adding := true
	for _, rr := range all[1 : len(all)-1] {
		soa, ok := rr.(*dns.SOA)
		switch {
		case ok && adding:
			adding = false
			if soa.Serial != f.soa.Serial {
				t.Fatalf("a difference from %d, here is %d", soa.Serial, f.soa.Serial)
			}
		case ok:
			adding = true
			f.soa = soa
		case !adding:
			f.extent++
			if !f.has[rr.String()] {
				t.Errorf("removed, and not there: %v", rr)
			}
			delete(f.has, rr.String())
		default:
			f.extent++
			if f.has[rr.String()] {
				t.Errorf("added, and there already: %v", rr)
			}
			f.has[rr.String()] = true
		}
	}
	if last := all[len(all)-1].(*dns.SOA); last.Serial != f.soa.Serial {
		t.Fatalf("differences up to %d, the SOA is of %d", f.soa.Serial, last.Serial)
	}
}

// lines returns the records, sorted, with single blanks.
func (f *follower) lines() []string {
	var out []string
	for line := range f.has {
		out = append(out, strings.Join(strings.Fields(line), " "))
	}
	slices.Sort(out)
	return out
}

// serial asks for the serial, by UDP.
func (f *follower) serial(t *testing.T) uint32 {
	t.Helper()
	m := f.exchange(t, f.sign(new(dns.Msg).SetQuestion(f.apex, dns.TypeSOA)))
	if len(m.Answer) != 1 || m.Rcode != dns.RcodeSuccess || !m.Authoritative {
		t.Fatalf("SOA of %s: %v", f.apex, m)
	}
	return m.Answer[0].(*dns.SOA).Serial
}

func (f *follower) exchange(t *testing.T, m *dns.Msg) *dns.Msg {
	t.Helper()
	c := &dns.Client{TsigSecret: f.secrets(), Timeout: patience}
	reply, _, err := c.ExchangeWithConn(m, dialFrom(t, "udp", f.from, f.p.addr))
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// audience is a secondary that is only told.
type audience struct {
	mu   sync.Mutex
	told map[string]uint32
	addr string
	deaf int // messages that get no answer
}

func newAudience(t *testing.T, deaf int) *audience {
	t.Helper()
	a := &audience{told: map[string]uint32{}, deaf: deaf}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a.addr = packets.LocalAddr().String()
	s := &dns.Server{PacketConn: packets, Handler: a, TsigSecret: map[string]string{"dublin.": transferSecret},
		MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }}
	done := make(chan error, 1)
	go func() { done <- s.ActivateAndServe() }()
	t.Cleanup(func() {
		_ = packets.Close()
		<-done
	})
	return a
}

func (a *audience) ServeDNS(w dns.ResponseWriter, m *dns.Msg) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.deaf > 0 {
		a.deaf--
		return
	}
	if m.Opcode == dns.OpcodeNotify && m.IsTsig() != nil && w.TsigStatus() == nil && len(m.Answer) == 1 {
		a.told[m.Question[0].Name] = m.Answer[0].(*dns.SOA).Serial
	}
	reply := new(dns.Msg).SetReply(m)
	reply.SetTsig("dublin.", dns.HmacSHA256, 300, time.Now().Unix())
	_ = w.WriteMsg(reply)
}

func (a *audience) heard(apex string) uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.told[apex]
}

// asked compares each record with what a client of the view is answered.
func (f *follower) asked(t *testing.T, client string) {
	t.Helper()
	for line := range f.has {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		h := rr.Header()
		if strings.HasSuffix(h.Name, "lab.example.com.") ||
			slices.Contains([]string{"ntp.example.com.", "reports.example.com.", "api.example.com."}, h.Name) {
			continue // a cut, and what is drawn
		}
		m := f.p.ask(t, question{from: client, name: h.Name, kind: dns.Type(h.Rrtype).String(), tcp: true})
		same := func(o dns.RR) bool {
			if f.outside(rr) && o.Header().Ttl < h.Ttl { // it counts down for clients
				o = dns.Copy(o)
				o.Header().Ttl = h.Ttl
			}
			return o.String() == rr.String()
		}
		if !slices.ContainsFunc(m.Answer, same) {
			t.Errorf("secondaries have %v, clients get %v", rr, m.Answer)
		}
	}
}

// outside reports whether a record is of an alias to a load balancer, whose addresses come
// by way of the forwarder.
func (f *follower) outside(rr dns.RR) bool {
	h := rr.Header()
	return (h.Name == "intranet.example.com." || h.Name == f.apex) && (h.Rrtype == dns.TypeA || h.Rrtype == dns.TypeAAAA)
}

package awssim

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"inside53/examples"
)

// runDNS serves DNS on loopback until the test ends.
func runDNS(t *testing.T, s *Sim) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.RunDNS(ctx, p, l) }()
	t.Cleanup(func() {
		cancel()
		err := <-ended
		if err != nil {
			t.Errorf("RunDNS: %v", err)
		}
	})
	return l.Addr().String()
}

func TestDNS(t *testing.T) {
	address := runDNS(t, newSim(t, Options{Data: examples.Demo()}))
	for _, q := range []struct {
		name  string
		typ   uint16
		rcode int
		want  string // data of the answer, sorted
	}{
		{"web-prod-1873456201.eu-west-1.elb.amazonaws.com.", dns.TypeA, dns.RcodeSuccess, "203.0.113.101 203.0.113.102"},
		{"dualstack.web-prod-1873456201.eu-west-1.elb.amazonaws.com.", dns.TypeA, dns.RcodeSuccess,
			"203.0.113.101 203.0.113.102"},
		{"dualstack.web-prod-1873456201.eu-west-1.elb.amazonaws.com.", dns.TypeAAAA, dns.RcodeSuccess,
			"2001:db8:a0:1::101 2001:db8:a0:2::101"},
		{"internal-intranet-904512377.eu-west-1.elb.amazonaws.com.", dns.TypeA, dns.RcodeSuccess, "10.0.1.110 10.0.2.110"},
		{"internal-intranet-904512377.eu-west-1.elb.amazonaws.com.", dns.TypeAAAA, dns.RcodeSuccess, ""},
		{"ingest-0d1c2b3a4f5e6d7c.elb.us-east-1.amazonaws.com.", dns.TypeA, dns.RcodeSuccess, "198.51.100.201"},
		{"other.eu-west-1.elb.amazonaws.com.", dns.TypeA, dns.RcodeNameError, ""},
		{"www.Example.org.", dns.TypeA, dns.RcodeSuccess, "192.0.2.80 example.org."},
		{"www.example.org.", dns.TypeCNAME, dns.RcodeSuccess, "example.org."},
		{"www.example.org.", dns.TypeMX, dns.RcodeSuccess, "example.org."},
		{"statuspage.example.org.", dns.TypeA, dns.RcodeSuccess, ""},
		{"nothing.example.org.", dns.TypeA, dns.RcodeNameError, ""},
	} {
		for _, network := range []string{"udp", "tcp"} {
			m := new(dns.Msg).SetQuestion(q.name, q.typ)
			m.SetEdns0(1232, false)
			response, _, err := (&dns.Client{Net: network}).Exchange(m, address)
			if err != nil {
				t.Errorf("%s %s: %v", network, q.name, err)
				continue
			}
			var data []string
			for _, rr := range response.Answer {
				data = append(data, strings.TrimPrefix(rr.String(), rr.Header().String()))
			}
			slices.Sort(data)
			if got := strings.Join(data, " "); response.Rcode != q.rcode || got != q.want {
				t.Errorf("%s %s %s: got %s %q, want %s %q", network, q.name, dns.TypeToString[q.typ],
					dns.RcodeToString[response.Rcode], got, dns.RcodeToString[q.rcode], q.want)
			}
			if len(response.Answer) > 0 && response.Answer[0].Header().Name != q.name {
				t.Errorf("%s answered as %s", q.name, response.Answer[0].Header().Name)
			}
		}
	}
}

// Without a root in dns.zone, the names of others are refused.
func TestDNSRefuses(t *testing.T) {
	address := runDNS(t, newSim(t, Options{}))
	question := func(change func(*dns.Msg)) int {
		m := new(dns.Msg).SetQuestion("example.org.", dns.TypeA)
		change(m)
		response, _, err := new(dns.Client).Exchange(m, address)
		if err != nil {
			t.Fatal(err)
		}
		return response.Rcode
	}
	if got := question(func(*dns.Msg) {}); got != dns.RcodeRefused {
		t.Errorf("a name of nobody: %s", dns.RcodeToString[got])
	}
	if got := question(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }); got != dns.RcodeRefused {
		t.Errorf("class CHAOS: %s", dns.RcodeToString[got])
	}
	if got := question(func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate }); got != dns.RcodeNotImplemented {
		t.Errorf("an update: %s", dns.RcodeToString[got])
	}
}

func TestRunDNSReportsABrokenListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	err = newSim(t, Options{}).RunDNS(t.Context(), p, l)
	if err == nil {
		t.Error("RunDNS on a closed listener: no error")
	}
}

package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestProgramViews asks the same names as clients of every view, by both transports.
func TestProgramViews(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config())
	tests := []struct {
		nameAndType               string
		dublin, virginia, outside []string
	}{
		// The private zone over the public one of the same name.
		{"www.example.com A", []string{"10.0.1.21", "10.0.2.21"}, []string{"10.0.1.21", "10.0.2.21"},
			[]string{"203.0.113.101", "203.0.113.102"}},
		{"db-1.example.com A", []string{"10.0.20.15"}, []string{"10.0.20.15"}, []string{"NXDOMAIN"}},
		{"cache.example.com A", []string{"10.0.2.60"}, []string{"10.1.2.60"}, []string{"NXDOMAIN"}},
		{"example.com MX", []string{"10 mail.example.com.", "20 mx2.example.net."},
			[]string{"10 mail.example.com.", "20 mx2.example.net."}, []string{"10 mail.example.com.", "20 mx2.example.net."}},
		{"www.example.com AAAA", nil, nil, []string{"2001:db8:a0:1::101", "2001:db8:a0:2::101"}},
		{"_ldap._tcp.example.com SRV", []string{"0 100 389 ldap-1.corp.example.com.", "0 100 389 ldap-2.corp.example.com."},
			[]string{"0 100 389 ldap-1.corp.example.com.", "0 100 389 ldap-2.corp.example.com."}, []string{"NXDOMAIN"}},
		// Addresses by who can reach them.
		{"bastion.example.com A", []string{"10.0.1.10"}, []string{"10.0.1.10"}, []string{"203.0.113.10"}},
		{"jump.example.com A", []string{"CNAME bastion.example.com.", "10.0.1.10"},
			[]string{"CNAME bastion.example.com.", "10.0.1.10"}, []string{"CNAME bastion.example.com.", "203.0.113.10"}},
		{"cdn.example.com A", []string{"203.0.113.40"}, []string{"10.1.1.21"}, []string{"203.0.113.40"}},
		{"vpn.example.com A", []string{"10.0.1.11", "10.0.1.12"}, []string{"10.0.1.11", "10.0.1.12"},
			[]string{"203.0.113.11", "203.0.113.12"}},
		{"partner.example.org A", []string{"10.0.1.10"}, []string{"10.0.1.10"}, []string{"203.0.113.10"}},
		// Names computed from the inventory.
		// says the world outside
		{"ec2-203-0-113-10.eu-west-1.compute.amazonaws.com A", []string{"10.0.1.10"}, []string{"10.0.1.10"},
			[]string{"NXDOMAIN"}},
		{"ip-10-1-1-30.ec2.internal A", []string{"10.1.1.30"}, []string{"10.1.1.30"}, []string{"NXDOMAIN"}},
		// Names of instances by their tags, and back.
		// Who sees no private address of theirs gets none; the name exists.
		{"web.internal A", []string{"10.0.1.21", "10.0.2.21"}, []string{"10.0.1.21", "10.0.2.21"}, nil},
		{"mail.internal A", []string{"10.0.1.25"}, []string{"10.0.1.25"}, []string{"203.0.113.25"}},
		{"app-us.internal A", []string{"10.1.1.30"}, []string{"10.1.1.30"}, []string{"198.51.100.30"}},
		{"batch.internal A", []string{"NXDOMAIN"}, []string{"NXDOMAIN"}, []string{"NXDOMAIN"}},
		{"15.20.0.10.in-addr.arpa PTR", []string{"db-1.example.com."}, []string{"db-1.example.com."}, nil},
		{"25.1.0.10.in-addr.arpa PTR", []string{"mail.internal."}, []string{"mail.internal."}, nil},
	}
	for _, tt := range tests {
		for _, view := range []struct {
			from string
			want []string
		}{{dublin, tt.dublin}, {virginia, tt.virginia}, {outside, tt.outside}} {
			if view.want == nil && strings.HasSuffix(tt.nameAndType, "PTR") {
				continue // what it sees of private addresses is nobody's business here
			}
			q := asks(view.from, tt.nameAndType, view.want...)
			p.check(t, q, q.byTCP())
		}
	}
	// A private zone's reverse names don't reach who sees no private zone.
	if got := said(p.ask(t, asks(outside, "15.20.0.10.in-addr.arpa PTR"))); strings.Contains(fmt.Sprint(got),
		"example.com") {
		t.Errorf("outside sees %q", got)
	}
	refused := asks("127.9.0.1", "www.example.com A", "REFUSED 18")
	p.check(t, refused, refused.byTCP())
}

// TestProgramShadows serves what AWS itself would: a private zone hides the public
// one of its name.
func TestProgramShadows(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	shadow := strings.Replace(c.config(), "route53: {", "route53: { overlap: shadow,", 1)
	p := s.ready(t, shadow)
	hidden := []question{asks(dublin, "bastion.example.com A", "NXDOMAIN"), asks(dublin, "example.com MX")}
	shown := []question{asks(dublin, "bastion.example.com A", "10.0.1.10"),
		asks(dublin, "example.com MX", "10 mail.example.com.", "20 mx2.example.net.")}
	always := []question{asks(dublin, "www.example.com A", "10.0.1.21", "10.0.2.21"),
		asks(outside, "bastion.example.com A", "203.0.113.10"), asks(dublin, "example.net A", "203.0.113.201")}
	clients := p.traffic(t, always...)
	p.check(t, hidden...)
	p.reloaded(t, s, c.config())
	p.check(t, shown...)
	p.reloaded(t, s, shadow)
	p.check(t, hidden...)
	clients.stop(t, 10)
}

// TestProgramAutomaticViews serves each VPC as a view of its own.
func TestProgramAutomaticViews(t *testing.T) {
	c := newCloud(t, nil)
	vpcs := strings.NewReplacer("10.0.0.0/16", "127.1.0.0/16")
	err := c.Replace("eu-west-1/describe-vpcs.json",
		[]byte(vpcs.Replace(readExample(t, "demo/eu-west-1/describe-vpcs.json"))))
	if err != nil {
		t.Fatal(err)
	}
	config := c.config()
	before, rest, _ := strings.Cut(config, "views:")
	_, after, _ := strings.Cut(rest, "forward:")
	p := newSite(t).ready(t, before+"forward:"+after)
	p.check(t,
		asks(dublin, "www.example.com A", "10.0.1.21", "10.0.2.21"),
		asks(dublin, "bastion.example.com A", "10.0.1.10"),
		// Everybody else: private zones of unambiguous names, public addresses.
		asks(outside, "db-1.example.com A", "10.0.20.15"),
		asks(outside, "bastion.example.com A", "203.0.113.10"),
		asks(dublin, "cache.example.com A", "10.0.2.60"),
	)
}

// TestProgramTruncates gives what doesn't fit to who comes by TCP.
func TestProgramTruncates(t *testing.T) {
	c := newCloud(t, nil)
	values := make([]string, 30)
	for i := range values {
		values[i] = fmt.Sprintf("%q", fmt.Sprintf("%02d %s", i, strings.Repeat("x", 60)))
	}
	c.change(t, privateZone, "CREATE small.example.com TXT "+values[0])
	set := c.Records(privateZone)
	for i := range set {
		if set[i].Name == "small.example.com." {
			big := set[i]
			big.Name = "big.example.com."
			big.ResourceRecords = nil
			for _, v := range values {
				value := set[i].ResourceRecords[0]
				value.Value = v
				big.ResourceRecords = append(big.ResourceRecords, value)
			}
			set = append(set, big)
		}
	}
	err := c.SetRecords(privateZone, set)
	if err != nil {
		t.Fatal(err)
	}
	p := newSite(t).ready(t, c.config())
	for _, size := range []uint16{0, 512, 1232, 4096} {
		q := asks(dublin, "big.example.com TXT")
		conn, err := q.dial(p.addr)
		if err != nil {
			t.Fatal(err)
		}
		query := new(dns.Msg).SetQuestion("big.example.com.", dns.TypeTXT)
		if size > 0 {
			query.SetEdns0(size, false)
		}
		reply, _, err := (&dns.Client{UDPSize: 4096}).ExchangeWithConn(query, conn)
		_ = conn.Close()
		if err != nil {
			t.Fatal(err)
		}
		if limit := min(max(int(size), 512), 1232); !reply.Truncated || reply.Len() > limit ||
			(reply.IsEdns0() != nil) != (size > 0) {
			t.Errorf("with a size of %d: %d octets, truncated %t", size, reply.Len(), reply.Truncated)
		}
	}
	p.check(t, asks(dublin, "big.example.com TXT", values...).byTCP(), asks(dublin, "small.example.com TXT", values[0]))
}

package server

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"inside53/zonesource/awssim"

	"github.com/miekg/dns"
)

// TestProgramStartsFromState starts with AWS away: what an earlier process knew is
// the first answer to everything.
func TestProgramStartsFromState(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	p := s.ready(t, c.config())
	p.check(t, demoQuestions()...)
	p.end(t)

	c.away.Store(true)
	p = s.start(t, c.config())
	p.check(t, demoQuestions()...) // the very first queries
	p.await(t, "ready with AWS away", func() bool { return p.readiness(t).Ready })
	clients := p.traffic(t, demoQuestions()...)
	p.await(t, "AWS is tried", func() bool {
		sources := p.readiness(t).Sources
		return sources["route53"].Error != "" && sources["ec2"].Error != ""
	})
	p.await(t, "it is announced", func() bool { return p.stdout.String() != "" })
	if got, want := p.stdout.String(), fmt.Sprintf("ready dns=%s admin=%s\n", p.addr, p.app.admin.Addr()); got != want {
		t.Errorf("announced %q, want %q", got, want)
	}
	if age := p.readiness(t).Sources["route53"].AgeSeconds; age == nil || *age <= 0 {
		t.Errorf("the saved data are %v seconds old", age)
	}
	c.change(t, privateZone, "CREATE later.example.com A 10.0.9.9")
	c.away.Store(false)
	p.await(t, "AWS is back", func() bool { return p.answers(t, asks(dublin, "later.example.com A", "10.0.9.9")) })
	clients.stop(t, 20)
}

// TestProgramStartsWithNothing starts with AWS away and without saved data: it serves
// what it can, and the rest as soon as AWS is there.
func TestProgramStartsWithNothing(t *testing.T) {
	c := newCloud(t, nil)
	c.away.Store(true)
	s := newSite(t)
	s.write(t, "lab.zone", "@ 60 IN SOA ns a 1 2 3 4 5\n@ 60 IN NS ns\nns 60 IN A 10.4.0.1\n")
	p := s.start(t, c.config()+"  - { zone: example.org, upstreams: [\""+c.dns+
		"\"] }\nzonefiles: [{ origin: lab.example, file: lab.zone }]\n")
	early := []question{
		asks(dublin, "ns.lab.example A", "10.4.0.1"),
		asks(dublin, "localhost A", "127.0.0.1"),
		asks(dublin, "a.invalid A", "NXDOMAIN"),
		asks(outside, "www.example.org A", "CNAME example.org.", "192.0.2.80"),
	}
	p.await(t, "the zone file answers", func() bool { return p.answers(t, early[0]) })
	clients := p.traffic(t, early...)
	late := p.traffic(t,
		asks(dublin, "www.example.com A", "SERVFAIL 14"),
		asks(outside, "edge.statuspage.example.org.example A", "SERVFAIL 14"),
		asks(dublin, "web.internal A", "SERVFAIL 14"),
		asks(virginia, "15.20.0.10.in-addr.arpa PTR", "SERVFAIL 14"),
	)
	p.await(t, "the reasons are told", func() bool {
		r := p.readiness(t)
		text := strings.Join(r.Reasons, " ")
		return !r.Ready && strings.Contains(text, "data not complete: ") &&
			strings.Contains(text, "route53 catalog/: listing the hosted zones of the base account: ") &&
			strings.Contains(text, "ec2 /eu-west-1: listing the inventory of eu-west-1: ")
	})
	if value, _ := p.metric(t, "inside53_ready"); value != "0" {
		t.Errorf("inside53_ready is %s", value)
	}
	if code, _ := p.get(t, http.MethodGet, "/healthz"); code != http.StatusOK {
		t.Errorf("/healthz: status %d", code)
	}
	late.stop(t, 20)
	c.away.Store(false)
	p.await(t, "ready once AWS is there", func() bool { return p.readiness(t).Ready })
	p.check(t, demoQuestions()...)
	clients.stop(t, 20)
}

// TestProgramDamagedState starts with saved data that are damaged: what is whole is
// served, the rest put aside.
func TestProgramDamagedState(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	p := s.ready(t, c.config())
	p.end(t)
	saved, err := filepath.Glob(s.path("state/parts/*"))
	if err != nil {
		t.Fatal(err)
	}
	damaged := 0
	for i, name := range saved {
		if i%2 == 1 {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text[len(text)/2] ^= 0x55
		err = os.WriteFile(name, text, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		damaged++
	}
	if damaged < 3 {
		t.Fatalf("not enough to damage among %v", saved)
	}
	p = s.ready(t, c.config())
	p.check(t, demoQuestions()...)
	if n := strings.Count(p.log.String(), "saved data unusable and put aside"); n != damaged {
		t.Errorf("%d of %d damaged files are told of:\n%s", n, damaged, p.log)
	}
	p.end(t)
	aside, err := filepath.Glob(s.path("state/parts/*.unusable-*"))
	if err != nil || len(aside) != damaged {
		t.Errorf("put aside are %v, %v", aside, err)
	}
	c.away.Store(true)
	p = s.start(t, c.config()) // what was put aside has been saved again
	p.check(t, demoQuestions()...)
	if strings.Contains(p.log.String(), "unusable") {
		t.Errorf("damaged again:\n%s", p.log)
	}
}

// world is a resolver of the world outside with the records of a master file.
func world(t *testing.T, master string) string {
	t.Helper()
	records := make(map[dns.Question][]dns.RR)
	parser := dns.NewZoneParser(strings.NewReader(master), ".", "")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		q := dns.Question{Name: rr.Header().Name, Qtype: rr.Header().Rrtype, Qclass: dns.ClassINET}
		records[q] = append(records[q], rr)
	}
	if parser.Err() != nil {
		t.Fatal(parser.Err())
	}
	return resolverOf(t, func(w dns.ResponseWriter, query *dns.Msg) {
		reply := new(dns.Msg).SetReply(query)
		reply.RecursionAvailable = true
		question := query.Question[0]
		question.Name = strings.ToLower(question.Name)
		reply.Answer = records[question]
		if reply.Answer == nil {
			reply.Rcode = dns.RcodeNameError
		}
		_ = w.WriteMsg(reply)
	})
}

// resolverOf is a resolver on loopback that answers by a function.
func resolverOf(t *testing.T, answer dns.HandlerFunc) string {
	t.Helper()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	server := &dns.Server{PacketConn: packets, Handler: answer}
	go func() { ended <- server.ActivateAndServe() }()
	t.Cleanup(func() {
		_ = packets.Close()
		<-ended
	})
	return packets.LocalAddr().String()
}

// TestProgramIsItsOwnResolver reaches AWS by a host name that only the configured
// forwarder knows: the host's resolver may be this very server.
func TestProgramIsItsOwnResolver(t *testing.T) {
	c := newCloud(t, nil)
	endpoint := netip.MustParseAddrPort(strings.TrimPrefix(c.url, "http://"))
	t.Setenv("AWS_ENDPOINT_URL", fmt.Sprintf("http://route53.cloud.example:%d", endpoint.Port()))
	c.dns = world(t, "route53.cloud.example. 1 IN A 127.0.0.1\n")
	p := newSite(t).ready(t, c.config())
	p.check(t, demoQuestions()[:10]...)
	p.check(t, asks(outside, "route53.cloud.example A")) // clients get no such address from outside: rebinding
}

// TestProgramAssumesRoles serves the zones and the inventory of a second account.
func TestProgramAssumesRoles(t *testing.T) {
	c := newCloud(t, func(o *awssim.Options) { o.ExternalIDs = map[string]string{"210987654321": "of-us"} })
	zones := `{"HostedZones": [{"Id": "/hostedzone/Z0DATA", "Name": "data.example.", "CallerReference": "a", "Config": ` +
		`{"PrivateZone": false}, "ResourceRecordSetCount": 3}]}`
	sets := `{"ResourceRecordSets": [
		{"Name": "data.example.", "Type": "SOA", "TTL": 900, "ResourceRecords": [{"Value": "ns.data.example. a.data.example. 1 2 3 4 5"}]},
		{"Name": "data.example.", "Type": "NS", "TTL": 900, "ResourceRecords": [{"Value": "ns.data.example."}]},
		{"Name": "lake.data.example.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.8.0.1"}]}]}`
	for _, file := range [][2]string{{"list-hosted-zones.json", zones}, {"Z0DATA/list-resource-record-sets.json", sets}} {
		err := c.Replace("accounts/210987654321/route53/"+file[0], []byte(file[1]))
		if err != nil {
			t.Fatal(err)
		}
	}
	config := strings.Replace(c.config(), "aws: { region: eu-west-1 }",
		`aws: { region: eu-west-1, accounts: [{ name: data, role_arn: "arn:aws:iam::210987654321:role/inside53", `+
			`external_id: "of-us" }] }`, 1)
	p := newSite(t).ready(t, config)
	p.check(t, append(demoQuestions(), asks(dublin, "lake.data.example A", "10.8.0.1"))...)
	if z := p.zone(t, "Z0DATA"); z.Account != "data" || z.Records != 3 || z.Visibility != "public" {
		t.Errorf("the zone is %+v", z)
	}
}

// TestProgramKeepsItsCache: what was forwarded is answered after a restart without asking again.
func TestProgramKeepsItsCache(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	config := c.config() + "  - { zone: example.org, upstreams: [\"" + c.dns + "\"] }\n"
	forwarded := asks(outside, "www.example.org A", "CNAME example.org.", "192.0.2.80")
	p := s.ready(t, config)
	p.check(t, forwarded)
	p.end(t)

	p = s.start(t, config)
	p.await(t, "the cache is restored", func() bool {
		value, _ := p.metric(t, "inside53_cache_entries")
		return value != "" && value != "0"
	})
	queries := func() string {
		value, _ := p.metric(t, `inside53_upstream_queries_total{upstream="`+c.dns+`"}`)
		return value
	}
	before := queries()
	p.check(t, forwarded)
	if after := queries(); after != before {
		t.Errorf("the upstream got %s queries, and %s before", after, before)
	}
}

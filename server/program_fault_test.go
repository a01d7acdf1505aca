package server

import (
	"fmt"
	"strings"
	"testing"

	"inside53/zonesource/awssim"
)

// The zones of the demo data.
const (
	publicZone  = "Z0484276PQ3RN1T5XWVB" // example.com
	privateZone = "Z1009382KD7YH2M4ZSLC" // example.com
	productZone = "Z0731658FW9JB6C8QTRG" // example.net
	reverseZone = "Z0925517GM5LX3V7NHDK"
)

// The clients of the tests.
const (
	dublin   = "127.1.0.1"
	virginia = "127.2.0.1"
	outside  = "127.3.0.1"
)

// demoConfig serves the demo data to clients in two VPCs and outside. KEYS are more
// keys; every refresh is quick.
const demoConfig = `
listen: { dns: ["127.0.0.1:0"] }
admin: 127.0.0.1:0
state_dir: state
drain: 0s
aws: { region: eu-west-1 }
route53: { refresh: 100ms, requests_per_second: 1000 }
ec2: { regions: [eu-west-1, us-east-1], refresh: 100ms, max_age: MAXAGE }
views:
  - { name: dublin, clients: [127.1.0.0/16], vpcs: [vpc-0a1b2c3d4e5f60718], region: eu-west-1 }
  - { name: virginia, clients: [127.2.0.0/16], vpcs: [vpc-0b7c1d2e3f4a59687], region: us-east-1 }
  - { name: outside, clients: [127.3.0.0/16, 127.0.0.1/32], vpcs: [], region: eu-west-1, addresses: public }
forward:
  - { zone: ".", upstreams: ["UPSTREAM"] }
`

func (c *cloud) config(changes ...string) string {
	return strings.NewReplacer(append(changes, "UPSTREAM", c.dns, "MAXAGE", "1h")...).Replace(demoConfig)
}

// demoQuestions are a client's questions to the demo data, of all kinds of answers.
func demoQuestions() []question {
	return []question{
		asks(dublin, "bastion.example.com A", "10.0.1.10"),
		asks(virginia, "bastion.example.com A", "10.0.1.10"),
		asks(outside, "bastion.example.com A", "203.0.113.10"),
		asks(dublin, "www.example.com A", "10.0.1.21", "10.0.2.21").byTCP(),
		asks(virginia, "cdn.example.com A", "10.1.1.21"),
		asks(dublin, "example.com MX", "10 mail.example.com.", "20 mx2.example.net."),
		asks(dublin, "nothing.example.com A", "NXDOMAIN"),
		asks(dublin, "motto.example.com AAAA"),
		asks(dublin, "web.internal A", "10.0.1.21", "10.0.2.21"),
		asks(dublin, "15.20.0.10.in-addr.arpa PTR", "db-1.example.com."),
		asks(outside, "www.example.org A", "CNAME example.org.", "192.0.2.80"),
		asks(virginia, "partner.example.org A", "10.0.1.10").byTCP(),
	}
}

// TestProgramFaults has AWS go wrong in every way while clients ask: no answer
// changes or is lost, and what changed meanwhile is served when AWS works again.
func TestProgramFaults(t *testing.T) {
	c := newCloud(t, func(o *awssim.Options) { o.PageSize = 5 })
	s := newSite(t)
	p := s.ready(t, c.config())
	clients := p.traffic(t, demoQuestions()...)
	tests := []struct {
		fault  awssim.Fault
		source string // whose error says
		error  string // this; "" for a fault with a count and without an error
	}{
		{awssim.Fault{Operation: "ListResourceRecordSets", Fault: "500"}, "route53", "InternalFailure"},
		{awssim.Fault{Operation: "ListHostedZones", Fault: "access-denied"}, "route53",
			"needs the IAM action route53:ListHostedZones"},
		{awssim.Fault{Operation: "GetHostedZone", Fault: "access-denied", Count: 3}, "", ""},
		{awssim.Fault{Operation: "ListResourceRecordSets", Fault: "throttle"}, "route53", "Throttling"},
		{awssim.Fault{Operation: "ListResourceRecordSets", Fault: "hang", Count: 1}, "", ""},
		{awssim.Fault{Operation: "ListResourceRecordSets", Fault: "fail", Page: 2}, "route53", "unexpected EOF"},
		{awssim.Fault{Operation: "ListResourceRecordSets", Fault: "changing", Count: 10}, "", ""},
		{awssim.Fault{Operation: "ListResourceRecordSets", Fault: "stuck"}, "route53", "advance"},
		{awssim.Fault{Operation: "ListHostedZones", Fault: "hang", Count: 1}, "", ""},
		{awssim.Fault{Operation: "DescribeNetworkInterfaces", Fault: "access-denied"}, "ec2",
			"ec2:DescribeNetworkInterfaces"},
		{awssim.Fault{Operation: "DescribeInstances", Fault: "fail", Page: 2}, "ec2", "DescribeInstances"},
		{awssim.Fault{Operation: "DescribeInstances", Fault: "hang", Count: 1}, "", ""},
		{awssim.Fault{Operation: "DescribeVpcs", Fault: "500"}, "ec2", "DescribeVpcs"},
	}
	// More than a page of record sets in the zone that the faults on page 2 are for.
	var sets []string
	for i := range 320 {
		sets = append(sets, fmt.Sprintf("CREATE host-%d.example.net A 192.0.2.%d", i, i%250))
	}
	c.change(t, productZone, sets[:160]...)
	c.change(t, productZone, sets[160:]...)
	p.await(t, "the new records", func() bool {
		return p.answers(t, asks(dublin, "host-319.example.net A", "192.0.2.69"))
	})
	for i, tt := range tests {
		name := fmt.Sprintf("%s of %s", tt.fault.Fault, tt.fault.Operation)
		c.fault(t, tt.fault)
		c.change(t, privateZone, fmt.Sprintf("UPSERT changed.example.com A 10.0.9.%d", i+1))
		p.await(t, name+" has struck", func() bool {
			if tt.error == "" {
				return len(c.Faults()) == 0
			}
			return strings.Contains(p.readiness(t).Sources[tt.source].Error, tt.error)
		})
		if r := p.readiness(t); !r.Ready {
			t.Errorf("%s: it is unready: %q", name, r.Reasons)
		}
		clients.during(t, 20)
		c.ClearFaults()
		p.await(t, "the change is served after "+name, func() bool {
			return p.answers(t, asks(dublin, "changed.example.com A", fmt.Sprintf("10.0.9.%d", i+1)))
		})
		p.await(t, "no error is left after "+name, func() bool {
			r := p.readiness(t)
			return r.Sources["route53"].Error == "" && r.Sources["ec2"].Error == ""
		})
	}
	clients.stop(t, int64(20*len(tests)))
}

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"

	"inside53/server/bench/dataset"
)

// What a zone file has.
const (
	fileName    = "file.lab.internal."
	fileAddress = "192.0.2.53"
)

// oracle knows what is right, and what may be answered when not all can be known.
type oracle struct {
	versions map[string]int // of the zones that change, by name: the present one
	floor    map[string]int // and the one that was saved for certain: an older one is wrong
	acked    map[string]string
	tried    map[string]string // updates that may have been made
	here     bool              // the server can know its VPC
}

func newOracle() *oracle {
	return &oracle{
		versions: map[string]int{dataset.ChaosZone: 0, dataset.OtherZone: 0}, floor: map[string]int{},
		acked: map[string]string{}, tried: map[string]string{},
	}
}

// tallied is how often what was answered.
type tallied struct {
	right, stale, failed int
	wrong                []string
}

func (t *tallied) add(o tallied) {
	t.right += o.right
	t.stale += o.stale
	t.failed += o.failed
	t.wrong = append(t.wrong, o.wrong...)
}

// expectation is a question with what may be answered.
type expectation struct {
	name  string
	right string            // an address, or an rcode in words
	also  func(string) bool // older answers, that are not wrong; nil: none
	maybe string            // as right; "" is nothing
	sure  bool              // it doesn't depend on AWS: SERVFAIL is wrong
}

// expectations are all questions.
func (o *oracle) expectations() []expectation {
	all := []expectation{
		{name: fileName, right: fileAddress, sure: true},
		{name: "absent.lab.internal.", right: "NXDOMAIN", sure: true},
		{name: "absent." + dataset.OtherZone, right: "NXDOMAIN"},
		{name: "www." + dataset.UpdatedZone, right: "203.0.113.1"},
		{name: "absent." + dataset.ChaosZone, right: "203.0.113.99"},
		{name: "host." + dataset.TwinZone, right: dataset.TwinAddress, also: func(got string) bool {
			// Which of the two VPCs is ours isn't known: neither zone is anybody's.
			return !o.here && (got == "REFUSED" || got == "NXDOMAIN")
		}},
	}
	for zone, version := range o.versions {
		for i := range dataset.ChaosHosts {
			all = append(all, expectation{name: dataset.ChaosHost(i, zone), right: dataset.ChaosAddress(i, version),
				also: func(got string) bool {
					for v := o.floor[zone]; v <= version; v++ {
						if got == dataset.ChaosAddress(i, v) {
							return true
						}
					}
					return false
				}})
		}
	}
	for i := range dataset.ChaosInstances {
		all = append(all, expectation{name: dataset.InstanceName(i), right: dataset.InstanceAddress(i),
			also: func(got string) bool { return !o.here && got == "NODATA" }}) // nobody is known to be near it
	}
	for name, address := range o.acked {
		all = append(all, expectation{name: name, right: address, also: func(got string) bool { return got == "NXDOMAIN" }})
	}
	for name, address := range o.tried {
		all = append(all, expectation{name: name, right: address, maybe: "NXDOMAIN"})
	}
	return all
}

// look asks everything, and judges.
func (o *oracle) look(ctx context.Context, server string) tallied {
	var t tallied
	conn, err := (&dns.Client{}).DialContext(ctx, server)
	if err != nil {
		return tallied{wrong: []string{err.Error()}}
	}
	defer conn.Close()
	for _, e := range o.expectations() {
		got := ask(ctx, conn, e.name)
		switch {
		case got == e.right || got == e.maybe:
			t.right++
		case e.also != nil && e.also(got):
			t.stale++
		case got == "SERVFAIL" && !e.sure:
			t.failed++
		default:
			t.wrong = append(t.wrong, fmt.Sprintf("%s is %s, and %s is right", e.name, got, e.right))
		}
	}
	return t
}

const askTime = 2 * time.Second

// ask asks for the address of a name, and returns it, or what was said instead.
func ask(ctx context.Context, conn *dns.Conn, name string) string {
	c := &dns.Client{Timeout: askTime}
	answer, _, err := c.ExchangeWithConnContext(ctx, new(dns.Msg).SetQuestion(name, dns.TypeA), conn)
	var late net.Error
	switch {
	case errors.As(err, &late) && late.Timeout():
		return "no answer"
	case err != nil:
		return err.Error()
	case answer.Rcode != dns.RcodeSuccess:
		return dns.RcodeToString[answer.Rcode]
	}
	var all []string
	for _, rr := range answer.Answer {
		a, ok := rr.(*dns.A)
		if ok {
			all = append(all, a.A.String())
		}
	}
	if len(all) == 0 {
		return "NODATA"
	}
	return strings.Join(all, " ")
}

// update changes a name by RFC 2136; acknowledged, it has to be there when all is well again.
func (o *oracle) update(ctx context.Context, server, name, address string) {
	m := new(dns.Msg).SetUpdate(dataset.UpdatedZone)
	m.Insert([]dns.RR{&dns.A{
		Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.ParseIP(address),
	}})
	m.SetTsig(keyName, dns.HmacSHA256, 300, time.Now().Unix())
	c := &dns.Client{Timeout: 3 * time.Second, TsigSecret: map[string]string{keyName: keySecret}}
	answer, _, err := c.ExchangeContext(ctx, m, server)
	if err == nil && answer.Rcode == dns.RcodeSuccess {
		o.acked[name] = address
		return
	}
	o.tried[name] = address
}

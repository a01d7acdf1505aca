package server

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"inside53/zonesource/awssim"

	"github.com/miekg/dns"
)

// TestProgramChanges changes a data set in every way while clients ask, by changes of
// two records that belong together. No answer shows half of one, and none an older
// one than another client has already seen.
func TestProgramChanges(t *testing.T) {
	c := newCloud(t, nil)
	c.change(t, privateZone, "CREATE pair.example.com CNAME at-0.example.com.", "CREATE at-0.example.com A 10.7.0.0")
	p := newSite(t).ready(t, c.config())

	// seen is the newest number that any client has seen; an answer to a question
	// asked after that must not be older.
	var seen, steps atomic.Int64
	var pairs []question
	for i := range 4 {
		var before int64
		q := question{from: []string{dublin, virginia}[i%2], tcp: i == 3, name: "pair.example.com", kind: "A"}
		q.judge = func(reply *dns.Msg) string {
			var n, address int64
			text := strings.Join(said(reply), " ")
			_, err := fmt.Sscanf(text, "CNAME at-%d.example.com. 10.7.0.%d", &n, &address)
			if err != nil || n != address || len(reply.Answer) != 2 {
				return "half a change: " + text
			}
			if n < before {
				return fmt.Sprintf("change %d after change %d was seen", n, before)
			}
			for old := seen.Load(); n > old && !seen.CompareAndSwap(old, n); old = seen.Load() {
			}
			before = seen.Load() // when the next question is asked it is no less
			steps.Add(1)
			return ""
		}
		pairs = append(pairs, q)
	}
	clients := p.traffic(t, append(pairs, demoQuestions()[3:11]...)...)
	// Elastic IPs move too, and answers of these follow one way or the other.
	moving := p.traffic(t, question{from: dublin, name: "bastion.example.com", kind: "A",
		judge: eitherOf("10.0.1.10", "10.0.1.21")},
		question{from: outside, name: "bastion.example.com", kind: "A", judge: eitherOf("203.0.113.10")})
	web := interfaceOf(t, "10.0.1.21")
	bastion := interfaceOf(t, "10.0.1.10")

	const changes = 40
	for i := 1; i <= changes; i++ {
		c.change(t, privateZone,
			fmt.Sprintf("DELETE at-%d.example.com A 10.7.0.%d", i-1, i-1),
			fmt.Sprintf("CREATE at-%d.example.com A 10.7.0.%d", i, i),
			fmt.Sprintf("UPSERT pair.example.com CNAME at-%d.example.com.", i))
		c.change(t, publicZone, fmt.Sprintf("CREATE new-%d.example.com TXT \"%d\"", i, i))
		if i%4 == 0 {
			to := web
			if i%8 == 0 {
				to = bastion
			}
			err := c.AssociateAddress("eu-west-1", "203.0.113.10", to, "")
			if err != nil {
				t.Fatal(err)
			}
		}
		if i%10 == 0 {
			p.await(t, fmt.Sprintf("change %d is served", i), func() bool { return seen.Load() == int64(i) })
		}
		clients.during(t, 2)
	}
	p.check(t, asks(dublin, "at-39.example.com A", "NXDOMAIN"))
	p.await(t, "all changes of the other zone",
		func() bool { return p.answers(t, asks(dublin, "new-40.example.com TXT", `"40"`)) })
	p.await(t, "the elastic IP is back",
		func() bool { return p.answers(t, asks(dublin, "bastion.example.com A", "10.0.1.10")) })
	moving.stop(t, changes)
	clients.stop(t, changes)
	if steps.Load() < 4*changes {
		t.Errorf("only %d answers were compared", steps.Load())
	}
}

// eitherOf accepts an answer of one address of those.
func eitherOf(addresses ...string) func(*dns.Msg) string {
	return func(reply *dns.Msg) string {
		text := strings.Join(said(reply), " ")
		for _, a := range addresses {
			if text == a {
				return ""
			}
		}
		return fmt.Sprintf("the answer is %q, want one of %q", text, addresses)
	}
}

// interfaceOf finds the network interface of a private address in the demo data.
func interfaceOf(t *testing.T, private string) string {
	t.Helper()
	text := readExample(t, "demo/eu-west-1/describe-network-interfaces.json")
	var list struct {
		NetworkInterfaces []struct {
			NetworkInterfaceID string `json:"NetworkInterfaceId"`
			PrivateIPAddress   string `json:"PrivateIpAddress"`
		}
	}
	unmarshal(t, text, &list)
	for _, n := range list.NetworkInterfaces {
		if n.PrivateIPAddress == private {
			return n.NetworkInterfaceID
		}
	}
	t.Fatalf("no interface has %s", private)
	return ""
}

// TestProgramNewZone has a hosted zone appear whose records can't be listed at
// first. The others are served all the while.
func TestProgramNewZone(t *testing.T) {
	c := newCloud(t, nil)
	all := readExample(t, "demo/route53/list-hosted-zones.json")
	err := c.Replace("route53/list-hosted-zones.json", withoutZone(t, productZone))
	if err != nil {
		t.Fatal(err)
	}
	p := newSite(t).ready(t, c.config())
	clients := p.traffic(t, demoQuestions()...)
	c.fault(t, awssim.Fault{Operation: "ListResourceRecordSets", Fault: "access-denied"})
	err = c.Replace("route53/list-hosted-zones.json", []byte(all))
	if err != nil {
		t.Fatal(err)
	}
	err = c.Replace("route53/"+productZone+"/list-resource-record-sets.json",
		[]byte(readExample(t, "demo/route53/"+productZone+"/list-resource-record-sets.json")))
	if err != nil {
		t.Fatal(err)
	}
	p.await(t, "the new zone is known and not read", func() bool {
		for _, s := range p.app.keeper.Status().Missing {
			if strings.Contains(s, productZone) {
				return true
			}
		}
		return false
	})
	clients.during(t, 20)
	if r := p.readiness(t); !r.Ready {
		t.Errorf("it is unready: %q", r.Reasons)
	}
	c.ClearFaults()
	p.await(t, "the new zone is served",
		func() bool { return p.answers(t, asks(dublin, "pages.example.net A", "203.0.113.202")) })
	clients.stop(t, 30)
}

package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"inside53/zonesource/awssim"

	"github.com/miekg/dns"
)

// reloaded loads another configuration and waits until it is in force.
func (p *program) reloaded(t *testing.T, s *site, config string) {
	t.Helper()
	before := strings.Count(p.log.String(), "configuration reloaded")
	p.configure(t, s, config)
	p.await(t, "the configuration is in force", func() bool {
		return strings.Count(p.log.String(), "configuration reloaded") > before
	})
}

func labZone(text string) string {
	return fmt.Sprintf("@ 60 IN SOA ns a 1 2 3 4 5\n@ 60 IN NS ns\n@ 60 IN TXT %q\n", text)
}

// TestProgramReloadSwaps swaps the zone files of two views again and again. Never do
// both see the same, and nothing else is lost or changed meanwhile.
func TestProgramReloadSwaps(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	s.write(t, "a.zone", labZone("a"))
	s.write(t, "b.zone", labZone("b"))
	config := func(first, second string) string {
		return c.config() + fmt.Sprintf("zonefiles:\n  - { origin: lab.example, file: %s.zone, views: [dublin] }\n  - { "+
			"origin: lab.example, file: %s.zone, views: [virginia] }\n", first, second)
	}
	p := s.ready(t, config("a", "b"))
	seen := func(from string) string { return strings.Join(said(p.ask(t, asks(from, "lab.example TXT"))), " ") }
	p.await(t, "the files are served", func() bool { return seen(dublin) == `"a"` && seen(virginia) == `"b"` })

	clients := p.traffic(t, demoQuestions()...)
	either := p.traffic(t,
		question{from: dublin, name: "lab.example", kind: "TXT", judge: eitherOf(`"a"`, `"b"`)},
		question{from: virginia, name: "lab.example", kind: "TXT", tcp: true, judge: eitherOf(`"a"`, `"b"`)},
	)
	compared := 0
	for i := range 10 {
		first, second := "b", "a"
		if i%2 == 1 {
			first, second = second, first
		}
		p.configure(t, s, config(first, second))
		p.await(t, "the files are swapped", func() bool {
			// Two answers of one view that are the same enclose one moment.
			before, other, after := seen(dublin), seen(virginia), seen(dublin)
			if before == after {
				compared++
				if other == before {
					t.Fatalf("both views see %s", other)
				}
			}
			return after == fmt.Sprintf("%q", first)
		})
	}
	either.stop(t, 50)
	clients.stop(t, 50)
	if compared < 10 {
		t.Errorf("the views were compared only %d times", compared)
	}
}

// TestProgramReloadKinds changes views, forwarders, and which zones there are.
func TestProgramReloadKinds(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	p := s.ready(t, c.config())
	clients := p.traffic(t, demoQuestions()[:10]...)
	config := c.config()

	// Another client becomes one of the VPC.
	moved := asks("127.4.0.1", "bastion.example.com A", "10.0.1.10")
	p.check(t, asks("127.4.0.1", "bastion.example.com A", "REFUSED 18"))
	config = strings.Replace(config, "clients: [127.1.0.0/16]", "clients: [127.1.0.0/16, 127.4.0.0/16]", 1)
	p.reloaded(t, s, config)
	p.check(t, moved)

	// A forwarder of a zone below the default one; the cached answer is not its.
	p.check(t, asks(dublin, "www.example.org A", "CNAME example.org.", "192.0.2.80"))
	other := world(t, "www.example.org. 60 IN A 192.0.2.99\nexample.net. 60 IN A 192.0.2.98\n")
	config += fmt.Sprintf("  - { zone: example.org, upstreams: [%q] }\n", other)
	p.reloaded(t, s, config)
	p.check(t, asks(dublin, "www.example.org A", "192.0.2.99"))

	// On a tie the forwarder wins over our zone.
	p.check(t, asks(dublin, "example.net A", "203.0.113.201"))
	p.reloaded(t, s, config+fmt.Sprintf("  - { zone: example.net, upstreams: [%q] }\n", other))
	p.check(t, asks(dublin, "example.net A", "192.0.2.98"))
	p.reloaded(t, s, config)
	p.check(t, asks(dublin, "example.net A", "203.0.113.201"))

	// A zone file comes while everything else is served, and goes.
	s.write(t, "lab.zone", labZone("lab"))
	p.reloaded(t, s, config+"zonefiles: [{ origin: lab.example, file: lab.zone }]\n")
	p.await(t, "the new zone file is served",
		func() bool { return p.answers(t, asks(dublin, "lab.example TXT", `"lab"`)) })
	p.reloaded(t, s, config)
	p.check(t, asks(dublin, "lab.example TXT", "NXDOMAIN"))

	// A region that is not read yet takes nothing away.
	c.fault(t, awssim.Fault{Operation: "DescribeVpcs", Fault: "hang", Count: 1})
	more := strings.Replace(config, "[eu-west-1, us-east-1]", "[eu-west-1, us-east-1, eu-central-1]", 1)
	p.reloaded(t, s, more)
	clients.during(t, 20)
	if r := p.readiness(t); !r.Ready {
		t.Errorf("a new region makes unready: %q", r.Reasons)
	}
	c.ClearFaults()

	// Half of the zones, then all again.
	some := strings.Replace(more, "route53: {", "route53: { zones: [example.com, 10.in-addr.arpa],", 1)
	p.reloaded(t, s, some)
	if z := p.zone(t, productZone); z.ID != "" {
		t.Errorf("the zone is still there: %+v", z)
	}
	p.reloaded(t, s, more)
	p.await(t, "the zone is back", func() bool { return p.answers(t, asks(dublin, "example.net A", "203.0.113.201")) })
	clients.stop(t, 50)
}

// TestProgramReloadFaults loads what can't be used, or not all of it.
func TestProgramReloadFaults(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	p := s.ready(t, c.config())
	clients := p.traffic(t, demoQuestions()...)
	tells := func(what string, texts ...string) {
		t.Helper()
		p.await(t, what, func() bool {
			for line := range strings.Lines(p.log.String()) {
				all := true
				for _, text := range texts {
					all = all && strings.Contains(line, text)
				}
				if all {
					return true
				}
			}
			return false
		})
	}
	p.configure(t, s, c.config()+"drian: 1s\n")
	tells("the fault of a key", "level=ERROR", "the old one stays", "inside53.yaml:15: drian: unknown key; did you mean",
		"drain")
	p.configure(t, s, strings.Replace(c.config(), "127.2.0.0/16", "127.1.0.0/16", 1))
	tells("the fault of a view", "level=ERROR", "inside53.yaml:11: views[1]", "127.1.0.0/16")
	p.configure(t, s, "listen: {")
	tells("the fault of YAML", "level=ERROR", "inside53.yaml:1:")
	// One of which only the begin is written yet.
	begin, _, _ := strings.Cut(c.config(), "route53:")
	for _, text := range []string{"", "# inside53\n", begin} {
		before := strings.Count(p.log.String(), "may be written in part")
		p.configure(t, s, text)
		p.await(t, "the lack of everything is told",
			func() bool { return strings.Count(p.log.String(), "may be written in part") > before })
	}
	clients.during(t, 10)

	// What needs a restart is named each time, and the rest is taken.
	fixed := strings.NewReplacer(`dns: ["127.0.0.1:0"]`, `dns: ["127.0.0.1:5399"]`, "drain: 0s",
		"drain: 100ms\nudp_size: 900").Replace(c.config())
	p.reloaded(t, s, fixed)
	p.reloaded(t, s, fixed)
	if n := strings.Count(p.log.String(), `msg="these changes need a restart" keys="listen.dns udp_size"`); n != 2 {
		t.Errorf("it is told %d times that changes need a restart:\n%s", n, p.log)
	}
	if got := p.app.config.Load().Drain; got != 100*time.Millisecond {
		t.Errorf("the new drain is %s", got)
	}

	// AWS hangs: that is no reason to wait.
	c.fault(t, awssim.Fault{Operation: "*", Fault: "hang"})
	p.reloaded(t, s, strings.Replace(c.config(), "127.3.0.0/16", "127.3.0.0/16, 127.5.0.0/16", 1))
	p.check(t, asks("127.5.0.1", "bastion.example.com A", "203.0.113.10"))
	p.reloaded(t, s, c.config())
	p.check(t, asks("127.5.0.1", "bastion.example.com A", "REFUSED 18"))
	clients.stop(t, 30)
}

// TestProgramReloadWithoutAWS turns AWS off and on again, and on where it was never.
func TestProgramReloadWithoutAWS(t *testing.T) {
	newCloud(t, nil)
	s := newSite(t)
	s.write(t, "lab.zone", labZone("lab"))
	files := `
listen: { dns: ["127.0.0.1:0"] }
admin: 127.0.0.1:0
state_dir: state
drain: 0s
zonefiles: [{ origin: lab.example, file: lab.zone }]
views: [{ name: all, clients: [127.0.0.0/8], vpcs: ["*"] }]
`
	both := files + "aws: { region: eu-west-1 }\nroute53: { refresh: 100ms, requests_per_second: 1000 }\n"
	p := s.ready(t, both)
	clients := p.traffic(t, asks(dublin, "lab.example TXT", `"lab"`))
	p.check(t, asks(dublin, "db-1.example.com A", "10.0.20.15"))
	p.reloaded(t, s, files)
	p.check(t, asks(dublin, "db-1.example.com A", "REFUSED 20"))
	p.reloaded(t, s, both)
	p.await(t, "AWS is read again", func() bool { return p.answers(t, asks(dublin, "db-1.example.com A", "10.0.20.15")) })
	clients.stop(t, 20)
	p.end(t)

	p = s.ready(t, files)
	p.configure(t, s, both)
	p.await(t, "it tells that this needs a restart",
		func() bool { return strings.Contains(p.log.String(), "needs a restart: it opens state_dir") })
	p.check(t, asks(dublin, "lab.example TXT", `"lab"`),
		question{from: dublin, name: "example.com", kind: "SOA", judge: func(reply *dns.Msg) string {
			if reply.Rcode != dns.RcodeRefused {
				return reply.String()
			}
			return ""
		}})
}

package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"inside53/server/admin"

	"github.com/miekg/dns"
)

const secondaryConfig = `
listen: { dns: ["127.0.0.1:0"] }
admin: 127.0.0.1:0
state_dir: STATE
drain: 0s
keys:
  - { name: dublin., secret: "` + transferSecret + `" }
secondary:
  - { zone: example.com, primaries: ["PRIMARY"], key: dublin. }
  - { zone: nowhere.example, primaries: ["PRIMARY"], key: dublin. }
forward:
  - { zone: ".", upstreams: ["UPSTREAM"] }
transfers:
  - { zones: [example.com], clients: [127.0.0.0/8] }
`

// TestProgramSecondary has one server follow another, which follows Route 53.
func TestProgramSecondary(t *testing.T) {
	c := newCloud(t, nil)
	first := newSite(t)
	primary := first.ready(t, c.transferConfig("127.0.0.1:9"))
	s := newSite(t)
	values := strings.NewReplacer("PRIMARY", primary.addr.String(), "STATE", "state", "UPSTREAM", c.dns)
	config := values.Replace(secondaryConfig)
	p := s.ready(t, config)
	p.await(t, "the zone is served", func() bool { return p.answers(t, asks(dublin, "git.example.com A", "10.0.2.40")) })
	p.check(t, asks(dublin, "reports.example.com A", "10.0.20.16"),
		asks(dublin, "jump.example.com A", "CNAME bastion.example.com.", "10.0.1.10"),
		asks(dublin, "nothing.example.com A", "NXDOMAIN"), asks(dublin, "x.apps.example.com A", "203.0.113.80"))
	// Of a zone that never came nothing is said, and nobody else is asked for it.
	p.check(t, asks(dublin, "www.nowhere.example A", "SERVFAIL 22"))
	p.check(t, asks(dublin, "www.example.org A", "CNAME example.org.", "192.0.2.80"))

	// It is told of changes.
	primary.configure(t, first, c.transferConfig(p.addr.String()))
	primary.await(t, "it is told from now on", func() bool {
		value, _ := primary.metric(t, `inside53_notifies_total{result="ok"}`)
		return value != "" && value != "0"
	})
	for i := range 5 {
		c.change(t, privateZone, fmt.Sprintf("UPSERT told.example.com TXT \"%d\"", i))
		p.await(t, "the change is served", func() bool {
			return p.answers(t, asks(dublin, "told.example.com TXT", fmt.Sprintf("%q", fmt.Sprint(i))))
		})
	}
	if strings.Count(p.log.String(), "by=axfr") != 1 || !strings.Contains(p.log.String(), "by=ixfr") {
		t.Errorf("not by IXFR:\n%s", p.log.String())
	}
	whole := &follower{p: primary, from: "127.0.0.1", key: "dublin.", apex: "example.com."}
	whole.axfr(t)
	// It is a primary itself, of what it serves: its own publication comes a moment later.
	own := &follower{p: p, from: "127.0.0.1", apex: "example.com."}
	p.await(t, fmt.Sprintf("its own secondaries get\n%s", strings.Join(whole.lines(), "\n")), func() bool {
		own.axfr(t)
		return slices.Equal(own.lines(), whole.lines())
	})

	// NOTIFY of others is refused.
	for _, tt := range []struct {
		from, key, apex string
		want            int
	}{
		{"127.0.0.1", "dublin.", "example.com.", dns.RcodeSuccess},
		{"127.0.0.1", "", "example.com.", dns.RcodeRefused},
		{"127.0.0.2", "dublin.", "example.com.", dns.RcodeRefused},
		{"127.0.0.1", "dublin.", "example.net.", dns.RcodeRefused},
	} {
		f := &follower{p: p, from: tt.from, key: tt.key, apex: tt.apex}
		reply := f.exchange(t, f.sign(new(dns.Msg).SetNotify(tt.apex)))
		if reply.Rcode != tt.want {
			t.Errorf("NOTIFY for %s from %s by %q: %s", tt.apex, tt.from, tt.key, dns.RcodeToString[reply.Rcode])
		}
	}

	var parts []admin.Part
	p.into(t, "/parts?source=transfer&zone=example.com", &parts)
	if len(parts) != 1 || parts[0].Primary != primary.addr.String() || parts[0].Serial == nil || *parts[0].Serial == 0 ||
		parts[0].ContactSecs == nil || *parts[0].ContactSecs > 60 || parts[0].ExpireSeconds == nil ||
		*parts[0].ExpireSeconds < 60 || parts[0].NextSeconds == nil {
		t.Errorf("/parts has %+v", parts)
	}
	if !reportHas(t, p, "example.net.", "notify of 127.0.0.1 refused") {
		t.Error("the report has no refused NOTIFY")
	}

	// After a restart it serves what it had, without the primary.
	p.end(t)
	primary.end(t)
	p = s.ready(t, config)
	p.check(t, asks(dublin, "git.example.com A", "10.0.2.40"), asks(dublin, "told.example.com TXT", `"4"`))
	p.await(t, "the fault is shown", func() bool {
		for _, part := range p.app.keeper.Status().Parts {
			if part.Key.Source == "transfer" && part.Err != nil && strings.Contains(part.Err.Error(), primary.addr.String()) {
				return true
			}
		}
		return false
	})
}

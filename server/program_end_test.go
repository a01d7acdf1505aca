package server

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// TestProgramDrains ends the program as SIGTERM does: unready at once, still
// answering, then over, without an error.
func TestProgramDrains(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	p := s.ready(t, strings.Replace(c.config(), "drain: 0s", "drain: 6s", 1)) // all of what follows has to fit
	clients := p.traffic(t, demoQuestions()...)
	p.cancel()
	p.await(t, "unready", func() bool { return !p.readiness(t).Ready })
	if r := p.readiness(t); !slices.Equal(r.Reasons, []string{"draining"}) {
		t.Errorf("the reasons are %q", r.Reasons)
	}
	if value, _ := p.metric(t, "inside53_ready"); value != "0" {
		t.Errorf("inside53_ready is %s", value)
	}
	// While it drains, changes are still taken.
	c.change(t, privateZone, "CREATE late.example.com A 10.0.9.9")
	p.await(t, "a change while it drains",
		func() bool { return p.answers(t, asks(dublin, "late.example.com A", "10.0.9.9")) })
	clients.stop(t, 10)
	p.end(t)

	// All that it knew is saved.
	c.away.Store(true)
	p = s.start(t, c.config())
	p.check(t, asks(dublin, "late.example.com A", "10.0.9.9"))
}

// TestProgramSaysByDNSWhetherItIsReady: ready.inside53. follows /readyz, is asked of nobody
// else, and is in no metric of queries.
func TestProgramSaysByDNSWhetherItIsReady(t *testing.T) {
	c := newCloud(t, nil)
	var asked atomic.Int64
	upstream := resolverOf(t, func(w dns.ResponseWriter, query *dns.Msg) {
		if dns.IsSubDomain("inside53.", query.Question[0].Name) { // not what our own records lead to
			asked.Add(1)
		}
		_ = w.WriteMsg(new(dns.Msg).SetReply(query))
	})
	c.away.Store(true)
	s := newSite(t)
	p := s.start(t, c.config("UPSTREAM", upstream, "drain: 0s", "drain: 4s")+"allow: [127.0.0.0/8]\n")
	const nowhere = "127.77.0.1" // a balancer is in no view
	unready := []question{asks(nowhere, "ready.inside53 TXT", "SERVFAIL 14"),
		asks(dublin, "ready.inside53 TXT", "SERVFAIL 14").byTCP()}
	ready := []question{asks(nowhere, "ready.inside53 TXT", `"ready"`),
		asks(dublin, "READY.inside53 TXT", `"ready"`).byTCP()}
	p.check(t, unready...)
	c.away.Store(false)
	p.await(t, "ready", func() bool { return p.readiness(t).Ready })
	p.await(t, "ready by DNS", func() bool { return p.answers(t, ready[0]) })
	before := p.queries(t)
	p.check(t, append(ready, asks(nowhere, "ready.inside53 A"))...)
	if after := p.queries(t); after != before {
		t.Errorf("metrics of queries before: %s\nafter: %s", before, after)
	}
	p.cancel()
	p.await(t, "unready", func() bool { return !p.readiness(t).Ready })
	p.await(t, "unready by DNS", func() bool { return p.answers(t, unready[0]) })
	if asked.Load() > 0 {
		t.Errorf("the upstream was asked %d times", asked.Load())
	}
}

// queries returns the lines of /metrics that count queries.
func (p *program) queries(t *testing.T) string {
	t.Helper()
	_, body := p.get(t, http.MethodGet, "/metrics")
	var lines []string
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "inside53_queries_total{") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// TestProgramAnswersWhatIsInFlight ends the program while an upstream thinks: who
// has asked gets the answer.
func TestProgramAnswersWhatIsInFlight(t *testing.T) {
	newCloud(t, nil)
	asked, answer := make(chan struct{}, 10), make(chan struct{})
	slow := resolverOf(t, func(w dns.ResponseWriter, query *dns.Msg) {
		asked <- struct{}{}
		<-answer
		reply := new(dns.Msg).SetReply(query)
		reply.RecursionAvailable = true
		rr, err := dns.NewRR(query.Question[0].Name + " 60 IN A 192.0.2.7")
		if err != nil {
			panic(err)
		}
		reply.Answer = []dns.RR{rr}
		_ = w.WriteMsg(reply)
	})
	p := newSite(t).ready(t, fmt.Sprintf("listen: { dns: [\"127.0.0.1:0\"] }\nadmin: 127.0.0.1:0\ndrain: 0s\nforward: "+
		"[{ zone: ., upstreams: [%q] }]\nviews: [{ name: all, clients: [127.0.0.0/8] }]\n", slow))
	questions := []question{asks(dublin, "udp.slow.example A", "192.0.2.7"),
		asks(dublin, "tcp.slow.example A", "192.0.2.7").byTCP()}
	answers := make(chan error, len(questions))
	for _, q := range questions {
		conn, err := q.dial(p.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		go func() {
			reply, err := q.ask(conn)
			if err == nil && q.fault(reply) != "" {
				err = fmt.Errorf("%s: %s", q, q.fault(reply))
			}
			answers <- err
		}()
	}
	for range questions {
		<-asked
	}
	p.cancel()
	p.await(t, "it is ending", func() bool { return strings.Contains(p.log.String(), "draining") })
	close(answer)
	for range questions {
		err := <-answers
		if err != nil {
			t.Errorf("a query in flight: %v", err)
		}
	}
	p.end(t)
}

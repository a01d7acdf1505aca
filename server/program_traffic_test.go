package server

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// question is what a client asks, and the answer that is right.
type question struct {
	from string // the client's address; "" is 127.0.0.1
	tcp  bool
	name string
	kind string
	// want is the data of the answer section in any order, types before all but
	// that of the question: "CNAME a.example." A first word in capitals alone is the
	// rcode: NXDOMAIN, SERVFAIL, ... with the EDE number where there is one.
	want []string
	// judge, where given, decides instead of want; "" is right.
	judge func(*dns.Msg) string
}

// asks makes a question of the client from: NAME TYPE.
func asks(from, nameAndType string, want ...string) question {
	name, kind, _ := strings.Cut(nameAndType, " ")
	return question{from: from, name: name, kind: kind, want: want}
}

// byTCP is q by TCP.
func (q question) byTCP() question {
	q.tcp = true
	return q
}

func (q question) String() string {
	network := "udp"
	if q.tcp {
		network = "tcp"
	}
	return fmt.Sprintf("%s %s from %q by %s", q.name, q.kind, q.from, network)
}

// dial opens the client's socket.
func (q question) dial(to netip.AddrPort) (*dns.Conn, error) {
	from := netip.MustParseAddr("127.0.0.1")
	if q.from != "" {
		from = netip.MustParseAddr(q.from)
	}
	c := dns.Client{Net: "udp", Dialer: &net.Dialer{Timeout: patience,
		LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}}
	if q.tcp {
		c.Net, c.Dialer.LocalAddr = "tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	return c.Dial(to.String())
}

// answerTime is how long a client waits. Nothing is asked twice: an answer that does
// not come is lost.
const answerTime = 10 * time.Second

// ask asks over an open socket.
func (q question) ask(c *dns.Conn) (*dns.Msg, error) {
	query := new(dns.Msg).SetQuestion(dns.Fqdn(q.name), dns.StringToType[q.kind]).SetEdns0(1232, false)
	err := c.SetDeadline(time.Now().Add(answerTime))
	if err != nil {
		return nil, err
	}
	err = c.WriteMsg(query)
	if err != nil {
		return nil, err
	}
	c.UDPSize = 1232
	reply, err := c.ReadMsg()
	if err != nil {
		return nil, err
	}
	if reply.Id != query.Id || len(reply.Question) != 1 || reply.Question[0] != query.Question[0] || !reply.Response {
		return nil, fmt.Errorf("this is no answer to %s: %s", q, reply)
	}
	return reply, nil
}

// fault says what is wrong with an answer, "" for nothing.
func (q question) fault(reply *dns.Msg) string {
	if q.judge != nil {
		return q.judge(reply)
	}
	got := said(reply)
	slices.Sort(got)
	want := slices.Sorted(slices.Values(q.want))
	if slices.Equal(got, want) {
		return ""
	}
	return fmt.Sprintf("the answer is %q, want %q", got, want)
}

// said is an answer in the form of question.want.
func said(reply *dns.Msg) []string {
	var words []string
	if reply.Rcode != dns.RcodeSuccess {
		text := dns.RcodeToString[reply.Rcode]
		for _, code := range extendedErrors(reply) {
			text += fmt.Sprintf(" %d", code)
		}
		words = append(words, text)
	}
	for _, rr := range reply.Answer {
		text := strings.TrimPrefix(rr.String(), rr.Header().String())
		if rr.Header().Rrtype != reply.Question[0].Qtype {
			text = dns.TypeToString[rr.Header().Rrtype] + " " + text
		}
		words = append(words, text)
	}
	return words
}

// extendedErrors are the codes of RFC 8914 in an answer.
func extendedErrors(reply *dns.Msg) []uint16 {
	var codes []uint16
	opt := reply.IsEdns0()
	if opt == nil {
		return nil
	}
	for _, o := range opt.Option {
		e, ok := o.(*dns.EDNS0_EDE)
		if ok {
			codes = append(codes, e.InfoCode)
		}
	}
	return codes
}

// traffic is a steady stream of queries, a client for each question, which asks it
// again and again.
type traffic struct {
	questions []question
	counts    []atomic.Int64 // right answers
	quit      chan struct{}
	clients   sync.WaitGroup
	failed    atomic.Bool
}

// traffic begins. Every answer is checked; a wrong or lost one fails the test.
func (p *program) traffic(t *testing.T, questions ...question) *traffic {
	t.Helper()
	f := &traffic{questions: questions, counts: make([]atomic.Int64, len(questions)), quit: make(chan struct{})}
	for i := range questions {
		c, err := questions[i].dial(p.addr)
		if err != nil {
			t.Fatal(err)
		}
		f.clients.Go(func() {
			defer func() { _ = c.Close() }()
			f.client(t, i, c)
		})
	}
	var once sync.Once
	quit := f.quit
	t.Cleanup(func() { once.Do(func() { f.finish(quit) }) })
	f.during(t, 5)
	return f
}

func (f *traffic) finish(quit chan struct{}) {
	select {
	case <-quit:
	default:
		close(quit)
	}
	f.clients.Wait()
}

func (f *traffic) client(t *testing.T, i int, c *dns.Conn) {
	q := f.questions[i]
	for {
		select {
		case <-f.quit:
			return
		case <-time.After(2 * time.Millisecond):
		}
		reply, err := q.ask(c)
		fault := ""
		if err != nil {
			fault = "lost: " + err.Error()
		} else {
			fault = q.fault(reply)
		}
		if fault != "" {
			f.failed.Store(true)
			t.Errorf("query %d for %s: %s", f.counts[i].Load()+1, q, fault)
			return
		}
		f.counts[i].Add(1)
	}
}

// during waits until each client has had n more answers.
func (f *traffic) during(t *testing.T, n int64) {
	t.Helper()
	end := time.Now().Add(patience)
	targets := make([]int64, len(f.counts))
	for i := range f.counts {
		targets[i] = f.counts[i].Load() + n
	}
	for i := range f.counts {
		for ; f.counts[i].Load() < targets[i]; time.Sleep(time.Millisecond) {
			if f.failed.Load() {
				t.FailNow()
			}
			if time.Now().After(end) {
				t.Fatalf("%s is answered no more", f.questions[i])
			}
		}
	}
}

// stop ends the clients once each has had n answers in all, and some after this call.
func (f *traffic) stop(t *testing.T, n int64) {
	t.Helper()
	few := n
	for i := range f.counts {
		few = min(few, f.counts[i].Load())
	}
	f.during(t, max(5, n-few))
	f.finish(f.quit)
	for i := range f.counts {
		if count := f.counts[i].Load(); count < n {
			t.Errorf("%s was answered %d times, want %d or more", f.questions[i], count, n)
		}
	}
}

package resolver

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/resolver/zone"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

var rewrite = flag.Bool("rewrite", false, "write what is answered into the scenario files")

// TestScenarios runs testdata/*.scenario. A file is a list of blocks. First come
// the data (see [world.define]):
//
//	zone ORIGIN APEX id=ID [negative=N] [unread [within=NAME]]    master-file lines, and those of [world.addZone]
//	vpc ID region=R cidrs=C,C [stale]
//	interface ID vpc=ID private=A [public=A] [owner=instance|balancer|other] [of=INSTANCE] [name=N]
//	     [zone=Z] [six=A] [primary]
//	subnet ID vpc=ID zone=Z cidrs=C,C
//	service efs|nlb|vpce|balancer NAME INTERFACE .. [cross]
//	forwarder NAME                         replies: see [newFakeUpstream]
//	view NAME [clients=C,C] [region=R] [vpcs=V,V] [reach=V,V] [mute=V,V] [also=C] [addresses=M]
//	     [unread=REGION]
//	    APEX [layers=ID,ID] [forward=NAME] [below] [special=S] [computed] [unavailable=WHY]
//	rest                                   the view above is that of everybody else
//	outside                                the view above, the last, is that of a client outside
//	location COLLECTION LOCATION C C       of a CIDR collection
//	allow C C
//	option [id=] [version=] [udp=] [translated=] [unloaded] [uncertain] [unread=REGION]
//	       [affinity=prefer|strict]
//
// then what happens, in this order:
//
//	query NAME TYPE [client=A] [tcp] [nord] [do] [cd] [ad] [edns=SIZE] [noedns] [class=CH]
//	health ID ID                           the checks that fail from now on
//	target NAME NAME                       the alias targets that are unhealthy from now on
//	unwell INSTANCE=WHAT ..                the instances that are unhealthy from now on
//	clock DURATION                         time goes by
//	upstream NAME silent|broken|answers
//
// Below a query stands the answer as people read it, in parts: the header, then
// ";; answer", ";; authority", ";; additional" where there is something in them.
// Runs of addresses are sorted. Last may stand the explanation (see [explainPart]),
// indented by two for each level; where it stands it is compared. Every question is
// explained, and the explanation must have the same answer.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.scenario")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".scenario"), func(t *testing.T) { runScenario(t, file) })
	}
}

func runScenario(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	blocks := parseBlocks(string(text))
	w, next := newWorld(t, blocks)
	var answers [][]string
	asked := blocks[next:]
	for i := range asked {
		b := &asked[i]
		if b.words[0] != "query" {
			w.happen(b)
			answers = append(answers, nil)
			continue
		}
		where := fmt.Sprintf("%s:%d: %s", file, b.line, strings.Join(b.words[1:], " "))
		got := w.runQuery(where, b)
		got = w.named(timeless(got))
		got = append(got, w.explained(where, b, got)...)
		answers = append(answers, got)
		if diff := cmp.Diff(b.body, got); diff != "" && !*rewrite {
			t.Errorf("%s:%d: %s (-want +got)\n%s", file, b.line, strings.Join(b.words[1:], " "), diff)
		}
	}
	if *rewrite {
		rewriteScenario(t, file, string(text), asked, answers)
	}
}

// happen carries out a statement between queries.
func (w *world) happen(b *block) {
	w.Helper()
	switch b.words[0] {
	case "health":
		w.live.Checks = map[string]zone.Check{}
		for _, id := range b.words[1:] {
			w.live.Checks[id] = zone.Check{Why: "the scenario says so"}
		}
		live := w.live
		w.resolver.PublishLive(&live)
	case "target":
		w.live.Targets = map[string]zone.Target{}
		for _, name := range b.words[1:] {
			w.live.Targets[string(zone.MustName(name))] = zone.Target{Why: "the scenario says so",
				Seen: time.Unix(w.clock.Load(), 0)}
		}
		live := w.live
		w.resolver.PublishLive(&live)
	case "unwell":
		w.unwell(b)
	case "clock":
		d, err := time.ParseDuration(b.words[1])
		if err != nil {
			w.Fatalf("line %d: %v", b.line, err)
		}
		w.advance(d)
	case "upstream":
		w.upstream[b.words[1]].mode.Store(b.words[2])
	default:
		w.Fatalf("line %d: %q can't stand here", b.line, b.words[0])
	}
}

// runQuery asks a question, then asks it in a way that is odd and means the same, and
// returns the answer, which must be the same.
func (w *world) runQuery(where string, b *block) []string {
	w.Helper()
	client, tr, m := w.question(b)
	pkt, err := m.Pack()
	if err != nil {
		w.Fatalf("%s: %v", where, err)
	}
	got := w.ask(where, pkt, client, tr)
	if !compareParsers(w, pkt) {
		w.Errorf("%s: an ordinary packet isn't accepted", where)
	}
	// Octets behind the message, and an option that nobody knows, change nothing.
	if opt := m.IsEdns0(); opt != nil {
		opt.Option = append(opt.Option, &dns.EDNS0_LOCAL{Code: 65001, Data: []byte{1}})
	}
	odd, err := m.Pack()
	if err != nil {
		w.Fatalf("%s: %v", where, err)
	}
	odd = append(odd, 1, 2, 3)
	if !compareParsers(w, odd) {
		w.Errorf("%s: the packet isn't accepted with more behind it", where)
	}
	again := w.ask(where+" (odd)", odd, client, tr)
	again[0] = afterwards(got[0], again[0])
	if diff := cmp.Diff(got, again); diff != "" {
		w.Errorf("%s: the answer to more octets is another (-plain +odd)\n%s", where, diff)
	}
	return got
}

// afterwards returns the second header line with the result of the first, where
// the difference is only that the answer has been cached in between.
func afterwards(first, second string) string {
	head, result, _ := strings.Cut(second, "; ")
	_, before, _ := strings.Cut(first, "; ")
	if before == "forwarded" && result == "cached" {
		return head + "; " + before
	}
	return second
}

// question makes the packet of a query block.
func (w *world) question(b *block) (client netip.AddrPort, tr Transport, m *dns.Msg) {
	w.Helper()
	m = new(dns.Msg)
	m.Id, m.RecursionDesired = uint16(b.line), true
	m.Question = []dns.Question{{Name: dns.Fqdn(b.words[1]), Qtype: rrtype(w.TB, b.words[2]), Qclass: dns.ClassINET}}
	address, size, do, edns := "10.0.0.1", uint32(1232), false, true
	for _, word := range b.words[3:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "client":
			address = value
		case "tcp":
			tr = TCP
		case "nord":
			m.RecursionDesired = false
		case "do":
			do = true
		case "cd":
			m.CheckingDisabled = true
		case "ad":
			m.AuthenticatedData = true
		case "edns":
			size = number(w.TB, value)
		case "noedns":
			edns = false
		case "class":
			m.Question[0].Qclass = dns.StringToClass[value]
		default:
			w.Fatalf("line %d: %q of a query", b.line, word)
		}
	}
	if edns {
		m.SetEdns0(uint16(size), do)
	}
	return netip.AddrPortFrom(netip.MustParseAddr(address), 5353), tr, m
}

// serving is one call of Serve and what came of it.
type serving struct {
	world  *world
	where  string
	x      *exchange // the worker's again once it is done
	items  int       // of the answer
	done   chan struct{}
	packet []byte
	result Result
	oracle *dns.Msg
}

// Suspend is called when the answer has to wait.
func (s *serving) Suspend() func([]byte, Result) {
	return func(answer []byte, result Result) {
		s.packet, s.result = append([]byte(nil), answer...), result
		close(s.done)
	}
}

// observe sees the exchange that the late answer comes from.
func (s *serving) observe(x *exchange, _ []byte) {
	s.x, s.items = x, x.a.nitems
	s.oracle = oracleMessage(s.world, x)
}

// serve gives a packet to the resolver and waits for the answer.
func (w *world) serve(where string, pkt []byte, client netip.AddrPort, tr Transport) *serving {
	w.Helper()
	s := &serving{world: w, where: where, done: make(chan struct{})}
	x := w.worker.x
	s.x, x.observe = x, s.observe
	*w.worker.random = *rand.NewPCG(53, 53) // draws are the same again and again
	answer, result := w.worker.serve(pkt, client, tr, make([]byte, 0, 65535), s)
	if answer != nil || result != Forwarded {
		s.packet, s.result = answer, result
		s.oracle, s.items = oracleMessage(w, x), x.a.nitems
		return s
	}
	select {
	case <-s.done:
	case <-time.After(10 * time.Second):
		w.Fatalf("%s: no answer", where)
	}
	return s
}

// ask serves a packet, holds the answer against the oracle's, and renders it.
func (w *world) ask(where string, pkt []byte, client netip.AddrPort, tr Transport) []string {
	w.Helper()
	s := w.serve(where, pkt, client, tr)
	var got dns.Msg
	err := got.Unpack(s.packet)
	if err != nil {
		w.Fatalf("%s: %v in %x", where, err, s.packet)
	}
	s.compare(&got)
	return render(&got, s.result)
}

// render writes an answer as scenarios have it.
func render(m *dns.Msg, result Result) []string {
	head := dns.RcodeToString[m.Rcode]
	for _, f := range []struct {
		set  bool
		name string
	}{{m.Authoritative, "aa"}, {m.Truncated, "tc"}, {m.RecursionDesired, "rd"}, {m.RecursionAvailable, "ra"},
		{m.AuthenticatedData, "ad"}, {m.CheckingDisabled, "cd"}} {
		if f.set {
			head += " " + f.name
		}
	}
	var extra []dns.RR
	ede := ""
	for _, rr := range m.Extra {
		opt, ok := rr.(*dns.OPT)
		if !ok {
			extra = append(extra, rr)
			continue
		}
		head += " edns"
		if opt.Do() {
			head += " do"
		}
		for _, o := range opt.Option {
			e, ok := o.(*dns.EDNS0_EDE)
			if ok {
				ede = strings.TrimSpace(fmt.Sprintf("EDE %d %s", e.InfoCode, e.ExtraText))
			}
		}
	}
	lines := []string{head + " ; " + result.String()}
	if ede != "" {
		lines = append(lines, ede)
	}
	for _, part := range []struct {
		title string
		rrs   []dns.RR
	}{{"answer", m.Answer}, {"authority", m.Ns}, {"additional", extra}} {
		if len(part.rrs) > 0 {
			lines = append(lines, ";; "+part.title)
			lines = append(lines, recordTexts(part.rrs, part.title != "authority")...)
		}
	}
	return lines
}

// recordTexts returns records as text, runs of one name and type sorted where their
// order is drawn.
func recordTexts(rrs []dns.RR, drawn bool) []string {
	var out []string
	begin := 0
	for i, rr := range rrs {
		h := rr.Header()
		if i > 0 && (rrs[i-1].Header().Rrtype != h.Rrtype || rrs[i-1].Header().Name != h.Name) {
			begin = i
		}
		out = append(out, strings.Join(strings.Fields(rr.String()), " "))
		if drawn {
			slices.Sort(out[begin:])
		}
	}
	return out
}

// rewriteScenario puts the answers below the queries.
func rewriteScenario(t *testing.T, file, text string, asked []block, answers [][]string) {
	t.Helper()
	lines := strings.Split(text, "\n")
	var out []string
	at := 0
	for i := range asked {
		b := &asked[i]
		if b.words[0] != "query" {
			continue
		}
		out = append(out, lines[at:b.line]...)
		for _, a := range answers[i] {
			out = append(out, "    "+a)
		}
		at = b.end
	}
	out = append(out, lines[at:]...)
	err := os.WriteFile(file, []byte(strings.Join(out, "\n")), 0o644)
	if err != nil {
		t.Fatal(err)
	}
}

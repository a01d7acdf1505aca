package transfer

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"inside53/resolver"
	"inside53/resolver/history"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/server/share"
	"inside53/server/tsig"
	"inside53/zonesource/statedir"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

const (
	// transferWorkers is how many transfers go out at a time.
	transferWorkers = 16
	// transferPlaces is how many may be on their way or wait for it, those of one client
	// half of that; and of those that go out at a time, half may be of one client.
	transferPlaces = 256
)

// Stream accepts the messages of one answer, from one goroutine.
type Stream interface {
	// Send sends a message, which is borrowed until it returns. It waits for a client
	// that reads slowly; the error says that the client is gone.
	Send(message []byte) error
	// End is called once, after the last message; with Dropped where the answer isn't whole.
	End(result resolver.Result)
	// Finish is called in place of both where one message is the answer. It doesn't wait.
	Finish(answer []byte, result resolver.Result)
}

// Options make a [Server].
type Options struct {
	// Resolver has the snapshots that zones are made of, and is given their serials.
	Resolver *resolver.Resolver
	// Ask asks upstreams for the records of a type of a name, at the end of CNAMEs; the zero
	// RRset says that there are none. Their TTL is [TargetTTL].
	Ask func(ctx context.Context, upstreams []string, name []byte, rrtype uint16) (zone.RRset, error)
	// Primary reports whether a zone comes from elsewhere, from that address.
	Primary func(apex []byte, from netip.Addr) bool
	// Notified hands on a NOTIFY for a zone that comes from elsewhere, or returns why it is
	// refused: zone, client or key.
	Notified func(apex []byte, from netip.Addr, key string) (refused string)
	// Fleet knows the serials, and who has the zones, where another server leads; nil: this server
	// is alone.
	Fleet Fleet
	// Count counts a request by its kind (soa, axfr, ixfr, notify) and its outcome.
	Count func(kind, result string)
	// CountNotify counts what became of a NOTIFY to a secondary.
	CountNotify func(result string)
	// StateDir holds the histories of zones, below transfers.
	StateDir string
	// State watches StateDir; nil: nobody does.
	State *statedir.Dir
	Log   *slog.Logger
}

// Server answers secondaries and primaries: SOA, AXFR and IXFR questions of zones that
// are transferred, and NOTIFY for zones that come from elsewhere.
type Server struct {
	Options
	policy    atomic.Pointer[Policy]
	publisher *publisher
	notifier  *notifier
	queue     *share.Queue[job]
	outgoing  *share.Queue[relay] // to who leads
	refusals  refusals
}

// New returns a server that transfers nothing before [Server.SetPolicy].
func New(o Options) *Server {
	t := &Server{
		Options: o, notifier: newNotifier(o.CountNotify, o.Log), queue: share.NewQueue[job](transferBounds()),
		outgoing: share.NewQueue[relay](transferBounds()),
		refusals: refusals{log: o.Log, clients: map[netip.Addr]*refusal{}},
	}
	known := &aliases{ask: o.Ask, targets: map[aliasTarget]*aliasState{}}
	t.publisher = newPublisher(o.Resolver, t.policy.Load, known, t.notifier, o.StateDir, o.State, o.Log)
	t.publisher.fleet = o.Fleet
	if o.Fleet != nil {
		t.publisher.announcer = newAnnouncer(o.Fleet, t.publisher.notify)
	}
	return t
}

// SetPolicy makes p the one in force; nil transfers nothing.
func (t *Server) SetPolicy(p *Policy) {
	t.policy.Store(p)
	t.publisher.wake()
}

// Wake says that there is another snapshot, or another state of health. It never blocks.
func (t *Server) Wake() { t.publisher.wake() }

// On reports whether anything is transferred.
func (t *Server) On() bool { return t.policy.Load() != nil }

// Run publishes, sends transfers and notifies until ctx ends.
func (t *Server) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return t.publisher.run(ctx) })
	g.Go(func() error { return t.notifier.run(ctx) })
	g.Go(func() error { return t.sendAll(ctx) })
	if t.Fleet != nil {
		g.Go(func() error { return t.relayAll(ctx) })
		g.Go(func() error { return t.publisher.announcer.run(ctx) })
	}
	return g.Wait()
}

// Admits reports whether a packet is to be unpacked and given to [Server.Serve]: one of a
// client that the policy names by its address, or where any address will do by the name
// of its key. Nothing is built of what others send.
func (t *Server) Admits(p *resolver.Packet) bool {
	policy := t.policy.Load()
	if policy == nil || p.Class() != wire.ClassIN {
		return false
	}
	client := p.Client.Addr()
	switch {
	case p.Opcode() == wire.OpcodeNotify:
		return t.Primary(p.Name(), client)
	case p.Opcode() != wire.OpcodeQuery:
		return false
	}
	switch p.Type() {
	case wire.TypeSOA, wire.TypeIXFR, wire.TypeAXFR:
	default:
		return false
	}
	var name [wire.MaxName]byte
	key := p.Key(name[:0])
	if !slices.ContainsFunc(policy.Entries, func(e *Entry) bool { return e.concerns(client, key, p.Allowed()) }) {
		return false
	}
	return len(key) > 0 || policy.names(p.Name())
}

// Received is a message as it came.
type Received struct {
	Packet    []byte
	Client    netip.AddrPort
	Transport resolver.Transport
	Handed    bool   // on, by another server
	Out       []byte // the answer goes into Out[:0], up to its capacity
	// Stream suspends it, for an answer of many messages; nil where the transport has none.
	Stream func() Stream
	// Late suspends it, for an answer of one message.
	Late func() func([]byte, resolver.Result)
}

// Serve answers a message that may be for transfers; accepted is false for what is an
// ordinary question after all. What another
// server has handed on goes no further. Serve doesn't block.
func (t *Server) Serve(m Received) (answer []byte, result resolver.Result, accepted bool) {
	pkt := m.Packet
	policy := t.policy.Load()
	if policy == nil {
		return nil, 0, false
	}
	outline, err := tsig.Read(pkt)
	if err != nil || len(outline.Question) != 1 || outline.Question[0].Qclass != dns.ClassINET {
		return nil, 0, false // the resolver says what is wrong with it
	}
	signed, err := policy.Keys.Verify(pkt, outline)
	if err != nil {
		return nil, 0, false
	}
	q := request{
		Received: m, t: t, policy: policy, packet: pkt, m: outline.Msg, signature: signed, client: m.Client, tr: m.Transport,
		out: m.Out, stream: m.Stream,
	}
	apex, end := wire.AppendName(nil, pkt, wire.HeaderSize)
	if end < 0 {
		return nil, 0, false
	}
	wire.Lower(apex)
	q.apex = apex
	if signed != nil && !signed.Good() {
		q.refuse(reasonKey)
		answer, result = q.reject(dns.RcodeNotAuth)
		return answer, result, true
	}
	if outline.Opcode == dns.OpcodeNotify {
		return q.notify()
	}
	return q.answer()
}

// request is one request in work.
type request struct {
	Received
	t         *Server
	policy    *Policy
	packet    []byte
	m         *dns.Msg // its outline
	signature *tsig.Signature
	client    netip.AddrPort
	tr        resolver.Transport
	out       []byte
	stream    func() Stream
	apex      []byte
}

// notify accepts NOTIFY (RFC 1996 section 3.11) for a zone that comes from elsewhere.
func (q *request) notify() ([]byte, resolver.Result, bool) {
	reason := reasonZone
	if q.m.Question[0].Qtype == dns.TypeSOA && q.isElsewhere() {
		return q.relay()
	}
	if q.m.Question[0].Qtype == dns.TypeSOA {
		reason = q.t.Notified(q.apex, q.client.Addr(), q.signature.KeyName())
	}
	if reason != "" {
		q.refuse(reason)
		if q.signature == nil {
			return nil, 0, false
		}
		answer, result := q.reject(dns.RcodeRefused)
		return answer, result, true
	}
	q.t.Count("notify", "ok")
	answer, result := q.pack(q.response(), resolver.Local)
	return answer, result, true
}

// answer answers SOA, IXFR and AXFR.
func (q *request) answer() ([]byte, resolver.Result, bool) {
	qtype := q.m.Question[0].Qtype
	snap := q.t.publisher.resolver.Snapshot()
	entry := q.policy.find(q.apex, q.signature.KeyName(), q.client.Addr(), viewOf(snap, q.client.Addr()))
	if entry == nil {
		ordinary := qtype == dns.TypeSOA && (q.signature == nil || !q.policy.names(q.apex))
		if !ordinary {
			q.refuse(q.policy.reason(q.apex, q.client.Addr()))
		}
		if ordinary || q.signature == nil {
			return nil, 0, false // the resolver refuses it, or answers
		}
		answer, result := q.reject(dns.RcodeRefused)
		return answer, result, true
	}
	isCatalog := string(entry.Catalog) == string(q.apex)
	if !isCatalog && q.t.Fenced(entry.View, q.apex) || isCatalog && q.t.Fenced("", q.apex) {
		q.t.Count(q.kind(), "failed")
		answer, result := q.reject(dns.RcodeServerFailure)
		return answer, result, true
	}
	if q.isElsewhere() {
		if qtype == dns.TypeSOA && entry.View == viewOf(snap, q.client.Addr()) && !isCatalog {
			return nil, 0, false // the resolver knows the serial
		}
		if qtype == dns.TypeSOA && !q.Handed {
			v := q.t.publisher.committed(entry, q.apex)
			if v != nil {
				answer, result := q.one(content{version: v})
				return answer, result, true
			}
		}
		return q.relay()
	}
	z, complete := q.t.publisher.zone(entry, q.apex)
	if z == nil {
		if qtype == dns.TypeSOA && q.signature == nil {
			return nil, 0, false
		}
		rcode := dns.RcodeNotAuth
		if complete {
			q.refuse(reasonView)
		} else {
			rcode = dns.RcodeServerFailure
			q.t.Count(q.kind(), "failed")
		}
		answer, result := q.reject(rcode)
		return answer, result, true
	}
	v := z.Version()
	switch {
	case qtype == dns.TypeSOA:
		answer, result := q.one(content{version: v})
		return answer, result, true
	case qtype == dns.TypeAXFR && q.tr == resolver.UDP:
		answer, result := q.reject(dns.RcodeRefused) // RFC 5936 section 4.2
		return answer, result, true
	case qtype == dns.TypeAXFR:
		return q.transfer(content{version: v, whole: true})
	}
	return q.incremental(z)
}

// incremental answers IXFR (RFC 1995): with differences where the journal has them, with
// the whole zone by TCP, by UDP with the SOA alone.
func (q *request) incremental(z *history.Zone) ([]byte, resolver.Result, bool) {
	serial, ok := q.serial()
	if !ok {
		answer, result := q.reject(dns.RcodeFormatError)
		return answer, result, true
	}
	v, deltas, ok := z.Since(serial)
	c := content{version: v, deltas: deltas, whole: !ok}
	if serial == v.Serial || history.After(serial, v.Serial) {
		c = content{version: v} // the SOA alone: the client has it all (section 2)
	}
	if q.tr != resolver.UDP {
		return q.transfer(c)
	}
	q.t.Count("ixfr", "udp")
	// Names are compressed: twice as much may go into the message, and not more.
	if !c.whole && c.fits(2*q.udpSize()) {
		answer, result := q.one(c)
		if result != resolver.Dropped && len(answer) <= q.udpSize() {
			return answer, result, true
		}
	}
	answer, result := q.one(content{version: v})
	return answer, result, true
}

// one answers with records in one message.
func (q *request) one(c content) ([]byte, resolver.Result) {
	var m message
	err := m.begin(q.m)
	if err != nil {
		return q.unpacked(err)
	}
	for r := range c.records(q.apex) {
		m.add(r)
	}
	msg, err := q.signature.Sequence().Sign(m.finish(q.m.IsEdns0() != nil))
	if err != nil || len(msg) > cap(q.out) {
		return q.unpacked(err)
	}
	return append(q.out[:0], msg...), resolver.Local
}

// unpacked drops an answer that can't be made, or is too large.
func (q *request) unpacked(err error) ([]byte, resolver.Result) {
	if err != nil {
		q.t.Log.Error("answer to a secondary can't be packed", "client", q.client.String(), "error", err)
	}
	return nil, resolver.Dropped
}

// serial returns the serial that the client has: that of the SOA record in the authority
// section (RFC 1995 section 3).
func (q *request) serial() (uint32, bool) {
	at := wire.SkipName(q.packet, wire.HeaderSize) + wire.QuestionFixed
	for range binary.BigEndian.Uint16(q.packet[wire.AtAnswers:]) {
		at = wire.SkipRecord(q.packet, at)
	}
	for range binary.BigEndian.Uint16(q.packet[wire.AtAuthority:]) {
		r, end := wire.ReadRecord(q.packet, at)
		const numbers = 5 * 4 // behind the names; the serial is the first
		if numbersAt := wire.SkipName(r.Data, wire.SkipName(r.Data, 0)); r.Type == wire.TypeSOA && !r.Odd &&
			numbersAt > 0 && len(r.Data) == numbersAt+numbers {
			return binary.BigEndian.Uint32(r.Data[numbersAt:]), true
		}
		at = end
	}
	return 0, false
}

// transfer hands the answer to the workers.
func (q *request) transfer(c content) ([]byte, resolver.Result, bool) {
	if q.stream == nil {
		q.t.full(q.client, q.apex, q.kind(), q.keyName())
		answer, result := q.reject(dns.RcodeServerFailure)
		return answer, result, true
	}
	j := job{asked: q.m, signature: q.signature, content: c, stream: q.stream(), client: q.client, apex: q.apex}
	for _, gone := range q.t.queue.Push(q.client.Addr(), 0, j) {
		q.t.full(gone.client, gone.apex, typeLabel(gone.asked.Question[0].Qtype), gone.signature.KeyName())
		gone.fail()
	}
	return nil, resolver.Local, true
}

// full counts and logs a transfer that there is no room for.
func (t *Server) full(client netip.AddrPort, apex []byte, kind, key string) {
	t.Count(kind, "dropped")
	t.refusals.note(time.Now(), client.Addr(), apex, kind, key, reasonFull)
}

// fail says to a client that its transfer has lost its place: it asks again.
func (j *job) fail() {
	m := responseTo(j.asked)
	m.Authoritative, m.Rcode = false, dns.RcodeServerFailure
	answer, err := j.signature.Pack(m)
	if err != nil {
		answer = nil
	}
	j.stream.Finish(answer, resolver.ServFail)
}

// kind is what is asked for, as metrics and log have it.
func (q *request) kind() string {
	if q.m.Opcode == dns.OpcodeNotify {
		return "notify"
	}
	return typeLabel(q.m.Question[0].Qtype)
}

// response returns the beginning of an answer.
func (q *request) response() *dns.Msg { return responseTo(q.m) }

// responseTo returns the beginning of an answer to a request.
func responseTo(request *dns.Msg) *dns.Msg {
	m := &dns.Msg{
		MsgHdr: dns.MsgHdr{
			Id:               request.Id,
			Response:         true,
			Opcode:           request.Opcode,
			Authoritative:    true,
			RecursionDesired: request.RecursionDesired,
		},
		Question: request.Question,
	}
	if request.IsEdns0() != nil {
		opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
		opt.SetUDPSize(1232)
		m.Extra = append(m.Extra, opt)
	}
	return m
}

// udpSize is the most that an answer by UDP may have.
func (q *request) udpSize() int {
	size := dns.MinMsgSize
	opt := q.m.IsEdns0()
	if opt != nil {
		size = max(size, min(int(opt.UDPSize()), 1232))
	}
	return min(size, cap(q.out))
}

func (q *request) reject(rcode int) ([]byte, resolver.Result) {
	m := q.response()
	m.Authoritative = false
	m.Rcode = rcode
	switch rcode {
	case dns.RcodeFormatError:
		return q.pack(m, resolver.FormErr)
	case dns.RcodeServerFailure:
		return q.pack(m, resolver.ServFail)
	}
	return q.pack(m, resolver.Refused)
}

// pack writes an answer of one message.
func (q *request) pack(m *dns.Msg, result resolver.Result) ([]byte, resolver.Result) {
	wire, err := q.signature.Pack(m)
	if err != nil || len(wire) > cap(q.out) {
		return q.unpacked(err)
	}
	return append(q.out[:0], wire...), result
}

// viewOf returns the name of the view of an address, or "".
func viewOf(snap *zone.Snapshot, addr netip.Addr) string {
	c := snap.Client(addr)
	if c.View < 0 {
		return ""
	}
	return snap.Views[c.View].Name
}

func typeLabel(qtype uint16) string { return strings.ToLower(dns.TypeToString[qtype]) }

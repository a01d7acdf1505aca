package resolver

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"inside53/resolver/forward"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// Worker answers queries for one goroutine.
type Worker struct {
	r        *Resolver
	x        *exchange
	random   *rand.PCG
	expected expected
	handler  Handler
	packet   Packet // for the handler
	tally    tally
	touches  touches
	outbox   *forward.Outbox // questions for upstreams, between Fetch and Flush
}

// NewWorker returns a worker. It isn't safe for concurrent use.
func (r *Resolver) NewWorker() *Worker {
	w := &Worker{r: r, x: r.exchange(), random: rand.NewPCG(rand.Uint64(), rand.Uint64())}
	w.x.cell = int(1 + r.workers.Add(1)%(cells-1))
	w.x.touches = &w.touches
	w.outbox = r.forwarder.NewOutbox()
	return w
}

// HandleWith makes h the one that sees packets before they are answered that are more
// than a question.
func (w *Worker) HandleWith(h Handler) { w.handler = h }

// exchange is one query with its answer in the making. It stays with the worker; of a query
// that has to wait a [waiting] is kept, from which another exchange goes on.
type exchange struct {
	q        Query
	a        Answer
	state    *state
	resolver *Resolver
	touches  *touches        // of the worker; nil for what goes on without one
	outbox   *forward.Outbox // for what is asked; nil: at once
	finish   func(answer []byte, result Result)
	since    time.Time                        // when finish was given; before that, when the query came, if it is wanted
	observe  func(x *exchange, answer []byte) // sees a late answer before finish; nil for none
	small    [4096]byte                       // for a late answer over UDP
	cell     int                              // of Resolver.cells
}

// release lets go of the query's state, so that an exchange that waits for its next query
// keeps no snapshot of the past.
func (x *exchange) release() {
	x.finish, x.observe, x.state, x.since = nil, nil, nil, time.Time{}
	x.a.release()
}

func (r *Resolver) exchange() *exchange { return r.exchanges.Get().(*exchange) }

// Serve answers the query in pkt from client. It writes the answer into out[:0] up
// to its capacity (at least 512) and returns it; nil says that nothing is to be
// sent now: the packet was no query, or s.Suspend was called and the answer comes
// that way. pkt is borrowed until Serve returns. Serve never blocks, and doesn't
// allocate unless an upstream has to be asked.
func (w *Worker) Serve(pkt []byte, client netip.AddrPort, tr Transport, out []byte, s Suspender) ([]byte, Result) {
	answer, result := w.serve(pkt, client, tr, out, s)
	w.x.release()
	return answer, result
}

// serve is Serve, after which the exchange may still be looked at.
func (w *Worker) serve(pkt []byte, client netip.AddrPort, tr Transport, out []byte, s Suspender) ([]byte, Result) {
	x, r := w.x, w.r
	q, a := &x.q, &x.a
	q.Client, q.port, q.Transport = client.Addr(), client.Port(), tr
	q.Now, q.Rand = r.now.Load(), w.random.Uint64()
	v := q.inspect(pkt)
	if v == ignored {
		return nil, Dropped
	}
	x.state = r.state.Load()
	messages := x.state.messages()
	missed := messages != nil && !messages.Takes(pkt, client)
	if messages != nil && !missed || x.state.watch != nil && x.state.watch.timed {
		x.since = time.Now()
	}
	if w.handler != nil && (v == refused || v == accepted && q.concerns()) {
		answer, result, done := w.handle(pkt, client, tr, out, s)
		if done {
			return answer, result
		}
	}
	shown := messages != nil && !x.isProbe()
	switch {
	case shown && missed:
		w.tally.missed++
	case shown:
		messages.Question(pkt, client, tr)
	}
	if x.admit(v, pkt) {
		x.resolve()
	}
	if a.need {
		x.finish, x.since = s.Suspend(), time.Now()
		x.ask()
		return nil, Forwarded
	}
	x.count(&w.tally)
	answer := appendResponse(out, q, a, x.state.snap, r.limits)
	switch {
	case shown && missed:
		w.tally.missed++
	case shown:
		messages.Answer(answer, client, tr, time.Since(x.since))
	}
	return answer, a.Result
}

// handle shows a packet to the handler.
func (w *Worker) handle(pkt []byte, client netip.AddrPort, tr Transport, out []byte, s Suspender) (answer []byte,
	result Result, done bool) {
	w.packet = Packet{
		Bytes: pkt, Client: client, Transport: tr, Out: out, Suspender: s, worker: w, query: &w.x.q, snap: w.x.state.snap,
	}
	answer, result, done = w.handler.Handle(&w.packet)
	if done && len(answer) > 0 {
		h := w.packet.Handled()
		h.Question(pkt)
		h.Answer(answer, result)
	}
	w.packet = Packet{}
	return answer, result, done
}

// admit answers what is no question for anybody; true when the decision begins. Nothing is
// read of the packet that the door has not read, before it is known that its client may ask.
func (x *exchange) admit(v verdict, pkt []byte) bool {
	q, a := &x.q, &x.a
	client := x.state.snap.Client(q.Client)
	var view *zone.View
	if client.View >= 0 {
		view = x.state.snap.Views[client.View]
	}
	a.reset(view, q)
	switch {
	case v == malformed:
		a.reject(wire.RcodeFormErr, FormErr)
	case v == badOpcode:
		a.reject(wire.RcodeNotImp, NotImp)
	case !client.Allowed:
		a.fail(wire.RcodeRefused, wire.EDEProhibited, pending)
		a.edeText = "address not allowed"
	case v == refused:
		a.reject(wire.RcodeRefused, Refused)
	case x.asksReadiness():
		x.ready()
	case view == nil:
		a.fail(wire.RcodeRefused, wire.EDEProhibited, pending)
		a.edeText = "no view for this address"
	case q.options.from < q.options.to && !x.options(pkt):
		a.reject(wire.RcodeFormErr, FormErr)
	case q.version != 0:
		a.reject(wire.RcodeBadVers, BadVers) // RFC 6891 section 6.1.3
	case q.Class == wire.ClassCHAOS:
		x.chaos()
	case q.Class != wire.ClassIN:
		a.reject(wire.RcodeRefused, Refused)
	case isMeta(q.Type):
		x.metaType()
	default:
		return true
	}
	return false
}

// asksReadiness reports whether a question is for the readiness of this server. Balancers
// need no view.
func (x *exchange) asksReadiness() bool {
	return x.q.Class == wire.ClassIN && x.q.version == 0 && string(x.q.Name()) == readyName
}

// options reads the EDNS options; false when they are malformed. The client subnet counts if
// the client is trusted with it.
func (x *exchange) options(pkt []byte) bool {
	if !x.q.parseOptions(pkt) {
		return false
	}
	if x.q.ECS.IsValid() && !x.state.snap.Trusted(x.q.Client) {
		x.q.ECS = netip.Prefix{}
	}
	return true
}

// isMeta reports whether a type isn't data (RFC 6895 section 3.1). ANY has an answer
// all the same.
func isMeta(t uint16) bool { return t >= 128 && t < zone.TypeANY || t == wire.TypeOPT || t == 0 }

// metaType answers questions for types that aren't data (RFC 6895 section 3.1).
func (x *exchange) metaType() {
	switch x.q.Type {
	case wire.TypeIXFR, wire.TypeAXFR:
		x.a.reject(wire.RcodeRefused, Refused)
	case wire.TypeOPT, 0:
		x.a.reject(wire.RcodeFormErr, FormErr)
	default:
		x.a.reject(wire.RcodeNotImp, NotImp)
	}
}

// chaos answers who we are (RFC 4892).
func (x *exchange) chaos() {
	text := ""
	switch string(x.q.Name()) {
	case "\x02id\x06server\x00", "\x08hostname\x04bind\x00":
		text = x.resolver.identity.is()
	case "\x07version\x06server\x00", "\x07version\x04bind\x00":
		text = x.resolver.options.Version
	}
	if text == "" || x.q.Type != zone.TypeTXT && x.q.Type != zone.TypeANY {
		x.a.reject(wire.RcodeRefused, Refused)
		return
	}
	text = text[:min(len(text), 255)]
	var room [1 + 255]byte
	rdata := append(append(room[:0], byte(len(text))), text...)
	made := x.a.makeRecord(zone.TypeTXT, 0, rdata)
	made[5] = wire.ClassCHAOS
	x.a.AA = true
	x.a.add(inAnswer, 1, made)
}

// deliver encodes a late answer and hands it to the transport.
func (x *exchange) deliver() {
	r, out := x.resolver, x.small[:0]
	x.count(nil)
	if x.q.Transport != UDP {
		buf := r.buffers.Get().(*[]byte)
		defer r.buffers.Put(buf)
		out = (*buf)[:0]
	}
	answer := appendResponse(out, &x.q, &x.a, x.state.snap, r.limits)
	if x.observe != nil {
		x.observe(x, answer)
	} else if messages := x.state.messages(); messages != nil {
		client := netip.AddrPortFrom(x.q.Client, x.q.port)
		messages.Answer(answer, client, x.q.Transport, time.Since(x.since))
	}
	x.finish(answer, x.a.Result)
	x.countLate()
}

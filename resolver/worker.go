package resolver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"inside53/resolver/forward"
	"inside53/resolver/zone"
)

// Options configure a Resolver. The zero value of each field means its default.
type Options struct {
	UDPSize       uint16        // largest UDP response, octets: 1232
	KeepAlive     time.Duration // idle time of TCP connections, told to those who ask (RFC 7828): 10s
	ID            string        // answer to id.server. CH TXT (RFC 4892); "" refuses
	Version       string        // answer to version.server. CH TXT; "" refuses
	SampleQueries uint64        // one query in so many is logged; 0 none
	Log           *slog.Logger
	Now           func() time.Time // for tests; nil: time.Now
}

// Resolver answers queries from the snapshot that was published last and from the
// forwarder. All methods are safe for concurrent use.
type Resolver struct {
	options   Options
	limits    limits
	forwarder *forward.Forwarder
	state     atomic.Pointer[state]
	now       atomic.Int64 // Unix seconds, for caches: kept by Run
	exchanges sync.Pool
	buffers   sync.Pool // of *[]byte, 64 KiB: late answers over TCP

	mu sync.Mutex // orders publications
}

// state is all that a query sees. It is loaded once a query.
type state struct {
	snap   *zone.Snapshot
	live   *zone.Live
	groups []*forward.Group // by index of snap.Forwarders
}

// New returns a Resolver that refuses everybody until the first snapshot is published.
func New(f *forward.Forwarder, o Options) *Resolver {
	if o.UDPSize == 0 {
		o.UDPSize = 1232
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Resolver{options: o, forwarder: f}
	r.limits = limits{udp: o.UDPSize, keepAlive: uint16(min(o.KeepAlive/(100*time.Millisecond), 65535))}
	r.exchanges.New = func() any {
		x := &exchange{resolver: r}
		x.done = x.resume
		return x
	}
	r.buffers.New = func() any {
		b := make([]byte, 0, 65535)
		return &b
	}
	r.now.Store(o.Now().Unix())
	r.state.Store(&state{snap: &zone.Snapshot{Inventory: zone.NewInventory(nil, nil)}, live: &zone.Live{}})
	return r
}

// Publish makes a snapshot the one that queries see from now on. An error is of an
// upstream that can't be used; then nothing has changed.
func (r *Resolver) Publish(snap *zone.Snapshot) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	groups := make([]*forward.Group, len(snap.Forwarders))
	for i, f := range snap.Forwarders {
		g, err := r.forwarder.Group(forward.GroupSpec{Upstreams: f.Upstreams})
		if err != nil {
			return fmt.Errorf("forwarder %v: %w", f.Upstreams, err)
		}
		groups[i] = g
	}
	if snap.Inventory == nil {
		return errors.New("snapshot without an inventory")
	}
	r.state.Store(&state{snap: snap, live: r.state.Load().live, groups: groups})
	r.forwarder.Retain(groups)
	return nil
}

// PublishLive makes a table of health the one that queries see from now on. The serials
// stay.
func (r *Resolver) PublishLive(live *zone.Live) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := *r.state.Load()
	with := *live
	with.Serials = next.live.Serials
	next.live = &with
	r.state.Store(&next)
}

// PublishSerials makes a table of serials (see [zone.Live]) the one that queries see from
// now on. It is immutable.
func (r *Resolver) PublishSerials(serials map[string]map[string]uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := *r.state.Load()
	with := *next.live
	with.Serials = serials
	next.live = &with
	r.state.Store(&next)
}

// Snapshot returns the snapshot in use.
func (r *Resolver) Snapshot() *zone.Snapshot { return r.state.Load().snap }

// Run keeps the clock of the queries until ctx ends.
func (r *Resolver) Run(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			r.now.Store(r.options.Now().Unix())
		}
	}
}

// Worker answers queries for one goroutine.
type Worker struct {
	r        *Resolver
	x        *exchange
	random   *rand.PCG
	expected expected
}

// NewWorker returns a worker. It isn't safe for concurrent use.
func (r *Resolver) NewWorker() *Worker {
	return &Worker{r: r, x: r.exchange(), random: rand.NewPCG(rand.Uint64(), rand.Uint64())}
}

// exchange is one query with its answer in the making. It stays with the worker
// while it can be answered at once; when it has to wait, it goes with the question
// and the worker takes another one.
type exchange struct {
	q        Query
	a        Answer
	state    *state
	resolver *Resolver
	finish   func(answer []byte, result Result)
	done     func(*forward.Message, error) // resume, bound once
	small    [4096]byte                    // for a late answer over UDP
}

func (r *Resolver) exchange() *exchange { return r.exchanges.Get().(*exchange) }

// Serve answers the query in pkt from client. It writes the answer into out[:0] up
// to its capacity (at least 512) and returns it; nil says that nothing is to be
// sent now: the packet was no query, or s.Suspend was called and the answer comes
// that way. pkt is borrowed until Serve returns. Serve never blocks, and doesn't
// allocate unless an upstream has to be asked.
func (w *Worker) Serve(pkt []byte, client netip.AddrPort, tr Transport, out []byte, s Suspender) ([]byte, Result) {
	x, r := w.x, w.r
	q, a := &x.q, &x.a
	q.Client, q.Transport, q.Now, q.Rand = client.Addr(), tr, r.now.Load(), w.random.Uint64()
	v := q.parse(pkt)
	if v == ignored {
		return nil, Dropped
	}
	x.state = r.state.Load()
	if x.admit(v) {
		x.resolve()
	}
	if a.need {
		x.finish = s.Suspend()
		w.x = r.exchange()
		x.ask()
		return nil, Forwarded
	}
	if n := r.options.SampleQueries; n > 0 && q.Rand%n == 0 {
		r.sample(x)
	}
	return appendResponse(out, q, a, x.state.snap, r.limits), a.Result
}

// admit answers what is no question for anybody; true when the decision begins.
func (x *exchange) admit(v verdict) bool {
	q, a := &x.q, &x.a
	client := x.state.snap.Client(q.Client)
	var view *zone.View
	if client.View >= 0 {
		view = x.state.snap.Views[client.View]
	}
	a.reset(view, q)
	if q.ECS.IsValid() && !x.state.snap.Trusted(q.Client) {
		q.ECS = netip.Prefix{}
	}
	switch {
	case v == malformed:
		a.reject(rcodeFormErr, FormErr)
	case v == badOpcode:
		a.reject(rcodeNotImp, NotImp)
	case v == badVers:
		a.reject(rcodeBadVers, BadVers)
	case v == refused:
		a.reject(rcodeRefused, Refused)
	case !client.Allowed:
		a.fail(rcodeRefused, edeProhibited, pending)
		a.edeText = "address not allowed"
	case view == nil:
		a.fail(rcodeRefused, edeProhibited, pending)
		a.edeText = "no view for this address"
	case q.Class == classCHAOS:
		x.chaos()
	case q.Class != classIN:
		a.reject(rcodeRefused, Refused)
	case isMeta(q.Type):
		x.metaType()
	default:
		return true
	}
	return false
}

const (
	classIN    = 1
	classCHAOS = 3

	typeIXFR = 251
	typeAXFR = 252
)

// isMeta reports whether a type isn't data (RFC 6895 section 3.1). ANY has an answer
// all the same.
func isMeta(t uint16) bool { return t >= 128 && t < zone.TypeANY || t == typeOPT || t == 0 }

// metaType answers questions for types that aren't data (RFC 6895 section 3.1).
func (x *exchange) metaType() {
	switch x.q.Type {
	case typeIXFR, typeAXFR:
		x.a.reject(rcodeRefused, Refused)
	case typeOPT, 0:
		x.a.reject(rcodeFormErr, FormErr)
	default:
		x.a.reject(rcodeNotImp, NotImp)
	}
}

// chaos answers who we are (RFC 4892).
func (x *exchange) chaos() {
	text := ""
	switch string(x.q.Name()) {
	case "\x02id\x06server\x00", "\x08hostname\x04bind\x00":
		text = x.resolver.options.ID
	case "\x07version\x06server\x00", "\x07version\x04bind\x00":
		text = x.resolver.options.Version
	}
	if text == "" || x.q.Type != zone.TypeTXT && x.q.Type != zone.TypeANY {
		x.a.reject(rcodeRefused, Refused)
		return
	}
	text = text[:min(len(text), 255)]
	made := x.a.makeRecord(zone.TypeTXT, 0, append([]byte{byte(len(text))}, text...))
	made[5] = classCHAOS
	x.a.AA = true
	x.a.add(item{count: 1, data: made})
}

// deliver encodes a late answer and hands it to the transport.
func (x *exchange) deliver() {
	r := x.resolver
	if n := r.options.SampleQueries; n > 0 && x.q.Rand%n == 0 {
		r.sample(x)
	}
	if x.q.Transport == UDP {
		x.finish(appendResponse(x.small[:0], &x.q, &x.a, x.state.snap, r.limits), x.a.Result)
	} else {
		out := r.buffers.Get().(*[]byte)
		x.finish(appendResponse((*out)[:0], &x.q, &x.a, x.state.snap, r.limits), x.a.Result)
		r.buffers.Put(out)
	}
	x.finish, x.state = nil, nil
	r.exchanges.Put(x)
}

// sample writes a line of the query log.
func (r *Resolver) sample(x *exchange) {
	view := ""
	if x.a.View != nil {
		view = x.a.View.Name
	}
	r.options.Log.Info("query", "client", x.q.Client, "transport", x.q.Transport.String(), "view", view,
		"name", zone.String(x.q.Name()), "type", x.q.Type, "rcode", x.a.Rcode, "result", x.a.Result.String())
}

package resolver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"inside53/resolver/forward"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// Options configure a Resolver. The zero value of each field means its default.
type Options struct {
	UDPSize   uint16        // largest UDP response, octets: 1232
	KeepAlive time.Duration // idle time of TCP connections, told to those who ask (RFC 7828): 10s
	// ID returns who answers, for id.server. CH TXT (RFC 4892) and NSID (RFC 5001); nil and ""
	// refuse the one and leave the other out. It is asked at most four times a second.
	ID      func() string
	Version string // answer to version.server. CH TXT; "" refuses
	// Ready reports whether the server should be sent queries, for ready.inside53. TXT; nil:
	// always. It is asked at most four times a second.
	Ready func() bool
	Now   func() time.Time // for tests; nil: time.Now
}

// Resolver answers queries from the snapshot that was published last and from the
// forwarder. All methods are safe for concurrent use.
type Resolver struct {
	options    Options
	limits     limits
	forwarder  *forward.Forwarder
	state      atomic.Pointer[state]
	now        atomic.Int64 // Unix seconds, for caches: kept by Run
	rebindings atomic.Uint64
	readiness  readiness
	identity   identity
	exchanges  sync.Pool // of *exchange
	waiting    sync.Pool // of *waiting
	buffers    sync.Pool // of *[]byte, 64 KiB: late answers over TCP
	workers    atomic.Int64
	cells      [cells]cell
	watcher    watcher

	mu   sync.Mutex        // orders publications, and guards sick
	sick map[string]string // instances that are unhealthy from here; see PublishSick
}

// state is all that a query sees. It is loaded once a query.
type state struct {
	snap   *zone.Snapshot
	live   *zone.Live
	groups []*forward.Group // by index of snap.Forwarders
	views  []*viewCounts    // by index of snap.Views
	watch  *watching        // nil: nobody watches
}

// New returns a Resolver that refuses everybody until the first snapshot is published.
func New(f *forward.Forwarder, o Options) *Resolver {
	if o.UDPSize == 0 {
		o.UDPSize = 1232
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ID == nil {
		o.ID = func() string { return "" }
	}
	r := &Resolver{options: o, forwarder: f}
	r.identity.ask, r.identity.now = o.ID, o.Now
	r.limits = limits{udp: o.UDPSize, id: r.identity.is, keepAlive: uint16(min(o.KeepAlive/(100*time.Millisecond), 65535))}
	r.exchanges.New = func() any { return &exchange{resolver: r} }
	r.waiting.New = func() any {
		w := &waiting{resolver: r}
		w.done = w.resume
		return w
	}
	r.buffers.New = func() any {
		b := make([]byte, 0, 65535)
		return &b
	}
	r.readiness.ask = o.Ready
	r.watcher.wake = make(chan struct{}, 1)
	r.now.Store(o.Now().Unix())
	r.state.Store(&state{snap: &zone.Snapshot{Inventory: zone.NewInventory(nil, nil)}, live: &zone.Live{}})
	return r
}

// Publish makes a snapshot the one that queries see from now on. An error is of an
// upstream that can't be used; then nothing has changed.
func (r *Resolver) Publish(snap *zone.Snapshot) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if snap.Inventory == nil {
		return errors.New("snapshot without an inventory")
	}
	groups := make([]*forward.Group, len(snap.Forwarders))
	for i, f := range snap.Forwarders {
		g, err := r.forwarder.Group(forward.GroupSpec{Upstreams: f.Upstreams})
		if err != nil {
			r.forwarder.Release(groups[:i]...)
			return fmt.Errorf("forwarder %v: %w", f.Upstreams, err)
		}
		groups[i] = g
	}
	was := r.state.Load()
	views := was.views
	if len(snap.Views) == 0 || len(was.snap.Views) != len(snap.Views) || &snap.Views[0] != &was.snap.Views[0] {
		views = was.countsOf(snap.Views)
	}
	r.state.Store(&state{snap: snap, live: r.liveOf(was.live, snap), groups: groups, views: views, watch: was.watch})
	if len(was.groups) > 0 {
		r.forwarder.Release(was.groups...)
	}
	return nil
}

// PublishLive makes a table of health the one that queries see from now on, and reports
// whether any decision may be another one by it. The serials stay.
func (r *Resolver) PublishLive(live *zone.Live) (changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := *r.state.Load()
	with := *live
	with.Serials, with.Sick, with.Version = next.live.Serials, next.live.Sick, next.live.Version
	changed = !with.SameHealth(next.live)
	if changed {
		with.Version++
	}
	next.live = &with
	r.state.Store(&next)
	return changed
}

// PublishSick names the instances that are unhealthy as seen from here, with what is wrong
// with them: they leave the names that have healthy ones, besides those that the snapshot
// names. It reports whether any decision may be another one by it. sick is immutable.
func (r *Resolver) PublishSick(sick map[string]string) (changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sick = sick
	next := *r.state.Load()
	was := next.live
	next.live = r.liveOf(was, next.snap)
	r.state.Store(&next)
	return next.live.Version != was.Version
}

// liveOf returns a table with the unhealthy instances of a snapshot, and of those seen from
// here; the same table where these are the same. Call it with mu held.
func (r *Resolver) liveOf(was *zone.Live, snap *zone.Snapshot) *zone.Live {
	sick := r.sick
	switch {
	case len(sick) == 0:
		sick = snap.Vitals
	case len(snap.Vitals) > 0:
		sick = maps.Clone(snap.Vitals)
		maps.Copy(sick, r.sick)
	}
	if maps.Equal(sick, was.Sick) {
		return was
	}
	with := *was
	with.Sick = sick
	if !with.SameHealth(was) {
		with.Version++
	}
	return &with
}

// PublishSerials makes a table of serials (see [zone.Live]) the one that queries see from
// now on. It is immutable.
func (r *Resolver) PublishSerials(serials map[string]map[string]*atomic.Uint32) {
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

// Transport says how a query came in.
type Transport uint8

// The transports. The order is that of the metrics' label values.
const (
	UDP Transport = iota
	TCP
	Transports int = iota
)

// String returns the metric label of the transport.
func (t Transport) String() string {
	switch t {
	case UDP:
		return "udp"
	default:
		return "tcp"
	}
}

// Result classifies what became of one query, for the metrics and the query log.
type Result uint8

// The results of a query. Local ones come from our own data, Cached and
// Forwarded ones from an upstream.
const (
	Dropped Result = iota // no answer goes out: not a query, or shed under load
	Local
	LocalNoData
	LocalNXDomain
	LocalReferral
	Cached
	CachedStale
	Forwarded
	ServFail
	Refused
	FormErr
	NotImp
	BadVers
	Results int = iota
)

// Uncounted is the result of what no metric counts: questions of those who watch the server.
const Uncounted Result = 255

var resultNames = [Results]string{
	Dropped: "dropped", Local: "local", LocalNoData: "nodata", LocalNXDomain: "nxdomain",
	LocalReferral: "referral", Cached: "cached", CachedStale: "stale", Forwarded: "forwarded",
	ServFail: "servfail", Refused: "refused", FormErr: "formerr", NotImp: "notimp", BadVers: "badvers",
}

// String returns the metric label of the result.
func (r Result) String() string {
	if r == Uncounted {
		return "uncounted"
	}
	return resultNames[r]
}

// Suspender is the transport's side of a query that has to wait for an upstream.
type Suspender interface {
	// Suspend is called at most once, by [Worker.Serve], when the answer can't be
	// given now. It copies whatever the transport needs to answer later (the
	// packet and answer buffers are the transport's again when Serve returns) and
	// returns the function that sends the answer. That function is called exactly
	// once, from any goroutine, possibly before Serve has returned. Its answer
	// is borrowed until it returns; nil means that nothing is to be sent.
	Suspend() func(answer []byte, result Result)
}

// Handler sees what is more than a question before it is answered: UPDATE, NOTIFY,
// questions for SOA, IXFR and AXFR, and those with a TSIG record that ends them. It sees
// them from everybody: whether the client may, by its address and by the name of its key,
// is the first that it has to find out, and before that it does nothing that costs.
type Handler interface {
	// Handle answers as [Worker.Serve] does. When done is false it has not called the
	// Suspender, and the packet is answered as if nobody had seen it: UPDATE and NOTIFY
	// are refused. What it answers at once is counted and shown to who watches; what it
	// answers later is where it suspends by [Packet.Suspend], or calls [Packet.Handled].
	Handle(p *Packet) (answer []byte, result Result, done bool)
}

// Packet is a packet with what the door found in it. It is borrowed until Handle returns.
type Packet struct {
	Bytes     []byte
	Client    netip.AddrPort
	Transport Transport
	Out       []byte // the answer goes into Out[:0], up to its capacity
	Suspender Suspender

	worker *Worker
	query  *Query
	snap   *zone.Snapshot
}

// Allowed reports whether the client may ask questions.
func (p *Packet) Allowed() bool { return p.snap.Client(p.query.Client).Allowed }

// View returns the name of the client's view, or "".
func (p *Packet) View() string {
	client := p.snap.Client(p.query.Client)
	if client.View < 0 {
		return ""
	}
	return p.snap.Views[client.View].Name
}

// Opcode returns QUERY, NOTIFY or UPDATE.
func (p *Packet) Opcode() byte { return p.query.opcode }

// Name returns the name of the question or of the zone section, in lower-case wire form;
// empty where that isn't one.
func (p *Packet) Name() []byte { return p.query.Name() }

// Type and Class return those of the question or of the zone section; 0 where there is none.
func (p *Packet) Type() uint16  { return p.query.Type }
func (p *Packet) Class() uint16 { return p.query.Class }

// UDPSize returns how large an answer by UDP the client can read.
func (p *Packet) UDPSize() int { return int(p.query.UDPSize) }

// Signature returns where the TSIG record begins that ends the packet; 0 when there is
// none. Of an UPDATE with very many records it isn't known, and then seen is false.
func (p *Packet) Signature() (at int, seen bool) { return p.query.signature, !p.query.unseen }

// Key appends the name of the key that the packet is signed with, in lower-case wire form,
// to dst; empty for a packet without a signature.
func (p *Packet) Key(dst []byte) []byte {
	if p.query.signature == 0 {
		return dst[:0]
	}
	name, end := wire.AppendName(dst[:0], p.Bytes, p.query.signature)
	if end < 0 {
		return dst[:0]
	}
	wire.Lower(name)
	return name
}

package forward

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"inside53/resolver/datagram"
)

// Options configure a Forwarder. The zero value of each field means its default.
type Options struct {
	// Entries is how many answers the cache holds, 200000 by default, and Bytes their memory,
	// 256 MiB by default, as far as it can be counted. An answer takes about 300 bytes. Each of
	// the cache's parts, 64 at most, has its part of both, and room for two messages of any size.
	Entries, Bytes int
	// InFlight is how many questions are under way to upstreams: 8192. A group has three
	// quarters of them at most, and a zone outside half.
	InFlight  int
	Waiters   int // askers waiting for them: 32768
	PerClient int // of them, those of one client (an IPv4 address, a /64 of IPv6) in one group: 1024
	// Sockets is how many UDP sockets are open before used ones are no longer replaced by others on
	// new ports, but go on with new ids: 256. An upstream has one in any case.
	Sockets int

	Budget     time.Duration // for one question, all upstreams and retries together: 4.5s, since clients wait for 5
	StaleAfter time.Duration // after which a stale answer is better than waiting (RFC 8767 section 5): 1.8s
	RetryMin   time.Duration // least wait for an upstream before the next one is asked: 200ms
	RetryMax   time.Duration // longest: 1.5s

	RootCAs *x509.CertPool   // that certify tls:// upstreams; nil: the system's
	Logger  *slog.Logger     // upstreams going down and up; nil: none
	Now     func() time.Time // for the lifetimes of answers; nil: time.Now

	grace time.Duration // for which a group without owners works: as long as clients wait
}

// check fills in defaults.
func (o *Options) check() error {
	var faults []error
	count := func(name string, value *int, standard int) {
		if *value < 0 {
			faults = append(faults, fmt.Errorf("%s is %d: want a positive number", name, *value))
		}
		if *value == 0 {
			*value = standard
		}
	}
	span := func(name string, value *time.Duration, standard time.Duration) {
		if *value < 0 {
			faults = append(faults, fmt.Errorf("%s is %s: want a positive duration", name, *value))
		}
		if *value == 0 {
			*value = standard
		}
	}
	count("entries", &o.Entries, 200_000)
	count("bytes", &o.Bytes, 256<<20)
	count("in flight", &o.InFlight, 8192)
	count("waiters", &o.Waiters, 32768)
	count("per client", &o.PerClient, 1024)
	count("sockets", &o.Sockets, 256)
	span("budget", &o.Budget, 4500*time.Millisecond)
	span("stale after", &o.StaleAfter, 1800*time.Millisecond)
	span("retry min", &o.RetryMin, 200*time.Millisecond)
	span("retry max", &o.RetryMax, 1500*time.Millisecond)
	span("grace", &o.grace, 5*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return errors.Join(faults...)
}

const flightShards = 64

// The states of a Forwarder.
const (
	idle int32 = iota
	running
	ended
)

// Forwarder asks upstreams and caches what they say. All methods are safe for
// concurrent use.
type Forwarder struct {
	options  Options
	log      *slog.Logger
	epoch    time.Time
	cache    *cache
	flights  [flightShards]flightShard
	wheel    wheel
	finished queue
	openings chan opening
	starts   chan func(context.Context) // goroutines for Run to start
	state    atomic.Int32
	stopped  chan struct{} // Run starts no more goroutines

	readersGone chan struct{} // all goroutines but the workers have ended

	connMu sync.Mutex
	conns  map[net.Conn]struct{} // open; nil when Run has ended
	udp    atomic.Int64          // UDP sockets that are open

	buffers  sync.Pool // of *[]byte, for queries
	readers  sync.Pool // of *reader
	posting  sync.Pool // of *datagram.Batch, for queries
	spare    sync.Pool // of *flight, cleared
	tables   sync.Pool // of map[uint16]pending, empty
	sessions tls.ClientSessionCache

	mu        sync.Mutex // guards what follows
	groups    map[string]*Group
	upstreams map[string]*upstream
	lastID    uint32
	rates     map[string]int       // packets a second, by text of the upstream
	sweeping  bool                 // sweep runs
	awaiting  map[string][]savable // restored, by the key of the group that isn't there yet

	byAddr    atomic.Pointer[map[netip.Addr][]*upstream]
	groupList atomic.Pointer[[]*Group]
	limited   atomic.Pointer[[]*upstream] // those with a budget

	messages    atomic.Pointer[Messages]
	rounds      atomic.Pointer[Rounds]
	shares      shares
	completing  atomic.Int64 // askers that wait to be told
	full, loops atomic.Uint64
	packets     atomic.Uint64
}

// New returns a forwarder without groups, which works while [Forwarder.Run] runs.
func New(options Options) (*Forwarder, error) {
	err := options.check()
	if err != nil {
		return nil, fmt.Errorf("options of the forwarder: %w", err)
	}
	f := &Forwarder{
		options: options, log: options.Logger, epoch: time.Now(),
		cache:    newCache(options.Entries, options.Bytes),
		wheel:    wheel{wake: make(chan struct{}, 1)},
		finished: queue{wake: make(chan struct{}, workers())},
		openings: make(chan opening, min(options.InFlight, 1024)),
		starts:   make(chan func(context.Context)),
		stopped:  make(chan struct{}), readersGone: make(chan struct{}),
		conns:    make(map[net.Conn]struct{}),
		buffers:  sync.Pool{New: func() any { return new([]byte) }},
		readers:  sync.Pool{New: newReader},
		spare:    sync.Pool{New: func() any { return new(flight) }},
		tables:   sync.Pool{New: func() any { return make(map[uint16]pending, perSocket/2) }},
		posting:  sync.Pool{New: func() any { return datagram.NewBatch(queriesMax, queryRoom) }},
		sessions: tls.NewLRUClientSessionCache(64),
		groups:   make(map[string]*Group), upstreams: make(map[string]*upstream),
	}
	f.shares.init(options)
	for i := range f.flights {
		f.flights[i].table = make(map[uint64]*flight)
	}
	return f, nil
}

// workers is the size of the pool.
func workers() int { return max(16, 4*runtime.GOMAXPROCS(0)) }

// clock is the time since the forwarder was made. It never jumps.
func (f *Forwarder) clock() time.Duration { return time.Since(f.epoch) }

// Cached looks q up at now, Unix seconds. It allocates nothing and never waits
// for an upstream.
func (f *Forwarder) Cached(g *Group, q *Question, now int64) Lookup {
	return f.cache.lookup(g.id, q, now)
}

// Run does the forwarder's work until ctx ends; it may be called once. When it
// returns, everybody who asked has been told, those still waiting with [ErrClosed],
// and all sockets are closed. The error is nil unless Run ran before.
func (f *Forwarder) Run(ctx context.Context) error {
	if !f.state.CompareAndSwap(idle, running) {
		return errors.New("forwarder has been run before")
	}
	var pool, others sync.WaitGroup
	for range workers() {
		pool.Go(f.work)
	}
	others.Go(func() { f.turn(ctx) })
	others.Go(func() { f.forget(ctx) })
	for ctx.Err() == nil {
		select {
		case fn := <-f.starts:
			others.Go(func() { fn(ctx) })
		case <-ctx.Done():
		}
	}
	f.state.Store(ended)
	close(f.stopped)
	f.closeAll()
	others.Wait()
	close(f.readersGone)
	pool.Wait()
	return nil
}

// start has Run start a goroutine; false if Run is at its end.
func (f *Forwarder) start(fn func(context.Context)) bool {
	select {
	case f.starts <- fn:
		return true
	case <-f.stopped:
		return false
	}
}

// turn fires deadlines. It sleeps while nothing is in flight.
func (f *Forwarder) turn(ctx context.Context) {
	timer := time.NewTicker(tick)
	defer timer.Stop()
	timer.Stop()
	var due []*flight
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wheel.wake:
			timer.Reset(tick)
			continue
		case <-timer.C:
		}
		var left bool
		due, left = f.wheel.expired(due[:0], f.clock())
		for _, fl := range due {
			f.due(fl)
		}
		clear(due)
		f.spendBudgets()
		if !left {
			timer.Stop()
		}
	}
}

// closeAll ends all flights and closes all sockets. Ask takes no more flights
// by then, as it looks at the state under the shard's lock.
func (f *Forwarder) closeAll() {
	for i := range f.flights {
		s := &f.flights[i]
		s.mu.Lock()
		for _, fl := range s.table {
			for next := fl; next != nil; {
				fl, next = next, next.next
				fl.outcome.err = ErrClosed
				f.remove(s, fl)
			}
		}
		s.mu.Unlock()
	}
	f.connMu.Lock()
	conns := f.conns
	f.conns = nil
	f.connMu.Unlock()
	for conn := range conns {
		conn.Close() // waits for whoever is reading
	}
}

// track notes an open connection, so that Run can close it; false if Run has ended.
func (f *Forwarder) track(conn net.Conn) bool {
	f.connMu.Lock()
	defer f.connMu.Unlock()
	if f.conns == nil {
		return false
	}
	f.conns[conn] = struct{}{}
	return true
}

// drop closes a connection, tracked or not.
func (f *Forwarder) drop(conn net.Conn) {
	f.connMu.Lock()
	delete(f.conns, conn)
	f.connMu.Unlock()
	conn.Close()
}

// tlsConfig returns the configuration of connections to a server of that name or
// address.
func (f *Forwarder) tlsConfig(name string) *tls.Config {
	return &tls.Config{
		ServerName: name, RootCAs: f.options.RootCAs, MinVersion: tls.VersionTLS12,
		NextProtos: []string{"dot"}, ClientSessionCache: f.sessions,
	}
}

// noteDown logs that an upstream went down, if it did.
func (f *Forwarder) noteDown(u *upstream, down bool, why string) {
	if down {
		f.log.Warn("upstream is down", "upstream", u.text, "reason", why)
	}
}

// noteUp logs that an upstream is up again, if it is.
func (f *Forwarder) noteUp(u *upstream, up bool) {
	if up {
		f.log.Info("upstream is up", "upstream", u.text)
	}
}

package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"inside53/resolver/zone"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/refresh"
	"inside53/zonesource/statedir"
)

// Options say what is looked at, and how. Accounts and Publish are needed.
type Options struct {
	Accounts []*awsclient.Account
	Mode     Mode // "": Both
	// Refresh is the time from the start of one reading of AWS to the next, a tenth more
	// or less, 0 = 60 s. Definitions are listed each fifth time.
	Refresh time.Duration
	// Timeout bounds one attempt of one call, 0 = 20 s.
	Timeout time.Duration

	// Probes bounds the probes under way, and also those begun in a second, 0 = 100.
	Probes int
	// Targets may be probed; the zero value none.
	Targets Targets
	// OwnListeners are the sockets of this server, which are not probed.
	OwnListeners []netip.AddrPort
	// Resolve resolves the host of a check that has no address. It is needed unless Mode is
	// AWS, and called from several goroutines.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Translate returns the private address for a public one, if it is known. Nil: none is.
	Translate func(public netip.Addr) (private netip.Addr, known bool)

	// Balancers has the target health of load balancers read in Regions.
	Balancers bool
	Regions   []string

	// Shared says that one of several servers reads AWS: who calls Read. The others have its word
	// by Adopt.
	Shared bool

	// Wanted returns the ids of the health checks that records use, which alone are asked
	// for and probed, their descendants too; WantedTargets the names of load
	// balancers that aliases lead to, in lower-case wire form. Both are called once a
	// Refresh and account. Nil: all of them.
	Wanted, WantedTargets func() []string

	// Publish takes the health of everything whenever it changes, and each few seconds
	// when only times did; from one goroutine at a time. What it gets is immutable.
	Publish func(*zone.Live)
	// StateDir is where what is known is saved, "" for nowhere.
	StateDir string
	// State watches StateDir; nil: nobody does.
	State *statedir.Dir

	Now func() time.Time // of observations; nil: time.Now
	Log *slog.Logger     // nil discards
	// OnCall is told each attempt of a call: the operation, and "ok", the error code of
	// AWS, "timeout" or "error". It may be called from several goroutines.
	OnCall func(operation, code string)
}

// Monitor watches the health of everything. Make one with [New].
type Monitor struct {
	options Options
	log     *slog.Logger
	prober  prober
	readers []*reader
	groups  []*balancerReader
	store   store

	wake     chan struct{} // something that people and queries see has changed
	replan   chan struct{} // what is to be probed has changed
	saveNow  chan struct{}
	loadOnce sync.Once

	mu      sync.Mutex // guards the following fields; never held across I/O
	checks  map[string]*check
	tally   tally
	targets map[string]map[string]zone.Target // by place, by name
	bad     map[string]bool                   // names of load balancers that were unhealthy at the last Publish
	wanted  map[string]bool                   // nil: all
	listed  map[string]time.Time              // by account, when its definitions were listed
	revised uint64                            // how often a definition was another
	dirty   bool                              // since the last Publish
	probes  [3]uint64                         // by result
	plans   []*refresh.Plan                   // of those who ask AWS
}

// check is all that is known of one health check.
type check struct {
	definition definition
	revision   uint64 // of the definition: another one has another
	asked      bool   // AWS has answered for it since it was defined
	aws        zone.Observation
	result     zone.Check // as last evaluated
}

// The results of probes in Stats.
const (
	probeOK = iota
	probeFailed
	probeRefused
)

const (
	defaultRefresh = time.Minute
	defaultTimeout = 20 * time.Second
	defaultProbes  = 100
)

// New checks the options; the error joins all that is wrong with them. It starts nothing
// and calls nobody.
func New(o Options) (*Monitor, error) {
	err := o.validate()
	if err != nil {
		return nil, fmt.Errorf("health: %w", err)
	}
	o.setDefaults()
	m := &Monitor{
		options: o, log: o.Log, store: store{dir: o.StateDir, state: o.State},
		prober: prober{
			targets: o.Targets, own: o.OwnListeners, resolve: o.Resolve, translate: o.Translate,
			dial: new(net.Dialer).DialContext, addresses: hostAddresses,
		},
		wake: make(chan struct{}, 1), replan: make(chan struct{}, 1), saveNow: make(chan struct{}, 1),
		checks: map[string]*check{}, tally: tally{counts: map[string]*count{}}, targets: map[string]map[string]zone.Target{},
		listed: map[string]time.Time{},
	}
	for _, a := range o.Accounts {
		m.readers = append(m.readers, &reader{m: m, account: a, api: newRouteAPI(a.Config)})
		if !o.Balancers {
			continue
		}
		for _, region := range o.Regions {
			m.groups = append(m.groups, &balancerReader{m: m, account: a, region: region, api: newBalancerAPI(a.Config, region),
				now: make(chan struct{}, 1)})
		}
	}
	return m, nil
}

func (o *Options) validate() error {
	var errs []error
	if len(o.Accounts) == 0 {
		errs = append(errs, errors.New("no account to list health checks of"))
	}
	if o.Publish == nil {
		errs = append(errs, errors.New("nobody to publish to"))
	}
	switch o.Mode {
	case AWS, Local, Both, "":
	default:
		errs = append(errs, fmt.Errorf("source %q: want aws, local or both", o.Mode))
	}
	if o.Mode != AWS && o.Resolve == nil {
		errs = append(errs, errors.New("nobody to resolve the hosts of probes"))
	}
	if o.Refresh < 0 || o.Timeout < 0 || o.Probes < 0 {
		errs = append(errs, errors.New("refresh, timeout and probes can't be negative"))
	}
	if o.Balancers && len(o.Regions) == 0 {
		errs = append(errs, errors.New("no regions to look for load balancers in"))
	}
	return errors.Join(errs...)
}

func (o *Options) setDefaults() {
	if o.Mode == "" {
		o.Mode = Both
	}
	if o.Refresh == 0 {
		o.Refresh = defaultRefresh
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Probes == 0 {
		o.Probes = defaultProbes
	}
	if o.Translate == nil {
		o.Translate = func(netip.Addr) (netip.Addr, bool) { return netip.Addr{}, false }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.OnCall == nil {
		o.OnCall = func(string, string) {}
	}
}

// Run watches until ctx ends, and returns its error once all has ended and what is known
// is saved.
func (m *Monitor) Run(ctx context.Context) error {
	m.Load()
	g, ctx := errgroup.WithContext(ctx)
	if !m.options.Shared {
		g.Go(func() error { return m.Read(ctx) })
	}
	if m.options.Mode != AWS {
		g.Go(func() error { return newSchedule(m).run(ctx) })
	}
	g.Go(func() error { return m.runPublisher(ctx) })
	g.Go(func() error { return m.runSaver(ctx) })
	return g.Wait()
}

// publishEvery is how often times alone are published.
const publishEvery = 5 * time.Second

// runPublisher publishes changes at once, one after the other.
func (m *Monitor) runPublisher(ctx context.Context) error {
	tick := time.NewTicker(publishEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.wake:
			m.publish()
			signal(m.saveNow)
		case <-tick.C:
			if m.isDirty() {
				m.publish()
			}
		}
	}
}

// signal wakes who waits for c, now or the next time.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is awake
	}
}

func (m *Monitor) isDirty() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dirty
}

// publish evaluates everything and hands it over. It runs in one goroutine at a time.
func (m *Monitor) publish() {
	live, flips := m.evaluate()
	for _, f := range flips {
		if f.balancer {
			m.log.Warn("load balancer changed", "name", f.id, "healthy", f.healthy, "why", f.why)
			continue
		}
		m.log.Warn("health check changed", "check", f.id, "endpoint", f.endpoint, "healthy", f.healthy, "why", f.why)
	}
	m.options.Publish(live)
}

// flip is a check, or a load balancer, whose health has changed.
type flip struct {
	id, endpoint string
	healthy      bool
	why          string
	balancer     bool
}

func (m *Monitor) evaluate() (*zone.Live, []flip) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dirty = false
	live := &zone.Live{Checks: evaluate(m.options.Mode, m.options.Now(), m.checks, &m.tally),
		Targets: map[string]zone.Target{}}
	var flips []flip
	for id, r := range live.Checks {
		c := m.checks[id]
		before := c.result.Why == "" || c.result.Healthy // what is new was healthy
		if before != r.Healthy {
			flips = append(flips, flip{id: id, endpoint: c.definition.String(), healthy: r.Healthy, why: r.Why})
		}
		c.result = r
	}
	return live, append(flips, m.tabulateTargets(live.Targets)...)
}

// changed notes a change; urgent ones are published at once. Call it with mu held.
func (m *Monitor) changed(urgent bool) {
	m.dirty = true
	if urgent {
		signal(m.wake)
	}
}

// refreshWanted asks which checks records use.
func (m *Monitor) refreshWanted() {
	if m.options.Wanted == nil {
		return
	}
	wanted := setOf(m.options.Wanted())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wanted = wanted
	m.spread()
	signal(m.replan)
}

// spread makes the descendants of wanted checks wanted. Call it with mu held.
func (m *Monitor) spread() {
	var todo []string
	for id := range m.wanted {
		todo = append(todo, id)
	}
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		c := m.checks[id]
		if c == nil {
			continue
		}
		for _, child := range c.definition.Children {
			if !m.wanted[child] {
				m.wanted[child] = true
				todo = append(todo, child)
			}
		}
	}
}

// isWanted reports whether a check matters. Call it with mu held.
func (m *Monitor) isWanted(id string) bool { return m.wanted == nil || m.wanted[id] }

// undefined returns the wanted checks that no account has.
func (m *Monitor) undefined() map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]bool{}
	for id := range m.wanted {
		if m.checks[id] == nil {
			out[id] = true
		}
	}
	return out
}

// setOf returns the set of some texts; nil stays nil.
func setOf(texts []string) map[string]bool {
	if texts == nil {
		return nil
	}
	set := make(map[string]bool, len(texts))
	for _, text := range texts {
		set[text] = true
	}
	return set
}

// define takes the whole list of an account's definitions, which was begun at that time. Most
// listings say what is known: they are nothing to publish or to save at once.
func (m *Monitor) define(accountName string, found map[string]definition, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	differs := m.listed[accountName].IsZero()
	for id, c := range m.checks {
		_, still := found[id]
		if !still && c.definition.Account == accountName {
			delete(m.checks, id)
			m.tally.forget(id)
			differs = true
		}
	}
	for id, d := range found {
		c := m.checks[id]
		if c == nil {
			c = &check{}
			m.checks[id] = c
		} else if c.definition.endpoint != d.endpoint {
			m.tally.forget(id)
		}
		if !reflect.DeepEqual(c.definition, d) {
			m.revised++
			c.definition, c.revision, differs = d, m.revised, true
		}
		if m.options.Mode.probes(&d) {
			m.tally.watch(&d)
		} else {
			m.tally.forget(id)
		}
	}
	m.listed[accountName] = at
	m.spread()
	signal(m.replan)
	m.changed(differs)
}

// asked returns the ids of the checks of an account that AWS is asked for.
func (m *Monitor) asked(accountName string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []string
	for id, c := range m.checks {
		d := &c.definition
		if d.Account == accountName && !d.Disabled && m.isWanted(id) && m.options.Mode.asks(d.Type) {
			ids = append(ids, id)
		}
	}
	return ids
}

// observe takes what CloudWatch said.
func (m *Monitor) observe(ids []string, points []point, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	urgent := false
	for i, id := range ids {
		c := m.checks[id]
		if c == nil {
			continue
		}
		before, known := c.aws, c.asked
		c.asked = c.asked || points[i].complete || !points[i].at.IsZero()
		c.aws = seen(before, points[i])
		urgent = urgent || c.aws.Known != before.Known || c.aws.Healthy != before.Healthy || c.asked != known
	}
	m.changed(urgent)
}

// setTargets takes the load balancers of a region of an account.
func (m *Monitor) setTargets(place string, found map[string]zone.Target) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.targets[place]
	urgent := len(before) != len(found)
	for name, t := range found {
		urgent = urgent || before[name].Why != t.Why || before[name].Healthy != t.Healthy
	}
	m.targets[place] = found
	m.changed(urgent)
}

// plan returns what is to be probed.
func (m *Monitor) plan() map[string]definition {
	m.mu.Lock()
	defer m.mu.Unlock()
	plan := map[string]definition{}
	for id, c := range m.checks {
		if m.isWanted(id) && m.options.Mode.probes(&c.definition) {
			plan[id] = c.definition
		}
	}
	for id := range m.tally.lost {
		_, probed := plan[id]
		if !probed {
			m.tally.drop(id)
		}
	}
	return plan
}

// record takes the outcome of a probe, unless its check is another by now.
func (m *Monitor) record(d *definition, o outcome) {
	at := m.options.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case o.ok:
		m.probes[probeOK]++
	case o.untried:
		m.probes[probeRefused]++
	default:
		m.probes[probeFailed]++
	}
	c := m.checks[d.ID]
	if c == nil || c.definition.endpoint != d.endpoint {
		return
	}
	wasLost := m.tally.lost != nil
	urgent := m.tally.record(d.ID, at, o)
	switch {
	case !wasLost && m.tally.lost != nil:
		m.log.Error("local health source lost: most endpoints are silent from here; its states are frozen", "endpoints",
			len(m.tally.lost))
	case wasLost && m.tally.lost == nil:
		m.log.Warn("local health source is back")
	}
	m.changed(urgent)
}

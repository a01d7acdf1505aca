package health

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// InstanceCheck is how an instance is to be probed.
type InstanceCheck struct {
	Instance string
	Check    string // "tcp:5432", "http:8080/path", "https:8443/path"
	Address  netip.Addr
}

// InstanceOptions say which instances are probed. Wanted and Publish are needed.
type InstanceOptions struct {
	// Wanted returns the instances to probe, and what may be probed at all. It is called
	// every few seconds; none are probed where there are none.
	Wanted func() ([]InstanceCheck, Targets)
	// OwnListeners are the sockets of this server, which are not probed.
	OwnListeners func() []netip.AddrPort
	// Publish takes the instances that are unhealthy, with what is wrong with them, whenever
	// they change; from one goroutine at a time. What it gets is immutable.
	Publish func(map[string]string)
	Log     *slog.Logger // nil discards
}

// How instances are probed: one that was healthy is unhealthy after that many probes in a
// row, and healthy again likewise.
const (
	instanceInterval  = 10 * time.Second
	instanceThreshold = 3
	instanceProbes    = 100
	// wantedEvery is how often is looked for what is to be probed.
	wantedEvery = 2 * time.Second
)

// Instances probes instances from here. As with health checks, one that has never answered
// from here doesn't count as unhealthy, and where most endpoints fall silent it is this server
// that has lost its way. Make one with [NewInstances].
type Instances struct {
	options InstanceOptions
	log     *slog.Logger
	replan  chan struct{}
	wake    chan struct{}
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	pace    pace

	mu      sync.Mutex // guards the following; never held across I/O
	checks  map[string]definition
	targets Targets
	tally   tally
	last    map[string]string // as published
}

// pace is how often instances are probed.
type pace struct {
	interval  time.Duration
	threshold int
	wanted    time.Duration
}

// NewInstances starts nothing and asks nobody.
func NewInstances(o InstanceOptions) *Instances {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Instances{
		options: o, log: log, replan: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		dial: new(net.Dialer).DialContext, pace: pace{instanceInterval, instanceThreshold, wantedEvery},
		checks: map[string]definition{}, tally: tally{counts: map[string]*count{}},
	}
}

// Run probes until ctx ends, which is its error, once all has ended.
func (n *Instances) Run(ctx context.Context) error {
	ended := make(chan error, 1)
	s := (&schedule{plan: n.plan, replan: n.replan, try: n.probe, record: n.record}).bounded(instanceProbes)
	running, stop := context.WithCancel(ctx)
	go func() { ended <- s.run(running) }()
	defer func() {
		stop()
		<-ended
	}()
	tick := time.NewTicker(n.pace.wanted)
	defer tick.Stop()
	for {
		n.refresh()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		case <-n.wake:
		}
		n.publish()
	}
}

// parseEndpoint reads "tcp:5432", "http:8080/path" or "https:8443/path".
func parseEndpoint(text string) (endpoint, error) {
	kind, rest, _ := strings.Cut(text, ":")
	port, path, hasPath := strings.Cut(rest, "/")
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || kind == "tcp" && hasPath || kind != "tcp" && kind != "http" && kind != "https" {
		return endpoint{}, fmt.Errorf("%q is none of tcp:5432, http:8080/path, https:8443/path", text)
	}
	return endpoint{Port: uint16(n), HTTP: kind != "tcp", TLS: kind == "https", Path: "/" + path}, nil
}

// refresh looks for what is to be probed.
func (n *Instances) refresh() {
	wanted, targets := n.options.Wanted()
	checks := make(map[string]definition, len(wanted))
	for _, w := range wanted {
		e, err := parseEndpoint(w.Check)
		if err != nil || !w.Address.IsValid() {
			continue
		}
		e.Address, e.Host = w.Address, w.Address.String()
		checks[w.Instance] = definition{ID: w.Instance, endpoint: e, Interval: n.pace.interval, Threshold: n.pace.threshold}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	changed := len(checks) != len(n.checks)
	for id, d := range checks {
		was, known := n.checks[id]
		if known && was.endpoint == d.endpoint {
			continue
		}
		changed = true
		n.tally.forget(id)
		n.tally.watch(&d)
	}
	for id := range n.checks {
		_, still := checks[id]
		if !still {
			n.tally.forget(id)
		}
	}
	n.checks, n.targets = checks, targets
	if changed {
		signal(n.replan)
		signal(n.wake)
	}
}

func (n *Instances) plan() map[string]definition {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.checks)
}

// probe looks at an instance once.
func (n *Instances) probe(ctx context.Context, d *definition) outcome {
	n.mu.Lock()
	targets := n.targets
	n.mu.Unlock()
	p := prober{
		targets: targets, dial: n.dial, addresses: hostAddresses,
		translate: func(netip.Addr) (netip.Addr, bool) { return netip.Addr{}, false },
	}
	if n.options.OwnListeners != nil {
		p.own = n.options.OwnListeners()
	}
	return p.probe(ctx, d)
}

// record takes the outcome of a probe, unless its instance is probed otherwise by now.
func (n *Instances) record(d *definition, o outcome) {
	n.mu.Lock()
	defer n.mu.Unlock()
	is, known := n.checks[d.ID]
	if !known || is.endpoint != d.endpoint {
		return
	}
	if n.tally.record(d.ID, time.Now(), o) {
		signal(n.wake)
	}
}

// publish hands over what is unhealthy, if that is something else than before.
func (n *Instances) publish() {
	n.mu.Lock()
	sick := map[string]string{}
	for id, c := range n.tally.counts {
		if c.ever && !c.healthy {
			sick[id] = describe(n.checks[id].endpoint) + ": " + c.why
		}
	}
	was := n.last
	same := len(was) == len(sick)
	for id := range sick {
		_, had := was[id]
		same = same && had
	}
	if !same {
		n.last = sick
	}
	n.mu.Unlock()
	if same {
		return
	}
	for id, why := range sick {
		if _, had := was[id]; !had {
			n.log.Warn("instance changed", "instance", id, "healthy", false, "why", why)
		}
	}
	for id := range was {
		if _, still := sick[id]; !still {
			n.log.Warn("instance changed", "instance", id, "healthy", true)
		}
	}
	n.options.Publish(sick)
}

// describe writes an endpoint as the tag does.
func describe(e endpoint) string {
	kind := "tcp"
	switch {
	case e.TLS:
		kind = "https"
	case e.HTTP:
		kind = "http"
	}
	text := kind + ":" + strconv.Itoa(int(e.Port))
	if e.HTTP {
		text += e.Path
	}
	return text
}

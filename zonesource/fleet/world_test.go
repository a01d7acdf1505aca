package fleet

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/ledger"
)

// world is an AWS, a store, and the servers of a fleet.
type world struct {
	t      *testing.T
	store  *memory
	nodes  map[string]*node
	keys   [][]byte
	past   bool          // all that head's chain names is to be there
	keep   time.Duration // of the past
	freeze time.Duration // for how long a process stands still
	poll   time.Duration
	every  atomic.Int64 // AWS is read so often, in ns
	trace  trace
	fates  fates
	heads  sync.Mutex           // one head is written at a time
	under  sync.WaitGroup       // calls that are on their way
	more   chan zonesource.Part // what is read between two listings
	// maxAge is the age at which a region is stale; there is none unless it is set. skew is by how much the clocks of
	// servers are wrong.
	maxAge time.Duration
	skew   map[string]time.Duration

	mu     sync.Mutex
	aws    map[string]map[string]string // the zones of AWS, by name; addresses by label
	reads  map[string]int               // listings, by who made them
	ticked int
	dead   []string // those that were killed, and are to come back
	each   bool     // the calls of each server count by themselves
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, store: newMemory(), nodes: map[string]*node{}, keys: [][]byte{[]byte("a secret of the fleet")},
		past: true, keep: 30 * 24 * time.Hour, freeze: frozenFor, poll: 5 * time.Second, skew: map[string]time.Duration{},
		more:  make(chan zonesource.Part),
		aws:   map[string]map[string]string{"a.example.": {"www": "10.0.0.1"}, "b.example.": {"www": "10.0.0.2"}},
		reads: map[string]int{}}
	w.store.changed = w.trace.spoiled
	w.every.Store(int64(time.Second))
	return w
}

// set changes a record in AWS; "" removes it.
func (w *world) set(zone, label, address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.aws[zone] == nil {
		w.aws[zone] = map[string]string{}
	}
	w.aws[zone][label] = address
	if address == "" {
		delete(w.aws[zone], label)
	}
}

// node is one server.
type node struct {
	w         *world
	name      string
	side      *side
	gate      *gate
	calls     int // of its store, that counted
	keeper    *zonesource.Keeper
	member    *Member
	stop      context.CancelFunc
	runs      atomic.Bool
	ended     chan error
	adopted   []uint64
	config    string
	port      uint16                            // of its address
	reader    atomic.Pointer[zonesource.Keeper] // of what it reads, while it leads
	published atomic.Int64
}

func (w *world) keeperConfig() zonesource.Config {
	c := zonesource.Config{MaxShrink: 1, Hosted: zonesource.HostedFilter{Zones: []string{"*"}},
		Expected: []zonesource.Key{{Source: "route53", Name: "catalog/"}},
		Views: []zonesource.ViewConfig{{Name: "all", Clients: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
			VPCs: []string{"*"}}}}
	if w.maxAge > 0 {
		c.EC2, c.TagZone, c.MaxAge = true, "internal.", w.maxAge
		c.Expected = append(c.Expected, zonesource.Key{Source: "ec2", Name: "/eu-west-1"})
	}
	return c
}

// make makes a server that doesn't run yet.
func (w *world) make(name string) *node {
	w.t.Helper()
	n := &node{w: w, name: name, side: &side{memory: w.store}, ended: make(chan error, 1), config: "c-1",
		port: 53}
	n.gate = &gate{side: n.side, n: n}
	var err error
	n.keeper, err = zonesource.NewKeeper(zonesource.Options{Config: w.keeperConfig(), Now: n.now,
		Publish: func(*zone.Snapshot) { n.published.Add(1) }})
	if err != nil {
		w.t.Fatal(err)
	}
	l, err := ledger.New(ledger.Options{Store: n.gate, Fleet: "s3://b/p", Secrets: w.keys})
	if err != nil {
		w.t.Fatal(err)
	}
	began := time.Now()
	n.member, err = New(Options{
		Ledger: l, Store: n.gate, Fleet: "s3://b/p", Secrets: w.keys, Name: name, Build: "test",
		Address: func() netip.AddrPort { return netip.AddrPortFrom(addressOf(name), n.port) },
		Config:  func() string { return n.config }, Keeper: n.keeper, Lead: n.lead, Ages: n.ages, Wake: w.wake,
		Adopted: n.note, Retention: func() (time.Duration, int64) { return w.keep, 0 }, Poll: w.poll,
		Uptime: func() time.Duration { return time.Hour + time.Since(began) },
		Log:    slog.New(slog.NewTextHandler(logOf{w.t, name}, nil)),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	err = n.keeper.Load()
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.nodes[name] = n
	w.mu.Unlock()
	return n
}

// note notes a version that is served.
func (n *node) note(v *ledger.Version, _ []string) {
	n.w.trace.adopts(n, v)
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.adopted = append(n.adopted, v.Number())
}

// logOf writes the lines of a server into the log of its test.
type logOf struct {
	t    *testing.T
	name string
}

func (l logOf) Write(p []byte) (int, error) {
	l.t.Logf("%s: %s", l.name, bytes.TrimSpace(p))
	return len(p), nil
}

func addressOf(name string) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 9, 9, name[len(name)-1]})
}

// join starts a server.
func (w *world) join(name string) *node {
	w.t.Helper()
	n := w.make(name)
	n.start()
	return n
}

func (n *node) start() {
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	n.runs.Store(true)
	go func() {
		var g errgroup.Group
		if n.w.maxAge > 0 {
			g.Go(func() error { return n.keeper.Run(ctx) }) // it notices when something gets too old
		}
		err := n.member.Run(ctx)
		_ = g.Wait() // it ends with ctx
		n.ended <- err
	}()
}

// end ends a server and waits for it.
func (n *node) end() error {
	n.runs.Store(false)
	n.stop()
	err := <-n.ended
	n.ended <- err
	return err
}

// endAll ends all servers that run.
func (w *world) endAll() {
	for _, n := range w.nodes {
		if n.stop != nil {
			_ = n.end()
		}
	}
	w.under.Wait()
}

// servers are all servers.
func (w *world) servers() []*node {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Values(w.nodes))
}

// wake is NOTIFY: it comes to the server that has an address, unless that is away.
func (w *world) wake(ctx context.Context, to netip.AddrPort) bool {
	for _, n := range w.servers() {
		if addressOf(n.name) == to.Addr() && n.runs.Load() && !n.side.cut.Load() {
			n.member.LookNow()
			_, err := n.member.Sync(ctx)
			return err == nil
		}
	}
	<-ctx.Done() // nothing is sent back
	return false
}

// lead reads AWS each second.
func (n *node) lead(ctx context.Context, t *Term) error {
	reader, err := zonesource.NewKeeper(zonesource.Options{Config: n.w.keeperConfig(), Publish: func(*zone.Snapshot) {},
		Parts: t.Parts(), Accepted: t.Accept, Now: n.now})
	if err != nil {
		return err
	}
	n.reader.Store(reader)
	err = reader.Load()
	if err != nil {
		return err
	}
	return reader.Run(ctx, listings{n})
}

func (n *node) ages() map[string]float64 {
	reader := n.reader.Load()
	if n.w.maxAge > 0 && reader != nil {
		return reader.Ages()
	}
	return map[string]float64{"route53": 2}
}

// now is the time by the clock of a server.
func (n *node) now() time.Time { return time.Now().Add(n.w.skew[n.name]) }

// listings is a source that reads AWS each second.
type listings struct{ n *node }

// Run implements [zonesource.Source].
func (l listings) Run(ctx context.Context, deliver func(zonesource.Part)) error {
	for {
		for _, p := range l.n.w.list(l.n.name) {
			p.Listed = l.n.now()
			deliver(p)
		}
		for waited := time.Duration(0); waited < time.Duration(l.n.w.every.Load()); waited += time.Second {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
			case p := <-l.n.w.more:
				deliver(p)
			}
		}
	}
}

// list makes the parts of what AWS has.
func (w *world) list(who string) []zonesource.Part {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads[who]++
	catalog := &zonesource.Catalog{}
	var parts []zonesource.Part
	for name, records := range w.aws {
		apex := zone.MustName(name)
		id := zoneID(name)
		catalog.Zones = append(catalog.Zones, zonesource.Hosted{ID: id, Name: apex})
		edit := zone.NewTree(apex).Edit()
		soa := append(append(zone.MustName("ns."+name), zone.MustName("root."+name)...), make([]byte, 20)...)
		put(edit, apex, zone.TypeSOA, soa)
		for label, address := range records {
			ip := netip.MustParseAddr(address).As4()
			put(edit, zone.MustName(label+"."+name), zone.TypeA, ip[:])
		}
		parts = append(parts, zonesource.Part{Key: zonesource.Key{Source: "route53", Name: "zone/" + id}, Listed: time.Now(),
			Zone: zone.New(zone.Info{Origin: zone.Public, ID: id}, edit.Commit(), 0)})
	}
	slices.SortFunc(catalog.Zones, func(a, b zonesource.Hosted) int { return strings.Compare(a.ID, b.ID) })
	catalogPart := zonesource.Part{Key: zonesource.Key{Source: "route53", Name: "catalog/"}, Listed: time.Now(),
		Catalog: catalog}
	if w.maxAge > 0 {
		parts = append(parts, zonesource.Part{Key: zonesource.Key{Source: "ec2", Name: "/eu-west-1"}, Listed: time.Now(),
			Region: &zonesource.Region{Name: "eu-west-1", VPCs: []zonesource.VPC{{ID: "vpc-1"}}}})
	}
	return append([]zonesource.Part{catalogPart}, parts...)
}

// zoneID is the id of a zone of AWS: that of a.example. is ZA.
func zoneID(name string) string {
	label, _, _ := strings.Cut(name, ".")
	return "Z" + strings.ToUpper(label)
}

// put puts a record into a zone.
func put(edit *zone.Edit, name []byte, rrtype uint16, rdata []byte) {
	set, err := zone.NewRecords(rrtype, 60, rdata)
	if err == nil {
		err = edit.Put(name, set)
	}
	if err != nil {
		panic(err)
	}
}

// serves is the address that a server has for a label of a zone, "" for none.
func (n *node) serves(zoneName, label string) string {
	for _, z := range n.keeper.Hosted() {
		if zone.String(z.Apex) != zoneName {
			continue
		}
		for r := range z.Tree.Lookup(zone.MustName(label + "." + zoneName)).RRset(zone.TypeA).Rdata() {
			return netip.AddrFrom4([4]byte(r)).String()
		}
	}
	return ""
}

// leader is the server that leads, nil for none; two are a fault.
func (w *world) leader() *node {
	var leader *node
	for _, n := range w.nodes {
		t := n.member.Term()
		if t == nil || n.side.cut.Load() {
			continue
		}
		if leader != nil && t.Fresh(leaseFor) && leader.member.Term().Fresh(leaseFor) {
			w.t.Errorf("%s and %s lead", leader.name, n.name)
		}
		leader = n
	}
	return leader
}

// await waits until something is, for a time of the clock of the test.
func (w *world) await(within time.Duration, what string, is func() bool) time.Duration {
	w.t.Helper()
	began := time.Now()
	for {
		synctest.Wait()
		if is() {
			return time.Since(began)
		}
		if time.Since(began) > within {
			w.t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// all waits until each server that isn't cut off serves an address.
func (w *world) all(within time.Duration, zoneName, label, address string) {
	w.t.Helper()
	w.await(within, fmt.Sprintf("%s.%s is %q everywhere", label, zoneName, address), func() bool {
		for _, n := range w.nodes {
			if n.runs.Load() && !n.side.cut.Load() && n.serves(zoneName, label) != address {
				return false
			}
		}
		return true
	})
}

// check looks at all that the store has.
func (w *world) check() {
	w.t.Helper()
	l, err := ledger.New(ledger.Options{Store: &side{memory: w.store}, Fleet: "s3://b/p", Secrets: w.keys})
	if err != nil {
		w.t.Fatal(err)
	}
	v, err := l.Follow(context.Background(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	faults := l.Check(context.Background(), v)
	for _, fault := range faults {
		if w.past {
			w.t.Error(fault)
		}
	}
	w.trace.check(w, l, v)
	for _, n := range w.nodes {
		for i := 1; i < len(n.adopted); i++ {
			if n.adopted[i] < n.adopted[i-1] {
				w.t.Errorf("%s went back: %v", n.name, n.adopted)
			}
		}
	}
}

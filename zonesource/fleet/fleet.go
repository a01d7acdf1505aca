package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"inside53/zonesource"
	"inside53/zonesource/ledger"
	"inside53/zonesource/recorder"
	"inside53/zonesource/statedir"
)

// Keeper serves what is adopted.
type Keeper interface {
	// Adopt makes parts those that count, and returns those that can't be.
	Adopt(version uint64, parts []zonesource.Adopted) map[zonesource.Key]error
	// Age tells how old parts are.
	Age(age func(zonesource.Key) (time.Duration, bool))
	// Served returns all parts that come from the fleet, as they are served.
	Served() []zonesource.Part
	// Mark notes what all parts were adopted as, to be saved once they are; Marked is what was saved so last.
	Mark(mark []byte)
	Marked() []byte
}

// Options make a Member.
type Options struct {
	Ledger *ledger.Ledger
	Store  ledger.Store // of Ledger
	// Fleet is the id of the fleet: the URL of its store.
	Fleet   string
	Secrets [][]byte // the first signs, all are believed
	Name    string   // of this server, unlike those of all others
	Zone    string   // where it is, for people
	Build   string
	// Address is where members reach this server.
	Address func() netip.AddrPort
	// Config is the hash of the configuration in force.
	Config func() string
	// SameAccount reports whether another hash, which isn't that of this server, is of the account
	// that it reads by. nil: each is.
	SameAccount func(config string) bool
	Keeper      Keeper
	// Lead reads AWS and hands what it has read to the term, until ctx ends. It is called when
	// the leader commit is made, and must have let go of all when it returns.
	Lead func(ctx context.Context, t *Term) error
	// Ages are how old sources are, by their names, and parts that are older, by SOURCE/NAME. It
	// is asked while this server leads.
	Ages func() map[string]float64
	// Wake sends NOTIFY to a member and returns whether it has answered. nil: nobody is woken.
	Wake func(ctx context.Context, to netip.AddrPort) bool
	// Adopted is called with each version adopted, and the keys of parts that differ.
	Adopted func(v *ledger.Version, changed []string)
	// Serials are those that this server told alone, for member/NODE.
	Serials func() []Serial
	// State is the directory where is noted what is being adopted; nil notes nothing. A part in whose adoption two
	// processes have ended is left out.
	State *statedir.Dir
	// Retention is how much of the past is kept.
	Retention func() (keep time.Duration, most int64)
	Poll      time.Duration // head is looked at so often
	Uptime    func() time.Duration
	Log       *slog.Logger
}

// Serial is one that was told of a zone of a view.
type Serial struct {
	View   string `json:"view"`
	Apex   string `json:"apex"`
	Serial uint32 `json:"serial"`
}

// The times of the lease, of CLOCK_BOOTTIME where they are compared.
const (
	renewEvery  = 3 * time.Second
	renewAgain  = 500 * time.Millisecond // after a renewal that failed
	leaseFor    = 9 * time.Second
	nearEvery   = 3 * time.Second  // the lease is looked at so often by the first candidates
	farEvery    = 15 * time.Second // and by all others
	near        = 5
	lostPause   = 30 * time.Second // who lost a lease waits so long while another leads
	maxDraw     = 500 * time.Millisecond
	storeTime   = 4 * time.Second // of one request for lease, head or a member
	readTime    = 30 * time.Second
	retryFailed = 30 * time.Second // parts that can't be read are read again
	memberEvery = time.Minute
	memberFor   = 2 * time.Minute
	listEvery   = 15 * time.Second
)

// Lag is the most by which what a member takes for the age of data is above what the leader last said, while all goes
// well: until it has looked at the lease again. What is too old at some age is so at that age and Lag in a fleet,
// so that all members find the same.
const Lag = farEvery + storeTime

// Member is this server in its fleet. Its methods are safe for concurrent use.
type Member struct {
	o          Options
	node       string
	leaseKeys  ledger.Keys
	memberKeys ledger.Keys
	boot       string        // which start of the machine this is
	had        had           // what the process before this one had
	wakeLease  chan struct{} // the lease is looked at now
	wakeHead   chan struct{} // head is looked at now
	wakeMeet   chan struct{} // the members are listed soon

	syncing turn // held while a version is read and adopted
	known   *ledger.Version
	refs    map[string]ledger.PartRef          // of parts as they were adopted
	parts   map[zonesource.Key]zonesource.Part // as they were adopted
	records map[string]map[string][]byte       // of parts that no keeper serves
	retry   time.Duration                      // uptime when failed parts are read again
	again   bool                               // all parts are read again
	crashes crashes

	mu      sync.Mutex // of all below; held for moments
	version *ledger.Version
	whole   uint64        // the last version that had no part which failed
	adopted chan struct{} // closed at the next adoption
	failed  map[string]string
	heard   time.Duration // uptime when head was read last
	headErr error
	term    *Term
	lease   seenLease
	ages    map[string]float64
	agesAt  time.Duration
	peers   []Peer
	met     time.Duration // uptime when all members were read; 0: one isn't
	ownTag  string
	twin    twin
	alarms  map[string]uint64
	offer   string // the nonce of the lease by which this server let others lead last
	barred  time.Duration
	unfit   time.Duration // uptime until which this server leaves the lease to others, as it can't read head
	first   chan struct{} // closed when the first version was adopted
	begun   time.Duration
}

// turn is a lock that may be held while the store is asked, however long that goes on.
type turn chan struct{}

// Lock implements [sync.Locker].
func (t turn) Lock() { t <- struct{}{} }

// Unlock implements [sync.Locker].
func (t turn) Unlock() { <-t }

// Standing is how this server stands in its fleet.
type Standing struct {
	Version uint64
	Epoch   uint64
	Leads   bool
	Leader  string         // name of who leads, "" where nobody is known to
	Address netip.AddrPort // of who leads
	Behind  time.Duration  // since head was last known to be what is served; 0 while it is
	Err     error          // of the store, nil while it answers
	Failed  map[string]string
	Alarms  map[string]uint64
}

// New returns a member, and asks nobody.
func New(o Options) (*Member, error) {
	if o.Uptime == nil {
		o.Uptime = ledger.Uptime
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Poll <= 0 {
		o.Poll = 5 * time.Second
	}
	if o.Config == nil {
		o.Config = func() string { return "" }
	}
	if o.Serials == nil {
		o.Serials = func() []Serial { return nil }
	}
	if o.Ages == nil {
		o.Ages = func() map[string]float64 { return nil }
	}
	if o.Adopted == nil {
		o.Adopted = func(*ledger.Version, []string) {}
	}
	if o.Retention == nil {
		o.Retention = func() (time.Duration, int64) { return 30 * 24 * time.Hour, 0 }
	}
	if o.Name == "" || o.Ledger == nil || o.Store == nil || o.Keeper == nil || o.Lead == nil {
		return nil, errors.New("making a member of a fleet: a name, a ledger, its store, a keeper and who leads are needed")
	}
	m := &Member{
		o: o, node: recorder.NewNode(o.Name), wakeLease: make(chan struct{}, 1), wakeHead: make(chan struct{}, 1),
		wakeMeet: make(chan struct{}, 1), syncing: make(turn, 1),
		refs: map[string]ledger.PartRef{}, parts: map[zonesource.Key]zonesource.Part{},
		records: map[string]map[string][]byte{},
		adopted: make(chan struct{}), failed: map[string]string{}, alarms: map[string]uint64{},
		first: make(chan struct{}), begun: o.Uptime(), crashes: crashes{state: o.State},
	}
	m.boot = bootID()
	var err, err2 error
	m.leaseKeys, err = ledger.NewKeys("inside53 lease "+o.Fleet, o.Secrets)
	m.memberKeys, err2 = ledger.NewKeys("inside53 member "+o.Fleet, o.Secrets)
	return m, errors.Join(err, err2)
}

// Run follows, and leads when it is this server's turn, until ctx ends. Then a lease that it has
// is given free.
func (m *Member) Run(ctx context.Context) error {
	m.recall()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.follow(ctx) })
	g.Go(func() error { return m.contend(ctx) })
	g.Go(func() error { return m.meet(ctx) })
	return g.Wait()
}

// Name is that of this server.
func (m *Member) Name() string { return m.o.Name }

// Ledger is what the fleet shares.
func (m *Member) Ledger() *ledger.Ledger { return m.o.Ledger }

// First is closed when a version was adopted, or it is known that there is none yet.
func (m *Member) First() <-chan struct{} { return m.first }

// Adopted returns the version that was adopted last, nil before there is one, and a channel
// that is closed at the next.
func (m *Member) Adopted() (v *ledger.Version, changed <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.version, m.adopted
}

// Term is what this server does as the leader, nil unless it is that.
func (m *Member) Term() *Term {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.term
}

// Standing returns how this server stands.
func (m *Member) Standing() Standing {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.leading()
	s := Standing{Leads: m.term != nil, Leader: l.who(), Address: l.Address, Epoch: l.Epoch,
		Err: m.headErr, Failed: map[string]string{}, Alarms: map[string]uint64{}}
	for key, why := range m.failed {
		s.Failed[key] = why
	}
	for reason, n := range m.alarms {
		s.Alarms[reason] = n
	}
	if m.version != nil {
		s.Version = m.version.Number()
	}
	if late := m.o.Uptime() - max(m.heard, m.begun); m.version == nil || late > m.patience() {
		s.Behind = late
	}
	return s
}

// leading is the newest that is known of who leads: the lease, or the head that a later one has written, where that was
// read before its lease. Where that one is isn't known while what it said last is of an earlier start. The caller holds
// mu.
func (m *Member) leading() lease {
	if !m.isAheadOfLease() {
		return m.lease.lease
	}
	l := lease{Epoch: m.version.Head.Epoch, Node: m.version.Head.Leader}
	for _, p := range m.peers {
		if p.Node == l.Node {
			l.Address = p.Address
		}
	}
	return l
}

// isAheadOfLease reports whether head is of a later leader than the lease that was read last. The caller holds mu.
func (m *Member) isAheadOfLease() bool {
	return m.version != nil && m.version.Head.Epoch > m.lease.Epoch
}

// patience is for how long a server isn't behind that doesn't read head: as long as the lease that it has seen may
// still be good, as then who leads reads AWS for all, and as a poll or two may fail. Nobody reads by itself before.
func (m *Member) patience() time.Duration { return max(3*m.o.Poll, leaseFor) }

// alarm counts something that should not be, and says it.
func (m *Member) alarm(reason, text string, args ...any) {
	m.mu.Lock()
	m.alarms[reason]++
	m.mu.Unlock()
	m.o.Log.Error(text, args...)
}

// LookNow has head and the lease looked at now.
func (m *Member) LookNow() {
	signal(m.wakeHead)
	signal(m.wakeLease)
	if m.Term() != nil {
		signal(m.wakeMeet) // perhaps by a server that has joined
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is awake
	}
}

// pause waits, but for no longer than until c or ctx ends.
func (m *Member) pause(ctx context.Context, d time.Duration, c <-chan struct{}) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
	case <-c:
	}
	return nil
}

// StepDown has another server lead: the lease is given free, and the members are woken. It
// returns when that is done.
func (m *Member) StepDown(ctx context.Context) error {
	t := m.Term()
	if t == nil {
		return fmt.Errorf("stepping down: %w", ErrNotLeader)
	}
	t.end(errSteppedDown)
	select {
	case <-t.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// What becomes of a term.
var (
	// ErrNotLeader says that another server leads, or none.
	ErrNotLeader   = errors.New("this server doesn't lead")
	errSteppedDown = errors.New("it was asked to")
	errLate        = errors.New("the lease wasn't renewed in time")
	errTaken       = errors.New("another server has the lease")
	errUseless     = errors.New("all its listings fail")
)

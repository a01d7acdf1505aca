package member

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"inside53/server/config"
	"inside53/server/handon"
	"inside53/server/healthwatch"
	"inside53/server/policy"
	"inside53/server/sources"
	"inside53/server/transfer"
	"inside53/server/tsig"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/fleet"
	"inside53/zonesource/ledger"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// Options make a [Side].
type Options struct {
	Config    func() *config.Config // in force
	Accounts  []*awsclient.Account  // of the configuration that is in force first; one at least
	Host      string                // the name of the host
	Build     string                // the program and its version
	Keys      func() tsig.Keyring
	Keeper    *zonesource.Keeper            // of what is served
	Sources   *sources.Builder              // may be completed until Run
	Health    *healthwatch.Watch            // likewise
	Transfers func() *transfer.Server       // nil until there are any
	Sockets   func() []netip.AddrPort       // asked when Run runs
	Retention func() (time.Duration, int64) // how much of the past is kept
	Metrics   prometheus.Registerer
	Log       *slog.Logger
}

// Side is this server's side of its fleet. A nil Side is that of a server that is alone.
type Side struct {
	Member  *fleet.Member
	Handing *Handing // what this server hands on, and lets in while it leads
	Bell    *Bell    // what other servers wake it by

	config    func() *config.Config
	build     string
	keeper    *zonesource.Keeper
	sources   *sources.Builder
	health    *healthwatch.Watch
	transfers func() *transfer.Server
	sockets   func() []netip.AddrPort
	log       *slog.Logger

	mu         sync.Mutex // held while what is read for the fleet begins, ends or is reconfigured
	accounts   []*awsclient.Account
	generation int // of accounts
	leading    atomic.Pointer[leading]

	address netip.AddrPort         // where other servers reach this one; zero: by the first socket
	host    netip.Addr             // the private address of the instance; zero where it isn't known
	offered time.Time              // when this server offered the lease last, as nothing could be read
	account atomic.Pointer[string] // by which this server reads; nil while that isn't known
}

// open opens the ledger of a fleet.
func open(c *config.Config, account *awsclient.Account) (ledger.Store, *ledger.Ledger, [][]byte, error) {
	secrets, err := policy.FleetSecrets(c)
	if err != nil {
		return nil, nil, nil, err
	}
	store := fleet.NewBucket(account, c.Fleet.Store.Bucket, c.Fleet.Store.Prefix)
	l, err := ledger.New(ledger.Options{Store: store, Fleet: c.Fleet.Store.String(), Secrets: secrets})
	return store, l, secrets, err
}

// Ledger opens the past of the fleet of a configuration for reading, without a lock.
func Ledger(ctx context.Context, c *config.Config) (*ledger.Ledger, error) {
	accounts, err := awsclient.Load(ctx, awsclient.Options{Region: c.AWS.Region, FindRegion: true})
	if err != nil {
		return nil, err
	}
	_, l, _, err := open(c, accounts[0])
	return l, err
}

// New makes this server a member of its fleet, which the configuration has to have.
func New(ctx context.Context, o Options) (*Side, error) {
	c, account := o.Config(), o.Accounts[0]
	store, l, secrets, err := open(c, account)
	if err != nil {
		return nil, err
	}
	s := &Side{
		config: o.Config, build: o.Build, keeper: o.Keeper, sources: o.Sources, health: o.Health, transfers: o.Transfers,
		sockets: o.Sockets, log: o.Log, accounts: o.Accounts, address: c.Fleet.Address.AddrPort,
	}
	name, place := c.Fleet.Name, ""
	if name == "" || !s.address.IsValid() {
		self := awsclient.Self(ctx, account)
		name, place = cmp.Or(name, self.ID, o.Host), self.Region
		if len(self.Addresses) > 0 {
			s.host = self.Addresses[0]
		}
	}
	s.Bell = newBell(o.Keys, func() []config.DomainName { return s.config().Fleet.Keys }, s.from())
	s.Member, err = fleet.New(fleet.Options{
		Ledger: l, Store: store, Fleet: c.Fleet.Store.String(), Secrets: secrets,
		Name: name, Zone: place, Build: o.Build, Address: s.reachedAt,
		Keeper: servedKeeper{s.keeper, s}, Lead: s.lead, Ages: s.ages, Wake: s.Bell.ring, Adopted: s.adopted,
		State:   s.keeper.State(),
		Serials: func() []fleet.Serial { return s.Handing.claims() },
		Config:  s.configSum, SameAccount: s.isSameAccount,
		Retention: o.Retention, Poll: c.Fleet.Poll, Log: s.log,
	})
	if err != nil {
		return nil, err
	}
	s.Bell.member = s.Member
	o.Metrics.MustRegister(s.metrics())
	s.Handing, err = newHanding(s, handingOptions{store: store, secrets: secrets, metrics: o.Metrics})
	return s, err
}

// from is the address that this server's packets to others of its fleet come from, where the configuration has one.
func (s *Side) from() netip.Addr {
	if s.address.Addr().IsUnspecified() {
		return netip.Addr{}
	}
	return s.address.Addr()
}

// reachedAt is where other servers reach this one.
func (s *Side) reachedAt() netip.AddrPort {
	if s.address.IsValid() {
		return s.address
	}
	all := s.sockets()
	for _, at := range all {
		if !at.Addr().IsUnspecified() {
			return at
		}
	}
	host := s.host
	if !host.IsValid() {
		host = ownAddress()
	}
	return netip.AddrPortFrom(host, all[0].Port())
}

// ownAddress is the first address of this host that others may reach; that of loopback where
// there is no other.
func ownAddress() netip.Addr {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return netip.IPv6Loopback()
	}
	var found []netip.Addr
	for _, one := range all {
		p, err := netip.ParsePrefix(one.String())
		if err == nil && p.Addr().IsGlobalUnicast() {
			found = append(found, p.Addr())
		}
	}
	slices.SortStableFunc(found, func(a, b netip.Addr) int { return cmp.Compare(a.BitLen(), b.BitLen()) })
	return cmp.Or(append(found, netip.AddrFrom4([4]byte{127, 0, 0, 1}))...)
}

// Run follows and leads until ctx ends.
func (s *Side) Run(ctx context.Context) error {
	if s == nil {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.learnAccount(ctx) })
	g.Go(func() error { return s.Member.Run(ctx) })
	g.Go(func() error { return s.solo(ctx) })
	g.Go(func() error { return s.Handing.run(ctx) })
	return g.Wait()
}

// RunBell answers those that wake this server until ctx ends: longer than Run, for what they ask for is served as long.
func (s *Side) RunBell(ctx context.Context) error {
	if s == nil {
		return nil
	}
	return s.Bell.run(ctx)
}

// storeWithin is how long a start waits for the fleet's store before it serves what was saved.
const storeWithin = time.Second

// AwaitStore waits for the fleet's data, a little.
func (s *Side) AwaitStore(ctx context.Context) {
	if s == nil {
		return
	}
	limited, stop := context.WithTimeout(ctx, storeWithin)
	defer stop()
	select {
	case <-s.Member.First():
	case <-limited.Done():
		if ctx.Err() == nil {
			s.log.Warn("the fleet's store is silent; what was saved is served until it answers")
		}
	}
}

// Local are the sources that each server reads by itself: in a fleet those of files, else all.
func (s *Side) Local(all []sources.Built) []zonesource.Source {
	if s == nil {
		return sources.Of(all)
	}
	return sources.Of(slices.DeleteFunc(slices.Clone(all), func(b sources.Built) bool { return !b.Local }))
}

// Leading is the keeper of what this server reads for its fleet; nil while another one reads.
func (s *Side) Leading() *zonesource.Keeper {
	if s == nil {
		return nil
	}
	l := s.leading.Load()
	if l == nil {
		return nil
	}
	return l.keeper
}

// Standing is how this server stands in its fleet; the zero Standing without one.
func (s *Side) Standing() fleet.Standing {
	if s == nil {
		return fleet.Standing{}
	}
	return s.Member.Standing()
}

// Fault says that another server has the name of this one.
func (s *Side) Fault() error {
	if s == nil {
		return nil
	}
	at := s.Member.Twin()
	if !at.IsValid() {
		return nil
	}
	return fmt.Errorf("the server at %v has the name of this one, %s, too: give each a fleet.name of its own", at,
		s.Member.Name())
}

// Door is what lets in what other servers hand on; nil without a fleet.
func (s *Side) Door() *handon.Door {
	if s == nil {
		return nil
	}
	return s.Handing.door
}

// IsMember reports whether an address is that of a server of the fleet.
func (s *Side) IsMember(addr netip.Addr) bool { return s != nil && s.Handing.isMember(addr) }

// SetKeys goes by the keys of another configuration.
func (s *Side) SetKeys(c *config.Config) error {
	if s == nil || c.Fleet == nil {
		return nil
	}
	secrets, err := policy.FleetSecrets(c)
	if err != nil {
		return err
	}
	return s.Handing.setSecrets(secrets)
}

// SetAccounts has updates made with the accounts of another configuration.
func (s *Side) SetAccounts(all []*awsclient.Account) {
	if s == nil {
		return
	}
	o := s.Handing.leads()
	if o != nil {
		o.updater.SetAccounts(all)
	}
}

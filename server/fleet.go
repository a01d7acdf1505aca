package server

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/policy"
	"inside53/server/sources"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/fleet"
	"inside53/zonesource/ledger"

	"golang.org/x/sync/errgroup"
)

// fleetSide is this server's side of its fleet.
type fleetSide struct {
	member  *fleet.Member // nil: this server is alone
	leading atomic.Pointer[leading]
	bell    *bell
	address netip.AddrPort         // where other servers reach this one; zero: by the first socket
	offered time.Time              // when this server offered the lease last, as nothing could be read
	account atomic.Pointer[string] // by which this server reads; nil while that isn't known
	host    netip.Addr             // the private address of the instance; zero where it isn't known
}

// fleetOf opens the ledger of a fleet.
func fleetOf(c *config.Config, account *awsclient.Account) (ledger.Store, *ledger.Ledger, [][]byte, error) {
	secrets, err := policy.FleetSecrets(c)
	if err != nil {
		return nil, nil, nil, err
	}
	store := fleet.NewBucket(account, c.Fleet.Store.Bucket, c.Fleet.Store.Prefix)
	l, err := ledger.New(ledger.Options{Store: store, Fleet: c.Fleet.Store.String(), Secrets: secrets})
	return store, l, secrets, err
}

// assembleFleet makes this server a member of its fleet, where the configuration has one.
func (a *App) assembleFleet(ctx context.Context, c *config.Config, host string) error {
	if c.Fleet == nil || !a.opts.AsOf.IsZero() {
		return nil
	}
	account := a.running.accounts[0]
	store, l, secrets, err := fleetOf(c, account)
	if err != nil {
		return err
	}
	f := &a.fleet
	f.address = c.Fleet.Address.AddrPort
	name, place := c.Fleet.Name, ""
	if name == "" || !f.address.IsValid() {
		self := awsclient.Self(ctx, account)
		name, place = cmp.Or(name, self.ID, host), self.Region
		if len(self.Addresses) > 0 {
			f.host = self.Addresses[0]
		}
	}
	f.bell = newBell(a.keyring, func() []config.DomainName { return a.config.Load().Fleet.Keys }, fromOf(c.Fleet))
	f.member, err = fleet.New(fleet.Options{
		Ledger: l, Store: store, Fleet: c.Fleet.Store.String(), Secrets: secrets,
		Name: name, Zone: place, Build: a.version, Address: a.fleetAddress,
		Keeper: fleetKeeper{a.keeper, a}, Lead: a.lead, Ages: a.fleetAges, Wake: f.bell.ring, Adopted: a.fleetAdopted,
		State:   a.keeper.State(),
		Serials: func() []fleet.Serial { return a.handing.claims() },
		Config:  a.fleetConfig, SameAccount: a.isSameAccount,
		Retention: a.retention, Poll: c.Fleet.Poll, Log: a.opts.Log,
	})
	if err != nil {
		return err
	}
	f.bell.member = f.member
	a.registry.MustRegister(a.fleetMetrics())
	return a.assembleHandOn(c, store, secrets)
}

// retention is how much of the past is kept.
func (a *App) retention() (time.Duration, int64) {
	h := a.config.Load().History
	return h.Keep, int64(h.Max)
}

// fleetAddress is where other servers reach this one.
func (a *App) fleetAddress() netip.AddrPort {
	f := &a.fleet
	if f.address.IsValid() {
		return f.address
	}
	all := a.server.Addrs()
	for _, at := range all {
		if !at.Addr().IsUnspecified() {
			return at
		}
	}
	host := f.host
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

// runFleet follows and leads until ctx ends.
func (a *App) runFleet(ctx context.Context) error {
	if a.fleet.member == nil {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.learnAccount(ctx) })
	g.Go(func() error { return a.fleet.member.Run(ctx) })
	g.Go(func() error { return a.solo(ctx) })
	g.Go(func() error { return a.handing.run(ctx) })
	return g.Wait()
}

// storeWithin is how long a start waits for the fleet's store before it serves what was saved.
const storeWithin = time.Second

// awaitFleet waits for the fleet's data, a little.
func (a *App) awaitFleet(ctx context.Context) {
	if a.fleet.member == nil {
		return
	}
	limited, stop := context.WithTimeout(ctx, storeWithin)
	defer stop()
	select {
	case <-a.fleet.member.First():
	case <-limited.Done():
		if ctx.Err() == nil {
			a.opts.Log.Warn("the fleet's store is silent; what was saved is served until it answers")
		}
	}
}

// ignore is where the snapshots of a keeper go that reads for others.
func ignore(*zone.Snapshot) {}

// leading is what this server reads for its fleet while it leads.
type leading struct {
	term    *fleet.Term
	keeper  *zonesource.Keeper // of what is read, with the guard and the amendments
	builder sources.Builder
	sources []sources.Built
}

// lead reads AWS for the fleet until ctx ends.
func (a *App) lead(ctx context.Context, t *fleet.Term) error {
	l := &leading{term: t, builder: a.sources}
	c := a.config.Load()
	kept, err := a.keeperConfig(ctx, c)
	if err != nil {
		return err
	}
	l.keeper, err = zonesource.NewKeeper(zonesource.Options{
		Config: sharedConfig(kept, a.keeper.Self()), Publish: ignore, Parts: t.Parts(),
		Accepted: func(all []zonesource.Accepted) { t.Accept(wantedStill(all)) }, Log: a.opts.Log,
	})
	if err != nil {
		return err
	}
	err = l.keeper.Load()
	if err != nil {
		return err
	}
	l.builder.Keeper, l.builder.Committed = l.keeper, l.committed
	l.builder.Secondaries = &sources.Secondaries{Log: a.opts.Log, Keeper: l.keeper}
	a.reloading.Lock()
	err = l.use(a.config.Load(), &a.running)
	if err == nil {
		a.fleet.leading.Store(l)
		a.sources.Secondaries.Use(sources.Of(l.sources))
		a.sources.Registrar.Use(sources.Of(l.sources))
	}
	a.reloading.Unlock()
	if err != nil {
		return err
	}
	defer a.endLead()
	g, ctx := errgroup.WithContext(ctx)
	o := a.handing.open(ctx, l)
	g.Go(func() error { return l.keeper.Run(ctx, sources.Of(l.sources)...) })
	g.Go(func() error { return o.updater.Run(ctx) })
	g.Go(func() error { return a.readHealth(ctx, t) })
	g.Go(func() error { return a.tend(ctx, l) })
	a.handing.office.Store(o)
	a.transfers.Wake()
	defer func() {
		a.handing.office.Store(nil)
		a.transfers.Wake()
	}()
	return g.Wait()
}

// wantedStill leaves out what is gone as a configuration of this server doesn't want it: another server may, and what
// none wants goes another way (see tend).
func wantedStill(all []zonesource.Accepted) []zonesource.Accepted {
	return slices.DeleteFunc(slices.Clone(all), func(a zonesource.Accepted) bool {
		return a.Part.Key == (zonesource.Key{}) && a.Part.Err == nil && a.Cause == zonesource.ByConfiguration()
	})
}

// committed returns when all that was accepted is committed.
func (l *leading) committed(ctx context.Context) error {
	_, err := l.term.Commit(ctx, fleet.Change{})
	return err
}

// endLead notes that this server reads nothing any more.
func (a *App) endLead() {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	a.fleet.leading.Store(nil)
	a.sources.Secondaries.Use(nil)
	a.sources.Registrar.Use(nil)
}

// use makes the sources of a configuration, of those that run what is the same.
func (l *leading) use(c *config.Config, r *running) error {
	all, err := l.builder.Build(c, r.accounts, r.generation, l.sources)
	if err != nil {
		return err
	}
	l.sources = sharedOf(all)
	return nil
}

// sharedConfig is the configuration of a keeper of what a fleet shares: all but files.
func sharedConfig(k zonesource.Config, self zonesource.Self) zonesource.Config {
	k.Expected = slices.DeleteFunc(slices.Clone(k.Expected), func(key zonesource.Key) bool {
		return key.Source == sources.File
	})
	k.Self = self
	return k
}

// sharedOf are the sources that one server of a fleet reads for all.
func sharedOf(all []sources.Built) []sources.Built {
	return slices.DeleteFunc(slices.Clone(all), func(b sources.Built) bool { return b.Local })
}

// localOf are the sources that each server reads by itself: in a fleet those of files, else all.
func (a *App) localOf(all []sources.Built) []zonesource.Source {
	if a.fleet.member == nil {
		return sources.Of(all)
	}
	return sources.Of(slices.DeleteFunc(slices.Clone(all), func(b sources.Built) bool { return !b.Local }))
}

// reconfigureLead has what this server reads for its fleet follow another configuration.
func (a *App) reconfigureLead(p *reloadPlan) error {
	l := a.fleet.leading.Load()
	if l == nil {
		return nil
	}
	kept := sources.KeeperConfig(p.config, p.running.accounts)
	err := l.keeper.Reconfigure(sharedConfig(kept, a.keeper.Self()))
	if err != nil {
		return err
	}
	err = l.use(p.config, &p.running)
	if err != nil {
		return err
	}
	l.keeper.Switch(sources.Of(l.sources)...)
	a.sources.Secondaries.Use(sources.Of(l.sources))
	a.sources.Registrar.Use(sources.Of(l.sources))
	return nil
}

// fleetAges are how old the data of sources are that this server reads, and parts that are older.
func (a *App) fleetAges() map[string]float64 {
	l := a.fleet.leading.Load()
	if l == nil {
		return nil
	}
	ages := l.keeper.Ages()
	if m := a.health.Monitor.Load(); m != nil {
		age, known := m.WordAge()
		if known {
			ages[healthPart] = age.Seconds()
		}
	}
	return ages
}

// readopt has what another configuration wants of the fleet's data served.
func (a *App) readopt(ctx context.Context) {
	if a.fleet.member == nil {
		return
	}
	v, _ := a.fleet.member.Adopted()
	a.adoptHealth(v)
	err := a.fleet.member.Readopt(ctx)
	if err != nil {
		a.opts.Log.Warn("the fleet's data not adopted anew; that is tried again", "error", err)
	}
}

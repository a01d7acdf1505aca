package member

import (
	"context"
	"slices"

	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/sources"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/fleet"

	"golang.org/x/sync/errgroup"
)

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
func (s *Side) lead(ctx context.Context, t *fleet.Term) error {
	l := &leading{term: t, builder: *s.sources}
	s.mu.Lock()
	kept := sources.KeeperConfig(s.config(), s.accounts)
	s.mu.Unlock()
	var err error
	l.keeper, err = zonesource.NewKeeper(zonesource.Options{
		Config: sharedConfig(kept, s.keeper.Self()), Publish: ignore, Parts: t.Parts(),
		Accepted: func(all []zonesource.Accepted) { t.Accept(wantedStill(all)) }, Log: s.log,
	})
	if err != nil {
		return err
	}
	err = l.keeper.Load()
	if err != nil {
		return err
	}
	l.builder.Keeper, l.builder.Committed = l.keeper, l.committed
	l.builder.Secondaries = &sources.Secondaries{Log: s.log, Keeper: l.keeper}
	s.mu.Lock()
	err = l.use(s.config(), s.accounts, s.generation)
	if err == nil {
		s.leading.Store(l)
		l.keeper.Switch(sources.Of(l.sources)...)
		s.sources.Use(sources.Of(l.sources))
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	defer s.endLead()
	g, ctx := errgroup.WithContext(ctx)
	o := s.Handing.open(ctx, l)
	g.Go(func() error { return l.keeper.Run(ctx) })
	g.Go(func() error { return o.updater.Run(ctx) })
	g.Go(func() error { return s.readHealth(ctx, t) })
	g.Go(func() error { return s.tend(ctx, l) })
	s.Handing.office.Store(o)
	s.transfers().Wake()
	defer func() {
		s.Handing.office.Store(nil)
		s.transfers().Wake()
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

// committed returns when all that was accepted is committed, what is just being taken included.
func (l *leading) committed(ctx context.Context) error {
	l.keeper.HandOn()
	_, err := l.term.Commit(ctx, fleet.Change{})
	return err
}

// endLead notes that this server reads nothing any more.
func (s *Side) endLead() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leading.Store(nil)
	s.sources.Use(nil)
}

// use makes the sources of a configuration, of those that run what is the same.
func (l *leading) use(c *config.Config, accounts []*awsclient.Account, generation int) error {
	all, err := l.builder.Build(c, accounts, generation, l.sources)
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

// Reconfigure has what this server reads for its fleet follow another configuration. Accounts of another
// generation are others.
func (s *Side) Reconfigure(c *config.Config, accounts []*awsclient.Account, generation int) error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts, s.generation = accounts, generation
	l := s.leading.Load()
	if l == nil {
		return nil
	}
	kept := sources.KeeperConfig(c, accounts)
	err := l.keeper.Reconfigure(sharedConfig(kept, s.keeper.Self()))
	if err != nil {
		return err
	}
	err = l.use(c, accounts, generation)
	if err != nil {
		return err
	}
	l.keeper.Switch(sources.Of(l.sources)...)
	s.sources.Use(sources.Of(l.sources))
	return nil
}

// ages are how old the data of sources are that this server reads, and parts that are older.
func (s *Side) ages() map[string]float64 {
	k := s.Leading()
	if k == nil {
		return nil
	}
	ages := k.Ages()
	if m := s.health.Monitor.Load(); m != nil {
		age, known := m.WordAge()
		if known {
			ages[healthPart] = age.Seconds()
		}
	}
	return ages
}

// Readopt has what another configuration wants of the fleet's data served.
func (s *Side) Readopt(ctx context.Context) {
	if s == nil {
		return
	}
	v, _ := s.Member.Adopted()
	s.adoptHealth(v)
	err := s.Member.Readopt(ctx)
	if err != nil {
		s.log.Warn("the fleet's data not adopted anew; that is tried again", "error", err)
	}
}

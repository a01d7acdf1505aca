package server

import (
	"context"
	"maps"
	"time"

	"inside53/server/config"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/ledger"
	"inside53/zonesource/refresh"
)

const (
	// tendEvery is how often a leader looks after what it reads.
	tendEvery = 5 * time.Second
	// failingFor is how long all listings of a leader fail before it offers the lease, and
	// offerAfter how long it waits until it does that again.
	failingFor = 2 * time.Minute
	offerAfter = 10 * time.Minute
)

// tend looks after what this server reads for its fleet: it offers the lease where nothing can be
// read any more, and lets parts go that no configuration wants, until ctx ends.
func (a *App) tend(ctx context.Context, l *leading) error {
	m := a.fleet.member
	good := time.Now()
	for {
		err := refresh.Pause(ctx, tendEvery)
		if err != nil {
			return err
		}
		if !l.keeper.AllFail() {
			good = time.Now()
		}
		if time.Since(good) > failingFor && time.Since(a.fleet.offered) > offerAfter {
			a.fleet.offered = time.Now()
			m.Offer()
		}
		if !m.Agree() {
			continue // another server wants what this one doesn't
		}
		var gone []zonesource.Accepted
		for _, key := range m.Orphans(l.keeper.Wants) {
			gone = append(gone, zonesource.Accepted{Key: key, Cause: zonesource.ByConfiguration()})
		}
		if len(gone) > 0 {
			l.term.Accept(gone)
		}
	}
}

// readingKeeper is the keeper of what this server reads for its fleet, nil while another one
// reads.
func (a *App) readingKeeper() *zonesource.Keeper {
	l := a.fleet.leading.Load()
	if l == nil {
		return nil
	}
	return l.keeper
}

// brief is how the data stand; at the leader of a fleet with what its listings say.
func (a *App) brief() zonesource.Brief { return briefOf(a.keeper, a.readingKeeper()) }

func briefOf(served, reading *zonesource.Keeper) zonesource.Brief {
	b := served.Brief()
	if reading == nil {
		return b
	}
	b.Sources = maps.Clone(b.Sources)
	for name, of := range reading.Brief().Sources {
		is := b.Sources[name]
		is.Err, is.Failing, is.Pending = of.Err, of.Failing, of.Pending
		b.Sources[name] = is
	}
	return b
}

// statusOf is the same of each part.
func statusOf(served, reading *zonesource.Keeper) zonesource.Status {
	s := served.Status()
	if reading == nil {
		return s
	}
	of := map[zonesource.Key]zonesource.PartStatus{}
	for _, p := range reading.Status().Parts {
		of[p.Key] = p
	}
	for i := range s.Parts {
		p, there := of[s.Parts[i].Key]
		if there {
			s.Parts[i].Err, s.Parts[i].Tried = p.Err, p.Tried
			s.Parts[i].Pending, s.Parts[i].Vanished = p.Pending, p.Vanished
		}
	}
	return s
}

// LedgerOf opens the past of a configuration for reading, without a lock: that of its fleet, or
// the one below its state directory.
func LedgerOf(ctx context.Context, c *config.Config) (*ledger.Ledger, error) {
	if c.Fleet == nil {
		return ownLedger(c)
	}
	accounts, err := awsclient.Load(ctx, awsclient.Options{Region: c.AWS.Region, FindRegion: true})
	if err != nil {
		return nil, err
	}
	_, l, _, err := fleetOf(c, accounts[0])
	return l, err
}

// solo reads AWS for this server alone, within its share of the budget, while neither the store
// nor the lease is to be had for the time that the configuration says, until ctx ends.
func (a *App) solo(ctx context.Context) error {
	for {
		err := refresh.Pause(ctx, time.Second)
		if err != nil {
			return err
		}
		s := a.fleet.member.Standing()
		if s.Leads || s.Behind <= a.config.Load().Fleet.SoloAfter {
			continue
		}
		a.opts.Log.Warn("the fleet's store is away for long; this server reads AWS by itself until it is back",
			"behind", s.Behind)
		err = a.runSolo(ctx)
		if err != nil && ctx.Err() == nil {
			a.opts.Log.Error("not read by itself", "error", err)
		}
	}
}

// runSolo reads AWS for this server alone, until the store is back and who leads has read all.
func (a *App) runSolo(ctx context.Context) error {
	m := a.fleet.member
	c := *a.config.Load()
	alone := *c.Fleet
	alone.Events = "" // each event comes to one server, and that would keep it for itself
	c.Fleet = &alone
	c.Follow, c.Register = nil, nil // who leads alone writes to Route 53, and says who has which name
	if c.Route53 != nil {
		section := *c.Route53
		section.RequestsPerSecond /= float64(max(1, m.Known()))
		c.Route53 = &section
	}
	accounts, err := a.sources.loadAccounts(ctx, &c)
	if err != nil {
		return err
	}
	kept := sharedConfig(keeperConfig(&c, accounts), a.keeper.Self())
	l := &leading{builder: a.sources}
	l.keeper, err = zonesource.NewKeeper(zonesource.Options{
		Config: kept, Publish: ignore, Parts: a.keeper.Served(), Log: a.opts.Log,
		Accepted: func(all []zonesource.Accepted) { a.keeper.Adopt(0, layOver(all)) },
	})
	if err == nil {
		err = l.keeper.Load()
	}
	if err != nil {
		return err
	}
	l.builder.keeper = l.keeper
	l.builder.secondaries = &secondaries{log: a.opts.Log, keeper: l.keeper}
	err = l.use(&c, &running{accounts: accounts, generation: -1})
	if err != nil {
		return err
	}
	reading, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- l.keeper.Run(reading, sourcesOf(l.sources)...) }()
	err = a.awaitStore(ctx)
	stop()
	<-ended // it is that of its context
	for _, account := range accounts {
		account.CloseIdle()
	}
	if err != nil {
		return err
	}
	back := time.Now()
	a.opts.Log.Info("the fleet's store is back; what was read by itself stays until who leads has read it too")
	for !m.ReadWithin(time.Since(back)) {
		err = refresh.Pause(ctx, time.Second)
		if err != nil {
			return err
		}
	}
	return m.Readopt(ctx)
}

// awaitStore returns when the store answers again, or ctx ends.
func (a *App) awaitStore(ctx context.Context) error {
	for {
		s := a.fleet.member.Standing()
		if s.Leads || s.Behind == 0 && s.Err == nil {
			return nil
		}
		err := refresh.Pause(ctx, time.Second)
		if err != nil {
			return err
		}
	}
}

// layOver are parts that this server has read by itself, to be served in the place of those of
// its fleet. What isn't there any more stays.
func layOver(all []zonesource.Accepted) []zonesource.Adopted {
	var over []zonesource.Adopted
	for _, a := range all {
		if a.Part.Key != (zonesource.Key{}) && a.Part.Err == nil {
			over = append(over, zonesource.Adopted{Key: a.Key, Part: a.Part})
		}
	}
	return over
}

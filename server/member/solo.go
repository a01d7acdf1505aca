package member

import (
	"context"
	"time"

	"inside53/server/sources"
	"inside53/zonesource"
	"inside53/zonesource/refresh"
)

// solo reads AWS for this server alone, within its share of the budget, while neither the store
// nor the lease is to be had for the time that the configuration says, until ctx ends.
func (s *Side) solo(ctx context.Context) error {
	for {
		err := refresh.Pause(ctx, time.Second)
		if err != nil {
			return err
		}
		now := s.Member.Standing()
		if now.Leads || now.Behind <= s.config().Fleet.SoloAfter {
			continue
		}
		s.log.Warn("the fleet's store is away for long; this server reads AWS by itself until it is back",
			"behind", now.Behind)
		err = s.runSolo(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("not read by itself", "error", err)
		}
	}
}

// runSolo reads AWS for this server alone, until the store is back and who leads has read all.
func (s *Side) runSolo(ctx context.Context) error {
	m := s.Member
	c := *s.config()
	alone := *c.Fleet
	alone.Events = "" // each event comes to one server, and that would keep it for itself
	c.Fleet = &alone
	c.Follow, c.Register = nil, nil // who leads alone writes to Route 53, and says who has which name
	if c.Route53 != nil {
		section := *c.Route53
		section.RequestsPerSecond /= float64(max(1, m.Known()))
		c.Route53 = &section
	}
	accounts, err := s.sources.LoadAccounts(ctx, &c)
	if err != nil {
		return err
	}
	kept := sharedConfig(sources.KeeperConfig(&c, accounts), s.keeper.Self())
	l := &leading{builder: *s.sources}
	l.keeper, err = zonesource.NewKeeper(zonesource.Options{
		Config: kept, Publish: ignore, Parts: s.keeper.Served(), Log: s.log,
		Accepted: func(all []zonesource.Accepted) { s.keeper.Adopt(0, layOver(all)) },
	})
	if err == nil {
		err = l.keeper.Load()
	}
	if err != nil {
		return err
	}
	l.builder.Keeper = l.keeper
	l.builder.Secondaries = &sources.Secondaries{Log: s.log, Keeper: l.keeper}
	err = l.use(&c, accounts, -1)
	if err != nil {
		return err
	}
	reading, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- l.keeper.Run(reading, sources.Of(l.sources)...) }()
	err = s.awaitStore(ctx)
	stop()
	<-ended // it is that of its context
	for _, account := range accounts {
		account.CloseIdle()
	}
	if err != nil {
		return err
	}
	back := time.Now()
	s.log.Info("the fleet's store is back; what was read by itself stays until who leads has read it too")
	for !m.ReadWithin(time.Since(back)) {
		err = refresh.Pause(ctx, time.Second)
		if err != nil {
			return err
		}
	}
	return m.Readopt(ctx)
}

// awaitStore returns when the store answers again, or ctx ends.
func (s *Side) awaitStore(ctx context.Context) error {
	for {
		now := s.Member.Standing()
		if now.Leads || now.Behind == 0 && now.Err == nil {
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

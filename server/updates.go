package server

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/metrics"
	"inside53/server/tsig"
	"inside53/server/update"
	"inside53/zonesource"
	"inside53/zonesource/rdata"
	"inside53/zonesource/route53"
	zoneupdate "inside53/zonesource/update"
)

// assembleUpdates makes what accepts updates. It is there with AWS alone, whether the
// configuration has updates or not: a reload may bring some.
func (a *App) assembleUpdates(c *config.Config) error {
	policy, err := newUpdatePolicy(c)
	if err != nil {
		return err
	}
	a.keys.Store(&policy.Keys)
	if !c.UsesAWS() || !a.opts.AsOf.IsZero() {
		return nil
	}
	count := metrics.NewCounter(a.registry, metrics.Metric{
		Name: "inside53_updates_total", Labels: []string{"result"},
		Help: "Dynamic updates by response code or fault of the signature; dropped: too many at a time.",
	})
	options := update.Options{
		Registrar: a.sources.registrar.now, Registers: func() bool { return len(a.config.Load().Register) > 0 },
		Hosted: a.hosted, Count: func(result string) { count(result) }, Log: a.opts.Log,
		Allowed: func(client netip.Addr) bool { return a.resolver.Snapshot().Client(client).Allowed },
	}
	if a.handing != nil {
		options.Updater, options.Fleet = a.handing, a.handing
	} else {
		a.updater = zoneupdate.New(zoneupdate.Options{
			Source: route53.Name, Hosted: a.keeper.Hosted, Amend: a.keeper.Amend, Synced: a.keeper.Synced,
			StateDir: c.StateDir, State: a.keeper.State(), OnCall: a.sources.onCall, Log: a.opts.Log,
		})
		a.updater.SetAccounts(a.running.accounts)
		options.Updater = a.updater
	}
	a.updates = update.New(options, policy)
	return nil
}

// hosted returns the hosted zones as they were listed last, with the changes that were
// accepted: at the leader of a fleet those that it reads.
func (a *App) hosted() []*zone.Zone {
	l := a.fleet.leading.Load()
	if l != nil {
		return l.keeper.Hosted()
	}
	return a.keeper.Hosted()
}

// setUpdateAccounts has updates made with the accounts of another configuration.
func (a *App) setUpdateAccounts() {
	if a.updater != nil {
		a.updater.SetAccounts(a.running.accounts)
	}
	if a.handing == nil {
		return
	}
	o := a.handing.leads()
	if o != nil {
		o.updater.SetAccounts(a.running.accounts)
	}
}

// newUpdatePolicy is the sections keys and updates. It reads the secrets of the keys.
func newUpdatePolicy(c *config.Config) (*update.Policy, error) {
	keys, err := newKeyring(c)
	if err != nil {
		return nil, err
	}
	p := &update.Policy{Keys: keys}
	for _, u := range c.Updates {
		g := update.Grant{Zone: hostedName(u), Clients: u.Clients}
		for _, k := range u.Keys {
			g.Keys = append(g.Keys, string(k))
		}
		for _, n := range u.Names {
			text, below := strings.CutPrefix(string(n), "*.")
			pattern := update.Pattern{Below: below}
			if n != "*" {
				pattern.Name = zone.MustName(text)
			}
			g.Names = append(g.Names, pattern)
		}
		if !slices.Contains(u.Types, "*") {
			for _, t := range u.Types {
				number, _ := rdata.Type(string(t)) // checked with the configuration
				g.Types = append(g.Types, number)
			}
		}
		p.Grants = append(p.Grants, g)
	}
	return p, nil
}

// hostedName is how an entry names its zone.
func hostedName(u config.Update) zonesource.PrimaryName {
	if u.Zone.IsID() {
		return zonesource.PrimaryName{ID: string(u.Zone)}
	}
	return zonesource.PrimaryName{
		Apex:    wireName(config.DomainName(u.Zone)),
		Private: u.Visibility == config.PrivateZone,
		VPC:     string(u.VPC),
	}
}

// primaries are the names that zones have in their SOA records.
func primaries(c *config.Config) []zonesource.PrimaryName {
	var out []zonesource.PrimaryName
	for _, u := range c.Updates {
		if u.SOAMname != "" {
			p := hostedName(u)
			p.Primary = wireName(config.DomainName(u.SOAMname))
			out = append(out, p)
		}
	}
	return out
}

// newKeyring reads the secrets that c names. The error joins those of all keys.
func newKeyring(c *config.Config) (tsig.Keyring, error) {
	ring := tsig.Keyring{}
	var faults []error
	for _, k := range c.Keys {
		secret, err := k.Load()
		if err != nil {
			faults = append(faults, err)
			continue
		}
		ring[string(k.Name)] = tsig.Key{Name: string(k.Name), Algorithm: string(k.Algorithm) + ".", Secret: secret}
	}
	return ring, errors.Join(faults...)
}

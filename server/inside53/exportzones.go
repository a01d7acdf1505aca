package main

import (
	"context"
	"fmt"

	"inside53/server/config"
	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/changes"
	"inside53/zonesource/rdata"
)

// ourZones are the zones in which names of instances may lie besides that of ec2.zone, as serve
// has them.
type ourZones struct {
	named   [][]byte                // that the configuration names
	wanted  func(changes.Zone) bool // hosted zones
	clients []*changes.Client       // of the accounts to ask for those that it doesn't name; nil for none
}

// newOurZones are the zones of a configuration. Hosted zones have to be listed only where it has
// them by their ids, or all of them.
func newOurZones(c *config.Config, accounts []*awsclient.Account) (*ourZones, error) {
	var names []config.DomainName
	o := &ourZones{wanted: wantsZone(c)}
	if c.Route53 != nil {
		names = append(names, c.Route53.Zones.Names...)
		if c.Route53.Zones.All || len(c.Route53.Zones.IDs) > 0 {
			for _, a := range accounts {
				o.clients = append(o.clients, changes.New(a, changes.Options{}))
			}
		}
	}
	for _, f := range c.ZoneFiles {
		names = append(names, f.Origin)
	}
	for _, s := range c.Secondary {
		names = append(names, s.Zone)
	}
	names = append(names, c.EC2.Domains...)
	for _, name := range names {
		wire, err := rdata.ParseMasterName(string(name))
		if err != nil {
			return nil, fmt.Errorf("reading the zone %s of the configuration: %w", name, err)
		}
		o.named = append(o.named, wire)
	}
	return o, nil
}

// list returns the zones that there are now. Where the hosted zones may not be listed, absolute
// names in them are left out, and the problem says so.
func (o *ourZones) list(ctx context.Context) (*zonesource.Ours, []zonesource.Problem, error) {
	var hosted [][]byte
	var problems []zonesource.Problem
	for _, c := range o.clients {
		all, err := c.Zones(ctx)
		if awscall.IsDenied(err) {
			problems = append(problems, zonesource.Problem{Zone: "route53",
				Reason: fmt.Sprintf("absolute names in hosted zones are left out: %v", err)})
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		for _, z := range all {
			name, err := rdata.ParseName(z.Name)
			if err == nil && o.wanted(z) {
				hosted = append(hosted, name)
			}
		}
	}
	return zonesource.NewOurs(o.named, hosted), problems, nil
}

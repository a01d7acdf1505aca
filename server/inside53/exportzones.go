package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"inside53/resolver/zone"
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
	clients []*changes.Client       // of the accounts to ask for hosted zones; nil for none
	lists   bool                    // the configuration doesn't name all of them
	hosted  []hostedZone            // what was listed last
}

// hostedZone is one that is ours.
type hostedZone struct {
	changes.Zone
	apex   []byte
	client *changes.Client
}

// newOurZones are the zones of a configuration. Hosted zones have to be listed only where it has
// them by their ids, or all of them.
func newOurZones(c *config.Config, accounts []*awsclient.Account) (*ourZones, error) {
	var names []config.DomainName
	o := &ourZones{wanted: wantsZone(c)}
	if c.Route53 != nil {
		names = append(names, c.Route53.Zones.Names...)
		o.lists = c.Route53.Zones.All || len(c.Route53.Zones.IDs) > 0
		for _, a := range accounts {
			o.clients = append(o.clients, changes.New(a, changes.Options{}))
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
	var problems []zonesource.Problem
	if o.lists {
		denied, err := o.listHosted(ctx)
		if err != nil {
			return nil, nil, err
		}
		for _, err := range denied {
			problems = append(problems, zonesource.Problem{Zone: "route53",
				Reason: fmt.Sprintf("absolute names in hosted zones are left out: %v", err)})
		}
	}
	var hosted [][]byte
	for _, z := range o.hosted {
		hosted = append(hosted, z.apex)
	}
	return zonesource.NewOurs(o.named, hosted), problems, nil
}

// listHosted lists the hosted zones. denied are the errors of accounts that don't let it.
func (o *ourZones) listHosted(ctx context.Context) (denied []error, err error) {
	var hosted []hostedZone
	for _, c := range o.clients {
		all, err := c.Zones(ctx)
		if awscall.IsDenied(err) {
			denied = append(denied, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, z := range all {
			name, err := rdata.ParseName(z.Name)
			if err == nil && o.wanted(z) {
				hosted = append(hosted, hostedZone{z, name, c})
			}
		}
	}
	o.hosted = hosted
	return denied, nil
}

// collisions are those of some names, in lower-case wire form, that have addresses in hosted zones: whoever reads
// hosts files never comes to these. What can't be asked for is a problem too.
func (o *ourZones) collisions(ctx context.Context, names [][]byte) []zonesource.Problem {
	unknown := func(err error) []zonesource.Problem {
		return []zonesource.Problem{{Zone: "route53",
			Reason: fmt.Sprintf("whether hosted zones have the same names isn't known: %v", err)}}
	}
	isIn := func(apex []byte) func([]byte) bool {
		return func(name []byte) bool { return zone.IsSubdomain(name, apex) }
	}
	if !o.lists && slices.ContainsFunc(o.named, func(apex []byte) bool { return slices.ContainsFunc(names, isIn(apex)) }) {
		denied, err := o.listHosted(ctx)
		err = errors.Join(append(denied, err)...)
		if err != nil {
			return unknown(err)
		}
	}
	var problems []zonesource.Problem
	for _, z := range o.hosted {
		var asked []string
		for _, name := range names {
			if isIn(z.apex)(name) {
				asked = append(asked, rdata.FormatName(name))
			}
		}
		if len(asked) == 0 {
			continue
		}
		sets, err := z.client.RecordsOf(ctx, z.Zone, asked)
		if err != nil {
			problems = append(problems, unknown(err)...)
			continue
		}
		for i := range sets {
			switch sets[i].Type {
			case "A", "AAAA", "CNAME":
				problems = append(problems, zonesource.Problem{Zone: z.Name, Name: changes.ReadableName(*sets[i].Name),
					Reason: fmt.Sprintf("is a name of instances, and has records in the %s: in hosts files the instances' addresses "+
						"count", z.Zone)})
			}
		}
	}
	return problems
}

package server

import (
	"fmt"
	"log/slog"
	"slices"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/account"
	"inside53/zonesource/ec2"
	"inside53/zonesource/route53"
	"inside53/zonesource/zonefile"
)

// What a Config means to each source. The configuration knows no source and the sources
// know no configuration; these translate. They are pure, and leave out what the caller
// adds: logs, hooks, resolving.

// accountOptions returns what the AWS configurations have to know of c.
func (c *Config) accountOptions() account.Options {
	o := account.Options{Region: c.AWS.Region}
	for _, a := range c.AWS.Accounts {
		o.Roles = append(o.Roles, account.Role{Name: a.Name, ARN: a.RoleARN, ExternalID: a.ExternalID})
	}
	if c.Route53 != nil {
		o.RequestsPerSecond = c.Route53.RequestsPerSecond
	}
	return o
}

// ec2Regions returns the regions of the inventory; region is that of the SDK.
func (c *Config) ec2Regions(region string) []string {
	switch {
	case c.EC2 == nil:
		return nil
	case len(c.EC2.Regions) > 0:
		return c.EC2.Regions
	case c.AWS.Region != "":
		return []string{c.AWS.Region}
	default:
		return []string{region}
	}
}

// route53Options returns what the source of hosted zones has to know of c, which has
// the section.
func (c *Config) route53Options(accounts []*account.Account) route53.Options {
	o := route53.Options{
		Accounts: accounts,
		Zones:    c.Route53.Zones.list(),
		Refresh:  c.Route53.Refresh,
		Unlisted: c.Route53.Visibility.Private && c.EC2 != nil,
	}
	if c.Route53.Visibility.Public {
		o.Visibility = append(o.Visibility, zone.Public)
	}
	if c.Route53.Visibility.Private {
		o.Visibility = append(o.Visibility, zone.Private)
	}
	return o
}

// list returns the set as the sources take it: "*", or ids and names.
func (s ZoneSet) list() []string {
	if s.All {
		return []string{"*"}
	}
	list := slices.Clone(s.IDs)
	for _, name := range s.Names {
		list = append(list, string(name))
	}
	return list
}

// ec2Options returns what the source of the inventory has to know of c, which has the
// section.
func (c *Config) ec2Options(accounts []*account.Account, regions []string) ec2.Options {
	o := ec2.Options{
		Regions:       regions,
		Refresh:       c.EC2.Refresh,
		NameTag:       c.EC2.NameTag,
		LoadBalancers: slices.Contains(c.EC2.Translate, TranslateLoadBalancers),
	}
	for _, a := range accounts {
		o.Accounts = append(o.Accounts, ec2.Account{Name: a.Name, Config: a.Config})
	}
	kinds := map[NameSource]string{NameFromTag: ec2.TagNames, NameFromName: ec2.NameTagNames, NameFromSecurityGroup: ec2.SecurityGroups}
	for _, name := range c.EC2.Names {
		o.Names = append(o.Names, kinds[name])
	}
	return o
}

// zoneFileSources returns a source for each zone file, in the order of c.
func (c *Config) zoneFileSources(log *slog.Logger) ([]*zonefile.Source, error) {
	sources := make([]*zonefile.Source, len(c.ZoneFiles))
	for i, z := range c.ZoneFiles {
		origin, err := zone.ParseName(string(z.Origin))
		if err != nil {
			return nil, fmt.Errorf("origin of %s: %w", z.File, err)
		}
		sources[i], err = zonefile.New(zonefile.Config{Origin: origin, Path: z.File, Name: c.zoneFileKey(i).Name}, log)
		if err != nil {
			return nil, err
		}
	}
	return sources, nil
}

// zoneFileKey is the key of the part of zone file i: its origin, with the views where
// another file has the same.
func (c *Config) zoneFileKey(i int) zonesource.Key {
	z := c.ZoneFiles[i]
	key := zonesource.Key{Source: "zonefile", Name: string(z.Origin)}
	for j, other := range c.ZoneFiles {
		if j != i && other.Origin == z.Origin {
			key.Name += " in " + z.Views.String()
			break
		}
	}
	return key
}

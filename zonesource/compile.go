package zonesource

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
)

// The order of resolution has its first half here, in the tables of views; the
// second half is in the lookup.
//
//	views by prefix, contested prefixes, rest, allow     compile_views.go
//	special names, and what lies at or below ours        compile_apexes.go specials, compile_special.go
//	reverse ranges of the view's own VPCs                compile_apexes.go ownReverse
//	longest match; a tie goes to the forwarder           compile_apexes.go forwards
//	private zones that can't be listed                   compile_apexes.go unlistedZones
//	layers of one apex; shadow                           compile_apexes.go stack
//	what is reachable from a view                        compile_inventory.go
//	the view from outside, CIDR collections              compile_outside.go
//	computed names                                       compile_apexes.go computedApexes
//	names of instances                                   compile_tags.go, compile_services.go
//	names that records have too                          compile_collisions.go
//	availability zones                                   compile_places.go
//	names of AWS services                                compile_amazon.go
//	before the first data, and what was not read         compile_complete.go
//	a few changed parts                                  compile_patch.go, compile_region.go
//	changed tags                                         compile_tags_patch.go
//
// What a table tells the lookup at the longest matching apex, in this order:
//
//	Unavailable   SERVFAIL
//	Layers        if one of them has the name. With a forwarder that wins the tie
//	              there are none.
//	Computed      EC2 names and reverse names of the inventory
//	Forward       asks the upstreams. With Layers the apex has Below set.
//	Special       the special answer
//	otherwise     the negative answer of the layers; without any, the same as
//	              without an apex
//
// Computed apexes that no zone or forwarder of that name made are ec2.internal.,
// compute.internal., compute.amazonaws.com., compute-1.amazonaws.com.,
// compute.amazonaws.com.cn. and in-addr.arpa.; they carry the forwarder of the
// apex above them, else the view's forwarder of ".". Where a zone of ours lies
// above and there is no forwarder of ".", that zone's apex is marked instead. All
// apexes below these names are marked too: a reverse zone's own records come first.

// Compiled is a compilation, and what the next one needs of it. Immutable.
type Compiled struct {
	Snapshot *zone.Snapshot
	Report   Report

	in   input
	tags *tagNames
	// registered are names that instances have registered, by instance.
	registered map[string][]Registration
	foreign    [][]byte // apexes of zones that aren't of tags
	ours       *Ours    // these, and the domains of the configuration
	places     *places
	networks   []network
	views      []*viewPlan
	problems   []Problem // of the tables
	shared     []Problem // of names that several VPCs share
	// collisions are of names that instances and records have, in the zones of tags.
	collisions []Problem
	// managed are the addresses of instances that AWS services manage, by region; nil where nobody has asked.
	managed []map[instanceAddress]bool
	// contested says that regions disagree about an address: the latest listing counts.
	contested bool
}

// input is what a compilation is made of, in a fixed order.
type input struct {
	cfg      Config
	zones    []*Part // with Zone, by key; in Snapshot.Zones in this order
	catalogs []*Part // by key
	regions  []*Part // by key
	stale    []bool  // of regions
	missing  []Gap
}

// Compile makes a snapshot of parts. previous is the last compilation, nil for
// none; the result is the same either way, but what hasn't changed is shared. Parts
// with Err count as missing. The cost is that of the tables of views where zones,
// networks or the configuration change, else that of a look at each part; see
// [Compiled.next] for who knows which have changed. Compile keeps cfg and parts'
// content and modifies neither; it is pure.
func Compile(previous *Compiled, cfg Config, parts map[Key]Part, now time.Time) (*Compiled, error) {
	in := sortParts(cfg, parts, now)
	sameConfig := previous != nil && reflect.DeepEqual(previous.in.cfg, cfg)
	if !sameConfig {
		err := cfg.validate()
		if err != nil {
			return nil, fmt.Errorf("compiling the configuration: %w", err)
		}
	}
	in.missing = missingParts(&cfg, parts)
	if sameConfig {
		changed, same := in.changedZones(&previous.in)
		if same {
			c := previous.patch(in, changed, now)
			if c != nil {
				c.report()
				return c, nil
			}
		}
	}
	c := &Compiled{in: in}
	c.build(previous, c.deriveZones(previous, sameConfig), now)
	c.Snapshot.Loaded = len(in.missing) == 0
	c.Snapshot.Built = now
	c.report()
	return c, nil
}

func sortParts(cfg Config, parts map[Key]Part, now time.Time) input {
	in := input{cfg: cfg}
	for _, p := range parts {
		switch {
		case p.Err != nil:
		case p.Zone != nil:
			in.zones = append(in.zones, &p)
		case p.Catalog != nil:
			in.catalogs = append(in.catalogs, &p)
		case p.Region != nil && cfg.EC2:
			in.regions = append(in.regions, &p)
		}
	}
	byKey := func(a, b *Part) int { return a.Key.compare(b.Key) }
	slices.SortFunc(in.zones, byKey)
	slices.SortFunc(in.catalogs, byKey)
	slices.SortFunc(in.regions, byKey)
	in.age(now)
	return in
}

// age finds out which regions are stale.
func (in *input) age(now time.Time) {
	in.stale = make([]bool, len(in.regions))
	for i, p := range in.regions {
		in.stale[i] = isStale(&in.cfg, p, now)
	}
}

func (k Key) compare(other Key) int {
	return cmp.Or(strings.Compare(k.Source, other.Source), strings.Compare(k.Name, other.Name))
}

// String returns the key as logs and errors show it.
func (k Key) String() string { return k.Source + " " + k.Name }

// samePlace reports whether two parts' zones have the same place in all views.
func samePlace(a, b *Part) bool {
	return a.Key == b.Key && (a.Zone == b.Zone || a.Zone.Origin == b.Zone.Origin &&
		a.Zone.Unavailable == b.Zone.Unavailable && a.Zone.ID == b.Zone.ID && a.Zone.Account == b.Zone.Account &&
		bytes.Equal(a.Zone.Apex, b.Zone.Apex) && slices.Equal(a.Zone.VPCs, b.Zone.VPCs))
}

// deriveZones derives the zones from their parts, those of the previous compilation
// where part and configuration are the same.
func (c *Compiled) deriveZones(previous *Compiled, sameConfig bool) []*zone.Zone {
	zones := make([]*zone.Zone, 0, len(c.in.zones))
	at := 0 // among the parts of the previous compilation, which have the same order
	for _, p := range c.in.zones {
		for sameConfig && at < len(previous.in.zones) && previous.in.zones[at].Key.compare(p.Key) < 0 {
			at++
		}
		if sameConfig && at < len(previous.in.zones) && previous.in.zones[at].Zone == p.Zone {
			zones = append(zones, previous.Snapshot.Zones[at])
			continue
		}
		zones = append(zones, c.in.cfg.derive(p.Zone))
	}
	return zones
}

// derive makes the zone that is served of the one of a part.
func (c *Config) derive(z *zone.Zone) *zone.Zone {
	var negativeCap uint32
	if z.Origin != zone.File {
		negativeCap = seconds(c.NegativeTTL)
	}
	return z.With(c.withPrimary(z), negativeCap)
}

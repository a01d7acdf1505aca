package zonesource

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"inside53/resolver/zone"
)

const (
	// restView is the automatic view of everybody who is in no VPC.
	restView = "rest"
	// unreadView is that of who may be in a VPC of a region that was not read.
	unreadView = "unread"
)

// viewPlan is one view before its table is made.
type viewPlan struct {
	name      string
	vpcs      []string // ids; with every, those of the inventory
	every     bool     // every private zone
	unique    bool     // every private zone whose name only one has
	region    string
	addresses zone.AddressMode
	reach     Reach
	unread    string // why the view of its clients isn't known
}

// configured is the name by which the configuration knows the view.
func (v *viewPlan) configured() string {
	if v.name == unreadView && v.unread != "" {
		return restView
	}
	return v.name
}

// clientPlan says which view a client address is in.
type clientPlan struct {
	views map[netip.Prefix]int
	rest  int
	allow []netip.Prefix
}

func (c *clientPlan) apply(s *zone.Snapshot) { s.SetClients(c.views, c.rest, c.allow) }

// planViews makes the views: the configured ones, or one for each VPC and one for
// the rest. zones are those of the parts.
func planViews(cfg *Config, networks []network, zones []*Part, missing []Gap) (
	[]*viewPlan, clientPlan, []Problem) {
	if cfg.Views != nil {
		views, clients := configuredViews(cfg, networks, zones)
		clients.allow = allowed(cfg, networks)
		return views, clients, absentVPCs(cfg, networks, zones)
	}
	views, clients, problems := automaticViews(cfg, networks)
	views, problems = addUnreadView(cfg, views, &clients, problems, missing)
	clients.allow = allowed(cfg, networks)
	return views, clients, problems
}

// absentVPCs returns a problem for each VPC that a view names and that neither the
// inventory nor a private zone knows.
func absentVPCs(cfg *Config, networks []network, zones []*Part) []Problem {
	if !cfg.EC2 || len(networks) == 0 {
		return nil // nothing is known of any
	}
	var out []Problem
	for _, v := range cfg.Views {
		for _, id := range v.VPCs {
			known := id == "*" || slices.ContainsFunc(networks, func(n network) bool { return n.ID == id }) ||
				slices.ContainsFunc(zones, func(p *Part) bool {
					return slices.ContainsFunc(p.Zone.VPCs, func(of zone.VPC) bool { return of.ID == id })
				})
			if !known {
				out = append(out, Problem{Name: id,
					Reason: fmt.Sprintf("is a VPC of view %s, and in no region that is read", v.Name)})
			}
		}
	}
	return out
}

func configuredViews(cfg *Config, networks []network, zones []*Part) ([]*viewPlan, clientPlan) {
	clients := clientPlan{views: map[netip.Prefix]int{}, rest: -1}
	var views []*viewPlan
	for i, c := range cfg.Views {
		v := &viewPlan{name: c.Name, region: c.Region, addresses: c.Addresses, reach: c.Reach}
		for _, id := range c.VPCs {
			if id == "*" {
				v.every = true
				continue
			}
			v.vpcs = append(v.vpcs, id)
		}
		if v.every {
			for _, n := range networks {
				if !slices.Contains(v.vpcs, n.ID) {
					v.vpcs = append(v.vpcs, n.ID)
				}
			}
		}
		if v.region == "" && len(v.vpcs) > 0 {
			first := regionOf(cfg, networks, zones, v.vpcs[0])
			v.region = cmp.Or(first, cfg.elsewhere())
			if v.every {
				v.region = cmp.Or(cfg.elsewhere(), first) // which VPC is the first one means nothing
			}
		}
		v.region = cmp.Or(v.region, cfg.elsewhere())
		for _, p := range c.Clients {
			clients.views[p.Masked()] = i
		}
		views = append(views, v)
	}
	return views, clients
}

// elsewhere is the region of clients in no VPC that is known.
func (c *Config) elsewhere() string { return cmp.Or(c.Self.Region, c.Region) }

// regionOf returns the region of a VPC: the inventory tells, and so do the private zones
// that are associated with it; "" when nobody does.
func regionOf(cfg *Config, networks []network, zones []*Part, vpc string) string {
	for i := range networks {
		if networks[i].ID == vpc {
			return networks[i].Region
		}
	}
	if vpc == cfg.Self.VPC {
		return cfg.Self.Region
	}
	for _, p := range zones {
		for _, v := range p.Zone.VPCs {
			if v.ID == vpc && v.Region != "" {
				return v.Region
			}
		}
	}
	return ""
}

// automaticViews makes a view of each VPC that has a prefix to itself. Addresses
// that several VPCs claim can't be told apart: they are the own VPC's, if that is
// one of them, and else the rest's. Who asks by loopback is on this host, so in the
// own VPC.
func automaticViews(cfg *Config, networks []network) ([]*viewPlan, clientPlan, []Problem) {
	claims := claimsOf(networks)
	owners := map[netip.Prefix]string{}
	var problems []Problem
	for _, p := range slices.SortedFunc(maps.Keys(claims), comparePrefixes) {
		who := claims[p]
		switch {
		case len(who) == 1:
			owners[p] = who[0]
		case slices.Contains(who, cfg.Self.VPC):
			owners[p] = cfg.Self.VPC
			problems = append(problems, ambiguous(p, who,
				"its clients are taken for those of "+cfg.Self.VPC+", where this server runs"))
		default:
			problems = append(problems, ambiguous(p, who, `its clients get the view "rest"`))
		}
	}
	owning := map[string]bool{}
	for _, id := range owners {
		owning[id] = true
	}
	clients := clientPlan{views: map[netip.Prefix]int{}}
	var views []*viewPlan
	index := map[string]int{}
	for _, n := range networks {
		if owning[n.ID] {
			index[n.ID] = len(views)
			views = append(views, &viewPlan{name: n.ID, vpcs: []string{n.ID}, region: n.Region})
		}
	}
	clients.rest = len(views)
	views = append(views, &viewPlan{name: restView, unique: true, region: cfg.elsewhere(), addresses: zone.AddressPublic})
	for p := range claims {
		owner, ok := owners[p]
		if !ok {
			clients.views[p] = clients.rest
			continue
		}
		clients.views[p] = index[owner]
	}
	here, known := index[cfg.Self.VPC]
	if known {
		for _, p := range loopbackPrefixes() {
			clients.views[p] = here
		}
	}
	return views, clients, problems
}

// addUnreadView adds the view of clients who may be in a VPC of a region that was not read:
// those of private addresses, and of this host, if it is in such a region. They would be taken
// for the rest, or for a VPC that has the same prefix, and get public addresses and the zones of
// others. A prefix is certain where the own VPC has it: its clients are that one's, whoever has
// it too; and where several VPCs have it, unless the own VPC may be another. A region that
// isn't waited for any more has none.
func addUnreadView(
	cfg *Config, views []*viewPlan, clients *clientPlan, problems []Problem, missing []Gap,
) ([]*viewPlan, []Problem) {
	i := slices.IndexFunc(missing, func(g Gap) bool { return g.Key.Source == inventorySource && g.Standing == Unread })
	if !cfg.EC2 || i < 0 {
		return views, problems
	}
	view := *views[clients.rest]
	view.name, view.unread = unreadView, missing[i].unreadInventory()
	prefixes := networkPrefixes()
	here := loopbackPrefixes()
	_, known := clients.views[here[0]]
	isHere := func(g Gap) bool {
		return g.Key.Source == inventorySource && g.Standing == Unread && strings.HasSuffix(g.Key.Name, "/"+cfg.Self.Region)
	}
	if !known && cfg.Self.VPC != "" && slices.ContainsFunc(missing, isHere) {
		prefixes = append(prefixes, here...)
	}
	own := slices.IndexFunc(views, func(v *viewPlan) bool { return slices.Equal(v.vpcs, []string{cfg.Self.VPC}) })
	for _, p := range slices.AppendSeq(prefixes, maps.Keys(clients.views)) {
		of, claimed := clients.views[p]
		certain := of == own || of == clients.rest && (own >= 0 || cfg.Self.VPC == "")
		if !claimed || !certain {
			clients.views[p] = len(views)
		}
	}
	return append(views, &view), append(problems, Problem{Name: strings.TrimPrefix(missing[i].Key.Name, "/"),
		Reason: "has not been read: clients of private addresses that aren't those of this server's VPC get SERVFAIL"})
}

// claimsOf returns for each prefix of a VPC all VPCs that hold all of it.
func claimsOf(networks []network) map[netip.Prefix][]string {
	claims := map[netip.Prefix][]string{}
	for _, n := range networks {
		for _, p := range n.CIDRs {
			claims[p] = nil
		}
	}
	for p := range claims {
		for _, n := range networks {
			if slices.ContainsFunc(n.CIDRs, func(c netip.Prefix) bool { return c.Bits() <= p.Bits() && c.Contains(p.Addr()) }) {
				claims[p] = append(claims[p], n.ID)
			}
		}
	}
	return claims
}

func ambiguous(p netip.Prefix, who []string, then string) Problem {
	return Problem{Name: p.String(), Reason: fmt.Sprintf("is claimed by %s: %s", strings.Join(who, ", "), then)}
}

// allowed lists the prefixes that may ask.
func allowed(cfg *Config, networks []network) []netip.Prefix {
	allow := slices.Clone(cfg.Allow.Prefixes)
	if cfg.Allow.Private {
		allow = append(allow, privatePrefixes()...)
	}
	if cfg.Allow.VPCs {
		for _, n := range networks {
			allow = append(allow, n.CIDRs...)
		}
	}
	return allow
}

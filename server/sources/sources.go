package sources

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/metrics"
	"inside53/server/policy"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/ec2"
	"inside53/zonesource/fleet"
	"inside53/zonesource/follow"
	"inside53/zonesource/nametemplate"
	"inside53/zonesource/route53"
	"inside53/zonesource/secondary"
	"inside53/zonesource/zonefile"

	"github.com/prometheus/client_golang/prometheus"
)

// The names of sources in keys, metrics and readiness; that of Route 53 is
// [route53.Name].
const (
	EC2  = "ec2"
	File = "zonefile"
)

// KeeperConfig is the part of the configuration that decides what snapshots are
// made of.
func KeeperConfig(c *config.Config, accounts []*awsclient.Account) zonesource.Config {
	k := zonesource.Config{
		NegativeTTL: c.NegativeTTL, MaxShrink: config.DefaultMaxShrink, TrustECS: c.ECS.Trust, Primaries: policy.Primaries(c),
		FileViews: map[zonesource.Key]zonesource.ViewNames{},
	}
	k.Rebinding.Deny = wire.AddressKinds(c.Rebinding.Deny)
	for _, name := range c.Rebinding.Allow {
		k.Rebinding.Allow = append(k.Rebinding.Allow, zone.MustName(string(name)))
	}
	if len(accounts) > 0 && !accounts[0].NoRegion {
		k.Region = accounts[0].Config.Region
	}
	k.Without = c.Ready.Without
	k.Allow = zonesource.Allow{Private: c.Allow.Private, VPCs: c.Allow.VPCs, Prefixes: c.Allow.Prefixes}
	if r := c.Route53; r != nil {
		k.Shadow = r.Overlap == config.Shadow
		k.MaxShrink = r.MaxShrink
		k.Hosted = HostedFilter(r)
		for _, a := range accounts {
			k.Expected = append(k.Expected, zonesource.Key{Source: route53.Name, Name: "catalog/" + a.Name})
		}
	}
	if e := c.EC2; e != nil {
		k.EC2, k.TagZone, k.TranslatedTTL, k.MaxAge = true, string(e.Zone), e.TranslatedTTL, e.MaxAge
		if c.Fleet != nil && e.MaxAge > 0 {
			k.MaxAge += fleet.Lag // all servers are to find the same
		}
		if len(e.Names) == 0 {
			k.TagZone = ""
		}
		for _, name := range e.Domains {
			k.Domains = append(k.Domains, zone.MustName(string(name)))
		}
		k.NameSuffixes = nameSuffixes(e)
		switch e.Affinity {
		case config.AffinityPrefer:
			k.Affinity = zone.OwnZoneFirst
		case config.AffinityStrict:
			k.Affinity = zone.OwnZone
		}
		k.InstancesPublic = !slices.Contains(e.Translate, config.TranslateInstances)
		k.LoadBalancers = slices.Contains(e.Translate, config.TranslateLoadBalancers)
		for _, a := range accounts {
			for _, region := range RegionsOf(c, accounts) {
				k.Expected = append(k.Expected, zonesource.Key{Source: EC2, Name: a.Name + "/" + region})
			}
		}
	}
	for i, f := range c.ZoneFiles {
		key := zonesource.Key{Source: File, Name: fileName(c, i)}
		k.Expected = append(k.Expected, key)
		k.FileViews[key] = viewNames(f.Views)
	}
	for _, s := range c.Secondary {
		key := secondary.PartKey(zone.MustName(string(s.Zone)))
		k.Expected = append(k.Expected, key)
		k.FileViews[key] = viewNames(s.Views)
	}
	for _, g := range grantsOf(c) { // clients get the names of instances
		key := zonesource.RegisterKey(g.Apex)
		k.Also = append(k.Also, key)
		k.FileViews[key] = zonesource.ViewNames{}
	}
	for _, f := range c.Follow { // what is in the hosted zone is what clients get
		apex := zone.MustName(string(f.Zone))
		for _, key := range []zonesource.Key{follow.PartKey(apex), follow.BegunKey(apex)} {
			k.Also = append(k.Also, key)
			k.FileViews[key] = zonesource.ViewNames{}
		}
	}
	for _, v := range c.Views {
		k.Views = append(k.Views, viewConfig(v))
	}
	for _, f := range c.Forward {
		k.Forward = append(k.Forward, zonesource.ForwardConfig{
			Zone: zone.MustName(string(f.Zone)), Upstreams: upstreamTexts(f.Upstreams), Views: viewNames(f.Views),
			Layer: f.Layer,
		})
	}
	return k
}

// nameSuffixes is what the names of templates end in.
func nameSuffixes(e *config.EC2) [][]byte {
	var texts []string
	for _, n := range e.Names {
		texts = append(texts, string(n))
	}
	templates, _ := nametemplate.ParseAll(texts, e.NameTag) // faults are told by who reads EC2
	var all [][]byte
	for _, t := range templates {
		name, err := zone.ParseName(t.Suffix())
		if err == nil && len(name) > 1 {
			all = append(all, name)
		}
	}
	return all
}

func viewConfig(v config.View) zonesource.ViewConfig {
	out := zonesource.ViewConfig{Name: v.Name, Clients: v.Clients, VPCs: v.VPCs.IDs, Region: v.Region}
	if v.VPCs.All {
		out.VPCs = []string{"*"}
	}
	switch v.Addresses {
	case config.AddressesPrivate:
		out.Addresses = zone.AddressPrivate
	case config.AddressesPublic:
		out.Addresses = zone.AddressPublic
	default:
		out.Addresses = zone.AddressAuto
	}
	out.Reach = zonesource.Reach{VPCs: v.Reach.VPCs, Regions: v.Reach.Regions, Accounts: v.Reach.Accounts,
		CIDRs: v.Reach.Prefixes}
	return out
}

func viewNames(s config.ViewSet) zonesource.ViewNames {
	if s.All {
		return zonesource.ViewNames{"*"}
	}
	return s.Names
}

func upstreamTexts(upstreams []config.Upstream) []string {
	texts := make([]string, len(upstreams))
	for i, u := range upstreams {
		texts[i] = u.String()
	}
	return texts
}

// HostedFilter says which hosted zones a section reads.
func HostedFilter(r *config.Route53) zonesource.HostedFilter {
	return zonesource.HostedFilter{
		Zones: r.Zones.Texts(), NoPublic: !r.Visibility.Public, NoPrivate: !r.Visibility.Private,
	}
}

// fileName is the name of the part of the i-th zone file: its origin, with the
// path where several files have one origin.
func fileName(c *config.Config, i int) string {
	f := c.ZoneFiles[i]
	for j, other := range c.ZoneFiles {
		if j != i && other.Origin == f.Origin {
			return string(f.Origin) + " " + f.File
		}
	}
	return string(f.Origin)
}

// RegionsOf returns the regions whose inventory is read.
func RegionsOf(c *config.Config, accounts []*awsclient.Account) []string {
	switch {
	case len(c.EC2.Regions) > 0:
		return c.EC2.Regions
	case c.AWS.Region != "":
		return []string{c.AWS.Region}
	case len(accounts) > 0:
		return []string{accounts[0].Config.Region}
	}
	return nil
}

// CheckRegion returns an error where ec2 has no region to read: the inventory of a
// guessed one would be an empty one.
func CheckRegion(c *config.Config, accounts []*awsclient.Account) error {
	if c.EC2 != nil && len(c.EC2.Regions) == 0 && accounts[0].NoRegion {
		return errors.New("no region for ec2: neither the environment (AWS_REGION) nor the instance's metadata names " +
			"one; write aws.region or ec2.regions")
	}
	return nil
}

// Builder makes the sources of a configuration. A check has one without a keeper.
type Builder struct {
	Log         *slog.Logger
	Hosts       Hosts
	OnCall      func(operation, code string)
	OnEvent     func(result string, took time.Duration)
	Committed   func(context.Context) error // nil: what is served is where it has to be
	WantTargets func(account, region, group string)
	Keeper      *zonesource.Keeper
	Secondaries *Secondaries
	Registrar   *Registrar            // nil in a check
	Program     func() zonesource.Sum // nil: each source reads it
	Config      func() *config.Config // in force; nil: what it is called with
}

// inForce returns the configuration in force, for sources that outlive the one that they
// were made of.
func (b *Builder) inForce(c *config.Config) *config.Config {
	if b.Config == nil {
		return c
	}
	return b.Config()
}

// zoneFiles says which zone files a configuration names.
func (b *Builder) zoneFiles(c *config.Config) []zonefile.Config {
	var files []zonefile.Config
	for i, f := range c.ZoneFiles {
		files = append(files, zonefile.Config{Origin: zone.MustName(string(f.Origin)), Path: f.File, Name: fileName(c, i)})
	}
	return files
}

// newZoneFiles makes the source of all zone files.
func (b *Builder) newZoneFiles(files []zonefile.Config) (zonesource.Source, error) {
	readers := make(chan struct{}, 1)
	all := make([]*zonefile.Source, len(files))
	for i, o := range files {
		o.Readers, o.Missing = readers, b.missing(zonesource.Key{Source: File, Name: o.Name})
		var err error
		all[i], err = zonefile.New(o, b.Log)
		if err != nil {
			return nil, err
		}
	}
	return zonefile.NewSet(b.Log, all...), nil
}

// Build makes the sources that a configuration asks for. Those that run already, of the same
// options, are among them.
func (b *Builder) Build(c *config.Config, accounts []*awsclient.Account, generation int, old []Built,
) ([]Built, error) {
	var sources []Built
	add := func(of any, create func() (zonesource.Source, error)) error {
		one, err := keep(old, sources, of, create)
		sources = append(sources, one)
		return err
	}
	files := b.zoneFiles(c)
	if len(files) > 0 {
		err := add(files, func() (zonesource.Source, error) { return b.newZoneFiles(files) })
		if err != nil {
			return nil, err
		}
		sources[0].Local = true
	}
	secondaries, err := b.Secondaries.options(c)
	if err != nil {
		return nil, err
	}
	for _, o := range secondaries {
		err := add(o, func() (zonesource.Source, error) { return b.Secondaries.build(o) })
		if err != nil {
			return nil, err
		}
	}
	grants := grantsOf(c)
	if len(grants) > 0 {
		err := add(grants, func() (zonesource.Source, error) { return b.newRegister(grants, c.StateDir) })
		if err != nil {
			return nil, err
		}
	}
	followed, err := follows(c)
	if err != nil {
		return nil, err
	}
	for _, o := range followed {
		err := add(made{generation, o}, func() (zonesource.Source, error) { return b.newFollow(o, accounts, b.Log) })
		if err != nil {
			return nil, err
		}
	}
	if c.EC2 != nil {
		o := b.EC2Options(c, accounts)
		of := o
		of.Accounts, of.Log, of.OnCall, of.Kept, of.Served, of.Program = nil, nil, nil, nil, nil, nil
		err := add(made{generation, of}, func() (zonesource.Source, error) { return ec2.New(o) })
		if err != nil {
			return nil, err
		}
	}
	if c.Route53 != nil {
		o := b.Route53Options(c, accounts)
		of := made{generation, route53.Options{Zones: o.Zones, Visibility: o.Visibility, Refresh: o.Refresh}}
		err := add([]any{of, o.VPCs != nil}, func() (zonesource.Source, error) { return route53.New(o) })
		if err != nil {
			return nil, err
		}
	}
	err = b.addEvents(c, accounts, generation, sources, add)
	if err != nil {
		return nil, err
	}
	return sources, nil
}

// missing reports whether the keeper has no part of a key.
func (b *Builder) missing(key zonesource.Key) func() bool {
	return func() bool {
		_, there := b.Keeper.Kept(key)
		return !there
	}
}

// EC2Options are what the inventory is read by.
func (b *Builder) EC2Options(c *config.Config, accounts []*awsclient.Account) ec2.Options {
	o := ec2.Options{
		Regions: RegionsOf(c, accounts), Refresh: c.EC2.Refresh, NameTag: c.EC2.NameTag,
		LoadBalancers: slices.Contains(c.EC2.Translate, config.TranslateLoadBalancers), Log: b.Log,
		OnCall: b.OnCall, Program: b.Program, Affinity: c.EC2.Affinity != config.AffinityOff,
	}
	for _, h := range c.EC2.Health {
		if h != config.HealthByProbe { // that is asked from here
			o.Health = append(o.Health, string(h))
		}
	}
	if b.Keeper != nil { // a check has none
		o.Kept, o.Served = b.Keeper.Listed, b.Keeper.Kept
	}
	for _, n := range c.EC2.Names {
		o.Names = append(o.Names, string(n))
	}
	for _, acc := range accounts {
		o.Accounts = append(o.Accounts, ec2.Account{Name: acc.Name, Config: acc.Config})
	}
	return o
}

// Route53Options are what the hosted zones are read by.
func (b *Builder) Route53Options(c *config.Config, accounts []*awsclient.Account) route53.Options {
	o := route53.Options{
		Accounts: accounts, Zones: c.Route53.Zones.Texts(), Refresh: c.Route53.Refresh, Log: b.Log, OnCall: b.OnCall,
		Saved: func() []zonesource.Part { return b.Keeper.Parts(route53.Name) }, Kept: b.Keeper.Listed,
		Program: b.Program,
	}
	if c.Route53.Visibility.Public {
		o.Visibility = append(o.Visibility, zone.Public)
	}
	if c.Route53.Visibility.Private {
		o.Visibility = append(o.Visibility, zone.Private)
	}
	if c.EC2 != nil {
		o.VPCs = func() ([]zone.VPC, bool) { return b.viewVPCs(b.inForce(c)) }
	}
	if c.Route53.Visibility.Private {
		o.Survey = func(name string) []zone.VPC { return SurveyVPCs(b.inForce(c), accounts, b.Inventory(), name) }
	}
	return o
}

// viewVPCs returns the VPCs of the inventory, and whether all that views name are
// among them: only then can the associations of private zones be listed by VPC.
func (b *Builder) viewVPCs(c *config.Config) (vpcs []zone.VPC, complete bool) {
	vpcs, complete = b.Keeper.VPCs()
	for _, v := range c.Views {
		for _, id := range v.VPCs.IDs {
			complete = complete && slices.ContainsFunc(vpcs, func(known zone.VPC) bool { return known.ID == id })
		}
	}
	return vpcs, complete
}

// CountCalls registers the counter of calls to AWS and returns its increment.
func CountCalls(to prometheus.Registerer) func(operation, code string) {
	count := metrics.NewCounter(to, metrics.Metric{
		Name: "inside53_aws_calls_total", Labels: []string{"operation", "code"},
		Help: "Requests to AWS by operation and outcome, retries included.",
	})
	return func(operation, code string) { count(operation, code) }
}

// LoadAccounts reads the SDK's configuration. It asks nobody anything but the instance
// for its region, where nothing names one that is needed.
func (b *Builder) LoadAccounts(ctx context.Context, c *config.Config) ([]*awsclient.Account, error) {
	o := awsclient.Options{Region: c.AWS.Region, FindRegion: c.FindsRegion(), KnownRegion: SavedSelf(c).Region,
		Resolve: b.Hosts.aws(c)}
	if c.Route53 != nil {
		o.RequestsPerSecond = c.Route53.RequestsPerSecond
	}
	for _, r := range c.AWS.Accounts {
		o.Roles = append(o.Roles, awsclient.Role{Name: r.Name, ARN: r.RoleARN, ExternalID: r.ExternalID})
	}
	accounts, err := awsclient.Load(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("preparing the access to AWS: %w", err)
	}
	err = CheckRegion(c, accounts)
	if err != nil {
		return nil, err
	}
	return accounts, nil
}

// SurveyVPCs returns the VPCs of views whose private zones are looked for with the
// credentials of an account: those that its inventory, of the regions given, has. The
// base account also asks for those that views name and no inventory has, in the region
// of the view.
func SurveyVPCs(c *config.Config, accounts []*awsclient.Account, regions []*zonesource.Region, name string) []zone.VPC {
	named := map[string]string{} // regions
	every := len(c.Views) == 0   // then each VPC is a view
	for _, v := range c.Views {
		every = every || v.VPCs.All
		for _, id := range v.VPCs.IDs {
			named[id] = cmp.Or(v.Region, named[id], accounts[0].Config.Region)
		}
	}
	var vpcs []zone.VPC
	found := map[string]bool{}
	for _, r := range regions {
		for i := range r.VPCs {
			id := r.VPCs[i].ID
			found[id] = true
			_, viewed := named[id]
			if r.Account == name && (every || viewed) {
				vpcs = append(vpcs, zone.VPC{ID: id, Region: r.Name})
			}
		}
	}
	if name == accounts[0].Name {
		for id, region := range named {
			if !found[id] {
				vpcs = append(vpcs, zone.VPC{ID: id, Region: region})
			}
		}
	}
	slices.SortFunc(vpcs, func(a, b zone.VPC) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Region,
			b.Region))
	})
	return vpcs
}

// Inventory returns the last good inventory of all regions.
func (b *Builder) Inventory() []*zonesource.Region {
	var regions []*zonesource.Region
	for _, p := range b.Keeper.Parts(EC2) {
		regions = append(regions, p.Region)
	}
	return regions
}

// VPCsOf returns the VPCs of all regions.
func VPCsOf(regions []*zonesource.Region) []zone.VPC {
	var vpcs []zone.VPC
	for _, r := range regions {
		for i := range r.VPCs {
			vpc := zone.VPC{ID: r.VPCs[i].ID, Region: r.Name}
			if !slices.Contains(vpcs, vpc) {
				vpcs = append(vpcs, vpc)
			}
		}
	}
	return vpcs
}

package preflight

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"inside53/resolver/forward"
	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/healthwatch"
	"inside53/server/policy"
	"inside53/server/sources"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/ec2"
	"inside53/zonesource/events"
	"inside53/zonesource/health"
	"inside53/zonesource/route53"
	"inside53/zonesource/zonefile"
)

// AWSCheck is what [CheckAWS] found.
type AWSCheck struct {
	// Actions are the IAM actions that the configuration needs, in every account and,
	// for those of a region, in each.
	Actions []ActionCheck
	// Costs are what reading Route 53 takes, an account each. Accounts that don't let
	// their zones be listed are missing.
	Costs []route53.Cost
	// Inventory are the faults of listing a region as the server does.
	Inventory []error
	// Absent is what the configuration names and AWS doesn't have, for people.
	Absent []string
}

// ActionCheck is one IAM action in one account and region.
type ActionCheck struct {
	Account string // as configured, "" for that of the credentials
	Region  string // "" for actions without a region
	Action  string // route53:ListHostedZones
	// Err is nil where the action is allowed. It is [route53.ErrUntried] where there
	// was nothing to try it on.
	Err error
}

// Failed reports whether the action was tried and can't be used.
func (a ActionCheck) Failed() bool { return a.Err != nil && !errors.Is(a.Err, route53.ErrUntried) }

// inventoryTimeout bounds the listing of the inventory in a check.
const inventoryTimeout = time.Minute

// CheckAWS tries every IAM action that c needs, and counts what a reading of Route 53
// costs. It makes a handful of calls, one listing of zones and one of the inventory, within
// the configured budget, and reaches AWS as the server does: through the forwarders of c.
// The error is one of reaching no account at all.
func CheckAWS(ctx context.Context, c *config.Config) (*AWSCheck, error) {
	log := slog.New(slog.DiscardHandler) // what matters is in the check
	forwarder, err := forward.New(forward.Options{Logger: log})
	if err != nil {
		return nil, err
	}
	b := &sources.Builder{Log: log, Hosts: sources.Hosts{Forwarder: forwarder}, OnCall: func(string, string) {}}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- forwarder.Run(running) }()
	check := &AWSCheck{}
	err = check.run(ctx, c, b)
	stop()
	<-ended
	if err != nil {
		return nil, err
	}
	return check, nil
}

func (check *AWSCheck) run(ctx context.Context, c *config.Config, b *sources.Builder) error {
	accounts, err := b.LoadAccounts(ctx, c)
	if err != nil {
		return err
	}
	for _, acc := range accounts {
		_, err := acc.ID(ctx)
		if acc.Name != "" { // by its role
			check.Actions = append(check.Actions, ActionCheck{Account: acc.Name, Action: awsclient.Actions()[0], Err: err})
		} else if err != nil {
			return err
		}
	}
	check.events(ctx, c, accounts, b)
	var inventory []*zonesource.Region
	if c.EC2 != nil {
		inventory, err = check.inventory(ctx, c, accounts, b)
		if err != nil {
			return err
		}
		if inventory != nil && len(check.Inventory) == 0 {
			check.Absent = append(check.Absent, absent(c, inventory)...)
		}
	}
	if c.Route53 == nil {
		return nil
	}
	err = check.health(ctx, c, accounts, b)
	if err != nil {
		return err
	}
	o := b.Route53Options(c, accounts)
	o.Saved = nil // a check has no state
	o.VPCs = func() ([]zone.VPC, bool) {
		vpcs := sources.VPCsOf(inventory)
		return vpcs, len(vpcs) > 0 && len(check.Inventory) == 0
	}
	o.Survey = func(name string) []zone.VPC { return sources.SurveyVPCs(c, accounts, inventory, name) }
	source, err := route53.New(o)
	if err != nil {
		return err
	}
	findings, costs, err := source.Check(ctx)
	if err != nil {
		return err
	}
	for _, f := range findings {
		check.Actions = append(check.Actions, ActionCheck{Account: f.Account, Action: f.Action, Err: f.Err})
	}
	check.Costs = costs
	for _, p := range source.Unmatched() {
		check.Absent = append(check.Absent, fmt.Sprintf("route53.zones: %s: %s", p.Zone, p.Reason))
	}
	if len(costs) == len(accounts) { // all of them have listed theirs
		check.Absent = append(check.Absent, absentUpdates(c, source)...)
		check.Absent = append(check.Absent, absentTransfers(c, source, inventory)...)
	}
	return nil
}

// absentUpdates names the zones that updates are for and that aren't served.
func absentUpdates(c *config.Config, source *route53.Source) []string {
	var out []string
	for i, u := range c.Updates {
		id, apex := string(u.Zone), ""
		if !u.Zone.IsID() {
			id, apex = "", string(zone.MustName(string(u.Zone)))
		}
		if !source.Holds(id, apex, u.Visibility == config.PrivateZone) {
			out = append(out, fmt.Sprintf("updates[%d].zone: no hosted zone %s is served: updates of it are refused", i,
				strings.TrimSpace(string(u.Zone)+" "+string(u.Visibility))))
		}
	}
	return out
}

// absentTransfers names the zones that secondaries may have and that AWS and the
// configuration don't.
func absentTransfers(c *config.Config, source *route53.Source, inventory []*zonesource.Region) []string {
	return AbsentTransfers(c, func(apex string) bool {
		return source.Holds("", apex, true) || source.Holds("", apex, false) || namesInstances(c, inventory, apex)
	})
}

// AbsentTransfers names the zones that secondaries may have and that nobody has: neither a
// zone file nor a primary, nor what onAWS knows by the wire form of its name.
func AbsentTransfers(c *config.Config, onAWS func(apex string) bool) []string {
	var out []string
	for i := range c.Transfers {
		for _, name := range c.Transfers[i].Zones.Names {
			isFile := func(z config.ZoneFile) bool { return z.Origin == name }
			isSecondary := func(s config.Secondary) bool { return s.Zone == name }
			if !slices.ContainsFunc(c.ZoneFiles, isFile) && !slices.ContainsFunc(c.Secondary, isSecondary) &&
				!onAWS(string(zone.MustName(string(name)))) {
				out = append(out, fmt.Sprintf("transfers[%d].zones: nobody has a zone %s: transfers of it are refused", i, name))
			}
		}
	}
	return out
}

// namesInstances reports whether a zone is one of names of instances.
func namesInstances(c *config.Config, inventory []*zonesource.Region, apex string) bool {
	if c.EC2 == nil {
		return false
	}
	for _, r := range inventory {
		for _, v := range r.VPCs {
			zone, err := zonesource.InstanceZone(string(c.EC2.Zone), r.Name, v.ID, cmp.Or(r.AccountID, r.Account))
			if err == nil && string(zone) == apex {
				return true
			}
		}
	}
	return false
}

// absent names the regions and VPCs of c that the inventory doesn't have. It is for one
// that was listed without faults.
func absent(c *config.Config, inventory []*zonesource.Region) []string {
	vpcs := make(map[string]bool)
	used := make(map[string]bool)
	for _, r := range inventory {
		used[r.Name] = used[r.Name] || len(r.VPCs) > 0
		for _, v := range r.VPCs {
			vpcs[v.ID] = true
		}
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(used)) {
		if !used[name] {
			out = append(out, fmt.Sprintf("ec2.regions: %s has no VPC; is it the region that was meant?", name))
		}
	}
	for i, u := range c.Updates {
		if u.VPC != "" && !vpcs[string(u.VPC)] {
			out = append(out, fmt.Sprintf("updates[%d].vpc: no region that ec2 reads has %s", i, u.VPC))
		}
	}
	for i, v := range c.Views {
		for _, id := range v.VPCs.IDs {
			if !vpcs[id] {
				out = append(out, fmt.Sprintf("views[%d].vpcs: no region that ec2 reads has %s: view %s gives none of its "+
					"private addresses", i, id, v.Name))
			}
		}
	}
	return out
}

// health tries the actions that watching health needs.
func (check *AWSCheck) health(ctx context.Context, c *config.Config, accounts []*awsclient.Account, b *sources.Builder,
) error {
	watch := healthwatch.Watch{
		Log: b.Log, Hosts: b.Hosts, OnCall: b.OnCall,
		Listeners: func() []netip.AddrPort { return nil }, Publish: func(*zone.Live) {}, // a check serves nothing
	}
	monitor, err := watch.NewMonitor(c, accounts)
	if err != nil || monitor == nil {
		return err
	}
	findings, err := monitor.Check(ctx)
	if err != nil {
		return err
	}
	for _, f := range findings {
		err := f.Err
		if errors.Is(err, health.ErrUntried) {
			err = route53.ErrUntried
		}
		entry := ActionCheck{Account: f.Account, Region: f.Region, Action: f.Action, Err: err}
		tried := func(a ActionCheck) bool {
			return a.Account == f.Account && a.Region == f.Region && a.Action == f.Action
		}
		if !slices.ContainsFunc(check.Actions, tried) { // ec2 lists load balancers too
			check.Actions = append(check.Actions, entry)
		}
	}
	return nil
}

// inventory tries the actions of EC2, lists every region once, and returns them.
func (check *AWSCheck) inventory(
	ctx context.Context, c *config.Config, accounts []*awsclient.Account, b *sources.Builder,
) ([]*zonesource.Region, error) {
	regions := sources.RegionsOf(c, accounts)
	source, err := ec2.New(b.EC2Options(c, accounts))
	if err != nil {
		return nil, err
	}
	findings := source.Check(ctx)
	for _, a := range accounts {
		for _, region := range regions {
			for _, action := range source.Actions() {
				i := slices.IndexFunc(findings, func(f ec2.Finding) bool {
					return f.Account == a.Name && f.Region == region && f.Action == action
				})
				entry := ActionCheck{Account: a.Name, Region: region, Action: action}
				if i >= 0 {
					entry.Err = findings[i].Err
				}
				check.Actions = append(check.Actions, entry)
			}
		}
	}
	if len(findings) > 0 {
		return nil, ctx.Err() // what is missing is named; the listing would only say it again
	}
	return check.listInventory(ctx, source, len(accounts)*len(regions))
}

// listInventory runs source until each of its regions was delivered once.
func (check *AWSCheck) listInventory(ctx context.Context, source *ec2.Source, regions int,
) ([]*zonesource.Region, error) {
	ctx, cancel := context.WithTimeout(ctx, inventoryTimeout)
	defer cancel()
	var mu sync.Mutex
	var listed []*zonesource.Region
	delivered := make(map[zonesource.Key]bool)
	err := source.Run(ctx, func(p zonesource.Part) {
		mu.Lock()
		defer mu.Unlock()
		if delivered[p.Key] {
			return
		}
		delivered[p.Key] = true
		if p.Err != nil {
			check.Inventory = append(check.Inventory, fmt.Errorf("listing %s: %w", p.Key.Name, p.Err))
		} else {
			listed = append(listed, p.Region)
		}
		if len(delivered) == regions {
			cancel()
		}
	})
	if len(delivered) < regions {
		return nil, fmt.Errorf("listing the inventory: %w", err)
	}
	return listed, nil
}

// CheckKeys reads the secrets that c names. The error joins those of all keys.
func CheckKeys(c *config.Config) error {
	_, err := policy.Keyring(c)
	return err
}

// CheckZoneFiles reads the zone files of c. It returns the findings that cost a record
// its answer, and the error joins the faults that cost a zone.
func CheckZoneFiles(ctx context.Context, c *config.Config) ([]zonesource.Problem, error) {
	var problems []zonesource.Problem
	var faults []error
	for i := range c.ZoneFiles {
		content, err := zonefile.Load(ctx, zone.MustName(string(c.ZoneFiles[i].Origin)), c.ZoneFiles[i].File)
		if err != nil {
			faults = append(faults, err)
		}
		problems = append(problems, content.Problems...)
	}
	return problems, errors.Join(faults...)
}

// events says what keeps events from the queue of the configuration. Receiving is not tried: it would
// count as a receipt of what waits there.
func (check *AWSCheck) events(
	ctx context.Context, c *config.Config, accounts []*awsclient.Account, b *sources.Builder,
) {
	if c.Fleet == nil || c.Fleet.Events == "" {
		return
	}
	o := events.CheckOptions{Queue: string(c.Fleet.Events), Config: accounts[0].Config, Zones: c.Route53 != nil,
		OnCall: b.OnCall}
	if c.EC2 != nil {
		o.Regions = sources.RegionsOf(c, accounts)
	}
	found, err := events.Check(ctx, o)
	for _, action := range events.Actions() {
		entry := ActionCheck{Action: action, Err: route53.ErrUntried}
		if action == events.TriedAction {
			entry.Err = err
		}
		check.Actions = append(check.Actions, entry)
	}
	for _, text := range found {
		check.Absent = append(check.Absent, "fleet.events: "+text)
	}
}

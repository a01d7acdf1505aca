package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"

	"inside53/server/config"
	"inside53/server/preflight"
	"inside53/zonesource"

	"github.com/spf13/cobra"
)

func newCheck(stdout io.Writer) *cobra.Command {
	var path string
	var withAWS, asJSON, strict bool
	c := &cobra.Command{
		Use:   "check --config F [--aws] [--strict] [--json]",
		Short: "Validate a configuration and say what it does",
		Long: `check reads a configuration, its zone files and keys as serve would, names every fault with
its line, and prints what the configuration does. It changes nothing.

With --aws it tries each IAM action that the configuration needs, in every account and
region, and counts what reading the hosted zones takes of the request budget; zones, regions
and VPCs that the configuration names and nobody has are warnings.

With --strict the exit code is 0 where nothing is warned of, 1 where something is, and 2
where the check failed, for a faulty file too.`,
		Example: "  inside53 check --config /etc/inside53/inside53.yaml --aws",
		Args:    noFile,
		RunE: work(func(ctx context.Context) error {
			warned, err := check(ctx, stdout, path, withAWS, asJSON)
			switch {
			case err != nil && strict:
				return undecided{err}
			case err != nil:
				return err
			case warned > 0 && strict:
				return fmt.Errorf("there are %d warnings", warned)
			}
			return nil
		}),
	}
	configFlag(c, &path)
	c.Flags().BoolVar(&strict, "strict", false,
		"warnings count: exit code 1 where there are some, 2 where the check failed")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON: faults, warnings, permissions and costs")
	c.Flags().BoolVar(&withAWS, "aws", false, "try the permissions and count the calls on AWS")
	return c
}

// check prints what is found of a configuration and returns how many warnings there are.
func check(ctx context.Context, stdout io.Writer, path string, withAWS, asJSON bool) (warned int, err error) {
	conf, err := loadConfig(path)
	if err != nil {
		return 0, errors.Join(printFaults(stdout, path, asJSON, config.Faults(err)), err)
	}
	problems, filesErr := preflight.CheckZoneFiles(ctx, conf)
	keysErr := preflight.CheckKeys(conf)
	err = errors.Join(keysErr, filesErr)
	if err != nil {
		faults := slices.Concat(faultsOf("keys", keysErr), faultsOf("zonefiles", filesErr))
		return 0, errors.Join(printFaults(stdout, path, asJSON, faults), err)
	}
	if asJSON {
		return printCheckJSON(ctx, stdout, conf, problems, withAWS)
	}
	err = printSummary(stdout, conf, problems)
	warned = len(allWarnings(conf, problems))
	if err != nil || !withAWS {
		return warned, err
	}
	onAWS, err := checkAWS(ctx, conf, stdout)
	return warned + onAWS, err
}

// loadConfig loads a configuration; of several faults the error has a line each.
func loadConfig(path string) (*config.Config, error) {
	conf, err := config.Load(path)
	joined, several := err.(interface{ Unwrap() []error })
	if several && len(joined.Unwrap()) > 1 {
		return nil, fmt.Errorf("the configuration has %d faults\n%w", len(joined.Unwrap()), err)
	}
	return conf, err
}

// printSummary prints what c does, then what is probably not meant.
func printSummary(w io.Writer, c *config.Config, problems []zonesource.Problem) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(key, format string, args ...any) {
		_, _ = fmt.Fprintf(table, "%s\t%s\n", key, fmt.Sprintf(format, args...))
	}
	row("configuration", "%s is right", c.File())
	row("dns", "%s, UDP and TCP", join(c.Listen.DNS))
	row("admin", "%s", orOff(c.Admin))
	row("health", "%s", orOff(c.Health))
	row("metrics", "%s", orOff(c.Metrics))
	row("allow", "%s", allowed(c.Allow))
	if c.UsesAWS() {
		row("state", "%s", c.StateDir)
		row("accounts", "%s", accounts(c.AWS))
	}
	if r := c.Route53; r != nil {
		row("route53", "%s, %s, every %s", hostedZones(r), r.Overlap, r.Refresh)
	} else {
		row("route53", "off")
	}
	if e := c.EC2; e != nil {
		row("ec2", "%s, names in %s, every %s", regions(c), e.Zone, e.Refresh)
	} else {
		row("ec2", "off")
	}
	if h := c.HealthChecks; c.WatchesHealth() {
		row("health checks", "%s, every %s%s", h.Source, h.Refresh, probeTargets(h))
	} else {
		row("health checks", "off: everything counts as healthy")
	}
	for _, z := range c.ZoneFiles {
		row("zone file", "%s from %s, views %s", z.Origin, z.File, z.Views)
	}
	for _, v := range c.Views {
		row("view", "%s: clients %s, VPCs %s, addresses %s", v.Name, join(v.Clients), vpcs(v.VPCs), v.Addresses)
	}
	if len(c.Views) == 0 {
		row("views", "%s", automaticViews(c))
	}
	for _, f := range c.Forward {
		layer := ""
		if f.Layer {
			layer = ", below our zone"
		}
		packets := ""
		if f.Packets > 0 {
			packets = fmt.Sprintf(", %d packets a second each", f.Packets)
		}
		row("forward", "%s to %s, views %s%s%s", f.Zone, join(f.Upstreams), f.Views, layer, packets)
	}
	if len(c.Forward) == 0 {
		row("forward", "nothing; other names are refused")
	}
	for _, u := range c.Updates {
		row("updates", "%s %s by %s: names %s, types %s", u.Zone, u.Visibility, words(u.Keys), words(u.Names), words(u.Types))
	}
	for _, t := range c.Transfers {
		row("transfers", "%s of view %s, keys %s, clients %s, notify %s", zoneNames(t.Zones), cmp.Or(t.View, "rest"),
			orNone(words(t.Keys)), orNone(join(t.Clients)), orNone(join(t.Notify)))
	}
	for _, s := range c.Secondary {
		row("secondary", "%s from %s, key %s, views %s", s.Zone, join(s.Primaries), orNone(string(s.Key)), s.Views)
	}
	for _, r := range c.Register {
		row("register", "%s in %s, TTL %s", words(r.Names), r.Zone, r.TTL)
	}
	for _, f := range c.Follow {
		row("follow", "%s from %s, key %s, into %s, names %s", f.Zone, join(f.Primaries), orNone(string(f.Key)), f.Into,
			words(f.Names))
	}
	if q := c.Queries(); q.Sample > 0 {
		row("query log", "%s, to %s", queries(q), cmp.Or(q.File, "standard error"))
	}
	if c.Dnstap.Network != "" {
		row("dnstap", "%s:%s", c.Dnstap.Network, c.Dnstap.Address)
	}
	for _, k := range c.Keys {
		row("key", "%s, %s, %s", k.Name, k.Algorithm, cmp.Or(k.SecretFile, "secret in the configuration"))
	}
	err := table.Flush()
	if err != nil {
		return err
	}
	for _, warning := range allWarnings(c, problems) {
		_, err = fmt.Fprintf(w, "warning: %s\n", warning)
		if err != nil {
			return err
		}
	}
	return nil
}

// allWarnings are those of a configuration and of its zone files.
func allWarnings(c *config.Config, problems []zonesource.Problem) []string {
	found := warnings(c)
	for _, p := range problems {
		found = append(found, fmt.Sprintf("zone %s: %s %s: %s", p.Zone, p.Name, p.Type, p.Reason))
	}
	return found
}

// queries says which are logged.
func queries(q config.QueryLog) string {
	text := "each query"
	if q.Sample > 1 {
		text = fmt.Sprintf("one query in %d", q.Sample)
	}
	if len(q.Clients) > 0 {
		text += " of " + join(q.Clients)
	}
	if len(q.Names) > 0 {
		text += " for " + words(q.Names)
	}
	if len(q.Rcodes) > 0 {
		text += " with " + words(q.Rcodes)
	}
	if q.Slower > 0 {
		text += fmt.Sprintf(" slower than %s", q.Slower)
	}
	return text
}

// probeTargets says what is probed.
func probeTargets(h *config.HealthChecks) string {
	if h.Source == config.HealthAWS {
		return ""
	}
	return fmt.Sprintf(", probes of %s, %d at a time", strings.Join(h.ProbeTargets, ", "), h.Probes)
}

// warnings names what a configuration may say and its author did probably not mean.
func warnings(c *config.Config) []string {
	var found []string
	if c.ServesNothing() {
		found = append(found, "none of route53, ec2, zonefiles and forward is there: all but special names, such as "+
			"localhost, are refused")
	}
	if q := c.QueryLog; q.Sample == 0 && (q.File != "" || len(q.Clients)+len(q.Names)+len(q.Rcodes) > 0 || q.Slower > 0) {
		found = append(found, "query_log.sample is 0, so that query_log logs nothing; write 1 for each query")
	}
	vpc := make(map[string]bool)
	for _, v := range c.Views {
		for _, id := range v.VPCs.IDs {
			vpc[id] = true
		}
	}
	for _, v := range c.Views {
		// A single VPC is most likely the one that inside53 runs in.
		if len(vpc) < 2 || len(v.VPCs.IDs) == 0 {
			continue
		}
		if up, shared := sharedResolver(c, v.Name); shared {
			found = append(found, fmt.Sprintf("view %s has no forwarder of its own: %s answers for the VPC that "+
				"inside53 runs in; unless that is %s, add a forward entry with views: [%s] and a resolver of that VPC "+
				"(an inbound endpoint of Route 53 Resolver, say)",
				v.Name, up, strings.Join(v.VPCs.IDs, ", "), v.Name))
		}
	}
	if up, shared := sharedResolver(c, ""); shared && len(c.Views) == 0 && c.EC2 != nil {
		found = append(found, fmt.Sprintf("each VPC of %s is a view: %s answers for the VPC that inside53 runs in; "+
			"for others add forward entries with views: [vpc-...] and a resolver of that VPC", regions(c), up))
	}
	found = append(found, keyWarnings(c)...)
	if !c.UsesAWS() {
		found = append(found, preflight.AbsentTransfers(c, func(string) bool { return false })...)
	}
	for _, p := range c.Allow.Prefixes {
		if p.Bits() == 0 {
			found = append(found, fmt.Sprintf("allow has %s: whoever reaches the port is answered, with private names "+
				"too, and may have names of others looked up", p))
		}
	}
	for _, f := range c.Forward {
		if f.Zone == "." {
			return found
		}
	}
	if c.UsesAWS() {
		found = append(found, "no forward entry for \".\": names of others are refused, and so is where CNAME records and "+
			"aliases lead outside our zones; AWS's own hosts must be resolvable by the host")
	}
	return found
}

// exampleSecret is the secret of examples/ops.key and fleet.key, which everybody knows.
const exampleSecret = "dGhpcyBpcyB0aGUgc2VjcmV0IG9mIHRoZSBleGFtcGxl"

// keyWarnings names the keys that nobody uses, or everybody knows.
func keyWarnings(c *config.Config) []string {
	used := map[config.DomainName]bool{}
	for _, u := range c.Updates {
		for _, k := range u.Keys {
			used[k] = true
		}
	}
	for _, t := range c.Transfers {
		for _, k := range t.Keys {
			used[k] = true
		}
	}
	for _, s := range c.Secondary {
		used[config.DomainName(s.Key)] = true
	}
	for _, f := range c.Follow {
		used[config.DomainName(f.Key)] = true
	}
	if c.Fleet != nil {
		for _, k := range c.Fleet.Keys {
			used[k] = true
		}
	}
	var found []string
	for _, k := range c.Keys {
		if !used[k.Name] {
			found = append(found, fmt.Sprintf("key %s is used by none of updates, transfers, secondary and follow", k.Name))
		}
		secret, err := k.Load()
		if err == nil && secret == exampleSecret {
			found = append(found, fmt.Sprintf("key %s has the secret of the example, which everybody knows: make one of "+
				"your own, with: tsig-keygen %s", k.Name, k.Name))
		}
	}
	for i, t := range c.Transfers {
		if t.KeysAlone() {
			found = append(found, fmt.Sprintf(
				"transfers[%d] has keys and no clients: whoever reaches port 53 may connect by TCP to "+
					"try one; name the prefixes of the secondaries in clients", i))
		}
	}
	return found
}

// sharedResolver returns the VPC resolver that the view uses for "." by an entry for
// every view, if it does so.
func sharedResolver(c *config.Config, view string) (string, bool) {
	for _, f := range c.ForwardsOf(view) {
		if f.Zone != "." || !f.Views.All {
			continue
		}
		for _, up := range f.Upstreams {
			if isVPCResolver(up.Addr.Addr()) {
				return up.Addr.Addr().String(), true
			}
		}
	}
	return "", false
}

// isVPCResolver reports whether a is an address of Amazon's resolver that is the same
// in every VPC.
func isVPCResolver(a netip.Addr) bool {
	return a == netip.MustParseAddr("169.254.169.253") || a == netip.MustParseAddr("fd00:ec2::253")
}

func join[T fmt.Stringer](list []T) string {
	texts := make([]string, len(list))
	for i, item := range list {
		texts[i] = item.String()
	}
	return strings.Join(texts, ", ")
}

// words are joined as they are.
func words[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, item := range list {
		texts[i] = string(item)
	}
	return strings.Join(texts, ", ")
}

func orNone(text string) string { return cmp.Or(text, "none") }

func zoneNames(s config.NameSet) string {
	if s.All {
		return "all zones"
	}
	return words(s.Names)
}

func orOff(a netip.AddrPort) string {
	if !a.IsValid() {
		return "off"
	}
	return a.String()
}

func allowed(a config.Allow) string {
	var who []string
	if a.Private {
		who = append(who, "private addresses")
	}
	if a.VPCs {
		who = append(who, "the VPCs")
	}
	if len(a.Prefixes) > 0 {
		who = append(who, join(a.Prefixes))
	}
	return strings.Join(who, ", ")
}

func accounts(a config.AWS) string {
	text := "that of the credentials"
	for _, account := range a.Accounts {
		text += ", " + account.Name
	}
	return text
}

func hostedZones(r *config.Route53) string {
	kinds := "public and private zones"
	switch {
	case !r.Visibility.Private:
		kinds = "public zones"
	case !r.Visibility.Public:
		kinds = "private zones"
	}
	if r.Zones.All {
		return "all " + kinds
	}
	which := slices.Clone(r.Zones.IDs)
	for _, name := range r.Zones.Names {
		which = append(which, string(name))
	}
	return kinds + " " + strings.Join(which, ", ")
}

func regions(c *config.Config) string {
	switch {
	case len(c.EC2.Regions) > 0:
		return strings.Join(c.EC2.Regions, ", ")
	case c.AWS.Region != "":
		return c.AWS.Region
	default:
		return "the region of AWS_REGION or the instance"
	}
}

func vpcs(s config.VPCSet) string {
	switch {
	case s.All:
		return "all"
	case len(s.IDs) == 0:
		return "none"
	default:
		return strings.Join(s.IDs, ", ")
	}
}

func automaticViews(c *config.Config) string {
	if c.EC2 == nil {
		return "rest, for everybody"
	}
	return "one a VPC, and rest for everybody else"
}

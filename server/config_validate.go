package server

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// validator collects what is wrong with a Config as a whole.
type validator struct {
	config *Config
	broken map[string]bool // keys that the decoder has named already
	faults []fault
}

// fault notes what is wrong with the key at path. The line is that of the key
// or, where it is missing, of what it should stand in.
func (v *validator) fault(path, format string, args ...any) {
	if v.broken[path] {
		return
	}
	at := path
	for v.config.lines[at] == 0 && at != "" {
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
	}
	v.faults = append(v.faults, fault{v.config.file, v.config.lines[at], path, fmt.Sprintf(format, args...)})
}

// join returns the faults in the order of the file.
func (v *validator) join() error {
	slices.SortStableFunc(v.faults, func(a, b fault) int { return a.line - b.line })
	errs := make([]error, len(v.faults))
	for i, f := range v.faults {
		errs[i] = f
	}
	return errors.Join(errs...)
}

func (v *validator) all() {
	if v.broken[""] {
		return // no YAML: the rest would only be about what could not be read
	}
	c := v.config
	v.sockets()
	v.server()
	v.aws()
	if c.Route53 != nil {
		v.route53(c.Route53)
	}
	if c.EC2 != nil {
		v.ec2(c.EC2)
	}
	v.healthChecks()
	v.views()
	v.zoneFiles()
	v.forward()
	v.keys()
	v.updates()
	v.transfers()
	v.secondary()
}

// duration checks that d is 100ms or longer, or 0 where that has a meaning.
func (v *validator) duration(path string, d time.Duration, zero bool) {
	switch {
	case d == 0 && zero, d >= 100*time.Millisecond:
	case d < 0:
		v.fault(path, "%s is negative; write 100ms or longer", d)
	case zero:
		v.fault(path, "%s is too short; write 100ms or longer, or 0s", d)
	default:
		v.fault(path, "%s is too short; write 100ms or longer", d)
	}
}

// ttl checks that d can stand in a record: whole seconds, at most 2^31-1 of them
// (RFC 2181 8).
func (v *validator) ttl(path string, d time.Duration, zero bool) {
	switch {
	case d < 0, d == 0 && !zero:
		v.fault(path, "%s is no time to live; write 1s or longer", d)
	case d%time.Second != 0:
		v.fault(path, "%s is not in whole seconds; write %s", d, max(time.Second, d.Round(time.Second)))
	case d/time.Second > math.MaxInt32:
		v.fault(path, "%s is too long; %ds is the most", d, math.MaxInt32)
	}
}

func (v *validator) between(path string, n, least, most int) {
	if n < least || n > most {
		v.fault(path, "%d is out of bounds; write %d to %d", n, least, most)
	}
}

// overlap reports whether two sockets on a and b can't be both: the same port,
// and the same address or one of them any address. An IPv6 socket on [::] takes
// IPv4 too.
func overlap(a, b netip.AddrPort) bool {
	if a.Port() != b.Port() || a.Port() == 0 {
		return false
	}
	covers := func(x, y netip.Addr) bool {
		return x == y || x == netip.IPv6Unspecified() || x == netip.IPv4Unspecified() && y.Is4()
	}
	return covers(a.Addr(), b.Addr()) || covers(b.Addr(), a.Addr())
}

func (v *validator) sockets() {
	c := v.config
	if len(c.Listen.DNS) == 0 {
		v.fault("listen.dns", "is empty; write an address and port like 127.0.0.1:5300")
	}
	for i, a := range c.Listen.DNS {
		path := fmt.Sprintf("listen.dns[%d]", i)
		if a.Addr().IsMulticast() {
			v.fault(path, "%s is a multicast address; write one of this host", a.Addr())
		}
		for _, b := range c.Listen.DNS[:i] {
			// [::] leaves IPv4 to 0.0.0.0 where both are listed.
			pair := a.Addr() != b.Addr() && a.Addr().IsUnspecified() && b.Addr().IsUnspecified()
			if a.IsValid() && !pair && overlap(a, b) {
				v.fault(path, "%s is covered by %s; write one of them", a, b)
				break
			}
		}
	}
	if c.Admin.IsValid() && !c.Admin.Addr().IsLoopback() {
		v.fault("admin", `%s is not loopback; write 127.0.0.1:%d (and health for a load balancer), or "" for none`, c.Admin, c.Admin.Port())
	}
	if c.Health.IsValid() && c.Admin.IsValid() && overlap(c.Health, c.Admin) {
		v.fault("health", "%s is taken by admin %s; write another port", c.Health, c.Admin)
	}
	for _, a := range c.Listen.DNS {
		if c.Admin.IsValid() && overlap(a, c.Admin) {
			v.fault("admin", "%s is taken by listen.dns %s; write another port", c.Admin, a)
		}
		if c.Health.IsValid() && overlap(a, c.Health) {
			v.fault("health", "%s is taken by listen.dns %s; write another port", c.Health, a)
		}
	}
	if c.Pprof && !c.Admin.IsValid() {
		v.fault("pprof", "needs admin, which is off; write an address there, or false here")
	}
}

func (v *validator) server() {
	c := v.config
	if c.StateDir == "" && c.KeepsState() && !c.UsesAWS() {
		v.fault("state_dir", "is empty; transfers and secondary keep serials and zones there: write a directory")
	}
	if c.StateDir == "" && c.UsesAWS() {
		v.fault("state_dir", "is empty; route53 and ec2 keep their last good data there: write a directory")
	}
	if !c.Allow.Private && !c.Allow.VPCs && len(c.Allow.Prefixes) == 0 && !v.broken["allow"] {
		v.fault("allow", "is empty; nobody could ask: write private, vpcs or prefixes")
	}
	if c.Allow.VPCs && c.EC2 == nil {
		v.fault("allow", "vpcs needs the section ec2, which knows them; add it, or write prefixes")
	}
	v.duration("ready.max_age", c.Ready.MaxAge, true)
	if c.Ready.MaxAge > 0 && !c.UsesAWS() {
		v.fault("ready.max_age", "needs route53 or ec2, whose data it is about; write 0s")
	}
	v.duration("drain", c.Drain, true)
	if !slices.Contains([]slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}, c.Log.Level) {
		v.fault("log.level", "%s is unknown; known are debug, info, warn, error", c.Log.Level)
	}
	if c.Log.SampleQueries < 0 {
		v.fault("log.sample_queries", "%d is negative; write 0 for none, 1 for every query, 1000 for each thousandth", c.Log.SampleQueries)
	}
	v.between("udp_size", c.UDPSize, 512, 4096)
	v.ttl("negative_ttl", c.NegativeTTL, true)
	v.between("cache.entries", c.Cache.Entries, 1, 100_000_000)
	v.between("tcp.connections", c.TCP.Connections, 1, 1_000_000)
	v.between("tcp.per_client", c.TCP.PerClient, 1, 1_000_000)
	v.duration("tcp.idle", c.TCP.Idle, false)
}

var (
	roleARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,575}$`)
	label   = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	// What IAM takes as an external id (API reference, AssumeRole).
	externalID = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
	// What EC2 takes as a key of a tag (user guide, tag restrictions).
	tagKey = regexp.MustCompile(`^[\p{L}\p{N} _.:/=+\-@]{1,128}$`)
)

func (v *validator) region(path, name string) {
	if !region.MatchString(name) {
		v.fault(path, "%q is no region; write one like eu-west-1", name)
	}
}

func (v *validator) aws() {
	c := v.config.AWS
	if c.Region != "" {
		v.region("aws.region", c.Region)
	}
	names, roles := make(map[string]bool), make(map[string]bool)
	for i, a := range c.Accounts {
		path := fmt.Sprintf("aws.accounts[%d]", i)
		if v.named(path+".name", a.Name) && names[a.Name] {
			v.fault(path+".name", "%q is the name of two accounts; write another", a.Name)
		}
		names[a.Name] = true
		switch {
		case !roleARN.MatchString(a.RoleARN):
			v.fault(path+".role_arn", "%q is no role; write one like arn:aws:iam::123456789012:role/inside53", a.RoleARN)
		case roles[a.RoleARN]:
			v.fault(path+".role_arn", "%s is the role of two accounts; its data would be read twice", a.RoleARN)
		}
		roles[a.RoleARN] = true
		if a.ExternalID != "" && (!externalID.MatchString(a.ExternalID) || len(a.ExternalID) > 1224) {
			v.fault(path+".external_id", "%q is no external id; 2 to 1224 letters, digits and +=,.@:/-_ are allowed", a.ExternalID)
		}
	}
}

// named checks the name of an account or a view.
func (v *validator) named(path, name string) bool {
	switch {
	case name == "":
		v.fault(path, "is missing; write a name")
	case !label.MatchString(name):
		v.fault(path, "%q is no name; write lower-case letters, digits, '-' and '_', 63 at most", name)
	default:
		return true
	}
	return false
}

func (v *validator) route53(c *Route53) {
	z := c.Zones
	switch {
	case v.broken["route53.zones"]:
	case z.All && len(z.Names)+len(z.IDs) > 0:
		v.fault("route53.zones", `has "*" and others; "*" is every zone already`)
	case !z.All && len(z.Names)+len(z.IDs) == 0:
		v.fault("route53.zones", `is empty; write names or ids of hosted zones, or "*"`)
	}
	if !c.Visibility.Public && !c.Visibility.Private && !v.broken["route53.visibility"] {
		v.fault("route53.visibility", "is empty; write public, private or both")
	}
	v.duration("route53.refresh", c.Refresh, false)
	if !(c.RequestsPerSecond > 0) || math.IsInf(c.RequestsPerSecond, 0) {
		v.fault("route53.requests_per_second", "%v is not above 0; write 2, say", c.RequestsPerSecond)
	}
	if !(c.MaxShrink >= 0 && c.MaxShrink <= 1) {
		v.fault("route53.max_shrink", "%v is out of bounds; write 0 to 1", c.MaxShrink)
	}
}

func (v *validator) ec2(c *EC2) {
	for i, name := range c.Regions {
		path := fmt.Sprintf("ec2.regions[%d]", i)
		v.region(path, name)
		if name != "" && slices.Contains(c.Regions[:i], name) {
			v.fault(path, "%s is here twice", name)
		}
	}
	v.duration("ec2.refresh", c.Refresh, false)
	for i, name := range c.Names {
		if name != "" && slices.Contains(c.Names[:i], name) {
			v.fault(fmt.Sprintf("ec2.names[%d]", i), "%s is here twice", name)
		}
	}
	if !tagKey.MatchString(c.NameTag) || strings.TrimSpace(c.NameTag) == "" {
		v.fault("ec2.name_tag", "%q is no key of a tag; write dns, say", c.NameTag)
	}
	if c.Zone == "" || c.Zone == "." {
		v.fault("ec2.zone", `is the root or empty; write a zone like "internal.", and names: [] for no names`)
	}
	for i, kind := range c.Translate {
		if kind != "" && slices.Contains(c.Translate[:i], kind) {
			v.fault(fmt.Sprintf("ec2.translate[%d]", i), "%s is here twice", kind)
		}
	}
	v.ttl("ec2.translated_ttl", c.TranslatedTTL, false)
	v.duration("ec2.max_age", c.MaxAge, false)
	if c.MaxAge >= 100*time.Millisecond && c.MaxAge < c.Refresh {
		v.fault("ec2.max_age", "%s is shorter than refresh (%s); nothing would be translated between two readings", c.MaxAge, c.Refresh)
	}
}

func (v *validator) views() {
	names := make(map[string]bool)
	owners := make(map[netip.Prefix]string)
	for i, view := range v.config.Views {
		path := fmt.Sprintf("views[%d]", i)
		if v.broken[path] {
			continue
		}
		if v.named(path+".name", view.Name) {
			switch {
			case names[view.Name]:
				v.fault(path+".name", "%q is the name of two views; write another", view.Name)
			case view.Name == "rest" || vpcID.MatchString(view.Name):
				v.fault(path+".name", "%q is the name of an automatic view; write another", view.Name)
			}
		}
		names[view.Name] = true
		if len(view.Clients) == 0 {
			v.fault(path+".clients", "is missing; write the prefixes of its clients, 10.0.0.0/16, say")
		}
		for j, prefix := range view.Clients {
			if !prefix.IsValid() {
				continue
			}
			if owner, taken := owners[prefix]; taken {
				v.fault(fmt.Sprintf("%s.clients[%d]", path, j), "%s is in view %q already; a client has one view", prefix, owner)
			}
			owners[prefix] = view.Name
		}
		if view.VPCs.All && len(view.VPCs.IDs) > 0 {
			v.fault(path+".vpcs", `has "*" and others; "*" is every private zone already`)
		}
		if view.Region != "" {
			v.region(path+".region", view.Region)
		}
		for _, name := range view.Reach.Accounts {
			known := func(a Account) bool { return a.Name == name }
			if !accountID.MatchString(name) && !slices.ContainsFunc(v.config.AWS.Accounts, known) {
				v.fault(path+".reach", "%q %s", name, noReach)
			}
		}
	}
}

// viewSet checks the names of views that an entry has.
func (v *validator) viewSet(path string, set ViewSet) {
	switch {
	case v.broken[path]:
		return
	case set.All && len(set.Names) > 0:
		v.fault(path, `has "*" and others; write one or the other`)
		return
	case !set.All && len(set.Names) == 0:
		v.fault(path, `is empty; write names of views, or "*"`)
	}
	known := v.config.ViewNames()
	for i, name := range set.Names {
		automatic := len(known) == 0 && (name == "rest" || v.config.EC2 != nil && vpcID.MatchString(name))
		if automatic || slices.Contains(known, name) {
			continue
		}
		item := fmt.Sprintf("%s[%d]", path, i)
		switch near := nearest(name, known); {
		case near != "":
			v.fault(item, "no view %q; did you mean %q?", name, near)
		case len(known) > 0:
			v.fault(item, `no view %q; there are %s, and "*" for all`, name, strings.Join(known, ", "))
		default:
			v.fault(item, `no view %q; without the section views write a VPC id (with ec2), rest, or "*" for all`, name)
		}
	}
}

// sameViews returns a view that both sets name outright, or "".
func sameViews(a, b ViewSet) string {
	if a.All && b.All {
		return "*"
	}
	for _, name := range a.Names {
		if slices.Contains(b.Names, name) {
			return name
		}
	}
	return ""
}

func (v *validator) zoneFiles() {
	files := v.config.ZoneFiles
	for i, z := range files {
		path := fmt.Sprintf("zonefiles[%d]", i)
		if v.broken[path] {
			continue
		}
		if z.Origin == "" {
			v.fault(path+".origin", "is missing; write the name of the zone")
		}
		if z.File == "" {
			v.fault(path+".file", "is missing; write the path of a master file")
		}
		v.viewSet(path+".views", z.Views)
		for _, other := range files[:i] {
			// One zone file is the layer of a name, also where "*" gives it to a view.
			both := sameViews(z.Views, other.Views)
			if both == "" && (z.Views.All && len(other.Views.Names) > 0 || other.Views.All && len(z.Views.Names) > 0) {
				both = slices.Concat(z.Views.Names, other.Views.Names)[0]
			}
			if z.Origin != "" && z.Origin == other.Origin && both != "" {
				v.fault(path+".origin", "%s has two files in view %q; write one, or different views", z.Origin, both)
				break
			}
		}
	}
}

func (v *validator) forward() {
	for i, f := range v.config.Forward {
		path := fmt.Sprintf("forward[%d]", i)
		if v.broken[path] {
			continue
		}
		if f.Zone == "" {
			v.fault(path+".zone", `is missing; write the name at and below which names are forwarded, "." for all`)
		}
		if len(f.Upstreams) == 0 {
			v.fault(path+".upstreams", "is missing; write addresses of resolvers")
		}
		for j, up := range f.Upstreams {
			v.upstream(fmt.Sprintf("%s.upstreams[%d]", path, j), up, f.Upstreams[:j])
		}
		v.viewSet(path+".views", f.Views)
		for _, other := range v.config.Forward[:i] {
			both := sameViews(f.Views, other.Views)
			if f.Zone != "" && f.Zone == other.Zone && both != "" {
				v.fault(path+".zone", "%s has two entries for view %q; write all upstreams in one", f.Zone, both)
				break
			}
		}
	}
}

func (v *validator) upstream(path string, up Upstream, before []Upstream) {
	if !up.Addr.IsValid() {
		return // named by the decoder
	}
	if slices.Contains(before, up) {
		v.fault(path, "%s is here twice", up)
	}
	for _, own := range v.config.Listen.DNS {
		anyOwn := own.Addr().IsUnspecified() && up.Addr.Addr().IsLoopback() && overlap(own, up.Addr)
		if anyOwn || own == up.Addr && own.Port() != 0 {
			v.fault(path, "%s is our own address (listen.dns %s): a loop; write another resolver's", up.Addr, own)
		}
	}
}

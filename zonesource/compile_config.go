package zonesource

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
)

// Config is what [Compile] and the [Keeper] have to know of the configuration. The
// zero value has no EC2 names, automatic views and no forwarders. It is never
// modified and may be shared.
type Config struct {
	// NegativeTTL caps the TTL of negative answers of hosted zones, in whole
	// seconds; 0 leaves it as the SOA says.
	NegativeTTL time.Duration
	// Shadow keeps only the top layer of an apex (overlap: shadow).
	Shadow bool
	// Hosted says which hosted zones are wanted. Parts of others, saved by an
	// earlier configuration, are dropped by the keeper.
	Hosted HostedFilter

	// EC2 is on when there is an inventory: computed names, reverse names, and the
	// names of instances.
	EC2 bool
	// TagZone is the template of the zone of instance names: plain text with
	// {region}, {vpc} and {account}. "" has none.
	TagZone string
	// Domains are suffixes in which names of instances may lie besides our zones, in
	// lower-case wire form.
	Domains [][]byte
	// NameSuffixes is what the names of templates of instance names end in, in lower-case wire form:
	// where names of a region that was not read may lie in our zones.
	NameSuffixes [][]byte
	// Affinity says whether availability zones matter.
	Affinity zone.Affinity
	// TranslatedTTL caps the TTL of translated addresses and is the TTL of
	// instance names, in whole seconds.
	TranslatedTTL time.Duration
	// MaxAge is the age of a region's inventory at which its addresses are
	// translated no longer; 0 is never.
	MaxAge time.Duration
	// InstancesPublic leaves the addresses of instances as they are.
	InstancesPublic bool
	// LoadBalancers translates addresses of load balancers too.
	LoadBalancers bool

	// Views are the configured views; nil makes automatic ones.
	Views []ViewConfig
	Allow Allow
	// TrustECS names the forwarders whose client subnets (RFC 7871) are believed.
	TrustECS []netip.Prefix
	Forward  []ForwardConfig
	// Rebinding is what answers of the forwarders of "." may not hold.
	Rebinding zone.Rebinding
	// FileViews names the views that see the zone of a part of zonefile. A key
	// that isn't here is seen by all.
	FileViews map[Key]ViewNames

	// Primaries are the names of primaries in the SOA records of hosted zones.
	Primaries []PrimaryName

	// Self is where inside53 itself runs.
	Self Self
	// Region is where clients are taken to be when neither their view nor Self tells;
	// "" is nowhere.
	Region string
	// Expected lists what must be there before the data count as complete: the
	// catalog of each account, each region, each zone file. Zones follow from
	// the catalogs.
	Expected []Key
	// Also lists parts that are kept when they come and that nobody waits for.
	Also []Key
	// Without names the accounts whose catalogs aren't waited for; "" is the base account.
	Without []string
	// MaxShrink is the share of its records (0 to 1) that a zone or region may
	// lose at once; see [Keeper].
	MaxShrink float64
}

// HostedFilter selects hosted zones. The zero value selects all.
type HostedFilter struct {
	Zones               []string // ids and names; empty or "*": all
	NoPublic, NoPrivate bool
}

// ViewConfig is one configured view.
type ViewConfig struct {
	Name      string
	Clients   []netip.Prefix // not twice among all views
	VPCs      []string       // ids, top down; "*" is every VPC and every private zone
	Region    string         // "" is the region of the first VPC, else that of Self, else Config.Region
	Addresses zone.AddressMode
	Reach     Reach
}

// Reach is what a view reaches privately besides its VPCs and their peers.
type Reach struct {
	VPCs, Regions, Accounts []string // Accounts by id or configured name
	CIDRs                   []netip.Prefix
}

// ViewNames is a set of views: "*" or names.
type ViewNames []string

// has reports whether the set names the view itself.
func (n ViewNames) has(view string) bool { return slices.Contains(n, view) }

// all reports whether the set is every view.
func (n ViewNames) all() bool { return slices.Contains(n, "*") }

// Allow says who may ask.
type Allow struct {
	Private  bool // loopback, RFC 1918, RFC 6598, link-local, ULA
	VPCs     bool // the CIDRs of the inventory
	Prefixes []netip.Prefix
}

// ForwardConfig is a zone whose names are asked elsewhere.
type ForwardConfig struct {
	Zone      []byte // lower-case wire form; the root is the default
	Upstreams []string
	// Views uses it. "*" is every view that has no entry of its own for the zone.
	Views ViewNames
	// Layer puts the zones of exactly this name over the forwarder.
	Layer bool
}

// Self is the VPC that inside53 runs in. The zero value is unknown.
type Self struct {
	VPC    string
	Region string
}

// validate checks what Compile relies on and no part can change.
func (c *Config) validate() error {
	var errs []error
	if c.EC2 && c.TagZone != "" {
		_, err := InstanceZone(c.TagZone, "eu-west-1", "vpc-0", "0")
		if err != nil {
			errs = append(errs, fmt.Errorf("zone of instance names %q: %w", c.TagZone, err))
		}
	}
	if len(c.Views) >= math.MaxInt16 {
		errs = append(errs, fmt.Errorf("%d views: at most %d", len(c.Views), math.MaxInt16-1))
	}
	names, clients := map[string]bool{}, map[netip.Prefix]string{}
	for _, v := range c.Views {
		if names[v.Name] {
			errs = append(errs, fmt.Errorf("view %q is there twice", v.Name))
		}
		names[v.Name] = true
		for _, p := range v.Clients {
			other, taken := clients[p.Masked()]
			if taken {
				errs = append(errs, fmt.Errorf("clients %s are in view %q and in view %q", p, other, v.Name))
			}
			clients[p.Masked()] = v.Name
		}
	}
	for _, f := range c.Forward {
		var l zone.Labels
		if l.Parse(f.Zone) < 0 {
			errs = append(errs, fmt.Errorf("forward zone %q: %w", f.Zone, zone.ErrName))
		}
		if len(f.Upstreams) == 0 {
			errs = append(errs, fmt.Errorf("forward zone %s has no upstreams", zone.String(f.Zone)))
		}
	}
	return errors.Join(errs...)
}

// wanted is what is expected, for who asks for one part after the other.
type wanted struct {
	keys    map[Key]bool
	sources map[string]bool
	hosted  HostedFilter
	regions []Key
}

func (c *Config) wanted() *wanted {
	w := &wanted{keys: make(map[Key]bool, len(c.Expected)), sources: map[string]bool{}, hosted: c.Hosted}
	for _, key := range c.Expected {
		w.keys[key], w.sources[key.Source] = true, true
		if key.Source == inventorySource {
			w.regions = append(w.regions, key)
		}
	}
	for _, key := range c.Also {
		w.keys[key] = true
	}
	return w
}

// wants reports whether a part belongs to the configuration. Parts of an earlier
// one may still be there, in memory or saved.
func (w *wanted) wants(p Part) bool {
	if p.Zone == nil || p.Zone.Origin == zone.File {
		return w.keys[p.Key]
	}
	if !w.keys[catalogKey(p.Key.Source, p.Zone.Account)] {
		return false
	}
	return w.hosted.Selects(p.Zone.ID, p.Zone.Apex, p.Zone.Origin == zone.Private)
}

// Selects reports whether a hosted zone is wanted.
func (f *HostedFilter) Selects(id string, name []byte, private bool) bool {
	if private && f.NoPrivate || !private && f.NoPublic {
		return false
	}
	return len(f.Zones) == 0 || slices.ContainsFunc(f.Zones, func(want string) bool {
		return want == "*" || MeansZone(want, id, name)
	})
}

// MeansZone reports whether a configured zone, a name or an id, is the hosted zone of this
// id and name.
func MeansZone(text, id string, name []byte) bool {
	return strings.TrimPrefix(text, "/hostedzone/") == id ||
		strings.EqualFold(strings.TrimSuffix(text, "."), strings.TrimSuffix(zone.String(name), "."))
}

// catalogKey is the key of the catalog of an account.
func catalogKey(source, account string) Key {
	return Key{Source: source, Name: catalogPrefix + account}
}

// zoneKey is the key of a hosted zone's part.
func zoneKey(source, id string) Key { return Key{Source: source, Name: zonePrefix + id} }

const (
	catalogPrefix = "catalog/"
	zonePrefix    = "zone/"
)

package server

import (
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"
)

// Config is the whole configuration of a server, as read from a YAML file by
// [LoadConfig] or [ParseConfig]. The comments on it and on the section types
// are the reference of the configuration; examples/inside53.yaml shows every
// key with its default.
//
// The file is read strictly: an unknown key, a key twice, or a value of another
// kind is a fault with its line. A section that is written empty (`route53:` or
// `route53: {}`) is on with its defaults. route53, ec2, zonefiles, views and
// forward are off when absent; the other sections have their defaults then.
//
// Durations are written as Go writes them ("30s", "1m30s") and are 100ms or
// longer; where 0 has a meaning, the key says so. Paths are relative to the
// directory of the configuration file. Names of zones may be written with or
// without the last dot, in any case; names of other scripts in their punycode
// form (xn--...).
//
// A Config is not modified after it was loaded and may be shared.
type Config struct {
	// Listen says where DNS is answered.
	Listen Listen `yaml:"listen"`

	// Admin is the loopback address and port of the HTTP paths for people and
	// monitoring: health, readiness, metrics, zones. "" is off. Default
	// 127.0.0.1:8053.
	Admin netip.AddrPort `yaml:"admin,off"`

	// Health is the address and port where /healthz and /readyz alone are
	// answered, for a load balancer to ask: 0.0.0.0:8054, say. Default "" (off).
	Health netip.AddrPort `yaml:"health,off"`

	// StateDir is the directory of the last good data, the only place written
	// to. It has to be writable when route53, ec2, transfers or secondary is on,
	// and is not used otherwise. Default /var/lib/inside53.
	StateDir string `yaml:"state_dir,path"`

	// Allow lists who may ask. Default [private, vpcs]; without ec2: [private].
	Allow Allow `yaml:"allow"`

	// Ready bounds readiness.
	Ready Ready `yaml:"ready"`

	// Drain is how long the server goes on answering after SIGTERM, while
	// readiness already says no, so that a load balancer can turn away. 0s ends
	// at once. Default 30s.
	Drain time.Duration `yaml:"drain"`

	// Log says what is logged to standard error.
	Log Log `yaml:"log"`

	// Pprof adds /debug/pprof/ to the admin address. Default false.
	Pprof bool `yaml:"pprof"`

	// UDPSize is the most bytes of an answer by UDP, from 512 to 4096; a client
	// may ask for less. Larger answers are truncated and asked again by TCP.
	// Default 1232, which no common path fragments.
	UDPSize int `yaml:"udp_size"`

	// NegativeTTL caps how long clients may keep a negative answer from a
	// Route 53 zone, in whole seconds; Route 53's own SOA records say a day.
	// 0s: as the SOA record says. Default 60s.
	NegativeTTL time.Duration `yaml:"negative_ttl"`

	// AWS says how AWS is reached. It is used by route53 and ec2.
	AWS AWS `yaml:"aws"`

	// Route53 serves hosted zones; nil is off.
	Route53 *Route53 `yaml:"route53"`

	// EC2 knows instances and their addresses; nil is off.
	EC2 *EC2 `yaml:"ec2"`

	// HealthChecks watches the health that records of route53 depend on; nil is off.
	HealthChecks *HealthChecks `yaml:"health_checks"`

	// ZoneFiles are zones from master files (RFC 1035). Default none.
	ZoneFiles []ZoneFile `yaml:"zonefiles"`

	// Views say what which client sees. Default none: then each VPC of the
	// inventory is a view, named by its id, and "rest" is everybody else's.
	Views []View `yaml:"views"`

	// ECS says whose client subnets are believed.
	ECS ECS `yaml:"ecs"`

	// Forward says where names are asked that no zone of ours holds. Default
	// none: such names are refused. The resolv.conf of the host is never read.
	Forward []Forward `yaml:"forward"`

	// Cache bounds the cache of forwarded answers.
	Cache Cache `yaml:"cache"`

	// TCP bounds DNS over TCP.
	TCP TCP `yaml:"tcp"`

	// Keys are the secrets by which messages are signed. Default none.
	Keys []Key `yaml:"keys"`

	// Updates says who may change what in Route 53 by dynamic updates. Default none:
	// updates are refused.
	Updates []Update `yaml:"updates"`

	// Transfers says which zones secondaries may have. Default none.
	Transfers []Transfer `yaml:"transfers"`

	// Secondary lists zones that are transferred from other servers. Default none.
	Secondary []Secondary `yaml:"secondary"`

	file  string
	lines map[string]int // line of each key in the file, by its path: forward[0].zone
}

// Listen is the section listen.
type Listen struct {
	// DNS lists addresses and ports for DNS, each by UDP and TCP. 0.0.0.0 is
	// every IPv4 address of the host, [::] every address. Port 0 is a free one.
	// Default ["127.0.0.1:5300"].
	DNS []netip.AddrPort `yaml:"dns"`
}

// Ready is the section ready.
type Ready struct {
	// MaxAge makes the server unready when data of AWS is older. 0s: the age is
	// shown and never makes unready, so that an outage of AWS does not take the
	// whole fleet out of its load balancer. Default 0s.
	MaxAge time.Duration `yaml:"max_age"`
}

// Log is the section log.
type Log struct {
	// Level is debug, info, warn or error. Default info.
	Level slog.Level `yaml:"level"`

	// Format is text or json. Default text.
	Format LogFormat `yaml:"format"`

	// SampleQueries logs one query in so many: 1 logs each, 1000 each
	// thousandth. 0 logs none. Default 0.
	SampleQueries int `yaml:"sample_queries"`
}

// AWS is the section aws. Credentials and endpoints come from the usual chain
// of the SDK: environment (AWS_ENDPOINT_URL too), shared files, instance role.
type AWS struct {
	// Region is the region to call where a section names none, eu-west-1, say.
	// Default "": that of the environment (AWS_REGION), of the profile, or of the
	// instance.
	Region string `yaml:"region"`

	// Accounts are read besides the account of the credentials. Default none.
	Accounts []Account `yaml:"accounts"`
}

// Account is an entry of aws.accounts.
type Account struct {
	// Name stands for the account in logs, metrics and saved data. It has no
	// default and is of lower-case letters, digits, '-' and '_'.
	Name string `yaml:"name"`

	// RoleARN is the role to assume, arn:aws:iam::123456789012:role/inside53,
	// say. It has no default.
	RoleARN string `yaml:"role_arn"`

	// ExternalID is the external id that the role asks for. Default "" (none).
	ExternalID string `yaml:"external_id"`
}

// Route53 is the section route53.
type Route53 struct {
	// Zones lists the hosted zones to serve, by name (all zones of that name) or
	// by id. "*" is every zone. Default ["*"].
	Zones ZoneSet `yaml:"zones"`

	// Visibility lists the kinds of zones to serve. Default [public, private].
	Visibility Visibility `yaml:"visibility"`

	// Overlap says what a client sees where a private and a public zone have the
	// same name: overlay, the records of both, a name's private ones first; or
	// shadow, only the private zone, as Amazon's resolver does. Default overlay.
	Overlap Overlap `yaml:"overlap"`

	// Refresh is the time from the start of one reading of all zones to the
	// next. A reading that takes longer is followed by the next at once.
	// Default 60s.
	Refresh time.Duration `yaml:"refresh"`

	// RequestsPerSecond bounds the calls to Route 53, a process and account. It
	// is halved while AWS throttles. AWS allows an account 10 a second, shared
	// by everything that uses the account. Default 2.
	RequestsPerSecond float64 `yaml:"requests_per_second"`

	// MaxShrink is the share of its records, 0 to 1, that a zone may lose from
	// one reading to the next. A zone that loses more, and more than 10 records,
	// is only believed when a second reading says the same. 1 believes all.
	// Default 0.5.
	MaxShrink float64 `yaml:"max_shrink"`
}

// EC2 is the section ec2.
type EC2 struct {
	// Regions lists the regions to read, eu-west-1, say. Default []: aws.region.
	Regions []string `yaml:"regions"`

	// Refresh is the time from the start of one reading to the next. Default 30s.
	Refresh time.Duration `yaml:"refresh"`

	// Names lists where the names of instances come from, the first that has
	// some counts: tag (the tag of name_tag), Name (the tag Name),
	// security-group (the names of the groups). [] names none. Default
	// [tag, Name].
	Names []NameSource `yaml:"names"`

	// NameTag is the key of the tag that holds host names, separated by commas.
	// Default dns.
	NameTag string `yaml:"name_tag"`

	// Zone is the zone where these names live. {region}, {vpc} and {account} in
	// it stand for the instance's. Default "internal.".
	Zone ZoneTemplate `yaml:"zone"`

	// Translate lists whose public addresses become private ones in answers:
	// instances, load_balancers. [] translates none. Default [instances].
	Translate []Translated `yaml:"translate"`

	// TranslatedTTL caps how long clients may keep a translated address, in whole
	// seconds. Default 30s.
	TranslatedTTL time.Duration `yaml:"translated_ttl"`

	// MaxAge is the age of a region's data at which its addresses are translated
	// no longer: an elastic IP may have moved meanwhile. Default 1h.
	MaxAge time.Duration `yaml:"max_age"`
}

// ZoneFile is an entry of the section zonefiles.
type ZoneFile struct {
	// Origin is the name of the zone. It has no default.
	Origin DomainName `yaml:"origin"`

	// File is the path of the master file. It is read again when it changes. It
	// has no default.
	File string `yaml:"file,path"`

	// Views lists the views that see the zone, by name. "*" is every view.
	// Default ["*"].
	Views ViewSet `yaml:"views"`
}

// View is an entry of the section views.
type View struct {
	// Name is the view's name in other sections, logs and metrics. It has no
	// default and is of lower-case letters, digits, '-' and '_'; "rest" and VPC
	// ids are taken by the automatic views.
	Name string `yaml:"name"`

	// Clients lists the prefixes of the clients that see it. Of several the
	// longest counts; the same one in two views is a fault. It has no default.
	Clients []netip.Prefix `yaml:"clients"`

	// VPCs lists the VPCs whose private zones the view sees; of zones of one name
	// the first VPC's is on top. [] is none, ["*"] every private zone. Default [].
	VPCs VPCSet `yaml:"vpcs"`

	// Region is where its clients are, for latency and geolocation records. Default
	// "": that of its first VPC, else of this host, else aws.region.
	Region string `yaml:"region"`

	// Addresses says which address of an instance the view gets: auto, the
	// private one where it can be reached; private, always the private one;
	// public, always the public one. Default auto.
	Addresses Addresses `yaml:"addresses"`

	// Reach lists what the view can reach privately besides its VPCs and their
	// peers: VPC ids, regions, accounts (their ids, or names in aws.accounts),
	// prefixes. Default [].
	Reach Reach `yaml:"reach"`
}

// Forward is an entry of the section forward.
type Forward struct {
	// Zone is the name at and below which names are asked at Upstreams. "." is
	// every name. It has no default.
	Zone DomainName `yaml:"zone"`

	// Upstreams lists the resolvers to ask, the fastest healthy one first:
	// "10.9.0.2", "10.9.0.2:53", "[2001:db8::1]:53"; by TLS "tls://10.9.0.3",
	// "tls://10.9.0.3:853#dns.example" with the name in its certificate. It has
	// no default.
	Upstreams []Upstream `yaml:"upstreams"`

	// Views lists the views that use it, by name. "*" is every view that has no
	// entry of its own for the zone. Default ["*"].
	Views ViewSet `yaml:"views"`

	// Layer puts our zone of exactly this name over the forwarder: what the zone
	// does not hold is asked at Upstreams. Without it the forwarder hides the
	// zone, as the rules of Route 53 Resolver do. Default false.
	Layer bool `yaml:"layer"`
}

// ECS is the section ecs.
type ECS struct {
	// Trust lists the forwarders, by prefix or address, whose client subnets (RFC
	// 7871) are believed: routing policies of public zones then go by the client
	// behind the forwarder. Private zones never do. The subnets that others send
	// are ignored. Default [].
	Trust Forwarders `yaml:"trust"`
}

// Cache is the section cache.
type Cache struct {
	// Entries is the most answers kept, from 1 to 100000000. Default 200000.
	Entries int `yaml:"entries"`
}

// TCP is the section tcp.
type TCP struct {
	// Connections is the most connections at a time. Default 10000.
	Connections int `yaml:"connections"`

	// PerClient is the most connections of one client address. Default 100.
	PerClient int `yaml:"per_client"`

	// Idle is how long a connection stays open without a query. Default 10s.
	Idle time.Duration `yaml:"idle"`
}

// DefaultConfig returns the configuration of an empty file. It serves nothing
// yet: [Config.Validate] asks for one of route53, ec2, zonefiles and forward.
func DefaultConfig() *Config {
	return &Config{
		Listen:      Listen{DNS: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:5300")}},
		Admin:       netip.MustParseAddrPort("127.0.0.1:8053"),
		StateDir:    "/var/lib/inside53",
		Allow:       Allow{Private: true},
		Drain:       30 * time.Second,
		Log:         Log{Level: slog.LevelInfo, Format: LogText},
		UDPSize:     1232,
		NegativeTTL: time.Minute,
		Cache:       Cache{Entries: 200_000},
		TCP:         TCP{Connections: 10_000, PerClient: 100, Idle: 10 * time.Second},
	}
}

// defaultMaxShrink guards the regions of ec2 too, where there is no route53.
const defaultMaxShrink = 0.5

// The sections that are off when absent and the entries of lists get their
// defaults when they are met, through setDefaults.

func (s *Route53) setDefaults() {
	*s = Route53{
		Zones:             ZoneSet{All: true},
		Visibility:        Visibility{Public: true, Private: true},
		Overlap:           Overlay,
		Refresh:           time.Minute,
		RequestsPerSecond: 2,
		MaxShrink:         defaultMaxShrink,
	}
}

func (s *EC2) setDefaults() {
	*s = EC2{
		Refresh:       30 * time.Second,
		Names:         []NameSource{NameFromTag, NameFromName},
		NameTag:       "dns",
		Zone:          "internal.",
		Translate:     []Translated{TranslateInstances},
		TranslatedTTL: 30 * time.Second,
		MaxAge:        time.Hour,
	}
}

func (s *ZoneFile) setDefaults() { *s = ZoneFile{Views: ViewSet{All: true}} }
func (s *View) setDefaults()     { *s = View{Addresses: AddressesAuto} }
func (s *Forward) setDefaults()  { *s = Forward{Views: ViewSet{All: true}} }

// LoadConfig reads and validates the configuration file at path.
func LoadConfig(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return ParseConfig(data, path)
}

// ParseConfig reads and validates data, a configuration in YAML. path stands in
// errors, and relative paths in data are relative to its directory; the file is
// not read. The error joins every fault found (errors.Join), each in the form
// "file:line: key: what is wrong, what would be right".
func ParseConfig(data []byte, path string) (*Config, error) {
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("finding the directory of %s: %w", path, err)
	}
	c := DefaultConfig()
	d := &decoder{file: path, dir: dir, lines: make(map[string]int)}
	c.file, c.lines = path, d.lines
	d.document(data, reflect.ValueOf(c).Elem())
	if _, given := d.lines["allow"]; !given {
		c.Allow.VPCs = c.EC2 != nil
	}
	v := &validator{config: c, faults: d.faults, broken: d.broken}
	v.all()
	err = v.join()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Validate checks everything that can be checked without the network and the
// files that c names. The error joins every fault, as in [ParseConfig].
func (c *Config) Validate() error {
	v := &validator{config: c}
	v.all()
	return v.join()
}

// File returns the path that c was loaded from.
func (c *Config) File() string { return c.file }

// Logger returns the logger that l describes, writing to w.
func (l Log) Logger(w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: l.Level}
	if l.Format == LogJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// UsesAWS reports whether c needs AWS, and with it a writable StateDir.
func (c *Config) UsesAWS() bool { return c.Route53 != nil || c.EC2 != nil }

// ForwardsOf returns the entries of forward that the view of that name uses: at
// most one a zone, an entry that names the view before one for "*". The order is
// that of the file.
func (c *Config) ForwardsOf(view string) []Forward {
	own := make(map[DomainName]bool)
	for _, f := range c.Forward {
		if slices.Contains(f.Views.Names, view) {
			own[f.Zone] = true
		}
	}
	var used []Forward
	for _, f := range c.Forward {
		if slices.Contains(f.Views.Names, view) || f.Views.All && !own[f.Zone] {
			used = append(used, f)
		}
	}
	return used
}

// ViewNames returns the names of the configured views, in the order of the file.
func (c *Config) ViewNames() []string {
	names := make([]string, len(c.Views))
	for i, v := range c.Views {
		names[i] = v.Name
	}
	return names
}

// FixedChanges returns the keys that differ between c and next and that a
// running server can't change: the sockets, the state directory and the bounds
// made with them. A reload has to refuse next, or to name them.
func (c *Config) FixedChanges(next *Config) []string {
	fixed := []struct {
		key       string
		old, next any
	}{
		{"listen.dns", c.Listen.DNS, next.Listen.DNS},
		{"admin", c.Admin, next.Admin},
		{"health", c.Health, next.Health},
		{"state_dir", c.StateDir, next.StateDir},
		{"pprof", c.Pprof, next.Pprof},
		{"log", c.Log, next.Log},
		{"cache", c.Cache, next.Cache},
		{"tcp", c.TCP, next.TCP},
		{"udp_size", c.UDPSize, next.UDPSize},
	}
	var changed []string
	for _, f := range fixed {
		if !reflect.DeepEqual(f.old, f.next) {
			changed = append(changed, f.key)
		}
	}
	return changed
}

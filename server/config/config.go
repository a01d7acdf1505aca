package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"inside53/resolver/wire"
)

// Config is the whole configuration of a server, as read from a YAML file by
// [Load] or [Parse]. The comments on it and on the section types
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

	// Metrics is the address and port where /metrics alone is answered, for a
	// Prometheus on another host: 0.0.0.0:9153, say. Default "" (off).
	Metrics netip.AddrPort `yaml:"metrics,off"`

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

	// QueryLog says which queries are logged, and where. Default none.
	QueryLog QueryLog `yaml:"query_log"`

	// Dnstap is where a reader of dnstap gets all messages of clients and upstreams:
	// unix:/path or tcp:host:port. Default "", nobody.
	Dnstap Dnstap `yaml:"dnstap"`

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

	// Rebinding says which addresses names of the internet may not have.
	Rebinding Rebinding `yaml:"rebinding"`

	// Cache bounds the cache of forwarded answers.
	Cache Cache `yaml:"cache"`

	// History says how much of the past is kept.
	History History `yaml:"history"`

	// Fleet shares what is read with other servers; nil is off: this server is alone.
	Fleet *Fleet `yaml:"fleet"`

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

	// Follow lists zones of other servers that are brought into Route 53. Default none.
	Follow []Follow `yaml:"follow"`

	// Register says which names instances may give themselves without a key. Default none.
	Register []Register `yaml:"register"`

	file  string
	hash  string
	lines map[string]int // line of each key in the file, by its path: forward[0].zone
}

// Ready is the section ready.
type Ready struct {
	// MaxAge makes the server unready when data of AWS is older. 0s: the age is
	// shown and never makes unready, so that an outage of AWS does not take the
	// whole fleet out of its load balancer. Default 0s.
	MaxAge time.Duration `yaml:"max_age"`

	// Without names the accounts of aws.accounts that the server gets ready without, though
	// their zones were never listed. Default none.
	Without []string `yaml:"without"`
}

// Cache is the section cache.
type Cache struct {
	// Entries is the most answers kept, from 1 to 100000000. Default 200000.
	Entries int `yaml:"entries"`
	// Bytes is the most memory that they may hold, from 1MiB to 64GiB. Default 256MiB.
	Bytes ByteSize `yaml:"bytes"`
}

// History is the section history.
type History struct {
	// Keep is how long a version is kept after it was the newest, from 24h to 87600h. Default
	// 720h.
	Keep time.Duration `yaml:"keep"`
	// Max is the most bytes that all versions may take, from 1MiB to 1024GiB: the oldest go
	// before their time, but never those of the last day. Default 1GiB.
	Max ByteSize `yaml:"max"`
}

// Default returns the configuration of an empty file. It serves nothing
// yet: [Config.Validate] asks for one of route53, ec2, zonefiles and forward.
func Default() *Config {
	return &Config{
		Listen:      Listen{DNS: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:5300")}},
		Admin:       netip.MustParseAddrPort("127.0.0.1:8053"),
		StateDir:    "/var/lib/inside53",
		Allow:       Allow{Private: true},
		Rebinding:   Rebinding{Deny: DeniedAddresses(wire.Loopback | wire.LinkLocal | wire.Unspecified)},
		Drain:       30 * time.Second,
		Log:         Log{Level: slog.LevelInfo, Format: LogText},
		UDPSize:     1232,
		NegativeTTL: time.Minute,
		Cache:       Cache{Entries: 200_000, Bytes: 256 << 20},
		History:     History{Keep: 720 * time.Hour, Max: 1 << 30},
		TCP:         TCP{Connections: 10_000, PerClient: 100, Idle: 10 * time.Second},
	}
}

// Load reads and validates the configuration file at path.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return Parse(data, path)
}

// Parse reads and validates data, a configuration in YAML. path stands in
// errors, and relative paths in data are relative to its directory; the file is
// not read. The error joins every fault found (errors.Join), each in the form
// "file:line: key: what is wrong, what would be right".
func Parse(data []byte, path string) (*Config, error) {
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("finding the directory of %s: %w", path, err)
	}
	c := Default()
	d := &decoder{file: path, dir: dir, lines: make(map[string]int)}
	sum := sha256.Sum256(data)
	c.file, c.lines, c.hash = path, d.lines, hex.EncodeToString(sum[:hashSize])
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
// files that c names. The error joins every fault, as in [Parse].
func (c *Config) Validate() error {
	v := &validator{config: c}
	v.all()
	return v.join()
}

// File returns the path that c was loaded from.
func (c *Config) File() string { return c.file }

// hashSize is how many octets of a hash tell configurations apart.
const hashSize = 8

// Hash returns what tells the text that c was read from apart from others; "" for one that wasn't
// read.
func (c *Config) Hash() string { return c.hash }

// UsesAWS reports whether c needs AWS, and with it a writable StateDir.
func (c *Config) UsesAWS() bool { return c.Route53 != nil || c.EC2 != nil }

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
		{"metrics", c.Metrics, next.Metrics},
		{"state_dir", c.StateDir, next.StateDir},
		{"pprof", c.Pprof, next.Pprof},
		{"cache", c.Cache, next.Cache},
		{"tcp", c.TCP, next.TCP},
		{"udp_size", c.UDPSize, next.UDPSize},
		{"fleet", c.Fleet, next.Fleet},
	}
	var changed []string
	for _, f := range fixed {
		if !reflect.DeepEqual(f.old, f.next) {
			changed = append(changed, f.key)
		}
	}
	return changed
}

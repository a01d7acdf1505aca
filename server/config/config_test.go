package config

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/resolver/wire"
)

// parseGood parses text as /etc/inside53/inside53.yaml.
func parseGood(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse([]byte(text), "/etc/inside53/inside53.yaml")
	if err != nil {
		t.Fatalf("parsing %q: %v", text, err)
	}
	return c
}

// plain returns c without what it remembers of its file.
func plain(c *Config) *Config {
	p := *c
	p.file, p.hash, p.lines = "", "", nil
	return &p
}

func TestConfigGood(t *testing.T) {
	addr := netip.MustParseAddrPort
	prefix := netip.MustParsePrefix
	toDefault := []Forward{{
		Zone: ".", Upstreams: []Upstream{{wire.Upstream{Addr: addr("10.0.0.2:53")}}}, Packets: AutoPackets,
		Views: ViewSet{All: true},
	}}
	const forward = "forward: [{zone: ., upstreams: [10.0.0.2]}]\n"
	tests := []struct {
		name string
		text string
		want func(c *Config)
	}{
		{"forward alone", forward, func(c *Config) {}},
		{"empty sections that are not optional", forward + "listen:\nready: {}\nlog:\naws:\ncache: " +
			"{}\ntcp:\nviews:\nzonefiles: []\n", func(c *Config) {}},
		{"sockets", forward + "listen: {dns: ['0.0.0.0:53', '[::]:53', '127.0.0.1:0', '127.0.0.1:0']}\nadmin: " +
			"'[::1]:80'\nhealth: 0.0.0.0:8054\npprof: true\n", func(c *Config) {
			c.Listen.DNS = []netip.AddrPort{addr("0.0.0.0:53"), addr("[::]:53"), addr("127.0.0.1:0"), addr("127.0.0.1:0")}
			c.Admin, c.Health, c.Pprof = addr("[::1]:80"), addr("0.0.0.0:8054"), true
		}},
		{"sockets off", forward + "admin: ''\nhealth: \"\"\n", func(c *Config) { c.Admin = netip.AddrPort{} }},
		{"IPv4 as IPv6", forward + "listen: {dns: ['[::ffff:127.0.0.1]:53']}\n",
			func(c *Config) { c.Listen.DNS = []netip.AddrPort{addr("127.0.0.1:53")} }},
		{"relative state_dir", forward + "state_dir: state\n", func(c *Config) { c.StateDir = "/etc/inside53/state" }},
		{"no state_dir", forward + "state_dir: ''\n", func(c *Config) { c.StateDir = "" }},
		{"allow", forward + "allow: [10.0.0.0/8, 2001:db8::/32]\n", func(c *Config) {
			c.Allow = Allow{Prefixes: []netip.Prefix{prefix("10.0.0.0/8"), prefix("2001:db8::/32")}}
		}},
		{"allow private", forward + "ec2:\nallow: [private]\n", func(c *Config) { c.EC2 = new(EC2); c.EC2.setDefaults() }},
		{"allow with ec2", forward + "ec2:\n",
			func(c *Config) { c.EC2 = new(EC2); c.EC2.setDefaults(); c.Allow.VPCs = true }},
		{"ecs", forward + "ecs: {trust: [10.0.0.53, 10.1.0.0/24, 'fd00::53', 'fd00:1::/64']}\n", func(c *Config) {
			c.ECS.Trust = Forwarders{prefix("10.0.0.53/32"), prefix("10.1.0.0/24"), prefix("fd00::53/128"),
				prefix("fd00:1::/64")}
		}},
		{"no ecs", forward + "ecs: {trust: []}\n", func(c *Config) {}},
		{"times", forward + "drain: 0s\nnegative_ttl: 0s\nready: {max_age: 0s}\n", func(c *Config) {
			c.Drain, c.NegativeTTL = 0, 0
		}},
		{"times 2", forward + "drain: 1m30s\nnegative_ttl: 1h\n", func(c *Config) {
			c.Drain, c.NegativeTTL = 90*time.Second, time.Hour
		}},
		{"log", forward + "log: {level: warn, format: json, sample_queries: 1000}\n",
			func(c *Config) { c.Log = Log{slog.LevelWarn, LogJSON, 1000} }},
		{"query log", forward + "query_log: {sample: 10, clients: [10.0.0.0/8, '::1/128'], names: [Example.com], " +
			"rcodes: [nxdomain, SERVFAIL], slower: 100ms, file: q.log}\n",
			func(c *Config) {
				c.QueryLog = QueryLog{10, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")},
					[]DomainName{"example.com."}, []Rcode{"NXDOMAIN", "SERVFAIL"}, 100 * time.Millisecond, "q.log"}
			}},
		{"dnstap", forward + "dnstap: unix:/run/tap.sock\n", func(c *Config) {
			c.Dnstap = Dnstap{"unix", "/run/tap.sock"}
		}},
		{"dnstap by TCP", forward + "dnstap: tcp:tap.example:6000\n", func(c *Config) {
			c.Dnstap = Dnstap{"tcp", "tap.example:6000"}
		}},
		{"sizes", forward + "udp_size: 512\ncache: {entries: 1}\ntcp: {connections: 1, per_client: 2, idle: 100ms}\n",
			func(c *Config) {
				c.UDPSize, c.Cache.Entries, c.TCP = 512, 1, TCP{1, 2, 100 * time.Millisecond}
			}},
		{"route53 empty", forward + "route53:\n", func(c *Config) {
			c.Route53 = &Route53{ZoneSet{All: true}, Visibility{true, true}, Overlay, time.Minute, 2, 0.5}
		}},
		{"route53 {}", forward + "route53: {}\n", func(c *Config) { c.Route53 = new(Route53); c.Route53.setDefaults() }},
		{"route53", forward + "route53: {zones: [Example.COM, Z0123ABC, /hostedzone/Z9, 10.in-addr.arpa., " +
			"0/25.2.0.192.in-addr.arpa], visibility: [private], overlap: shadow, refresh: 100ms, requests_per_second: .5, " +
			"max_shrink: 1}\nready: {max_age: 1h}\n", func(c *Config) {
			zones := ZoneSet{Names: []DomainName{"example.com.", "10.in-addr.arpa.", "0/25.2.0.192.in-addr.arpa."},
				IDs: []string{"Z0123ABC", "Z9"}}
			c.Route53 = &Route53{zones, Visibility{Private: true}, Shadow, 100 * time.Millisecond, 0.5, 1}
			c.Ready.MaxAge = time.Hour
		}},
		{"ec2 empty", "ec2: {}\n" + forward, func(c *Config) {
			c.Allow.VPCs = true
			c.EC2 = &EC2{nil, 30 * time.Second, []NameTemplate{"tag", "Name"}, "dns", "internal.", nil, AffinityOff, nil,
				[]Translated{TranslateInstances}, 30 * time.Second, time.Hour}
		}},
		{"ec2", "allow: [private, vpcs]\nec2: {regions: [eu-west-1, us-gov-west-1, cn-north-1, eusc-de-east-1], " +
			"refresh: 1m, names: [security-group, '{tag:role|id}.Example.com.', tag], name_tag: 'my:hosts', zone: " +
			"'{VPC}.{region}.{account}.Internal', domains: [Corp.example], affinity: strict, " +
			"health: [status, targets, lifecycle, probe], translate: [instances, load_balancers], translated_ttl: 1s, " +
			"max_age: 1m}\n" +
			forward, func(c *Config) {
			c.Allow.VPCs = true
			c.EC2 = &EC2{[]string{"eu-west-1", "us-gov-west-1", "cn-north-1", "eusc-de-east-1"}, time.Minute,
				[]NameTemplate{"security-group", "{tag:role|id}.Example.com.", "tag"}, "my:hosts",
				"{vpc}.{region}.{account}.internal.", []DomainName{"corp.example."}, AffinityStrict,
				[]NameHealth{HealthOfStatus, HealthOfTargets, HealthOfLifecycle, HealthByProbe}, []Translated{TranslateInstances,
					TranslateLoadBalancers}, time.Second, time.Minute}
		}},
		{"ec2 without names", "allow: [private, vpcs]\nec2: {names: [], translate: []}\n" + forward, func(c *Config) {
			c.EC2 = new(EC2)
			c.EC2.setDefaults()
			c.Allow.VPCs, c.EC2.Names, c.EC2.Translate = true, nil, nil
		}},
		{"health checks empty", forward + "route53:\nhealth_checks:\n", func(c *Config) {
			c.Route53 = new(Route53)
			c.Route53.setDefaults()
			c.HealthChecks = &HealthChecks{HealthBoth, time.Minute, 100, ProbeTargets{"private"}}
		}},
		{"health checks", forward + "route53:\nhealth_checks: {source: local, refresh: 30s, probes: 7, probe_targets: " +
			"[any, 127.0.0.0/8, 'fd00::/8']}\n", func(c *Config) {
			c.Route53 = new(Route53)
			c.Route53.setDefaults()
			c.HealthChecks = &HealthChecks{HealthLocal, 30 * time.Second, 7, ProbeTargets{"any", "127.0.0.0/8", "fd00::/8"}}
		}},
		{"health checks off", forward + "health_checks: {source: off}\n", func(c *Config) {
			c.HealthChecks = &HealthChecks{HealthOff, time.Minute, 100, ProbeTargets{"private"}}
		}},
		{"health checks by AWS", forward + "route53:\nhealth_checks: {source: aws, probe_targets: []}\n", func(c *Config) {
			c.Route53 = new(Route53)
			c.Route53.setDefaults()
			c.HealthChecks = &HealthChecks{HealthAWS, time.Minute, 100, nil}
		}},
		{"aws", forward + "aws: {region: ap-southeast-2, accounts: [{name: data, role_arn: " +
			"'arn:aws-cn:iam::012345678901:role/path/inside53', external_id: x=1}]}\n", func(c *Config) {
			c.AWS = AWS{"ap-southeast-2", []Account{{"data", "arn:aws-cn:iam::012345678901:role/path/inside53", "x=1"}}}
		}},
		{"views", "views: [{name: prod, clients: [10.0.0.0/16, 10.1.2.3/32], vpcs: [vpc-0a1b, vpc-0c1d], region: " +
			"eu-west-1, addresses: private, reach: [vpc-1234, us-east-1, 012345678901, 123456789012, data, 10.9.0.0/16]}, " +
			"{name: vpn, clients: [10.1.0.0/16], vpcs: ['*'], addresses: public}, {name: x, clients: [10.0.0.0/15], vpcs: " +
			"[]}]\naws: {accounts: [{name: data, role_arn: 'arn:aws:iam::012345678901:role/x'}]}\n" + forward, func(c *Config) {
			c.AWS.Accounts = []Account{{"data", "arn:aws:iam::012345678901:role/x", ""}}
			c.Views = []View{
				{"prod", []netip.Prefix{prefix("10.0.0.0/16"), prefix("10.1.2.3/32")}, VPCSet{IDs: []string{"vpc-0a1b",
					"vpc-0c1d"}}, "eu-west-1", AddressesPrivate,
					Reach{[]string{"vpc-1234"}, []string{"us-east-1"}, []string{"012345678901", "123456789012", "data"},
						[]netip.Prefix{prefix("10.9.0.0/16")}}},
				{"vpn", []netip.Prefix{prefix("10.1.0.0/16")}, VPCSet{All: true}, "", AddressesPublic, Reach{}},
				{"x", []netip.Prefix{prefix("10.0.0.0/15")}, VPCSet{}, "", AddressesAuto, Reach{}},
			}
		}},
		{"zonefiles", forward + "zonefiles: [{origin: Bench.Internal, file: zones/bench.zone}, {origin: ., file: " +
			"/srv/root.zone, views: [rest]}]\n", func(c *Config) {
			c.ZoneFiles = []ZoneFile{{"bench.internal.", "/etc/inside53/zones/bench.zone", ViewSet{All: true}}, {".",
				"/srv/root.zone", ViewSet{Names: []string{"rest"}}}}
		}},
		{"forward", "allow: [private]\nec2:\nforward:\n- zone: Corp.example\n  upstreams:\n  - 10.9.0.2\n  - " +
			"10.9.0.2:5353\n  - '[2001:db8::1]:53'\n  - 2001:db8::2\n  - '[2001:db8::3]'\n  - tls://10.9.0.3\n  - " +
			"tls://[2001:db8::4]:8853#DNS.example.\n  packets: 250\n" +
			"  views: [vpc-0a1b, rest]\n  layer: true\n", func(c *Config) {
			c.EC2 = new(EC2)
			c.EC2.setDefaults()
			c.Forward = []Forward{{"corp.example.", []Upstream{
				{wire.Upstream{Addr: addr("10.9.0.2:53")}}, {wire.Upstream{Addr: addr("10.9.0.2:5353")}},
				{wire.Upstream{Addr: addr("[2001:db8::1]:53")}}, {wire.Upstream{Addr: addr("[2001:db8::2]:53")}},
				{wire.Upstream{Addr: addr("[2001:db8::3]:53")}},
				{wire.Upstream{Addr: addr("10.9.0.3:853"), TLS: true}},
				{wire.Upstream{Addr: addr("[2001:db8::4]:8853"), TLS: true, ServerName: "dns.example"}},
			}, 250, ViewSet{Names: []string{"vpc-0a1b", "rest"}}, true}}
		}},
		{"rebinding", forward + "rebinding: {deny: [private, loopback], allow: [Uribl.com]}\n", func(c *Config) {
			c.Rebinding = Rebinding{Deny: DeniedAddresses(wire.Private | wire.Loopback), Allow: []DomainName{"uribl.com."}}
		}},
		{"rebinding off", forward + "rebinding: {deny: []}\n", func(c *Config) { c.Rebinding = Rebinding{} }},
		{"keys", forward + "keys: [{name: Ops, secret_file: ops.key}, {name: dhcp.example., algorithm: HMAC-SHA512., " +
			"secret: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}]\n", func(c *Config) {
			c.Keys = []Key{{"ops.", HMACSHA256, "", "/etc/inside53/ops.key"}, {"dhcp.example.", HMACSHA512,
				"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", ""}}
		}},
		{"updates", forward + "route53:\nkeys: [{name: ops, secret_file: /k}]\nupdates: [{zone: /hostedzone/Z1, keys: " +
			"[ops]}, {zone: Example.com, visibility: private, vpc: vpc-1, keys: [OPS.], names: ['*.Dyn.example.com', " +
			"www.example.com], types: [a, TXT], clients: [10.0.0.0/8], soa_mname: NS.example.com}]\n", func(c *Config) {
			c.Route53 = new(Route53)
			c.Route53.setDefaults()
			c.Keys = []Key{{"ops.", HMACSHA256, "", "/k"}}
			c.Updates = []Update{{Zone: "Z1", Keys: []DomainName{"ops."}, Names: []NamePattern{"*"}, Types: []RecordType{"*"}},
				{"example.com.", PrivateZone, "vpc-1", []DomainName{"ops."}, []NamePattern{"*.dyn.example.com.",
					"www.example.com."}, []RecordType{"A", "TXT"}, []netip.Prefix{prefix("10.0.0.0/8")}, "ns.example.com."}}
		}},
		{"byte order mark, CRLF", "\ufeff" + strings.ReplaceAll(forward+"state_dir: /x\n", "\n", "\r\n"),
			func(c *Config) { c.StateDir = "/x" }},
		{"comments, quotes and blocks", "# a comment\nforward: # here\n  - zone: \".\"\n    upstreams: " +
			"['10.0.0.2']\nstate_dir: |\n  /x\n", func(c *Config) { c.StateDir = "/x" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := Default()
			want.Forward = toDefault
			test.want(want)
			got := plain(parseGood(t, test.text))
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s\n got %+v\nwant %+v", test.text, got, want)
			}
		})
	}
}

func TestConfigValidateByHand(t *testing.T) {
	c := Default()
	err := c.Validate()
	if err != nil {
		t.Errorf("the default: %v", err)
	}
	c.Forward = []Forward{{Zone: ".", Upstreams: []Upstream{{wire.Upstream{Addr: c.Listen.DNS[0]}}},
		Views: ViewSet{All: true}}}
	c.Log.Level = 1
	err = c.Validate()
	const want = "log.level: INFO+1 is unknown; known are debug, info, warn, error\n" +
		"forward[0].upstreams[0]: 127.0.0.1:5300 is our own address (listen.dns 127.0.0.1:5300): a loop; write another " +
		"resolver's"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestLoadConfig(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c.yaml")
	err := os.WriteFile(path, []byte("zonefiles: [{origin: a, file: a.zone}]\nstate_dir: ../state\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.File() != path || c.ZoneFiles[0].File != filepath.Join(dir,
		"a.zone") || c.StateDir != filepath.Join(filepath.Dir(dir), "state") {
		t.Errorf("file %s, zone file %s, state %s", c.File(), c.ZoneFiles[0].File, c.StateDir)
	}
	t.Chdir(dir)
	c, err = Load("c.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if c.ZoneFiles[0].File != filepath.Join(dir, "a.zone") {
		t.Errorf("a relative path to the configuration gave %s", c.ZoneFiles[0].File)
	}
	_, err = Load(filepath.Join(dir, "none.yaml"))
	if err == nil || !os.IsNotExist(unwrapAll(err)) || !strings.HasPrefix(err.Error(), "reading the configuration: ") {
		t.Errorf("a missing file: %v", err)
	}
}

func unwrapAll(err error) error {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok || os.IsNotExist(err) {
			return err
		}
		err = inner.Unwrap()
	}
}

func TestForwardsOf(t *testing.T) {
	c := parseGood(t, `
views: [{name: a, clients: [10.1.0.0/16]}, {name: b, clients: [10.2.0.0/16]}]
forward:
- {zone: ., upstreams: [10.0.0.1]}
- {zone: ., upstreams: [10.0.0.2], views: [a]}
- {zone: corp, upstreams: [10.0.0.3], views: [b]}
`)
	for view, want := range map[string][]string{"a": {"10.0.0.2:53"}, "b": {"10.0.0.1:53", "10.0.0.3:53"},
		"rest": {"10.0.0.1:53"}} {
		var got []string
		for _, f := range c.ForwardsOf(view) {
			got = append(got, f.Upstreams[0].String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("view %s has %v, want %v", view, got, want)
		}
	}
	if got := c.ViewNames(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("views %v", got)
	}
}

func TestFixedChanges(t *testing.T) {
	const base = "forward: [{zone: ., upstreams: [10.0.0.2]}]\n"
	old := parseGood(t, base)
	free := parseGood(t, base+"drain: 1s\nallow: [10.0.0.0/8]\nroute53:\nlog: {level: debug}\n")
	if got := old.FixedChanges(free); got != nil {
		t.Errorf("what a reload changes is named: %v", got)
	}
	next := parseGood(t, base+"listen: {dns: ['127.0.0.1:1']}\nadmin: ''\nhealth: 127.0.0.1:2\n"+
		"state_dir: x\ncache: {entries: 5}\ntcp: {idle: 1s}\nudp_size: 512\n")
	want := []string{"listen.dns", "admin", "health", "state_dir", "cache", "tcp", "udp_size"}
	if got := old.FixedChanges(next); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLogger(t *testing.T) {
	for _, test := range []struct {
		log  Log
		want string
	}{
		{Log{Level: slog.LevelWarn, Format: LogText}, "level=WARN msg=b\n"},
		{Log{Level: slog.LevelInfo, Format: LogJSON}, `"level":"INFO","msg":"a"}` + "\n"},
	} {
		var out strings.Builder
		logger := test.log.Logger(&out)
		logger.Info("a")
		if test.log.Level > slog.LevelInfo {
			logger.Warn("b")
		}
		if strings.Count(out.String(), "\n") != 1 || !strings.HasSuffix(out.String(), test.want) {
			t.Errorf("%+v logs %q, want %q", test.log, out.String(), test.want)
		}
	}
}

func TestConfigValues(t *testing.T) {
	if got := ZoneTemplate("{region}.{vpc}.{account}.internal.").Name("eu-west-1", "vpc-1",
		"123456789012"); got != "eu-west-1.vpc-1.123456789012.internal." {
		t.Errorf("the zone is %s", got)
	}
	for text, want := range map[string]string{
		"10.9.0.2": "10.9.0.2:53", "2001:db8::1": "[2001:db8::1]:53", "tls://10.9.0.3": "tls://10.9.0.3:853",
		"tls://[2001:db8::1]:1#A.b.": "tls://[2001:db8::1]:1#a.b", "::ffff:10.0.0.1": "10.0.0.1:53",
	} {
		var up, again Upstream
		err := up.parse(text)
		if err != nil || up.String() != want {
			t.Errorf("%s gives %s, %v", text, up, err)
		}
		err = again.parse(up.String())
		if err != nil || again != up {
			t.Errorf("%s is read back as %v, %v", up, again, err)
		}
	}
	views := ViewSet{Names: []string{"a", "b"}}
	if !views.Has("a") || views.Has("c") || !(ViewSet{All: true}).Has("c") || views.String() != "a, b" ||
		(ViewSet{All: true}).String() != "*" {
		t.Errorf("sets of views are wrong: %s", views)
	}
}

// FuzzParseConfig looks for text that the parser does not survive, and for
// faults that are not one line each.
func FuzzParseConfig(f *testing.F) {
	f.Add("forward: [{zone: ., upstreams: [10.0.0.2]}]\n")
	f.Add("views:\n- {name: a, clients: [10.0.0.0/8]}\nroute53: {zones: [Z1, a.b]}\nec2:\n")
	f.Add("a: &x [*x]\n<<: *x\n? b\n: !!str c\n--- |\n  d\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse([]byte(text), "f.yaml")
		if (c == nil) == (err == nil) {
			t.Fatalf("configuration %v, error %v", c, err)
		}
		if err != nil {
			return
		}
		err = c.Validate()
		if err != nil {
			t.Errorf("parsed, but not valid: %v", err)
		}
	})
}

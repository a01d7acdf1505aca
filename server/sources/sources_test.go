package sources

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const everySection = `
allow: [private, vpcs, 192.0.2.0/24]
negative_ttl: 10s
ecs: {trust: [10.0.0.53, 'fd00::/64']}
aws:
  region: us-west-2
  accounts: [{name: data, role_arn: "arn:aws:iam::123456789012:role/x", external_id: secret}]
route53:
  {zones: [Example.com, Z1], visibility: [private], overlap: shadow, refresh: 5s, requests_per_second: 7,
   max_shrink: 0.1}
ec2:
  {regions: [eu-west-1, us-east-1], refresh: 6s, names: [security-group, tag], name_tag: hosts,
   zone: "{region}.internal", translate: [instances, load_balancers], translated_ttl: 9s, max_age: 2h}
zonefiles:
- {origin: lab.example, file: /a.zone, views: [prod]}
- {origin: lab.example, file: /b.zone, views: [vpn]}
- {origin: one.example, file: /c.zone}
views:
- {name: prod, clients: [10.0.0.0/16], vpcs: [vpc-0a1b], addresses: private,
   reach: [vpc-0c1d, eu-west-2, data, 10.9.0.0/16]}
- {name: vpn, clients: [10.99.0.0/16], addresses: public}
- {name: all, clients: [10.98.0.0/16], vpcs: ["*"], region: eu-west-1}
forward:
- {zone: ., upstreams: [10.0.0.2, "tls://10.0.0.3#a.example"]}
- {zone: corp.example, upstreams: [10.0.0.4], views: [prod], layer: true}
`

// parseGood parses text as /etc/inside53/inside53.yaml.
func parseGood(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse([]byte(text), "/etc/inside53/inside53.yaml")
	if err != nil {
		t.Fatalf("parsing %q: %v", text, err)
	}
	return c
}

func TestKeeperConfig(t *testing.T) {
	c := parseGood(t, everySection)
	accounts := []*awsclient.Account{{Name: ""}, {Name: "data"}}
	accounts[0].Config.Region = "us-west-2"
	got := KeeperConfig(c, accounts)
	file := func(name string) zonesource.Key { return zonesource.Key{Source: "zonefile", Name: name} }
	want := zonesource.Config{
		NegativeTTL: 10 * time.Second,
		Shadow:      true,
		Hosted:      zonesource.HostedFilter{Zones: []string{"Z1", "example.com."}, NoPublic: true},
		EC2:         true, TagZone: "{region}.internal.", TranslatedTTL: 9 * time.Second, MaxAge: 2 * time.Hour,
		LoadBalancers: true,
		Views: []zonesource.ViewConfig{
			{Name: "prod", Clients: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}, VPCs: []string{"vpc-0a1b"},
				Addresses: zone.AddressPrivate,
				Reach: zonesource.Reach{VPCs: []string{"vpc-0c1d"}, Regions: []string{"eu-west-2"}, Accounts: []string{"data"},
					CIDRs: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}}},
			{Name: "vpn", Clients: []netip.Prefix{netip.MustParsePrefix("10.99.0.0/16")}, Addresses: zone.AddressPublic},
			{Name: "all", Clients: []netip.Prefix{netip.MustParsePrefix("10.98.0.0/16")}, VPCs: []string{"*"},
				Region: "eu-west-1", Addresses: zone.AddressAuto},
		},
		TrustECS: []netip.Prefix{netip.MustParsePrefix("10.0.0.53/32"), netip.MustParsePrefix("fd00::/64")},
		Allow: zonesource.Allow{Private: true, VPCs: true,
			Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
		Forward: []zonesource.ForwardConfig{
			{Zone: []byte{0}, Upstreams: []string{"10.0.0.2:53", "tls://10.0.0.3:853#a.example"},
				Views: zonesource.ViewNames{"*"}},
			{Zone: []byte("\x04corp\x07example\x00"), Upstreams: []string{"10.0.0.4:53"}, Views: zonesource.ViewNames{"prod"},
				Layer: true},
		},
		Rebinding: zone.Rebinding{Deny: wire.Loopback | wire.LinkLocal | wire.Unspecified},
		FileViews: map[zonesource.Key]zonesource.ViewNames{
			file("lab.example. /a.zone"): {"prod"}, file("lab.example. /b.zone"): {"vpn"}, file("one.example."): {"*"},
		},
		Expected: []zonesource.Key{
			{Source: "route53", Name: "catalog/"}, {Source: "route53", Name: "catalog/data"},
			{Source: "ec2", Name: "/eu-west-1"}, {Source: "ec2", Name: "/us-east-1"}, {Source: "ec2", Name: "data/eu-west-1"},
			{Source: "ec2", Name: "data/us-east-1"},
			file("lab.example. /a.zone"), file("lab.example. /b.zone"), file("one.example."),
		},
		MaxShrink: 0.1,
		Region:    "us-west-2",
	}
	diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmpopts.EquateEmpty())
	if diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}

	c = parseGood(t, "ec2: {names: [], translate: []}\n")
	got = KeeperConfig(c, accounts)
	accounts[0].NoRegion = true
	if none := KeeperConfig(c, accounts).Region; none != "" {
		t.Errorf("region %q, which nobody has named", none)
	}
	if got.TagZone != "" || got.LoadBalancers || got.MaxShrink != 0.5 || got.Views != nil {
		t.Errorf("without names: %+v", got)
	}
}

func TestSourceOptions(t *testing.T) {
	c := parseGood(t, everySection)
	b := &Builder{Keeper: new(zonesource.Keeper)}
	loaded := []*awsclient.Account{{Name: ""}, {Name: "data"}}
	r := b.Route53Options(c, loaded)
	if !slices.Equal(r.Zones, []string{"Z1", "example.com."}) ||
		!slices.Equal(r.Visibility, []zone.Origin{zone.Private}) || r.Refresh != 5*time.Second || r.VPCs == nil ||
		len(r.Accounts) != 2 {
		t.Errorf("route53: %+v", r)
	}
	e := b.EC2Options(c, loaded)
	if !slices.Equal(e.Regions, []string{"eu-west-1", "us-east-1"}) || e.Refresh != 6*time.Second ||
		e.NameTag != "hosts" || !e.LoadBalancers ||
		!slices.Equal(e.Names, []string{"security-group", "tag"}) || len(e.Accounts) != 2 ||
		e.Accounts[1].Name != "data" {
		t.Errorf("ec2: %+v", e)
	}
	plain := parseGood(t, "route53:\n")
	r = b.Route53Options(plain, loaded)
	if !slices.Equal(r.Zones, []string{"*"}) || !slices.Equal(r.Visibility, []zone.Origin{zone.Public, zone.Private}) ||
		r.VPCs != nil {
		t.Errorf("route53 by default: %+v", r)
	}
}

func TestRegionsOf(t *testing.T) {
	base := new(awsclient.Account)
	base.Config.Region = "sdk-region"
	for text, want := range map[string][]string{
		"ec2:\n":                           {"sdk-region"},
		"ec2:\naws: {region: eu-west-1}\n": {"eu-west-1"},
		"ec2: {regions: [aa-b-1, cc-d-2]}\naws: {region: eu-west-1}\n": {"aa-b-1", "cc-d-2"},
	} {
		if got := RegionsOf(parseGood(t, text), []*awsclient.Account{base}); !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", text, got, want)
		}
	}
}

func TestRegionIsNotGuessed(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	cases := []struct {
		text, environment string
		finds, fault      bool
	}{
		{"ec2:\n", "", true, true},
		{"ec2:\n", "eu-west-1", true, false},
		{"ec2: {regions: [eu-west-1]}\n", "", false, false},
		{"ec2:\naws: {region: eu-west-1}\n", "", false, false},
		{"route53:\n", "", false, false}, // which has one endpoint for all
		{"route53:\nhealth_checks:\n", "", true, false},
	}
	for _, c := range cases {
		t.Setenv("AWS_REGION", c.environment)
		parsed := parseGood(t, c.text)
		if parsed.FindsRegion() != c.finds {
			t.Errorf("%q: finds its region: %v", c.text, parsed.FindsRegion())
		}
		b := &Builder{}
		_, err := b.LoadAccounts(t.Context(), parsed)
		if (err != nil) != c.fault {
			t.Errorf("%q with %q: error %v", c.text, c.environment, err)
		}
	}
}

func TestSurveyVPCs(t *testing.T) {
	accounts := []*awsclient.Account{{}, {Name: "data"}}
	accounts[0].Config.Region = "eu-central-1"
	region := func(account, name string, vpcs ...string) *zonesource.Region {
		r := &zonesource.Region{Account: account, Name: name}
		for _, id := range vpcs {
			r.VPCs = append(r.VPCs, zonesource.VPC{ID: id})
		}
		return r
	}
	inventory := []*zonesource.Region{region("", "eu-west-1", "vpc-b", "vpc-a"), region("", "us-east-1", "vpc-u"),
		region("data", "eu-west-1", "vpc-d", "vpc-a")}
	for _, tt := range []struct {
		name, views, account string
		want                 []zone.VPC
	}{
		{"automatic views", "", "", []zone.VPC{{ID: "vpc-a", Region: "eu-west-1"}, {ID: "vpc-b", Region: "eu-west-1"},
			{ID: "vpc-u", Region: "us-east-1"}}},
		{"automatic views, a role", "", "data",
			[]zone.VPC{{ID: "vpc-a", Region: "eu-west-1"}, {ID: "vpc-d", Region: "eu-west-1"}}},
		{"those of views", "views: [{name: a, clients: [10.0.0.0/8], vpcs: [vpc-0b, vpc-d]}]", "data",
			[]zone.VPC{{ID: "vpc-d", Region: "eu-west-1"}}},
		{"unknown ones", "views: [{name: a, clients: [10.0.0.0/8], vpcs: [vpc-x, vpc-u]}, {name: b, clients: [10.0.0.0/9], " +
			"vpcs: [vpc-y], region: us-west-2}]", "",
			[]zone.VPC{{ID: "vpc-u", Region: "us-east-1"}, {ID: "vpc-x", Region: "eu-central-1"},
				{ID: "vpc-y", Region: "us-west-2"}}},
		{"all", `views: [{name: a, clients: [10.0.0.0/8], vpcs: ["*"]}, {name: b, clients: [10.0.0.0/9], vpcs: [vpc-y]}]`,
			"data",
			[]zone.VPC{{ID: "vpc-a", Region: "eu-west-1"}, {ID: "vpc-d", Region: "eu-west-1"}}},
		{"none", "views: [{name: a, clients: [10.0.0.0/8], vpcs: []}]", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			diff := cmp.Diff(tt.want, SurveyVPCs(parseGood(t, "route53: {}\n"+tt.views), accounts, inventory, tt.account))
			if diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestSameSources: a configuration that says the same leaves the sources as they are, with all that they know; another
// one makes those anew that it is about.
func TestSameSources(t *testing.T) {
	loaded := []*awsclient.Account{{Name: ""}, {Name: "data"}}
	b := &Builder{Keeper: new(zonesource.Keeper), Log: slog.New(slog.DiscardHandler), OnCall: func(string, string) {},
		Program: zonesource.Program}
	build := func(text string, old []Built) []Built {
		all, err := b.Build(parseGood(t, text), loaded, 1, old)
		if err != nil || len(all) == 0 {
			t.Fatalf("%d sources: %v", len(all), err)
		}
		return all
	}
	first := build(everySection, nil)
	if again := build(everySection, first); !slices.Equal(Of(first), Of(again)) {
		t.Error("sources of the same are made anew")
	}
	other := build(strings.Replace(everySection, "refresh: 6s", "refresh: 7s", 1), first)
	same := 0
	for i := range first {
		if first[i].source == other[i].source {
			same++
		}
	}
	if same != len(first)-1 {
		t.Errorf("of %d sources %d are made anew, want that of EC2 alone", len(first), len(first)-same)
	}
}

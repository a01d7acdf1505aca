package server

import (
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource/account"
	"inside53/zonesource/ec2"
)

const everySection = `
allow: [private, vpcs, 192.0.2.0/24]
negative_ttl: 10s
aws:
  region: us-west-2
  accounts: [{name: data, role_arn: "arn:aws:iam::123456789012:role/x", external_id: secret}]
route53: {zones: [Example.com, Z1], visibility: [private], overlap: shadow, refresh: 5s, requests_per_second: 7, max_shrink: 0.1}
ec2: {regions: [eu-west-1, us-east-1], refresh: 6s, names: [security-group, tag], name_tag: hosts, zone: "{region}.internal", translate: [instances, load_balancers], translated_ttl: 9s, max_age: 2h}
zonefiles:
- {origin: lab.example, file: /a.zone, views: [prod]}
- {origin: lab.example, file: /b.zone, views: [vpn]}
- {origin: one.example, file: /c.zone}
views:
- {name: prod, clients: [10.0.0.0/16], vpcs: [vpc-0a1b], addresses: private, reach: [vpc-0c1d, eu-west-2, data, 10.9.0.0/16]}
- {name: vpn, clients: [10.99.0.0/16], addresses: public}
- {name: all, clients: [10.98.0.0/16], vpcs: ["*"], region: eu-west-1}
forward:
- {zone: ., upstreams: [10.0.0.2, "tls://10.0.0.3#a.example"]}
- {zone: corp.example, upstreams: [10.0.0.4], views: [prod], layer: true}
`

func TestSourceOptions(t *testing.T) {
	c := parseGood(t, everySection)
	accounts := c.accountOptions()
	wantAccounts := account.Options{Region: "us-west-2", RequestsPerSecond: 7, Roles: []account.Role{{Name: "data", ARN: "arn:aws:iam::123456789012:role/x", ExternalID: "secret"}}}
	if !reflect.DeepEqual(accounts, wantAccounts) {
		t.Errorf("accounts: %+v", accounts)
	}
	loaded := []*account.Account{{Name: ""}, {Name: "data"}}
	r := c.route53Options(loaded)
	if !slices.Equal(r.Zones, []string{"Z1", "example.com."}) || !slices.Equal(r.Visibility, []zone.Origin{zone.Private}) || r.Refresh != 5*time.Second || !r.Unlisted || len(r.Accounts) != 2 {
		t.Errorf("route53: %+v", r)
	}
	e := c.ec2Options(loaded, c.ec2Regions("none"))
	if !slices.Equal(e.Regions, []string{"eu-west-1", "us-east-1"}) || e.Refresh != 6*time.Second || e.NameTag != "hosts" || !e.LoadBalancers ||
		!slices.Equal(e.Names, []string{ec2.SecurityGroups, ec2.TagNames}) || len(e.Accounts) != 2 || e.Accounts[1].Name != "data" {
		t.Errorf("ec2: %+v", e)
	}
	plain := parseGood(t, "route53:\n")
	r = plain.route53Options(loaded)
	if !slices.Equal(r.Zones, []string{"*"}) || !slices.Equal(r.Visibility, []zone.Origin{zone.Public, zone.Private}) || r.Unlisted {
		t.Errorf("route53 by default: %+v", r)
	}
}

func TestEC2Regions(t *testing.T) {
	for text, want := range map[string][]string{
		"route53:\n":                       nil,
		"ec2:\n":                           {"sdk-region"},
		"ec2:\naws: {region: eu-west-1}\n": {"eu-west-1"},
		"ec2: {regions: [aa-b-1, cc-d-2]}\naws: {region: eu-west-1}\n": {"aa-b-1", "cc-d-2"},
	} {
		if got := parseGood(t, "forward: [{zone: ., upstreams: [10.0.0.2]}]\n"+text).ec2Regions("sdk-region"); !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", text, got, want)
		}
	}
}

func TestZoneFileSources(t *testing.T) {
	c := parseGood(t, everySection)
	sources, err := c.zoneFileSources(slog.New(slog.DiscardHandler))
	if err != nil || len(sources) != 3 {
		t.Errorf("%d sources, %v", len(sources), err)
	}
	c.ZoneFiles[0].Origin = "a..b"
	_, err = c.zoneFileSources(slog.New(slog.DiscardHandler))
	if err == nil {
		t.Error("a name with an empty label is taken")
	}
}

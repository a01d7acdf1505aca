package server

import (
	"net/netip"
	"testing"

	"inside53/resolver/zone"
	"inside53/server/config"

	"github.com/google/go-cmp/cmp"
)

func TestPacketsOf(t *testing.T) {
	c, err := config.Parse([]byte(`
forward:
  - { zone: ".", upstreams: [169.254.169.253] }
  - { zone: a.example, upstreams: ["10.9.0.2", "tls://10.9.0.3"], packets: 50 }
  - { zone: b.example, upstreams: ["10.0.0.2"], packets: 0 }
`), "test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	configured := map[string]int{"10.9.0.2:53": 50, "tls://10.9.0.3:853": 50, "10.0.0.2:53": 0}
	if diff := cmp.Diff(configured, packetsOf(c, nil)); diff != "" {
		t.Errorf("without data (-want +got):\n%s", diff)
	}
	snap := &zone.Snapshot{
		Inventory: zone.NewInventory([]zone.Network{
			{ID: "vpc-1", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16"), netip.MustParsePrefix("fd00::/56")}},
			{ID: "vpc-2", CIDRs: []netip.Prefix{netip.MustParsePrefix("172.31.0.0/16")}},
		}, nil),
		Forwarders: []zone.Forwarder{
			{Upstreams: []string{"10.0.0.2:53"}}, {Upstreams: []string{"172.31.0.2:53", "172.31.0.3:53"}},
		},
	}
	configured["172.31.0.2:53"] = 900
	if diff := cmp.Diff(configured, packetsOf(c, snap)); diff != "" {
		t.Errorf("with data (-want +got):\n%s", diff)
	}
}

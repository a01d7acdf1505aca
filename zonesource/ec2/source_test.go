package ec2

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"inside53/resolver/zone"
	"inside53/zonesource"
)

// want is what testdata holds of eu-west-1, load balancers and security groups asked for.
func want() *zonesource.Region {
	prod := func(id, instance, private, public string) *zonesource.Interface {
		return &zonesource.Interface{ID: id, VPC: "vpc-prod", Subnet: "subnet-prod", Instance: instance,
			Private: addr(private), Public: addr(public)}
	}
	managed := func(f *zonesource.Interface, balancer, service string) *zonesource.Interface {
		f.Managed, f.Balancer, f.Service = true, balancer, service
		return f
	}
	primary := func(f *zonesource.Interface) *zonesource.Interface {
		f.Primary = true
		return f
	}
	web := primary(prod("eni-web", "i-web", "10.0.1.10", "203.0.113.10"))
	web.IPv6 = addrs("2001:db8:1::10", "2001:db8:1::11")
	classic := managed(prod("eni-classic", "", "172.31.0.41", "203.0.113.41"), "old-lb", "clb old-lb")
	classic.VPC, classic.Subnet = "vpc-default", "subnet-default"
	return &zonesource.Region{
		AccountID: "111111111111",
		Name:      "eu-west-1",
		VPCs: []zonesource.VPC{
			{ID: "vpc-default", Default: true, CIDRs: prefixes("172.31.0.0/16")},
			{ID: "vpc-empty", CIDRs: prefixes("10.7.0.0/16")},
			{ID: "vpc-prod", CIDRs: prefixes("10.0.0.0/16", "100.64.0.0/20", "2001:db8:1::/56")},
			{ID: "vpc-shared", CIDRs: prefixes("10.50.1.0/24", "10.50.2.0/24", "2001:db8:50::/64")},
			{ID: "vpc-unlisted"},
		},
		Subnets: []zonesource.Subnet{
			{ID: "subnet-default", VPC: "vpc-default", CIDRs: prefixes("172.31.0.0/20")},
			{ID: "subnet-prod", VPC: "vpc-prod", CIDRs: prefixes("10.0.1.0/24")},
			{ID: "subnet-shared1", VPC: "vpc-shared", CIDRs: prefixes("10.50.2.0/24", "2001:db8:50::/64")},
			{ID: "subnet-shared2", VPC: "vpc-shared", CIDRs: prefixes("10.50.1.0/24")},
		},
		Peerings: []zonesource.Peering{
			{
				ID: "pcx-1", A: zone.VPC{ID: "vpc-partner", Region: "eu-west-1"}, B: zone.VPC{ID: "vpc-prod", Region: "eu-west-1"},
				ADNS: true, ACIDRs: prefixes("10.30.0.0/16"), BCIDRs: prefixes("10.0.0.0/16"),
			},
			{
				ID: "pcx-2", A: zone.VPC{ID: "vpc-prod", Region: "eu-west-1"}, B: zone.VPC{ID: "vpc-us", Region: "us-east-1"},
				BDNS: true, ACIDRs: prefixes("10.0.0.0/16", "100.64.0.0/20"), BCIDRs: prefixes("10.20.0.0/16", "2001:db8:20::/56"),
			},
		},
		Interfaces: []*zonesource.Interface{
			managed(prod("eni-alb", "", "10.0.1.40", "203.0.113.40"), "shop", "alb shop/50dc6c495c0c9188"),
			{ID: "eni-bare", VPC: "vpc-unlisted", Subnet: "subnet-unlisted", Private: addr("10.66.0.1")},
			classic,
			primary(prod("eni-db", "i-db", "10.0.1.20", "")), // its description is its owner's own
			managed(prod("eni-nat", "", "10.0.1.50", "198.51.100.50"), "", ""),
			managed(prod("eni-nlb", "", "10.0.1.42", "198.51.100.42"), "fast", "nlb fast-5d1b75f4f1cee11e"),
			managed(prod("eni-nlb2", "", "10.0.1.43", ""), "quiet", ""), // by its address
			managed(prod("eni-nlb3", "", "10.0.1.44", ""), "eni-nlb3", ""),
			primary(&zonesource.Interface{ID: "eni-six", VPC: "vpc-shared", Subnet: "subnet-shared1", Instance: "i-six",
				IPv6: addrs("2001:db8:50::6")}),
			primary(prod("eni-stopped", "i-stopped", "10.0.1.30", "198.51.100.3")), // stopped, and still associated
			web,
			prod("eni-web", "i-web", "10.0.1.11", "198.51.100.2"),
			prod("eni-web", "i-web", "10.0.1.12", ""),
		},
		Hosts: []*zonesource.Host{
			{Instance: "i-db", VPC: "vpc-prod", Subnet: "subnet-prod", Private: addr("10.0.1.20"),
				Names: []zonesource.HostName{{Text: "db1", From: "Name tag"}, {Text: "db", From: "security group"}}},
			{Instance: "i-six", VPC: "vpc-shared", Subnet: "subnet-shared1", IPv6: addrs("2001:db8:50::6")},
			{
				Instance: "i-web", VPC: "vpc-prod", Subnet: "subnet-prod", Private: addr("10.0.1.10"), Public: addr("203.0.113.10"),
				IPv6: addrs("2001:db8:1::10", "2001:db8:1::11"),
				Names: []zonesource.HostName{{Text: "www", From: "dns tag"}, {Text: "shop.internal.", From: "dns tag"},
					{Text: "web", From: "security group"}},
			},
		},
	}
}

func TestRegion(t *testing.T) {
	for _, size := range []int{0, 1, 2} {
		t.Run(fmt.Sprintf("pages of %d", size), func(t *testing.T) {
			l := newLab(t, size)
			o := l.options()
			now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			o.Now = func() time.Time { return now }
			o.LoadBalancers = true
			o.Names = []string{"tag", "Name", "security-group"}
			p := list(t, o)

			if p.Key != (zonesource.Key{Source: "ec2", Name: "/eu-west-1"}) || !p.Listed.Equal(now) || p.Zone != nil ||
				p.Catalog != nil {
				t.Errorf("part %+v", p)
			}
			if diff := cmp.Diff(want(), p.Region, compareAddrs); diff != "" {
				t.Error(diff)
			}
			problems := []zonesource.Problem{
				{Zone: "eu-west-1", Name: "i-new", Reason: "runs, but has no address yet"},
				{Zone: "eu-west-1", Name: "i-web", Reason: `an empty name in its tag dns: "www , shop.internal., ,www"`},
			}
			if diff := cmp.Diff(problems, p.Problems); diff != "" {
				t.Error(diff)
			}

			pages := func(items int) int {
				if size == 0 {
					return 1
				}
				return (items + size - 1) / size
			}
			calls := map[string]int{
				"DescribeVpcs ok": pages(3), "DescribeSubnets ok": pages(4), "DescribeVpcPeeringConnections ok": pages(2),
				"DescribeLoadBalancers ok": pages(3), "DescribeInstances ok": pages(2), "DescribeNetworkInterfaces ok": pages(11),
				"DescribeAddresses ok": 1,
			}
			if diff := cmp.Diff(calls, l.calls); diff != "" {
				t.Errorf("calls: %s", diff)
			}
		})
	}
}

func TestNames(t *testing.T) {
	l := newLab(t, 0)
	for _, test := range []struct {
		from    []string
		tag     string
		web, db string
	}{
		{nil, "", "www shop.internal.", "db1"},
		{[]string{"tag"}, "", "www shop.internal.", ""},
		{[]string{"Name"}, "", "web one", "db1"},
		{[]string{"security-group"}, "", "web", "db"},
		{[]string{"security-group", "tag"}, "", "www shop.internal. web", "db"},
		{[]string{"tag"}, "Name", "web one", "db1"},
		{[]string{"tag", "Name"}, "other", "web one", "db1"},
	} {
		o := l.options()
		o.Names, o.NameTag = test.from, test.tag
		names := map[string]string{}
		for _, h := range list(t, o).Region.Hosts {
			var all []string
			for _, n := range h.Names {
				all = append(all, n.Text)
			}
			names[h.Instance] = strings.Join(all, " ")
		}
		if diff := cmp.Diff(map[string]string{"i-web": test.web, "i-db": test.db, "i-six": ""}, names); diff != "" {
			t.Errorf("names from %q, tag %q: %s", test.from, test.tag, diff)
		}
	}
}

func TestWithoutLoadBalancers(t *testing.T) {
	l := newLab(t, 0)
	p := list(t, l.options())
	if l.calls["DescribeLoadBalancers ok"] != 0 {
		t.Error("load balancers were listed without need")
	}
	names := map[string]string{}
	for _, f := range p.Region.Interfaces {
		if f.Balancer != "" {
			names[f.ID] = f.Balancer
		}
	}
	want := map[string]string{"eni-alb": "shop", "eni-classic": "old-lb", "eni-nlb": "fast", "eni-nlb2": "eni-nlb2",
		"eni-nlb3": "eni-nlb3"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func TestAccountsAndRegions(t *testing.T) {
	l := newLab(t, 0)
	o := l.options()
	o.Accounts = append(o.Accounts, l.account("partner", "222222222222"))
	o.Regions = append(o.Regions, "us-east-1")
	got := map[string]string{}
	for _, p := range run(t, o, 4) {
		if p.Err != nil {
			t.Fatal(p.Err)
		}
		r := p.Region
		if p.Key.Name != r.Account+"/"+r.Name {
			t.Errorf("%s holds %s/%s", p.Key.Name, r.Account, r.Name)
		}
		var vpcs []string
		for _, v := range r.VPCs {
			vpcs = append(vpcs, v.ID)
		}
		got[p.Key.Name] = r.AccountID + " " + strings.Join(vpcs, " ")
	}
	want := map[string]string{
		"/eu-west-1":        "111111111111 vpc-default vpc-empty vpc-prod vpc-shared vpc-unlisted",
		"/us-east-1":        "111111111111 vpc-us",
		"partner/eu-west-1": "222222222222 vpc-other",
		"partner/us-east-1": " ", // nothing there tells
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestElasticIPMoves: between the listing of the interfaces and that of the elastic
// IPs one moves to another interface, or goes.
func TestElasticIPMoves(t *testing.T) {
	for _, test := range []struct {
		what, to, private string
		want              map[string]string // public address by private one
	}{
		{"to another interface", "eni-db", "", map[string]string{"10.0.1.20": "198.51.100.3", "10.0.1.30": ""}},
		{"over an automatic address", "eni-web", "10.0.1.10",
			map[string]string{"10.0.1.10": "198.51.100.3", "10.0.1.30": ""}},
		{"to a secondary address", "eni-web", "10.0.1.12",
			map[string]string{"10.0.1.10": "203.0.113.10", "10.0.1.12": "198.51.100.3", "10.0.1.30": ""}},
		{"away", "", "", map[string]string{"10.0.1.30": "", "10.0.1.20": ""}},
	} {
		t.Run(test.what, func(t *testing.T) {
			l := newLab(t, 2)
			l.ahead(func(operation string) {
				if operation != "DescribeAddresses" {
					return
				}
				err := l.sim.AssociateAddress("eu-west-1", "198.51.100.3", test.to, test.private)
				if err != nil {
					t.Error(err)
				}
			})
			p := list(t, l.options())
			got := map[string]string{}
			claims := map[netip.Addr]int{}
			for _, f := range p.Region.Interfaces {
				if _, asked := test.want[f.Private.String()]; asked {
					got[f.Private.String()] = ""
					if f.Public.IsValid() {
						got[f.Private.String()] = f.Public.String()
					}
				}
				if f.Public.IsValid() {
					claims[f.Public]++
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			for public, n := range claims {
				if n != 1 {
					t.Errorf("%s is delivered %d times", public, n)
				}
			}
			for _, h := range p.Region.Hosts {
				want, asked := test.want[h.Private.String()]
				if asked && h.Public != addr(want) {
					t.Errorf("%s has %s, want %s", h.Instance, h.Public, want)
				}
			}
		})
	}
}

// TestClaimedTwice: an address that isn't elastic, seen at two interfaces.
func TestClaimedTwice(t *testing.T) {
	public := addr("203.0.113.1")
	all := []*zonesource.Interface{{ID: "eni-1", Public: public}, {ID: "eni-2", Public: public}, {ID: "eni-3"},
		{ID: "eni-4"}}
	settle(all, nil)
	if all[0].Public.IsValid() || all[1].Public != public {
		t.Errorf("settled as %v", all)
	}
}

func TestNew(t *testing.T) {
	good := Options{Accounts: []Account{{}}, Regions: []string{"eu-west-1", "us-gov-west-1"}}
	_, err := New(good)
	if err != nil {
		t.Errorf("good options: %v", err)
	}
	for _, test := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Accounts = nil }, "no accounts to list"},
		{func(o *Options) { o.Regions = nil }, "no regions to list"},
		{func(o *Options) { o.Regions = []string{"eu-west-1a"} }, `region "eu-west-1a": want the like of eu-west-1`},
		{func(o *Options) { o.Regions = []string{"eu-west-1", "eu-west-1"} }, `region "eu-west-1": is given twice`},
		{func(o *Options) { o.Accounts = []Account{{Name: "a"}, {Name: "a"}} }, `account "a": is given twice`},
		{func(o *Options) { o.Names = []string{"tags"} }, `names: "tags" has no placeholder`},
		{func(o *Options) { o.Refresh = -1 }, "can't be negative"},
	} {
		o := good
		test.change(&o)
		_, err := New(o)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
	_, err = New(Options{Names: []string{"x"}})
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("three faults give %v", err)
	}
}

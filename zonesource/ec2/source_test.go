package ec2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awssim"
)

// lab is a simulator with the data of testdata, and the options for a source on it.
type lab struct {
	sim  *awssim.Sim
	http *http.Client
	url  string

	mu sync.Mutex // guards the following
	// before, when set, is called ahead of each request.
	before func(operation string)
	calls  map[string]int
}

// newLab starts a simulator that puts size items on a page; the test fails if
// anything still runs when it ends.
func newLab(t *testing.T, size int) *lab {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	sim, err := awssim.New(awssim.Options{
		Data: os.DirFS("testdata"), Account: "111111111111", PageSize: size, Inventory: awssim.Unlimited(),
	})
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{sim: sim, calls: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		before := l.before
		l.mu.Unlock()
		if before != nil {
			before(operation(t, r))
		}
		sim.ServeHTTP(w, r)
	}))
	l.http, l.url = server.Client(), server.URL
	t.Cleanup(func() {
		sim.ClearFaults() // lets requests go that hang
		server.Close()
	})
	return l
}

// ahead has f called ahead of each request, in a goroutine of the server.
func (l *lab) ahead(f func(operation string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before = f
}

// operation reads the operation of a request and leaves its body to be read again.
func operation(t *testing.T, r *http.Request) string {
	err := r.ParseForm()
	if err != nil {
		t.Errorf("reading a request: %v", err)
	}
	r.Body = io.NopCloser(strings.NewReader(r.PostForm.Encode()))
	return r.PostForm.Get("Action")
}

// account returns an account on the simulator; its retries don't wait.
func (l *lab) account(name, id string) Account {
	key := "AKIABASE"
	if name != "" {
		key = "ASIA" + id + "0001" // how the simulator tells accounts
	}
	return Account{Name: name, Config: aws.Config{
		Credentials:  credentials.NewStaticCredentialsProvider(key, "secret", ""),
		BaseEndpoint: aws.String(l.url),
		HTTPClient:   l.http,
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff = 3, time.Millisecond
			})
		},
	}}
}

func (l *lab) options() Options {
	return Options{
		Accounts: []Account{l.account("", "")},
		Regions:  []string{"eu-west-1"},
		Refresh:  time.Hour,
		OnCall: func(operation, code string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.calls[operation+" "+code]++
		},
	}
}

// run collects n parts of a source, ends it and returns them in the order of keys
// and arrival. No part may come after the end.
func run(t *testing.T, o Options, n int) []zonesource.Part {
	t.Helper()
	source, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var mu sync.Mutex
	var parts []zonesource.Part
	ended := false
	err = source.Run(ctx, func(p zonesource.Part) {
		mu.Lock()
		defer mu.Unlock()
		if ended {
			t.Error("a part was delivered after the end")
		}
		if len(parts) < n {
			parts = append(parts, p)
		}
		if len(parts) == n {
			cancel()
		}
	})
	mu.Lock()
	defer mu.Unlock()
	ended = true
	if len(parts) < n || !errors.Is(err, context.Canceled) {
		t.Fatalf("%d parts, want %d; Run ended with %v", len(parts), n, err)
	}
	slices.SortStableFunc(parts, func(a, b zonesource.Part) int { return strings.Compare(a.Key.Name, b.Key.Name) })
	return parts
}

// list is run for one part that must be good.
func list(t *testing.T, o Options) zonesource.Part {
	t.Helper()
	p := run(t, o, 1)[0]
	if p.Err != nil {
		t.Fatal(p.Err)
	}
	return p
}

func addrs(texts ...string) (all []netip.Addr) {
	for _, text := range texts {
		all = append(all, addr(text))
	}
	return all
}

func addr(text string) netip.Addr {
	if text == "" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(text)
}

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

var compareAddrs = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

// want is what testdata holds of eu-west-1, load balancers and security groups asked for.
func want() *zonesource.Region {
	prod := func(id, instance, private, public string) zonesource.Interface {
		return zonesource.Interface{ID: id, VPC: "vpc-prod", Subnet: "subnet-prod", Instance: instance, Private: addr(private), Public: addr(public)}
	}
	managed := func(f zonesource.Interface, balancer string) zonesource.Interface {
		f.Managed, f.Balancer = true, balancer
		return f
	}
	web := prod("eni-web", "i-web", "10.0.1.10", "203.0.113.10")
	web.IPv6 = addrs("2001:db8:1::10", "2001:db8:1::11")
	classic := managed(prod("eni-classic", "", "172.31.0.41", "203.0.113.41"), "old-lb")
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
		Interfaces: []zonesource.Interface{
			managed(prod("eni-alb", "", "10.0.1.40", "203.0.113.40"), "shop"),
			{ID: "eni-bare", VPC: "vpc-unlisted", Subnet: "subnet-unlisted", Private: addr("10.66.0.1")},
			classic,
			prod("eni-db", "i-db", "10.0.1.20", ""), // its description is its owner's own
			managed(prod("eni-nat", "", "10.0.1.50", "198.51.100.50"), ""),
			managed(prod("eni-nlb", "", "10.0.1.42", "198.51.100.42"), "fast"),
			managed(prod("eni-nlb2", "", "10.0.1.43", ""), "quiet"), // by its address
			managed(prod("eni-nlb3", "", "10.0.1.44", ""), "eni-nlb3"),
			{ID: "eni-six", VPC: "vpc-shared", Subnet: "subnet-shared1", Instance: "i-six", IPv6: addrs("2001:db8:50::6")},
			prod("eni-stopped", "i-stopped", "10.0.1.30", "198.51.100.3"), // stopped, and still associated
			web,
			prod("eni-web", "i-web", "10.0.1.11", "198.51.100.2"),
			prod("eni-web", "i-web", "10.0.1.12", ""),
		},
		Hosts: []zonesource.Host{
			{Instance: "i-db", VPC: "vpc-prod", Private: addr("10.0.1.20"), Names: []zonesource.HostName{{Text: "db1", From: "Name tag"}, {Text: "db", From: "security group"}}},
			{Instance: "i-six", VPC: "vpc-shared", IPv6: addrs("2001:db8:50::6")},
			{
				Instance: "i-web", VPC: "vpc-prod", Private: addr("10.0.1.10"), Public: addr("203.0.113.10"), IPv6: addrs("2001:db8:1::10", "2001:db8:1::11"),
				Names: []zonesource.HostName{{Text: "www", From: "dns tag"}, {Text: "shop.internal.", From: "dns tag"}, {Text: "web", From: "security group"}},
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
			o.Names = []string{TagNames, NameTagNames, SecurityGroups}
			p := list(t, o)

			if p.Key != (zonesource.Key{Source: "ec2", Name: "/eu-west-1"}) || !p.Listed.Equal(now) || p.Zone != nil || p.Catalog != nil {
				t.Errorf("part %+v", p)
			}
			if diff := cmp.Diff(want(), p.Region, compareAddrs); diff != "" {
				t.Error(diff)
			}
			problems := []zonesource.Problem{
				{Zone: "eu-west-1", Name: "i-web", Reason: `an empty name in its tag dns: "www , shop.internal., ,www"`},
				{Zone: "eu-west-1", Name: "i-new", Reason: "runs, but has no address yet"},
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
				"DescribeLoadBalancers ok": pages(3), "DescribeInstances ok": pages(2), "DescribeNetworkInterfaces ok": pages(11), "DescribeAddresses ok": 1,
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
		{[]string{TagNames}, "", "www shop.internal.", ""},
		{[]string{NameTagNames}, "", "web one", "db1"},
		{[]string{SecurityGroups}, "", "web", "db"},
		{[]string{SecurityGroups, TagNames}, "", "www shop.internal. web", "db"},
		{[]string{TagNames}, "Name", "web one", "db1"},
		{[]string{TagNames, NameTagNames}, "other", "web one", "db1"},
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
	want := map[string]string{"eni-alb": "shop", "eni-classic": "old-lb", "eni-nlb": "fast", "eni-nlb2": "eni-nlb2", "eni-nlb3": "eni-nlb3"}
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
		{"over an automatic address", "eni-web", "10.0.1.10", map[string]string{"10.0.1.10": "198.51.100.3", "10.0.1.30": ""}},
		{"to a secondary address", "eni-web", "10.0.1.12", map[string]string{"10.0.1.10": "203.0.113.10", "10.0.1.12": "198.51.100.3", "10.0.1.30": ""}},
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
	all := []zonesource.Interface{{ID: "eni-1", Public: public}, {ID: "eni-2", Public: public}, {ID: "eni-3"}, {ID: "eni-4"}}
	settle(all, nil)
	if all[0].Public.IsValid() || all[1].Public != public {
		t.Errorf("settled as %v", all)
	}
}

// required are the calls without which there is no inventory.
var required = []string{"DescribeVpcs", "DescribeSubnets", "DescribeInstances", "DescribeNetworkInterfaces", "DescribeAddresses"}

func TestRequiredCallFails(t *testing.T) {
	for _, operation := range required {
		for fault, want := range map[string]string{
			"access-denied": "UnauthorizedOperation", "500": "InternalFailure", "throttle": "RequestLimitExceeded",
			"hang": "no answer within 100ms", "fail": "EOF", "stuck": "has been listed before",
		} {
			if fault == "stuck" && operation == "DescribeAddresses" {
				continue // has no pages
			}
			t.Run(operation+" "+fault, func(t *testing.T) {
				l := newLab(t, 1)
				err := l.sim.AddFaults(awssim.Fault{Operation: operation, Fault: fault})
				if err != nil {
					t.Fatal(err)
				}
				o := l.options()
				o.CallTimeout = 100 * time.Millisecond
				if fault != "hang" {
					o.CallTimeout = 10 * time.Second
				}
				p := run(t, o, 1)[0]
				if p.Err == nil || p.Region != nil || p.Problems != nil || p.Key.Name != "/eu-west-1" || p.Listed.IsZero() {
					t.Fatalf("part %+v", p)
				}
				if !strings.Contains(p.Err.Error(), want) || !strings.HasPrefix(p.Err.Error(), "listing the inventory of eu-west-1: listing ") {
					t.Errorf("error %q, want %q in it", p.Err, want)
				}
			})
		}
	}
}

// TestLaterPageFails: what came before the fault doesn't count.
func TestLaterPageFails(t *testing.T) {
	l := newLab(t, 2)
	err := l.sim.AddFaults(awssim.Fault{Operation: "DescribeNetworkInterfaces", Fault: "access-denied", Page: 3})
	if err != nil {
		t.Fatal(err)
	}
	p := run(t, l.options(), 1)[0]
	if p.Err == nil || p.Region != nil || l.calls["DescribeNetworkInterfaces ok"] != 2 {
		t.Errorf("part %+v after calls %v", p, l.calls)
	}
}

func TestPassingFaultIsRetried(t *testing.T) {
	for fault, code := range map[string]string{"throttle": "RequestLimitExceeded", "500": "InternalFailure"} {
		t.Run(fault, func(t *testing.T) {
			l := newLab(t, 0)
			err := l.sim.AddFaults(awssim.Fault{Operation: "DescribeInstances", Fault: fault, Count: 2})
			if err != nil {
				t.Fatal(err)
			}
			list(t, l.options())
			if l.calls["DescribeInstances "+code] != 2 || l.calls["DescribeInstances ok"] != 1 {
				t.Errorf("calls %v", l.calls)
			}
		})
	}
}

// TestOptionalCallFails: the first listing is whole, the second has the fault.
func TestOptionalCallFails(t *testing.T) {
	for _, test := range []struct {
		operation, fault string
		peerings         int
		quiet            string // name of the balancer that only the listing knows
	}{
		{"DescribeVpcPeeringConnections", "access-denied", 0, "quiet"},
		{"DescribeVpcPeeringConnections", "500", 2, "quiet"},
		{"DescribeVpcPeeringConnections", "stuck", 2, "quiet"},
		{"DescribeVpcPeeringConnections", "hang", 2, "quiet"},
		{"DescribeLoadBalancers", "access-denied", 2, "eni-nlb2"},
		{"DescribeLoadBalancers", "500", 2, "quiet"},
		{"DescribeLoadBalancers", "stuck", 2, "quiet"},
		{"DescribeLoadBalancers", "hang", 2, "quiet"},
	} {
		t.Run(test.operation+" "+test.fault, func(t *testing.T) {
			l := newLab(t, 1)
			o := l.options()
			o.LoadBalancers, o.Refresh, o.CallTimeout = true, time.Millisecond, 10*time.Second
			if test.fault == "hang" {
				o.CallTimeout = time.Second
			}
			var armed atomic.Int32
			l.ahead(func(operation string) {
				if operation != "DescribeVpcs" || l.sim.Calls()["DescribeVpcs"] != 3 {
					return
				}
				armed.Add(1) // the first call of the second listing: three VPCs are three pages
				err := l.sim.AddFaults(awssim.Fault{Operation: test.operation, Fault: test.fault})
				if err != nil {
					t.Error(err)
				}
			})
			parts := run(t, o, 2)
			if armed.Load() != 1 {
				t.Fatalf("the fault was armed %d times", armed.Load())
			}
			for i, p := range parts {
				if p.Err != nil {
					t.Fatal(p.Err)
				}
				peerings, quiet := 2, "quiet"
				if i == 1 {
					peerings, quiet = test.peerings, test.quiet
				}
				if len(p.Region.Peerings) != peerings || len(p.Region.Interfaces) != len(want().Interfaces) {
					t.Errorf("listing %d: %d peerings, want %d; %d interfaces", i, len(p.Region.Peerings), peerings, len(p.Region.Interfaces))
				}
				at := slices.IndexFunc(p.Region.Interfaces, func(f zonesource.Interface) bool { return f.ID == "eni-nlb2" })
				if got := p.Region.Interfaces[at].Balancer; got != quiet {
					t.Errorf("listing %d: the interface is of balancer %s, want %s", i, got, quiet)
				}
				noted := slices.ContainsFunc(p.Problems, func(p zonesource.Problem) bool {
					return p.Zone == "eu-west-1" && (strings.HasPrefix(p.Reason, "listing VPC peerings: ") || strings.HasPrefix(p.Reason, "listing load balancers: "))
				})
				if noted != (i == 1) {
					t.Errorf("listing %d: problems %v", i, p.Problems)
				}
			}
		})
	}
}

// TestOneRegionHangs: the others are delivered meanwhile, and the end isn't held up.
func TestOneRegionHangs(t *testing.T) {
	l := newLab(t, 0)
	err := l.sim.AddFaults(awssim.Fault{Operation: "DescribeVpcs", Fault: "hang", Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	o := l.options()
	o.Regions = []string{"eu-west-1", "us-east-1", "eu-central-1"}
	o.CallTimeout = time.Hour
	for _, p := range run(t, o, 2) {
		if p.Err != nil {
			t.Error(p.Err)
		}
	}
}

func TestRunEndsBeforeItsTurn(t *testing.T) {
	l := newLab(t, 0)
	err := l.sim.AddFaults(awssim.Fault{Fault: "hang"})
	if err != nil {
		t.Fatal(err)
	}
	o := l.options()
	o.Regions = nil
	for i := range 3 * maxListings {
		o.Regions = append(o.Regions, fmt.Sprintf("eu-west-%d", i+1))
	}
	source, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	under := make(chan struct{}, len(o.Regions))
	l.ahead(func(string) { under <- struct{}{} })
	ended := make(chan error)
	go func() {
		ended <- source.Run(ctx, func(p zonesource.Part) { t.Errorf("delivered %+v", p) })
	}()
	for range maxListings {
		<-under
	}
	select {
	case <-under:
		t.Errorf("more than %d regions are listed at a time", maxListings)
	case <-time.After(50 * time.Millisecond):
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v", err)
	}
}

func TestStrikes(t *testing.T) {
	limit := fmt.Errorf("listing VPCs: %w", &smithy.GenericAPIError{Code: "RequestLimitExceeded"})
	other := fmt.Errorf("listing VPCs: %w", &smithy.GenericAPIError{Code: "InternalFailure"})
	count := 0
	for i, test := range []struct {
		err  error
		want int
	}{{nil, 0}, {limit, 1}, {limit, 2}, {other, 2}, {limit, 3}, {nil, 0}, {context.DeadlineExceeded, 0}, {limit, 1}} {
		count = strikes(count, test.err)
		if count != test.want {
			t.Fatalf("listing %d: %d strikes, want %d", i, count, test.want)
		}
	}
}

func TestPause(t *testing.T) {
	for _, test := range []struct {
		refresh   time.Duration
		throttled int
		want      time.Duration
	}{
		{30 * time.Second, 0, 30 * time.Second},
		{30 * time.Second, 1, time.Minute},
		{30 * time.Second, 3, 4 * time.Minute},
		{30 * time.Second, 10, maxPause},
		{30 * time.Second, 1 << 40, maxPause},
		{time.Hour, 5, time.Hour},
	} {
		low, high := test.want, time.Duration(0)
		for range 2000 {
			d := pause(test.refresh, test.throttled)
			low, high = min(low, d), max(high, d)
		}
		if low < test.want*9/10 || high > test.want*11/10 {
			t.Errorf("%s, throttled %d times: %s to %s, want about %s", test.refresh, test.throttled, low, high, test.want)
		}
		if low > test.want*92/100 || high < test.want*108/100 {
			t.Errorf("%s, throttled %d times: %s to %s is not spread", test.refresh, test.throttled, low, high)
		}
	}
}

// TestThrottledRegionIsListedLess: each pause is twice the one before, until a
// listing succeeds.
func TestThrottledRegionIsListedLess(t *testing.T) {
	l := newLab(t, 0)
	err := l.sim.AddFaults(awssim.Fault{Operation: "DescribeVpcs", Fault: "throttle", Count: 4 * 3}) // three attempts each
	if err != nil {
		t.Fatal(err)
	}
	o := l.options()
	o.Refresh = 20 * time.Millisecond
	parts := run(t, o, 7)
	for i, p := range parts[1:] {
		want := o.Refresh * 9 / 10
		if i < 4 {
			want *= 2 << i
		}
		if pause := p.Listed.Sub(parts[i].Listed); pause < want {
			t.Errorf("listing %d came %s after the one before, want at least %s", i+1, pause, want)
		}
		if (p.Err != nil) != (i+1 < 4) {
			t.Errorf("listing %d: %v", i+1, p.Err)
		}
	}
}

func TestCheck(t *testing.T) {
	l := newLab(t, 0)
	o := l.options()
	o.LoadBalancers = true
	o.Accounts = append(o.Accounts, l.account("partner", "222222222222"))
	source, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if found := source.Check(t.Context()); len(found) != 0 {
		t.Errorf("with all permissions: %v", found)
	}
	for _, action := range source.Actions() {
		_, operation, _ := strings.Cut(action, ":")
		for fault, denied := range map[string]bool{"access-denied": true, "500": false} {
			l.sim.ClearFaults()
			err := l.sim.AddFaults(awssim.Fault{Operation: operation, Fault: fault})
			if err != nil {
				t.Fatal(err)
			}
			found := source.Check(t.Context())
			if len(found) != 2 || found[0].Account != "" || found[1].Account != "partner" {
				t.Fatalf("without %s: %v", action, found)
			}
			for _, f := range found {
				if f.Action != action || f.Denied != denied || f.Region != "eu-west-1" || f.Err == nil || !strings.Contains(f.String(), action) {
					t.Errorf("without %s: %+v", action, f)
				}
			}
			if denied && !strings.Contains(found[1].String(), "partner/eu-west-1: the IAM policy lacks "+action) {
				t.Errorf("says %s", found[1])
			}
		}
	}
}

// TestActionsAreTheCalls: a listing calls what Actions says, and nothing else.
func TestActionsAreTheCalls(t *testing.T) {
	for _, balancers := range []bool{false, true} {
		t.Run(fmt.Sprintf("load balancers %t", balancers), func(t *testing.T) {
			l := newLab(t, 0)
			o := l.options()
			o.LoadBalancers = balancers
			list(t, o)
			source, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			var actions []string
			for _, operation := range slices.Sorted(maps.Keys(l.sim.Calls())) {
				service := "ec2:"
				if operation == "DescribeLoadBalancers" {
					service = "elasticloadbalancing:"
				}
				actions = append(actions, service+operation)
			}
			slices.Sort(actions)
			if diff := cmp.Diff(actions, source.Actions()); diff != "" {
				t.Errorf("calls and actions differ: %s", diff)
			}
		})
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
		{func(o *Options) { o.Names = []string{"tags"} }, `names from "tags": want tag, Name or security-group`},
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

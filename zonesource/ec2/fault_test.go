package ec2

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"inside53/zonesource"
	"inside53/zonesource/awssim"
	"inside53/zonesource/refresh"
)

// required are the calls without which there is no inventory.
var required = []string{"DescribeVpcs", "DescribeSubnets", "DescribeInstances", "DescribeNetworkInterfaces",
	"DescribeAddresses"}

func TestRequiredCallFails(t *testing.T) {
	for _, operation := range required {
		for fault, want := range map[string]string{
			"access-denied": "UnauthorizedOperation", "500": "InternalFailure", "throttle": "RequestLimitExceeded",
			"hang": "no answer within 100ms", "fail": "EOF", "stuck": "doesn't advance",
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
				if !strings.Contains(p.Err.Error(), want) ||
					!strings.HasPrefix(p.Err.Error(), "listing the inventory of eu-west-1: listing ") {
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
					t.Errorf("listing %d: %d peerings, want %d; %d interfaces", i, len(p.Region.Peerings), peerings,
						len(p.Region.Interfaces))
				}
				at := slices.IndexFunc(p.Region.Interfaces, func(f *zonesource.Interface) bool { return f.ID == "eni-nlb2" })
				if got := p.Region.Interfaces[at].Balancer; got != quiet {
					t.Errorf("listing %d: the interface is of balancer %s, want %s", i, got, quiet)
				}
				noted := slices.ContainsFunc(p.Problems, func(p zonesource.Problem) bool {
					return p.Zone == "eu-west-1" &&
						(strings.HasPrefix(p.Reason, "listing VPC peerings: ") || strings.HasPrefix(p.Reason, "listing load balancers: "))
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

// TestResultOf: AWS's throttling alone makes the pauses longer.
func TestResultOf(t *testing.T) {
	wrapped := func(err error) error { return fmt.Errorf("listing VPCs: %w", err) }
	for _, test := range []struct {
		err  error
		want refresh.Result
	}{
		{nil, refresh.Done},
		{wrapped(&smithy.GenericAPIError{Code: "RequestLimitExceeded"}), refresh.Throttled},
		{wrapped(&smithy.GenericAPIError{Code: "InternalFailure"}), refresh.Failed},
		{context.DeadlineExceeded, refresh.Failed},
	} {
		got := resultOf(test.err)
		if got != test.want {
			t.Errorf("%v: %v, want %v", test.err, got, test.want)
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

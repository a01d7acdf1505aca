package ec2

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"inside53/zonesource/awssim"
)

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
				if f.Action != action || f.Denied != denied || f.Region != "eu-west-1" || f.Err == nil ||
					!strings.Contains(f.String(), action) {
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

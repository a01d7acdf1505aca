package route53

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"inside53/resolver/zone"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/awssim"
)

func TestCheck(t *testing.T) {
	vpc := zone.VPC{ID: "vpc-a", Region: "eu-west-1"}
	c := simpleCloud(t,
		hosted{id: "Z1", name: "one.example.", sets: manySets("one.example.", 699)},
		hosted{id: "Z2", name: "two.example.", private: true, vpcs: []zone.VPC{vpc}},
		hosted{id: "Z3", name: "three.example.", private: true})
	a := &awsclient.Account{Config: c.config, Budget: awscall.NewBudget(0.7)}
	check := func(o Options) (map[string]error, []Cost) {
		t.Helper()
		o.Accounts = []*awsclient.Account{a}
		a.Budget = awscall.NewBudget(0.7) // with a burst of 7: nothing waits here
		findings, costs, err := c.source(o).Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		errs := map[string]error{}
		for _, f := range findings {
			errs[f.Action] = f.Err
		}
		var actions []string
		for action := range errs {
			actions = append(actions, action)
		}
		same(t, "actions", Actions(), sorted(actions))
		return errs, costs
	}

	errs, costs := check(Options{})
	for action, err := range errs {
		untried := action == "route53:ListHostedZonesByVPC" || action == "route53:ListCidrBlocks"
		if untried != errors.Is(err, ErrUntried) || !untried && err != nil {
			t.Errorf("%s: %v", action, err)
		}
	}
	// 1 list of zones, 3 + 1 + 1 of records, 2 private zones
	same(t, "costs", []Cost{{Zones: 3, Private: 2, Records: 705, Calls: 8, Cycle: 11428571429 * time.Nanosecond}}, costs)
	c.wantCalls(map[string]int{"ListHostedZones": 1, "GetHostedZone": 1, "ListResourceRecordSets": 1,
		"ListCidrCollections": 1})

	withVPCs := Options{
		VPCs:   func() ([]zone.VPC, bool) { return []zone.VPC{vpc}, true },
		Survey: func(string) []zone.VPC { return []zone.VPC{vpc} },
	}
	errs, costs = check(withVPCs)
	same(t, "by VPC", nil, errs["route53:ListHostedZonesByVPC"])
	same(t, "calls", 7, costs[0].Calls)
	c.sim.ResetCalls()

	for _, operation := range []string{"GetHostedZone", "ListResourceRecordSets", "ListHostedZonesByVPC",
		"ListCidrCollections"} {
		c.faults(awssim.Fault{Operation: operation, Fault: "access-denied"})
	}
	errs, costs = check(withVPCs)
	if !errors.Is(errs["route53:ListCidrBlocks"], ErrUntried) {
		t.Errorf("blocks of no collection: %v", errs["route53:ListCidrBlocks"])
	}
	delete(errs, "route53:ListCidrBlocks")
	for action, err := range errs {
		allowed := action == "route53:ListHostedZones"
		if allowed != (err == nil) || err != nil && !strings.Contains(err.Error(), "needs the IAM action "+action+":") {
			t.Errorf("%s: %v", action, err)
		}
	}
	same(t, "costs", 1, len(costs))

	c.faults(awssim.Fault{Operation: "ListHostedZones", Fault: "access-denied"})
	errs, costs = check(Options{})
	if !awscall.IsDenied(errs["route53:ListHostedZones"]) || !errors.Is(errs["route53:GetHostedZone"], ErrUntried) {
		t.Errorf("findings: %v", errs)
	}
	same(t, "costs", 0, len(costs))
}

func TestOptions(t *testing.T) {
	a := []*awsclient.Account{{Budget: awscall.NewBudget(1)}}
	tests := []struct {
		name    string
		options Options
		err     string
	}{
		{"no account", Options{}, "no account"},
		{"zone", Options{Accounts: a, Zones: []string{"*", "a..b"}}, `"a..b" is neither a name`},
		{"empty zone", Options{Accounts: a, Zones: []string{""}}, `"" is neither a name`},
		{"visibility", Options{Accounts: a, Visibility: []zone.Origin{zone.Public, zone.Tags}},
			"visibility: tags is neither"},
		{"refresh", Options{Accounts: a, Refresh: -1}, "can't be negative"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.options)
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestUnlessUnknown(t *testing.T) {
	answer := func(status int, code string) error {
		return &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
			Err:      &smithy.GenericAPIError{Code: code},
		}
	}
	for _, c := range []struct {
		err     error
		untried bool
	}{
		{answer(404, ""), true},
		{answer(400, "UnknownOperationException"), true},
		{answer(403, "AccessDenied"), false},
		{answer(500, "InternalFailure"), false},
		{errors.New("no connection"), false},
	} {
		if got := errors.Is(unlessUnknown(c.err), ErrUntried); got != c.untried {
			t.Errorf("%v: untried %t", c.err, got)
		}
	}
	if unlessUnknown(nil) != nil {
		t.Error("an error of none")
	}
}

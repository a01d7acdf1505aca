package route53

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
)

var surveyed = []zone.VPC{{ID: "vpc-a", Region: "eu-west-1"}, {ID: "vpc-b", Region: "us-east-1"}}

// surveyRun is what a source did in a bubble of time.
type surveyRun struct {
	asked    map[string][]time.Duration // by VPC, since the start
	catalogs []surveyCatalog
	log      bytes.Buffer
}

type surveyCatalog struct {
	at       time.Duration
	unlisted string // ids and VPCs
	problems []zonesource.Problem
}

// runSurveys runs a source for so long, with answers for each VPC, and a minute between
// its cycles.
func runSurveys(t *testing.T, lasts time.Duration, o Options,
	answer func(vpc string, at time.Duration) ([]types.HostedZoneSummary, error)) *surveyRun {
	t.Helper()
	r := &surveyRun{asked: map[string][]time.Duration{}}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		f := &fakeAPI{counted: 3, sets: manyTypes(3), byVPC: func(vpc string) ([]types.HostedZoneSummary, error) {
			r.asked[vpc] = append(r.asked[vpc], time.Since(began))
			return answer(vpc, time.Since(began))
		}}
		o.Accounts = []*awsclient.Account{{Name: "shared", Budget: awscall.NewBudget(1e3)}}
		o.Refresh = time.Minute
		o.Log = slog.New(slog.NewTextHandler(&r.log, nil))
		o.Survey = func(account string) []zone.VPC {
			if account != "shared" {
				t.Errorf("asked for the VPCs of %q", account)
			}
			return surveyed
		}
		s, err := newSource(o, []api{f.api()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), lasts)
		defer cancel()
		err = s.Run(ctx, func(p zonesource.Part) {
			if p.Catalog == nil {
				return
			}
			var words []string
			for _, u := range p.Catalog.Unlisted {
				words = append(words, u.ID+"@"+u.VPC.ID)
			}
			r.catalogs = append(r.catalogs, surveyCatalog{time.Since(began), strings.Join(words, " "), p.Problems})
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	return r
}

// at returns the last catalog delivered up to then.
func (r *surveyRun) at(t *testing.T, when time.Duration) surveyCatalog {
	t.Helper()
	for _, c := range slices.Backward(r.catalogs) {
		if c.at <= when {
			return c
		}
	}
	t.Fatalf("no catalog up to %v", when)
	return surveyCatalog{}
}

func summary(id, name string) types.HostedZoneSummary {
	return types.HostedZoneSummary{HostedZoneId: aws.String(id), Name: aws.String(name),
		Owner: &types.HostedZoneOwner{OwningAccount: aws.String("999999999999")}}
}

// TestSurvey looks for zones of others a refresh after the start, and then hourly. One
// that is lacking is looked for again before it is let go.
func TestSurvey(t *testing.T) {
	r := runSurveys(t, 4*time.Hour, Options{}, func(vpc string, at time.Duration) ([]types.HostedZoneSummary, error) {
		own := summary("/hostedzone/Z1", "example.")
		switch {
		case vpc == "vpc-b":
			return []types.HostedZoneSummary{summary("ZY", "y.example."), summary("ZX", "x.example."), own,
				summary("ZODD", "..")}, nil
		case at < 90*time.Minute:
			return []types.HostedZoneSummary{own, summary("ZX", "x.example.")}, nil
		}
		return nil, nil
	})
	if r.catalogs[0].unlisted != "" || r.catalogs[0].at > time.Second {
		t.Errorf("the first catalog is %+v", r.catalogs[0])
	}
	const all = "ZX@vpc-a ZX@vpc-b ZY@vpc-b"
	same(t, "after the first survey", all, r.at(t, 2*time.Minute).unlisted)
	for _, vpc := range surveyed {
		asked := r.asked[vpc.ID]
		// One near 1 and one near 2 hours; the second of these lacks a zone, so that
		// one comes some five minutes later; then hourly again.
		if len(asked) < 5 || len(asked) > 6 {
			t.Fatalf("%s was asked for at %v", vpc.ID, asked)
		}
		for i, limits := range [][2]time.Duration{{54 * time.Second, 67 * time.Second}, {54 * time.Minute, 68 * time.Minute},
			{54 * time.Minute, 68 * time.Minute},
			{4 * time.Minute, 8 * time.Minute}, {54 * time.Minute, 68 * time.Minute}} {
			pause := asked[i]
			if i > 0 {
				pause -= asked[i-1]
			}
			if pause < limits[0] || pause > limits[1] {
				t.Errorf("survey %d of %s came %v after the one before, want %v", i+1, vpc.ID, pause, limits)
			}
		}
	}
	same(t, "missed once", all, r.at(t, r.asked["vpc-a"][3]-time.Second).unlisted)
	same(t, "missed twice", "ZX@vpc-b ZY@vpc-b", r.at(t, r.asked["vpc-a"][3]+2*time.Minute).unlisted)
}

// TestSurveyFails: what can't be asked for stays as an earlier process knew it, and is told once.
func TestSurveyFails(t *testing.T) {
	saved := func() []zonesource.Part {
		return []zonesource.Part{{Key: catalogKey("shared"), Catalog: &zonesource.Catalog{
			Zones: []zonesource.Hosted{{ID: "Z1", Name: zone.MustName("example"), Records: 3}},
			Unlisted: []zonesource.Unlisted{{ID: "ZX", Name: zone.MustName("x.example"), VPC: surveyed[0]},
				{ID: "ZG", Name: zone.MustName("g.example"), VPC: zone.VPC{ID: "vpc-gone"}}},
		}}}
	}
	denied := &smithy.GenericAPIError{Code: "AccessDenied", Message: "not authorized"}
	r := runSurveys(t, 150*time.Minute, Options{Saved: saved},
		func(vpc string, at time.Duration) ([]types.HostedZoneSummary, error) {
			if vpc == "vpc-a" {
				return nil, denied
			}
			return []types.HostedZoneSummary{summary("ZY", "y.example.")}, nil
		})
	same(t, "first", "ZX@vpc-a ZG@vpc-gone", r.catalogs[0].unlisted)
	same(t, "first problems", 0, len(r.catalogs[0].problems))
	last := r.at(t, 150*time.Minute)
	same(t, "last", "ZX@vpc-a ZY@vpc-b", last.unlisted)
	if len(last.problems) != 1 || last.problems[0].Zone != "vpc-a" ||
		!strings.Contains(last.problems[0].Reason, "no account of ours (AccessDenied)") {
		t.Errorf("problems: %+v", last.problems)
	}
	same(t, "asked", 3, len(r.asked["vpc-a"]))
	same(t, "warnings", 1, strings.Count(r.log.String(), "level=WARN"))
}

// TestSurveyDenied names the permission where no VPC may be asked for.
func TestSurveyDenied(t *testing.T) {
	r := runSurveys(t, 10*time.Minute, Options{}, func(string, time.Duration) ([]types.HostedZoneSummary, error) {
		return nil, &smithy.GenericAPIError{Code: "AccessDenied", Message: "not authorized"}
	})
	last := r.at(t, 10*time.Minute)
	if len(last.problems) != 1 || last.problems[0].Zone != "vpc-a, vpc-b" ||
		!strings.Contains(last.problems[0].Reason, "needs the IAM action route53:ListHostedZonesByVPC") {
		t.Errorf("problems: %+v", last.problems)
	}
	same(t, "asked", 1, len(r.asked["vpc-b"]))
}

// TestSurveyOfSharedVPC: that one of two accounts may not ask for a VPC is no problem where
// the other may.
func TestSurveyOfSharedVPC(t *testing.T) {
	shared := []zone.VPC{{ID: "vpc-s", Region: "eu-west-1"}}
	fake := func(answer func() ([]types.HostedZoneSummary, error)) *fakeAPI {
		return &fakeAPI{counted: 3, sets: manyTypes(3),
			byVPC: func(string) ([]types.HostedZoneSummary, error) { return answer() }}
	}
	owner := fake(func() ([]types.HostedZoneSummary, error) {
		return []types.HostedZoneSummary{summary("ZX", "x.example.")}, nil
	})
	participant := fake(func() ([]types.HostedZoneSummary, error) {
		return nil, &smithy.GenericAPIError{Code: "AccessDenied", Message: "not yours"}
	})
	o := Options{Survey: func(string) []zone.VPC { return shared }}
	for _, name := range []string{"owner", "participant"} {
		o.Accounts = append(o.Accounts, &awsclient.Account{Name: name, Budget: awscall.NewBudget(1e6)})
	}
	s, err := newSource(o, []api{owner.api(), participant.api()})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range s.accounts {
		l.survey.due = time.Now()
		l.runSurvey(t.Context())
	}
	same(t, "known", 1, len(s.accounts[0].survey.foreign))
	same(t, "problems", 0, len(s.accounts[1].survey.problems))
}

// TestSurveyThrottled gives up at once, and comes back soon.
func TestSurveyThrottled(t *testing.T) {
	r := runSurveys(t, 20*time.Minute, Options{}, func(vpc string, at time.Duration) ([]types.HostedZoneSummary, error) {
		if at < 2*time.Minute {
			return nil, &smithy.GenericAPIError{Code: "Throttling", Message: "Rate exceeded"}
		}
		return []types.HostedZoneSummary{summary("ZX", "x.example.")}, nil
	})
	first := r.asked["vpc-b"][0]
	if first < 5*time.Minute || first > 8*time.Minute || len(r.asked["vpc-b"]) != 1 {
		t.Errorf("after throttling it was asked for at %v", r.asked["vpc-b"])
	}
	same(t, "problems", 1, len(r.at(t, first-time.Second).problems))
	same(t, "problems", 0, len(r.at(t, 20*time.Minute).problems))
	same(t, "unlisted", "ZX@vpc-a ZX@vpc-b", r.at(t, 20*time.Minute).unlisted)
}

// TestSurveyByCycle makes no calls where the cycles already know all.
func TestSurveyByCycle(t *testing.T) {
	a := zone.VPC{ID: "vpc-a", Region: "eu-west-1"}
	c := simpleCloud(t, hosted{id: "Z1", name: "one.example.", private: true, vpcs: []zone.VPC{a}},
		hosted{id: "Z2", name: "two.example.", private: true, vpcs: []zone.VPC{a}})
	vpcs := []zone.VPC{a}
	s := c.source(Options{VPCs: func() ([]zone.VPC, bool) { return vpcs, true },
		Survey: func(string) []zone.VPC { return vpcs }})
	c.mustCycle(s)
	c.sim.ResetCalls()
	s.accounts[0].survey.due = time.Now()
	s.accounts[0].runSurvey(t.Context())
	c.wantCalls(map[string]int{})
}

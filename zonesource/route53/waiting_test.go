package route53

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
)

// twoZones is an account with the zones Z1 and Z2, of which the fake has the records of both.
type twoZones struct {
	zonesErr, z2Err error // what is answered instead
	zones           int   // lists of zones
	listings        map[string]int
}

func (f *twoZones) api() api {
	one := &fakeAPI{}
	a := one.api()
	a.zones = fakeOp(opListZones, func(context.Context, *route53.ListHostedZonesInput) (*route53.ListHostedZonesOutput,
		error) {
		f.zones++
		out := &route53.ListHostedZonesOutput{}
		for _, id := range []string{"Z1", "Z2"} {
			out.HostedZones = append(out.HostedZones, types.HostedZone{Id: aws.String("/hostedzone/" + id),
				Name: aws.String(id + ".example."), ResourceRecordSetCount: aws.Int64(1)})
		}
		return out, f.zonesErr
	})
	a.records = fakeOp(opListRecords, func(_ context.Context,
		in *route53.ListResourceRecordSetsInput) (*route53.ListResourceRecordSetsOutput, error) {
		id := aws.ToString(in.HostedZoneId)
		f.listings[id]++
		if id == "Z2" && f.z2Err != nil {
			return nil, f.z2Err
		}
		soa := setOf(id+".example.", "SOA", "ns.example. host.example. 1 7200 900 1209600 86400")
		return &route53.ListResourceRecordSetsOutput{ResourceRecordSets: []recordSet{soa}}, nil
	})
	return a
}

// runFor runs a source on the fake for some time.
func (f *twoZones) runFor(t *testing.T, d time.Duration, saved []zonesource.Part) []zonesource.Part {
	t.Helper()
	f.zones, f.listings = 0, map[string]int{}
	s, err := newSource(Options{
		Accounts: []*awsclient.Account{{Budget: awscall.NewBudget(1e3)}}, Refresh: 10 * time.Minute,
		Saved: func() []zonesource.Part { return saved },
	}, []api{f.api()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	last := map[zonesource.Key]zonesource.Part{}
	err = s.Run(ctx, func(p zonesource.Part) { last[p.Key] = p })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	var parts []zonesource.Part
	for _, p := range last {
		parts = append(parts, p)
	}
	return parts
}

var errDenied = &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}

// TestWhatFailsHasNothingElseListed: a zone or a list of zones that can't be read leaves the
// other listings as many as they are without.
func TestWhatFailsHasNothingElseListed(t *testing.T) {
	for _, tt := range []struct {
		name         string
		fake         twoZones
		least, mostZ int // listings of Z2 in an hour
	}{
		{"nothing", twoZones{}, 6, 7},
		{"a zone that IAM denies", twoZones{z2Err: errDenied}, 6, 9},
		{"a zone that breaks", twoZones{z2Err: &smithy.GenericAPIError{Code: "InvalidInput"}}, 20, 80},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &tt.fake
				f.runFor(t, time.Hour, nil)
				if n := f.listings["Z1"]; n < 6 || n > 7 || f.zones < 6 || f.zones > 7 {
					t.Errorf("listed %d times in an hour, the zones %d times", n, f.zones)
				}
				if n := f.listings["Z2"]; n < tt.least || n > tt.mostZ {
					t.Errorf("what fails was tried %d times", n)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		good := &twoZones{}
		saved := good.runFor(t, time.Minute, nil)
		f := &twoZones{zonesErr: errDenied}
		time.Sleep(time.Hour)
		f.runFor(t, time.Hour, saved)
		if n := f.listings["Z1"]; n < 6 || n > 7 {
			t.Errorf("without a list of zones a zone is listed %d times in an hour", n)
		}
	})
}

// TestStartGoesOnFromSavedTimes: a process that is started again and again asks no more
// often than one that runs, and asks at once what it doesn't know.
func TestStartGoesOnFromSavedTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &twoZones{}
		saved := f.runFor(t, time.Minute, nil)
		if f.zones != 1 {
			t.Fatalf("%d lists of zones in the first minute", f.zones)
		}
		for range 5 {
			f.runFor(t, time.Minute, saved)
			if f.zones+f.listings["Z1"] > 0 {
				t.Fatalf("%d lists of zones and %d of Z1 in the minute after a start", f.zones, f.listings["Z1"])
			}
		}
		f.runFor(t, 7*time.Minute, saved)
		if f.zones != 1 || f.listings["Z1"] != 1 {
			t.Errorf("%d lists of zones and %d of Z1 a refresh after those saved", f.zones, f.listings["Z1"])
		}
		var without []zonesource.Part
		for _, p := range saved {
			if p.Key != zoneKey("Z2") {
				without = append(without, p)
			}
		}
		f.runFor(t, time.Second, without)
		if f.listings["Z2"] != 1 {
			t.Error("a zone that isn't known isn't listed at the start")
		}
		f.runFor(t, time.Second, nil)
		if f.zones != 1 {
			t.Error("nothing is listed at a start that knows nothing")
		}
	})
}

// TestStartOtherSelection: zones that the saved list was not made for are looked for at once.
func TestStartOtherSelection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &twoZones{}
		saved := f.runFor(t, time.Minute, nil)
		for i := range saved {
			if saved[i].Catalog != nil {
				saved[i].Sum = zonesource.Sum{1}
			}
		}
		f.runFor(t, time.Second, saved)
		if f.zones != 1 {
			t.Error("the list of zones was for other zones, and isn't read at the start")
		}
	})
}

// TestStartSurveysNothingAgain: private zones of others are looked for once an hour, however
// often the program starts; a VPC that is new is asked for after the next cycle.
func TestStartSurveysNothingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := map[string]int{}
		vpcs := []zone.VPC{{ID: "vpc-a", Region: "eu-west-1"}}
		var saved []zonesource.Part
		run := func(d time.Duration) {
			f := &fakeAPI{counted: 3, sets: manyTypes(3), byVPC: func(vpc string) ([]types.HostedZoneSummary, error) {
				asked[vpc]++
				return nil, nil
			}}
			s, err := newSource(Options{
				Accounts: []*awsclient.Account{{Budget: awscall.NewBudget(1e3)}}, Refresh: time.Minute,
				Saved: func() []zonesource.Part { return saved }, Survey: func(string) []zone.VPC { return vpcs },
			}, []api{f.api()})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			last := map[zonesource.Key]zonesource.Part{}
			err = s.Run(ctx, func(p zonesource.Part) { last[p.Key] = p })
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			saved = nil
			for _, p := range last {
				saved = append(saved, p)
			}
		}
		for range 5 {
			run(5 * time.Minute)
		}
		if asked["vpc-a"] != 1 {
			t.Errorf("asked for a VPC %d times in 25 minutes of five starts", asked["vpc-a"])
		}
		vpcs = append(vpcs, zone.VPC{ID: "vpc-b", Region: "eu-west-1"})
		run(5 * time.Minute)
		run(5 * time.Minute)
		if asked["vpc-a"] != 1 || asked["vpc-b"] != 1 {
			t.Errorf("after another VPC has come: asked %v", asked)
		}
		run(time.Hour)
		if asked["vpc-a"] != 2 || asked["vpc-b"] != 2 {
			t.Errorf("after an hour more: asked %v", asked)
		}
	})
}

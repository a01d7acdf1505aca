package route53

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"

	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
)

// TestRefresh starts cycles a refresh apart, give or take a tenth, and less when AWS
// can't be asked.
func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		f := &fakeAPI{counted: 3, sets: manyTypes(3)}
		f.zonesErr = func() error {
			if time.Since(began) < 10*time.Second {
				return errors.New("connection refused")
			}
			return nil
		}
		s, err := newSource(Options{Accounts: []*awsclient.Account{{Budget: awscall.NewBudget(1e3)}}, Refresh: time.Minute},
			[]api{f.api()})
		if err != nil {
			t.Fatal(err)
		}
		var failed int
		var good []time.Duration
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		err = s.Run(ctx, func(p zonesource.Part) {
			if p.Catalog != nil {
				good = append(good, time.Since(began))
			} else if p.Err != nil {
				failed++
			}
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if failed < 2 || failed > 5 {
			t.Errorf("%d failures in ten seconds", failed)
		}
		if len(good) < 9 || len(good) > 12 || good[0] > 20*time.Second {
			t.Fatalf("lists of zones at %v", good)
		}
		for i := range good[1:] {
			pause := good[i+1] - good[i]
			if pause < 54*time.Second || pause > 66*time.Second {
				t.Errorf("cycle %d began %v after the one before", i+2, pause)
			}
		}
	})
}

// TestFirstListing doesn't let a zone wait a whole refresh for its first records.
func TestFirstListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeAPI{counted: 3, sets: manyTypes(3)}
		f.setsErr = func() error {
			if f.listings == 1 {
				return &smithy.GenericAPIError{Code: "InternalFailure", Message: "once"}
			}
			return nil
		}
		s, err := newSource(Options{Accounts: []*awsclient.Account{{Budget: awscall.NewBudget(1e3)}}, Refresh: time.Hour},
			[]api{f.api()})
		if err != nil {
			t.Fatal(err)
		}
		began, listed := time.Now(), time.Duration(0)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		defer cancel()
		err = s.Run(ctx, func(p zonesource.Part) {
			if p.Zone != nil && listed == 0 {
				listed = time.Since(began)
			}
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if listed == 0 || listed > 5*time.Second {
			t.Errorf("the first records after %v", listed)
		}
		if f.zoneCalls > 6 {
			t.Errorf("%d lists of zones in three hours", f.zoneCalls)
		}
	})
}

// TestThrottledStart goes slower and slower, and then on.
func TestThrottledStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeAPI{counted: 3, sets: manyTypes(3)}
		f.zonesErr = func() error {
			if f.zoneCalls <= 4 {
				return &smithy.GenericAPIError{Code: "Throttling", Message: "Rate exceeded"}
			}
			return nil
		}
		budget := awscall.NewBudget(2)
		s, err := newSource(Options{Accounts: []*awsclient.Account{{Budget: budget}}}, []api{f.api()})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		parts := f.cycle(t, s)
		same(t, "parts", []string{"catalog/", "zone/Z1"}, names(parts))
		// Pauses of 1, 2, 4 and 8 seconds, each up to a quarter longer, and the next call.
		took := time.Since(began)
		if took < 15*time.Second || took > 30*time.Second {
			t.Errorf("took %v", took)
		}
		now, _ := budget.PerSecond()
		if now != 2.0/16 {
			t.Errorf("%g requests a second", now)
		}
	})
}

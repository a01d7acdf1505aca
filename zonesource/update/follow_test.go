package update

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"inside53/zonesource"
	"inside53/zonesource/changes"
)

// arriving is a Route 53 whose changes arrive a minute after they were made.
type arriving struct {
	made  map[string]time.Time
	asked []string
}

// RecordsOf implements client.
func (*arriving) RecordsOf(context.Context, changes.Zone, []string) ([]changes.RecordSet, error) {
	return nil, errors.New("nobody asks here")
}

// Submit implements client.
func (*arriving) Submit(context.Context, changes.Zone, changes.Batch) (string, error) {
	return "", errors.New("nobody submits here")
}

// Insync implements client.
func (a *arriving) Insync(_ context.Context, id string) (bool, error) {
	a.asked = append(a.asked, id)
	return time.Since(a.made[id]) >= time.Minute, nil
}

// TestOneQuestionForManyChanges: under a stream of changes a zone costs one question a round,
// and each change is known to have arrived within a minute of that.
func TestOneQuestionForManyChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route53 := &arriving{made: map[string]time.Time{}}
		synced := map[*zonesource.Amendment]time.Duration{}
		u := New(Options{StateDir: t.TempDir(), Synced: func(a *zonesource.Amendment) {
			if _, again := synced[a]; again {
				t.Error("a change has arrived twice")
			}
			synced[a] = time.Since(a.Accepted)
		}})
		u.clients = map[string]client{"": route53}
		const rounds, perRound = 60, 10
		n := 0
		for range rounds {
			for range perRound {
				for _, zoneID := range []string{"Z1", "Z2"} {
					n++
					change := fmt.Sprint("C", n)
					route53.made[change] = time.Now()
					u.follows = append(u.follows,
						followed{&zonesource.Amendment{Zone: zoneID, Accepted: time.Now()}, change, ""})
				}
				time.Sleep(time.Second)
			}
			u.askAll(t.Context())
		}
		if len(route53.asked) != 2*rounds {
			t.Errorf("%d questions in %d rounds for two zones", len(route53.asked), rounds)
		}
		for range 14 {
			time.Sleep(10 * time.Second)
			u.askAll(t.Context())
		}
		if len(synced) != n || len(u.follows) != 0 {
			t.Errorf("%d of %d changes have arrived, %d are followed", len(synced), n, len(u.follows))
		}
		var took []time.Duration
		for _, d := range synced {
			took = append(took, d)
		}
		if most := slices.Max(took); most > 150*time.Second {
			t.Errorf("it took %s to know of a change that had arrived", most)
		}
		err := u.Close()
		if err != nil {
			t.Error(err)
		}
	})
}

// TestUnnamedChange: a change whose answer was lost has arrived when a later one of its zone
// has.
func TestUnnamedChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route53 := &arriving{made: map[string]time.Time{"C1": time.Now().Add(-time.Hour)}}
		synced := 0
		u := New(Options{StateDir: t.TempDir(), Synced: func(*zonesource.Amendment) { synced++ }})
		u.clients = map[string]client{"": route53}
		u.follows = []followed{{&zonesource.Amendment{Zone: "Z1", Accepted: time.Now()}, "", ""}}
		u.askAll(t.Context())
		if synced != 0 {
			t.Error("it has arrived, by no question")
		}
		u.follows = append(u.follows, followed{&zonesource.Amendment{Zone: "Z1", Accepted: time.Now()}, "C1", ""})
		u.askAll(t.Context())
		if synced != 2 || len(u.follows) != 0 {
			t.Errorf("%d of 2 have arrived", synced)
		}
		err := u.Close()
		if err != nil {
			t.Error(err)
		}
	})
}

package refresh

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestPlan says when the next round begins, and has it begin at once.
func TestPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		plan, ended := NewPlan(), make(chan error, 1)
		if !plan.Next().IsZero() {
			t.Error("known before it runs")
		}
		begun := make(chan time.Time, 10)
		l := Loop{Every: time.Hour, NowPause: 5 * time.Second, Plan: plan}
		go func() {
			ended <- l.Run(ctx, func(context.Context) Next {
				begun <- time.Now()
				time.Sleep(10 * time.Second)
				return Next{}
			})
		}()
		first := <-begun
		if !plan.Next().Equal(first) {
			t.Errorf("in a round: %s, begun at %s", plan.Next(), first)
		}
		time.Sleep(time.Minute)
		pause := plan.Next().Sub(first)
		if pause < 54*time.Minute || pause > 66*time.Minute {
			t.Errorf("the next round is to begin after %s", pause)
		}
		plan.Hasten()
		plan.Hasten()
		second := <-begun
		if second.Sub(first) != time.Minute {
			t.Errorf("hastened after a minute, it begins after %s", second.Sub(first))
		}
		cancel()
		<-ended
		later := []*Plan{nil, NewPlan(), plan}
		if !Soonest(later).Equal(plan.Next()) || !Soonest(later[:2]).IsZero() {
			t.Errorf("the soonest is %s", Soonest(later))
		}
	})
}

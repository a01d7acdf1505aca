package awssim

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestRounds: the calls of one reading count once, those of other operations for themselves.
func TestRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, Options{})
		for range 3 {
			s.count("ListHealthChecks")
			for range 4 {
				s.count("GetMetricData")
				time.Sleep(roundPause / 2)
			}
			time.Sleep(roundPause)
		}
		if n := s.Rounds(); n["GetMetricData"] != 3 || n["ListHealthChecks"] != 3 || s.Calls()["GetMetricData"] != 12 {
			t.Errorf("%v, %v", n, s.Calls())
		}
		s.ResetCalls()
		if n := s.Rounds(); len(n) != 0 {
			t.Errorf("%v", n)
		}
	})
}

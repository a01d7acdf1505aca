//go:build linux

package main

import (
	"fmt"
	"slices"
)

// spread is a median with the least and the greatest value.
type spread struct{ median, least, most float64 }

func (s spread) String() string { return fmt.Sprintf("%.2f (%.2f-%.2f)", s.median, s.least, s.most) }

// spreadOf sums up values. There has to be one.
func spreadOf(values []float64) spread {
	v := slices.Sorted(slices.Values(values))
	middle := v[len(v)/2]
	if len(v)%2 == 0 {
		middle = (v[len(v)/2-1] + middle) / 2
	}
	return spread{middle, v[0], v[len(v)-1]}
}

// pairedRatio returns ours divided by theirs, round by round. A round that either
// missed, by round number, counts in neither; ok is false when there is none left.
func pairedRatio(ours, theirs map[int]float64) (s spread, ok bool) {
	var ratios []float64
	for round, our := range ours {
		their, there := theirs[round]
		if there && their > 0 {
			ratios = append(ratios, our/their)
		}
	}
	if len(ratios) == 0 {
		return spread{}, false
	}
	return spreadOf(ratios), true
}

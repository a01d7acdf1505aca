//go:build linux

package main

import (
	"strings"
	"testing"

	"inside53/server/bench/load"
)

// TestObserveTable: each way is compared with the first, round by round, so that a machine that gets slower counts for
// none of them.
func TestObserveTable(t *testing.T) {
	one := func(name string, costs ...float64) *watched {
		w := &watched{row: &row{name: name, rounds: map[int]load.Result{}}}
		for round, cost := range costs {
			w.rounds[round] = load.Result{CPU: cost, Answered: 1}
		}
		return w
	}
	text := observeTable(auth, []*watched{one("nobody", 2, 4), one("dnstap", 3, 6)})
	for _, want := range []string{
		"### AUTH\n", "| nobody | 3.00 (2.00-4.00) | - |", "| dnstap | 4.50 (3.00-6.00) | 1.50 (1.50-1.50) |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q isn't in\n%s", want, text)
		}
	}
}

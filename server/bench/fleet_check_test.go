//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// goodTrace is one that holds all rules: two leaders, a repair, updates.
func goodTrace() *trace {
	t := &trace{Commits: map[string]seenCommit{}, Made: map[string]int{}, Recorded: map[string]int{},
		Final: map[string]final{}}
	t.Heads = append(t.Heads, seenHead{By: "m1"})
	previous := ""
	add := func(by string, version, epoch uint64, cause string) {
		name := fmt.Sprintf("commit/%d-%d", version, epoch)
		t.Commits[name] = seenCommit{version, epoch, by + "/n", previous, cause}
		t.Heads = append(t.Heads, seenHead{By: by, Version: version, Epoch: epoch, Leader: by + "/n", Commit: name})
		previous = name
	}
	add("m1", 1, 1, "leader")
	add("m1", 2, 1, "update")
	add("m2", 3, 2, "leader")
	add("m2", 4, 2, "update")
	t.Heads = append(t.Heads, seenHead{Version: 2, Epoch: 1, Leader: "m1/n", Commit: "commit/2-1", Set: true})
	add("m2", 5, 3, repairCause)
	add("m2", 6, 3, "listing")
	for i, value := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"} {
		u := seenUpdate{Name: "a.", Value: value, At: "m1", Acked: i < 2, Read: value, Again: "acked"}
		if !u.Acked {
			u.Read, u.Again = "", "failed"
		} else {
			t.Made[value], t.Recorded[value] = 1, 1
		}
		t.Updates = append(t.Updates, u)
	}
	t.Final["a."] = final{"10.0.0.2", map[string]string{"m1": "10.0.0.2", "m2": "10.0.0.2"}}
	swap := func(was, now, result string, sent, done time.Duration) {
		t.Swaps = append(t.Swaps, seenSwap{"s.", was, now, result, sent, done})
		if result != unmet {
			t.Made[now] = 1
		}
	}
	swap("", "1", acked, 1, 3)
	swap("1", "2", acked, 2, 5)
	swap("1", "3", unmet, 6, 7)
	swap("2", "4", failed, 6, 8)
	swap("1", "5", failed, 2, 4) // it never reached anybody
	delete(t.Made, "5")
	t.Ends = map[string]string{"s.": "4"}
	for n := range eventful {
		c := seenChange{"d.", fmt.Sprintf("10.150.0.%d", n+1)}
		t.Changes = append(t.Changes, c)
		t.Recorded[c.Value], t.ByEvents = n%2, t.ByEvents+n%2 // what is changed again meanwhile needn't be in the ledger
	}
	t.Final["d."] = final{"10.150.0.50", map[string]string{"m1": "10.150.0.50", "m2": "10.150.0.50"}}
	t.Said = []seenVersion{{"m1", 1, 1}, {"m2", 1, 1}, {"m1", 1, 4}, {"m1", 2, 3}, {"m2", 1, 6}}
	return t
}

// TestFleetChecker breaks each rule of a good trace once: the checker says which.
func TestFleetChecker(t *testing.T) {
	if faults := goodTrace().check(); len(faults) != 0 {
		t.Fatalf("of a good trace: %q", faults)
	}
	unacked := goodTrace()
	unacked.Made["10.0.0.3"], unacked.Final["a."] = 1, final{"10.0.0.3", nil} // it may have happened
	if faults := unacked.check(); len(faults) != 0 {
		t.Fatalf("of an update that may have happened: %q", faults)
	}
	head := func(change func(h *seenHead)) func(*trace) {
		return func(t *trace) { change(&t.Heads[4]) }
	}
	for want, breaks := range map[string]func(*trace){
		"comes after": func(t *trace) { t.Heads = slices.Delete(t.Heads, 2, 3) },
		"epoch 1 comes after 2": func(t *trace) {
			h := t.Heads[4]
			h.Epoch, h.Leader = 1, "m1/n"
			c := t.Commits[h.Commit]
			c.Epoch, c.Node = 1, "m1/n"
			t.Commits[h.Commit], t.Heads[4] = c, h
		},
		"write in epoch 2": func(t *trace) {
			h := t.Heads[4]
			h.Leader = "m1/n"
			c := t.Commits[h.Commit]
			c.Node = "m1/n"
			t.Commits[h.Commit], t.Heads[4] = c, h
		},
		"as the one before": func(t *trace) {
			c := t.Commits["commit/4-2"]
			c.Previous = "commit/2-1"
			t.Commits["commit/4-2"] = c
		},
		"a repair makes": func(t *trace) {
			c := t.Commits["commit/5-3"]
			c.Version = 4
			t.Commits["commit/5-3"] = c
			t.Heads[6].Version = 4
		},
		"in the ledger at the end":               func(t *trace) { t.Missing = []string{"page/x"} },
		"head names commit/x,":                   head(func(h *seenHead) { h.Commit = "commit/x" }),
		"names a commit of":                      head(func(h *seenHead) { h.Version = 9 }),
		"made 2 times":                           func(t *trace) { t.Made["10.0.0.1"] = 2 },
		"never made":                             func(t *trace) { t.Made["10.0.0.1"] = 0 },
		"0 times in the":                         func(t *trace) { delete(t.Recorded, "10.0.0.2") },
		"2 times in the":                         func(t *trace) { t.Recorded["10.0.0.2"] = 2 },
		"answered 10.0.0.1":                      func(t *trace) { t.Updates[1].Read = "10.0.0.1" },
		"when it came again":                     func(t *trace) { t.Updates[1].Again = "refused" },
		"in Route 53 at the":                     func(t *trace) { t.Final["a."] = final{"10.0.0.1", nil} },
		"at m2 at the end":                       func(t *trace) { t.Final["a."].Servers["m2"] = "10.0.0.1" },
		"changed in AWS and is 2 times":          func(t *trace) { t.Recorded["10.150.0.2"] = 2 },
		"no event has brought":                   func(t *trace) { t.ByEvents = 0 },
		"at m1 at the end, \"10.150":             func(t *trace) { t.Final["d."].Servers["m1"] = "10.150.0.49" },
		"to 2 was answered as acked, and made 0": func(t *trace) { delete(t.Made, "2") },
		"to 3 was answered as unmet, and made 1": func(t *trace) { t.Made["3"] = 1 },
		"\"\" at the end, are those of no":       func(t *trace) { t.Made["5"] = 1; t.Ends["s."] = "" },
		"\"2\" at the end, are those of no":      func(t *trace) { t.Ends["s."], t.Swaps[3].Result = "2", acked },
		"\"4\" at the end, are those of no":      func(t *trace) { t.Swaps[2].Was = "7"; t.Swaps[1].Result = unmet },
		"\"3\" at the end, are those of no":      func(t *trace) { t.Ends["s."] = "3" },
		"which nobody has made":                  func(t *trace) { t.Said = append(t.Said, seenVersion{"m2", 1, 9}) },
		"back to":                                func(t *trace) { t.Said = append(t.Said, seenVersion{"m2", 1, 5}) },
		"look-up lost at m1":                     func(t *trace) { t.Lookups = []lostLookup{{"m1", "timeout", time.Second}} },
	} {
		broken := goodTrace()
		breaks(broken)
		faults := broken.check()
		if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, want) }) {
			t.Errorf("%q: the checker finds %q", want, faults)
		}
	}
}

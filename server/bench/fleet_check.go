//go:build linux

package main

import (
	"fmt"
	"slices"
	"time"
)

// trace is what was seen of a fleet: enough to say whether it held its rules.
type trace struct {
	Heads   []seenHead
	Commits map[string]seenCommit // by name
	// Missing is what the newest versions need and isn't there, or is damaged, and where they, epochs or times go back.
	Missing []string
	Updates []seenUpdate
	Made    map[string]int // by value: how often Route 53 was given it
	// Recorded is by value how often the ledger names an update that was made, at most between two
	// times at which it was set back.
	Recorded map[string]int
	Changes  []seenChange      // in AWS itself
	ByEvents int               // commits that an event has caused
	Swaps    []seenSwap        // of names that several clients change
	Ends     map[string]string // what Route 53 has of these at the end
	Said     []seenVersion     // in the order in which it was said
	Lookups  []lostLookup      // those that had no right answer, at servers that were up
	Final    map[string]final  // by name: what is there at the end
	Noted    []noted           // what was done, in order
}

// noted is something that was done to the fleet, or looked at.
type noted struct {
	What string
	To   []string
	At   time.Duration
}

// seenHead is a head as it was written, in the order of the store.
type seenHead struct {
	By      string // name of the server
	Version uint64
	Epoch   uint64
	Leader  string
	Commit  string
	Set     bool // back, or away, by the test
	Start   int  // which of the starts of that server
	At      time.Duration
	body    []byte
}

// seenCommit is what of a commit is looked at.
type seenCommit struct {
	Version, Epoch uint64
	Node, Previous string
	Cause          string
}

// seenUpdate is one update of one client, whose names are its own.
type seenUpdate struct {
	Name, Value string
	At          string // the server that was asked
	Acked       bool
	Sent, Done  time.Duration
	Read        string // what the same server answered then; "" where it wasn't asked
	Again       string // what another server answered to the repetition: "acked", "failed", "refused", or "" for none
}

// seenVersion is what a server says of itself.
type seenVersion struct {
	Server  string
	Start   int // which of its starts
	Version uint64
}

// lostLookup is a look-up without a right answer.
type lostLookup struct {
	Server, What string
	At           time.Duration
}

// final is what a name is at the end: in Route 53, and at each server.
type final struct {
	Route53 string
	Servers map[string]string
}

// repairCause begins another chain.
const repairCause = "repair"

// check returns which rules were broken.
func (t *trace) check() []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	t.checkHeads(fault)
	for _, name := range t.Missing {
		fault("in the ledger at the end: %s", name)
	}
	t.checkUpdates(fault)
	t.checkChanges(fault)
	t.checkRegisters(fault)
	t.checkVersions(fault)
	for _, l := range t.Lookups {
		fault("look-up lost at %s after %s: %s", l.Server, l.At.Round(time.Millisecond), l.What)
	}
	return faults
}

// checkHeads: versions rise by one, each names the one before, epochs rise, one server an epoch.
func (t *trace) checkHeads(fault func(string, ...any)) {
	var last seenHead
	var greatest uint64
	leaders := map[uint64]string{}
	for i, h := range t.Heads {
		if h.Set {
			last = h
			clear(leaders) // who knows nothing may begin anew, until who does repairs
			continue
		}
		c, known := t.Commits[h.Commit]
		switch {
		case h.Version == 0 && (i == 0 || last.Set):
			last = h
			continue
		case !known:
			fault("head names %s, which isn't there", h.Commit)
		case c.Version != h.Version || c.Epoch != h.Epoch || c.Node != h.Leader:
			fault("head of version %d, epoch %d, by %s names a commit of version %d, epoch %d, by %s", h.Version, h.Epoch,
				h.Leader, c.Version, c.Epoch, c.Node)
		case c.Cause == repairCause:
			if h.Version <= greatest {
				fault("a repair makes version %d, though there was %d", h.Version, greatest)
			}
		case h.Version != last.Version+1: // also where head was set back: who is stopped or new doesn't know better
			fault("version %d comes after %d", h.Version, last.Version)
		case c.Previous != last.Commit:
			fault("version %d names %q as the one before, not %q", h.Version, c.Previous, last.Commit)
		}
		if h.Epoch < last.Epoch && !last.Set {
			fault("epoch %d comes after %d", h.Epoch, last.Epoch)
		}
		leader, led := leaders[h.Epoch]
		if led && leader != h.Leader {
			fault("%s and %s write in epoch %d", leader, h.Leader, h.Epoch)
		}
		leaders[h.Epoch] = h.Leader
		last, greatest = h, max(greatest, h.Version)
	}
}

// checkUpdates: what was acknowledged was made once, is in the ledger once, was read where it
// was acknowledged, and nothing older is there at the end.
func (t *trace) checkUpdates(fault func(string, ...any)) {
	byName := map[string][]seenUpdate{}
	for _, u := range t.Updates {
		byName[u.Name] = append(byName[u.Name], u)
		made := t.Made[u.Value]
		switch {
		case made > 1:
			fault("%s %s was made %d times", u.Name, u.Value, made)
		case made == 0 && (u.Acked || u.Again == "acked"):
			fault("%s %s was acknowledged and never made", u.Name, u.Value)
		}
		if u.Acked && t.Recorded[u.Value] != 1 {
			fault("%s %s was acknowledged and is %d times in the ledger", u.Name, u.Value, t.Recorded[u.Value])
		}
		if u.Acked && u.Read != "" && u.Read != u.Value {
			fault("%s %s was acknowledged by %s, which answered %s then", u.Name, u.Value, u.At, u.Read)
		}
		if u.Acked && u.Again == "refused" {
			fault("%s %s was acknowledged, and refused when it came again", u.Name, u.Value)
		}
	}
	for name, all := range byName {
		is, known := t.Final[name]
		if !known {
			continue
		}
		var may []string // the last that was acknowledged, and what came later
		for _, u := range all {
			if u.Acked {
				may = nil
			}
			may = append(may, u.Value)
		}
		anyAcked := slices.ContainsFunc(all, func(u seenUpdate) bool { return u.Acked })
		if !slices.Contains(may, is.Route53) && (anyAcked || is.Route53 != "") {
			fault("%s is %q in Route 53 at the end, not one of %q", name, is.Route53, may)
		}
		for server, value := range is.Servers {
			if value != is.Route53 {
				fault("%s is %q at %s at the end, %q in Route 53", name, value, server, is.Route53)
			}
		}
	}
}

// eventful is of how many changes in AWS at least one is committed as its event has it.
const eventful = 50

// checkChanges: what was changed in AWS itself is in the ledger once, however often its event came, and is what all
// serve at the end.
func (t *trace) checkChanges(fault func(string, ...any)) {
	last := map[string]string{}
	for _, c := range t.Changes {
		last[c.Name] = c.Value
		if n := t.Recorded[c.Value]; n > 1 {
			fault("%s %s was changed in AWS and is %d times in the ledger", c.Name, c.Value, n)
		}
	}
	if len(t.Changes) >= eventful && t.ByEvents == 0 {
		fault("%d changes were made in AWS, and no event has brought one", len(t.Changes))
	}
	for name, value := range last {
		for server, is := range t.Final[name].Servers {
			if is != value {
				fault("%s is %q at %s at the end, %q in AWS", name, is, server, value)
			}
		}
	}
}

// checkVersions: no server goes back, or serves what was never made.
func (t *trace) checkVersions(fault func(string, ...any)) {
	last := map[string]seenVersion{}
	made := map[uint64]bool{0: true}
	for _, c := range t.Commits {
		made[c.Version] = true
	}
	for _, v := range t.Said {
		if !made[v.Version] {
			fault("%s serves version %d, which nobody has made", v.Server, v.Version)
		}
		before, known := last[v.Server]
		if known && before.Start == v.Start && v.Version < before.Version {
			fault("%s goes from version %d back to %d", v.Server, before.Version, v.Version)
		}
		last[v.Server] = v
	}
}

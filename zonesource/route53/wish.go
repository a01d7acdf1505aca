package route53

import (
	"strings"
	"sync"
	"time"

	"inside53/zonesource"
	"inside53/zonesource/refresh"
)

// wish is what is to be read in the next round.
type wish struct {
	catalog bool            // the list of zones, and with it all of them
	zones   map[string]bool // ids
}

// wishes gathers what was asked for between two rounds. It is safe for concurrent use.
type wishes struct {
	mu   sync.Mutex
	next wish
}

// add asks for a zone, or with "" for the list of zones and all of them.
func (w *wishes) add(zone string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case zone == "":
		w.next.catalog = true
	case w.next.zones == nil:
		w.next.zones = map[string]bool{zone: true}
	default:
		w.next.zones[zone] = true
	}
}

// accept returns what was asked for since it was called last.
func (w *wishes) accept() wish {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := w.next
	w.next = wish{}
	return next
}

// Next implements [zonesource.Planner]: the zones of an account are read with its list of zones.
func (s *Source) Next(key zonesource.Key) time.Time {
	l, _ := s.listerOf(key)
	if l == nil {
		return time.Time{}
	}
	return l.plan.Next()
}

// Soonest implements [zonesource.Planner].
func (s *Source) Soonest() (source string, at time.Time) {
	plans := make([]*refresh.Plan, len(s.accounts))
	for i, l := range s.accounts {
		plans[i] = l.plan
	}
	return Name, refresh.Soonest(plans)
}

// Hasten implements [zonesource.Planner]. How many calls a zone takes is reckoned from what it
// has: a page holds 300 record sets.
func (s *Source) Hasten(keys []zonesource.Key) (scheduled []zonesource.Key, wait time.Duration) {
	calls := map[*lister]int{}
	for _, key := range keys {
		l, zone := s.listerOf(key)
		if l == nil {
			continue
		}
		l.wishes.add(zone)
		scheduled = append(scheduled, key)
		calls[l]++
		kept, _ := s.options.Kept(key)
		if kept.Zone != nil {
			calls[l] += 1 + kept.Zone.Tree.Stats().Sets/setsPerPage
		}
	}
	for l, n := range calls {
		wait = max(wait, l.account.Budget.Delay(n))
		l.plan.Hasten()
	}
	return scheduled, wait
}

// listerOf returns who reads a part, and the id of its zone, "" for the list of zones; nil for a
// part of others.
func (s *Source) listerOf(key zonesource.Key) (of *lister, zone string) {
	account, isCatalog := strings.CutPrefix(key.Name, "catalog/")
	id, isZone := strings.CutPrefix(key.Name, "zone/")
	if key.Source != Name || !isCatalog && !isZone {
		return nil, ""
	}
	if isCatalog {
		id = ""
	} else {
		kept, _ := s.options.Kept(key)
		if kept.Zone != nil {
			account = kept.Zone.Account
		} else {
			account = s.accountOf(id)
		}
	}
	for _, l := range s.accounts {
		if l.account.Name == account {
			return l, id
		}
	}
	return nil, ""
}

// accountOf returns the account that lists a zone.
func (s *Source) accountOf(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for account, n := range s.noted {
		if n.ids[id] {
			return account
		}
	}
	return ""
}

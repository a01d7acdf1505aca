package health

import (
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
)

// Status is all that is known of one health check, for people.
type Status struct {
	ID       string
	Account  string // configured name
	Type     string // HTTP, CALCULATED, ...; "" for one that records name and no account has
	Endpoint string // https://www.example.com/health; "" when it has none
	Wanted   bool   // some record depends on it
	Check    zone.Check
}

// Checks returns what was last evaluated, in the order of the ids. Those that records
// name and no account has are among them: such records never fail over.
func (m *Monitor) Checks() []Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Status, 0, len(m.checks))
	for id, c := range m.checks {
		all = append(all, Status{
			ID: id, Account: c.definition.Account, Type: string(c.definition.Type), Endpoint: c.definition.String(),
			Wanted: m.isWanted(id), Check: c.result,
		})
	}
	for id := range m.wanted {
		if m.checks[id] == nil {
			all = append(all, Status{ID: id, Wanted: true, Check: zone.Check{Healthy: true, Why: m.absence()}})
		}
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// absence says why nothing is known of a check. Call it with mu held.
func (m *Monitor) absence() string {
	for _, r := range m.readers {
		if m.listed[r.account.Name].IsZero() {
			return "not listed yet; counts as healthy"
		}
	}
	return "no account has it; counts as healthy"
}

// Stats are counts of the moment, of checks that records depend on, and of probes since
// the start.
type Stats struct {
	// Checks by state. Unknown ones, of which neither source has anything to say, or
	// which no account has, are counted there alone.
	Healthy, Unhealthy, Unknown int
	Disagreeing                 int  // AWS says one thing, the local probe the other
	LocalLost                   bool // the local source is lost, its states frozen

	ProbesOK, ProbesFailed, ProbesRefused uint64 // refused: not made, since the target isn't allowed

	Targets, UnhealthyTargets int // load balancers
	// last look of AWS or a probe at the known check looked at longest ago; zero without any
	Oldest time.Time
}

// Stats returns them.
func (m *Monitor) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Stats{
		Unknown:   m.absent(),
		LocalLost: m.tally.lost != nil,
		ProbesOK:  m.probes[probeOK], ProbesFailed: m.probes[probeFailed], ProbesRefused: m.probes[probeRefused],
	}
	for id, c := range m.checks {
		if !m.isWanted(id) {
			continue // nobody looks at it any more
		}
		a, l := c.result.AWS, c.result.Local
		switch {
		case !a.Known && !l.Known && c.result.Healthy && !c.definition.Disabled:
			s.Unknown++
		case c.result.Healthy:
			s.Healthy++
		default:
			s.Unhealthy++
		}
		if a.Known && l.Known && a.Healthy != l.Healthy {
			s.Disagreeing++
		}
		last := a.Seen
		if l.Seen.After(last) {
			last = l.Seen
		}
		if (a.Known || l.Known) && (s.Oldest.IsZero() || last.Before(s.Oldest)) {
			s.Oldest = last
		}
	}
	for _, targets := range m.targets {
		for name, t := range targets {
			if isDualstack(name) {
				continue
			}
			s.Targets++
			if !t.Healthy {
				s.UnhealthyTargets++
			}
		}
	}
	return s
}

// absent counts the wanted checks that aren't defined. Call it with mu held.
func (m *Monitor) absent() (n int) {
	for id := range m.wanted {
		if m.checks[id] == nil {
			n++
		}
	}
	return n
}

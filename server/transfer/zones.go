package transfer

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"

	"inside53/resolver"
)

// Zone is what people see of one zone that is transferred.
type Zone struct {
	View         string // "" of a catalog
	Apex         []byte // in lower-case wire form
	Serial       uint32 // 0 without a version
	Records      int
	Journal      int // differences kept for IXFR
	JournalBytes int
	// Findings are records that secondaries get otherwise than clients, or not at all.
	Findings []resolver.Finding
}

// Zones returns the zones that secondaries may have, and the catalogs of them, by view and
// name.
func (t *Server) Zones() (zones, catalogs []Zone) {
	p := t.publisher
	p.mu.RLock()
	defer p.mu.RUnlock()
	return describe(maps.Values(p.zones)), describe(maps.Values(p.catalogs))
}

func describe(all iter.Seq[*publishedZone]) []Zone {
	var out []Zone
	for p := range all {
		if !p.served {
			continue
		}
		z := Zone{View: p.view, Apex: p.apex, Findings: p.findings}
		v := p.history.Version()
		if v != nil {
			z.Serial, z.Records = v.Serial, v.Tree.Stats().Records
		}
		z.Journal, z.JournalBytes = p.history.Journal()
		out = append(out, z)
	}
	slices.SortFunc(out, func(a, b Zone) int {
		return cmp.Or(strings.Compare(a.View, b.View), slices.Compare(a.Apex, b.Apex))
	})
	return out
}

// Counts are the zones of a view that secondaries may have, and their differences.
type Counts struct{ Zones, JournalBytes int }

// Counts returns them by view, as they are counted with each version.
func (t *Server) Counts() map[string]Counts {
	p := t.publisher
	p.mu.RLock()
	defer p.mu.RUnlock()
	return maps.Clone(p.counts)
}

// count counts the zones of all views anew, where listed says so, else what has come to the
// differences of some.
func (p *publisher) count(fresh []*publishedZone, listed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if listed {
		p.counts = map[string]Counts{}
		fresh = slices.Collect(maps.Values(p.zones))
	}
	for _, z := range fresh {
		if !z.served {
			continue
		}
		_, octets := z.history.Journal()
		c := p.counts[z.view]
		if listed {
			c.Zones++
			c.JournalBytes += octets
		} else {
			c.JournalBytes += octets - z.counted
		}
		z.counted, p.counts[z.view] = octets, c
	}
}

// Pending returns how many NOTIFY, secondaries times zones, aren't acknowledged yet.
func (t *Server) Pending() int { return t.notifier.pending() }

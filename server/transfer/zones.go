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

// Pending returns how many NOTIFY, secondaries times zones, aren't acknowledged yet.
func (t *Server) Pending() int { return t.notifier.pending() }

package resolver

import (
	"sync/atomic"
	"time"

	"inside53/resolver/latency"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// What was answered is counted where it is cheapest: each worker adds to a cell that it
// shares with few others, so that processors don't pass lines of memory around.
const (
	cells    = 8 // the first is that of late answers
	pairLine = 128
)

// cell counts answers by type and response code.
type cell struct {
	types  [len(countedTypes) + 1]atomic.Uint64 // the last is that of all others
	rcodes [wire.RcodeBadVers + 1]atomic.Uint64
	late   [Transports][Results]latency.Histogram
	_      [pairLine]byte
}

// viewCounts are what is counted of one view. They live as long as its name does.
type viewCounts struct {
	fenced  atomic.Uint64
	queries [cells]struct {
		n atomic.Uint64
		_ [pairLine - 8]byte
	}
}

// countedTypes are the types with a count of their own, those that are asked most first.
var countedTypes = [...]uint16{
	wire.TypeA, wire.TypeAAAA, wire.TypeHTTPS, wire.TypePTR, wire.TypeSRV, wire.TypeTXT, wire.TypeCNAME, wire.TypeSOA,
	wire.TypeNS, wire.TypeMX, wire.TypeSVCB, wire.TypeNAPTR, wire.TypeDS, wire.TypeDNSKEY, wire.TypeANY, wire.TypeCAA,
	wire.TypeTLSA, wire.TypeSSHFP, wire.TypeRRSIG, wire.TypeHINFO,
}

// typeIndex is where the count of a type stands.
func typeIndex(t uint16) int {
	for i, known := range countedTypes {
		if t == known {
			return i
		}
	}
	return len(countedTypes)
}

// count notes what is worth it of an answer that is about to be sent.
func (x *exchange) count() {
	r, a := x.resolver, &x.a
	if a.Result == Uncounted || x.observe != nil || x.isProbe() {
		return
	}
	c := &r.cells[x.cell]
	if a.Result == FormErr || a.Result == NotImp {
		c.types[len(countedTypes)].Add(1) // there may be no question
	} else {
		c.types[typeIndex(x.q.Type)].Add(1)
	}
	c.rcodes[min(int(a.Rcode), wire.RcodeBadVers)].Add(1)
	if a.View != nil {
		v := x.state.views[a.View.Index]
		v.queries[x.cell].n.Add(1)
		if a.fenced {
			v.fenced.Add(1)
		}
	}
	if n := r.options.SampleQueries; n > 0 && x.q.Rand%n == 0 {
		r.sample(x)
	}
}

// countLate notes how long a late answer took.
func (x *exchange) countLate() {
	if x.a.Result != Uncounted && x.observe == nil {
		x.resolver.cells[x.cell].late[x.q.Transport][x.a.Result].Observe(time.Since(x.since), 1)
	}
}

// isProbe reports whether the question is one of the server's own (see package listen).
func (x *exchange) isProbe() bool {
	return x.q.Type == wire.TypeTXT && wire.SuffixAt(x.q.Name(), []byte(wire.ProbeZone)) > 0
}

// countsOf returns the counts of views, those that there are by their names.
func (s *state) countsOf(views []*zone.View) []*viewCounts {
	known := make(map[string]*viewCounts, len(s.views))
	for i, counts := range s.views {
		known[s.snap.Views[i].Name] = counts
	}
	out := make([]*viewCounts, len(views))
	for i, v := range views {
		out[i] = known[v.Name]
		if out[i] == nil {
			out[i] = new(viewCounts)
		}
	}
	return out
}

// Counts are what was answered, but for the server's own probes, what was dropped, and what
// a [Handler] has answered.
type Counts struct {
	Types  map[uint16]uint64 // 0 is all that have no count of their own
	Rcodes [wire.RcodeBadVers + 1]uint64
	Views  map[string]ViewCounts
	// Late says how long answers took that waited for an upstream.
	Late [Transports][Results]latency.Counts
}

// ViewCounts are what clients of one view were answered.
type ViewCounts struct {
	Queries uint64
	Fenced  uint64 // answers that left out an instance that the view doesn't reach
}

// Counts reads what was answered since the start. A view counts for as long as there is one
// of its name.
func (r *Resolver) Counts() Counts {
	s := r.state.Load()
	out := Counts{Types: make(map[uint16]uint64), Views: make(map[string]ViewCounts, len(s.views))}
	for i := range r.cells {
		c := &r.cells[i]
		for t := range c.types {
			key := uint16(0)
			if t < len(countedTypes) {
				key = countedTypes[t]
			}
			out.Types[key] += c.types[t].Load()
		}
		for code := range c.rcodes {
			out.Rcodes[code] += c.rcodes[code].Load()
		}
		for t := range c.late {
			for result := range c.late[t] {
				out.Late[t][result].Add(&c.late[t][result])
			}
		}
	}
	for i, v := range s.views {
		n := ViewCounts{Fenced: v.fenced.Load()}
		for c := range v.queries {
			n.Queries += v.queries[c].n.Load()
		}
		out.Views[s.snap.Views[i].Name] = n
	}
	return out
}

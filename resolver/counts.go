package resolver

import (
	"math/bits"
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
	// crossed counts answers that lead to another availability zone than the client's.
	crossed [zone.ServiceKinds]atomic.Uint64
	_       [pairLine]byte
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

// tally is what a worker has answered since it flushed: additions that nobody else sees, which
// cost next to nothing where atomic ones take a fifteenth of an answer.
type tally struct {
	typesSet, rcodesSet uint32 // which of them there are, by bit: of a batch's 38 hardly more than three
	types               [len(countedTypes) + 1]uint32
	rcodes              [wire.RcodeBadVers + 1]uint32
	view                *viewCounts // that queries and fenced are of, the last that was asked
	queries             uint64
	fenced              uint64
	crossed             [zone.ServiceKinds]uint32
	missed              uint64 // messages that who sees whole messages didn't take
}

// typePlace is where an answer counts in types.
func (x *exchange) typePlace() int {
	if x.a.Result == FormErr || x.a.Result == NotImp { // there may be no question
		return len(countedTypes)
	}
	return typeIndex(x.q.Type)
}

// rcodePlace is where an answer counts in rcodes.
func (x *exchange) rcodePlace() int { return min(int(x.a.Rcode), wire.RcodeBadVers) }

// add notes an answer that is about to be sent.
func (t *tally) add(x *exchange) {
	a := &x.a
	i, code := x.typePlace(), x.rcodePlace()
	t.types[i]++
	t.typesSet |= 1 << i
	t.rcodes[code]++
	t.rcodesSet |= 1 << code
	if a.View == nil {
		return
	}
	view := x.state.views[a.View.Index]
	if view != t.view {
		t.leave(x.cell)
		t.view = view
	}
	t.queries++
	if a.crossed != zone.NoService {
		t.crossed[a.crossed]++
	}
	if a.fenced {
		t.fenced++
	}
}

// add counts a late answer, which no worker tallies.
func (c *cell) add(x *exchange) {
	a := &x.a
	c.types[x.typePlace()].Add(1)
	c.rcodes[x.rcodePlace()].Add(1)
	if a.View == nil {
		return
	}
	view := x.state.views[a.View.Index]
	view.queries[x.cell].n.Add(1)
	if a.crossed != zone.NoService {
		c.crossed[a.crossed].Add(1)
	}
	if a.fenced {
		view.fenced.Add(1)
	}
}

// leave counts what is of the view, in a cell.
func (t *tally) leave(cell int) {
	if t.queries > 0 {
		t.view.queries[cell].n.Add(t.queries)
	}
	if t.fenced > 0 {
		t.view.fenced.Add(t.fenced)
	}
	t.view, t.queries, t.fenced = nil, 0, 0
}

// flush counts everything in a cell of r, and empties t.
func (t *tally) flush(r *Resolver, cell int) {
	c := &r.cells[cell]
	for ; t.typesSet != 0; t.typesSet &= t.typesSet - 1 {
		i := bits.TrailingZeros32(t.typesSet)
		c.types[i].Add(uint64(t.types[i]))
		t.types[i] = 0
	}
	for ; t.rcodesSet != 0; t.rcodesSet &= t.rcodesSet - 1 {
		i := bits.TrailingZeros32(t.rcodesSet)
		c.rcodes[i].Add(uint64(t.rcodes[i]))
		t.rcodes[i] = 0
	}
	for i, n := range t.crossed {
		if n != 0 {
			c.crossed[i].Add(uint64(n))
			t.crossed[i] = 0
		}
	}
	t.leave(cell)
	if t.missed > 0 {
		messages := r.state.Load().messages()
		if messages != nil {
			messages.Missed(t.missed)
		}
		t.missed = 0
	}
}

// Flush sends what upstreams are to be asked, and makes known what has been answered: it is called after each batch of
// queries.
func (w *Worker) Flush() {
	w.outbox.Flush()
	w.x.outbox = nil
	w.tally.flush(w.r, w.x.cell)
	w.touches.flush(w.r.now.Load())
}

// count notes what is worth it of an answer that is about to be sent: in a worker's tally, or nil for a late one.
func (x *exchange) count(t *tally) {
	if x.a.Result == Uncounted || x.observe != nil || x.isProbe() {
		return
	}
	if t != nil {
		t.add(x)
	} else {
		x.resolver.cells[x.cell].add(x)
	}
	if w := x.state.watch; w != nil {
		w.show(x)
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

// Counts are what was answered, but for the server's own probes and what was dropped.
type Counts struct {
	Types  map[uint16]uint64 // 0 is all that have no count of their own
	Rcodes [wire.RcodeBadVers + 1]uint64
	Views  map[string]ViewCounts
	// Crossed are answers that lead to another availability zone than the client's, where
	// zones matter.
	Crossed [zone.ServiceKinds]uint64
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
		for kind := range c.crossed {
			out.Crossed[kind] += c.crossed[kind].Load()
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

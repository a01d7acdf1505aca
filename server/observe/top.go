package observe

import (
	"net/netip"
	"sync"
	"time"

	"inside53/resolver"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// By is what is counted.
type By int

// What is counted.
const (
	ByName By = iota
	ByClient
	ByNXDomain // names
	ByServFail // names
	BySlow     // names, see [resolver.SlowAnswer]
	counted
)

const (
	// topSize is how many counters each sketch has.
	topSize = 1024
	// topWindow is how long is counted before the counts begin anew. Those of the window before
	// are shown with the present ones.
	topWindow = 5 * time.Minute
)

// Top is who or what is asked most.
type Top struct {
	Since   time.Time
	Sampled int // at least one in so many answers was looked at
	Rows    []Row
}

// Row is one key with its count.
type Row struct {
	Key       string
	Count     uint64
	PerSecond float64
}

// tops counts in two windows.
type tops struct {
	mu      sync.Mutex
	windows [2]window // the present one, and the one before
}

// window is what is counted in a time.
type window struct {
	since    time.Time
	sampled  uint32
	sketches [counted]sketch
}

func (w *window) begin(now time.Time) {
	w.since, w.sampled = now, 1
	for by := range w.sketches {
		w.sketches[by].clear()
	}
}

func (t *tops) init(now time.Time) {
	for i := range t.windows {
		for by := range t.windows[i].sketches {
			t.windows[i].sketches[by] = newSketch(topSize)
		}
		t.windows[i].begin(now)
	}
}

// turn begins a window when the present one is over.
func (t *tops) turn(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.windows[0].since) < topWindow {
		return
	}
	t.windows[0], t.windows[1] = t.windows[1], t.windows[0]
	t.windows[0].begin(now)
}

// add counts an answer of the sample.
func (t *tops) add(o *resolver.Observed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w, n := &t.windows[0], uint64(o.Weight)
	w.sampled = max(w.sampled, o.Weight)
	var room [16]byte
	client := append(room[:0], o.Client.AsSlice()...)
	w.sketches[ByClient].add(client, n)
	if len(o.Name) == 0 {
		return
	}
	w.sketches[ByName].add(o.Name, n)
	switch o.Rcode {
	case wire.RcodeNXDomain:
		w.sketches[ByNXDomain].add(o.Name, n)
	case wire.RcodeServFail:
		w.sketches[ByServFail].add(o.Name, n)
	}
	if o.Took >= resolver.SlowAnswer {
		w.sketches[BySlow].add(o.Name, n)
	}
}

// Top returns who or what is asked most, so many at most. A count is at least that much, but for
// the luck of the sample.
func (w *Observer) Top(by By, limit int) Top {
	t := &w.top
	t.mu.Lock()
	sum := map[string]uint64{}
	for i := range t.windows {
		t.windows[i].sketches[by].certain(sum)
	}
	out := Top{Since: t.windows[1].since, Sampled: int(max(t.windows[0].sampled, t.windows[1].sampled))}
	t.mu.Unlock()
	out.Rows = most(sum, limit)
	seconds := max(time.Since(out.Since).Seconds(), 1)
	for i := range out.Rows {
		r := &out.Rows[i]
		r.PerSecond = float64(r.Count) / seconds
		if by != ByClient {
			r.Key = zone.String([]byte(r.Key))
			continue
		}
		addr, _ := netip.AddrFromSlice([]byte(r.Key)) // it was one
		r.Key = addr.String()
	}
	return out
}

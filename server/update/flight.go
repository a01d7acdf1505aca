package update

import (
	"sync"
	"time"

	"inside53/server/tsig"
	zoneupdate "inside53/zonesource/update"
)

// flights are the updates under way, and those made lately. A request that comes again,
// because its answer was late or lost, joins: were it held against the zone once more,
// its own changes would stand against its prerequisites. A signed message is good for
// as long as the clocks may differ, and so long it is remembered that it was made:
// nobody can have it made twice. The zero value is ready.
type flights struct {
	mu   sync.Mutex
	all  map[flightKey]*flight
	made []*flight // in the order in which they were made
}

// flightKey is one request: its signature, which is over all of it but the id. So it is
// the same one also when it comes from another address.
type flightKey struct{ key, mac string }

type flight struct {
	key     flightKey
	waiting []*reply
	made    time.Time // zero while it is under way
}

const (
	// rememberFor is twice the tsig.Fudge: the clocks may differ either way.
	rememberFor = 2 * tsig.Fudge * time.Second
	// rememberMost bounds what is remembered: some 10 MB.
	rememberMost = 50_000
)

// join returns the flight of a request that is the first of its kind. For another one
// it returns nil: r is answered with the first, or was just now.
func (f *flights) join(key flightKey, r *reply) *flight {
	f.mu.Lock()
	is := f.all[key]
	if is != nil && is.made.IsZero() {
		is.waiting = append(is.waiting, r)
		f.mu.Unlock()
		return nil
	}
	if is != nil {
		f.mu.Unlock()
		r.send(zoneupdate.Result{})
		return nil
	}
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[flightKey]*flight{}
	}
	is = &flight{key: key, waiting: []*reply{r}}
	f.all[key] = is
	return is
}

// finish ends a flight and returns who waits. Only what was made is remembered: anything
// else may be tried again.
func (f *flights) finish(is *flight, result zoneupdate.Result) []*reply {
	f.mu.Lock()
	defer f.mu.Unlock()
	waiting := is.waiting
	is.waiting = nil
	if result.Rcode != zoneupdate.NoError {
		delete(f.all, is.key)
		return waiting
	}
	now := time.Now()
	is.made = now
	f.made = append(f.made, is)
	for len(f.made) > rememberMost || now.Sub(f.made[0].made) > rememberFor {
		delete(f.all, f.made[0].key)
		f.made[0] = nil
		f.made = f.made[1:]
	}
	return waiting
}

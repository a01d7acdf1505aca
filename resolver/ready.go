package resolver

import (
	"sync"
	"sync/atomic"
	"time"

	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// readyName is asked by balancers that check servers by DNS.
const readyName = "\x05ready\x08inside53\x00"

// readyFor is how long a word about readiness counts: what it is made of takes longer than
// an answer may.
const readyFor = 250 * time.Millisecond

// readiness knows whether the server is ready, as it was a moment ago. The zero value is.
type readiness struct {
	ask   func() bool
	asks  sync.Mutex   // held by the one who asks: the others take what was known
	until atomic.Int64 // when the word is to be asked for again, Unix nanoseconds
	not   atomic.Bool
}

// is reports whether the server is ready. It never blocks.
func (r *readiness) is(now time.Time) bool {
	if r.ask != nil && now.UnixNano() >= r.until.Load() && r.asks.TryLock() {
		r.not.Store(!r.ask())
		r.until.Store(now.Add(readyFor).UnixNano())
		r.asks.Unlock()
	}
	return !r.not.Load()
}

// ready answers ready.inside53.: TXT "ready", or SERVFAIL while the server isn't. Other types
// have no data.
func (x *exchange) ready() {
	a := &x.a
	switch {
	case !x.resolver.readiness.is(x.resolver.options.Now()):
		a.fail(wire.RcodeServFail, wire.EDENotReady, pending)
		a.edeText = "not ready"
	case x.q.Type == zone.TypeTXT || x.q.Type == zone.TypeANY:
		a.AA = true
		a.add(inAnswer, 1, a.makeRecord(zone.TypeTXT, 0, []byte("\x05ready")))
	default:
		a.AA = true
	}
	a.Result = Uncounted
}

package transfer

import (
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"inside53/resolver"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// Reasons why a transfer or a NOTIFY is refused, as the log has them.
const (
	reasonClient = "client" // its address may not
	reasonKey    = "key"    // it isn't signed by a key that may
	reasonZone   = "zone"   // nothing of that name is transferred
	reasonView   = "view"   // the view has no such zone
	reasonFull   = "full"   // too many are waiting
)

const (
	// refusalRest is the least time from one line of the log to the next of a client.
	refusalRest = time.Second
	// refusalClients bounds the clients that are told apart; of more nothing is logged.
	refusalClients = 256
)

// refusals logs what is refused, at most once a second and client.
type refusals struct {
	log *slog.Logger

	mu      sync.Mutex
	clients map[netip.Addr]*refusal
}

// refusal is what a client was refused lately.
type refusal struct {
	logged     time.Time
	suppressed int
	last       Refusal
}

// Refusal is what a client was refused last.
type Refusal struct {
	Client       netip.Addr
	Zone         []byte // in lower-case wire form
	Kind, Reason string
	At           time.Time
	Count        int // since the client is known here
}

// refusalShown is how long a refusal is shown.
const refusalShown = time.Hour

// Refusals returns what was refused within the last hour, a client each, for as long as clients
// that came later haven't taken its place.
func (t *Server) Refusals() []Refusal {
	r := &t.refusals
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Refusal
	for _, c := range r.clients {
		if time.Since(c.last.At) < refusalShown {
			out = append(out, c.last)
		}
	}
	slices.SortFunc(out, func(a, b Refusal) int { return a.Client.Compare(b.Client) })
	return out
}

// keep keeps what a client was refused last, where the client is known.
func (r *refusals) keep(now time.Time, client netip.Addr, apex []byte, kind, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.clients[client]
	if c == nil {
		return
	}
	c.last = Refusal{client, append(c.last.Zone[:0:0], apex...), kind, reason, now, c.last.Count + 1}
}

// note logs one refusal, or counts it for the next line of the client.
func (r *refusals) note(now time.Time, client netip.Addr, apex []byte, kind, key, reason string) {
	suppressed, due := r.due(now, client)
	r.keep(now, client, apex, kind, reason)
	if due {
		r.write(client, apex, kind, key, reason, suppressed)
	}
}

// write logs one refusal, and how many of the client weren't logged before it.
func (r *refusals) write(client netip.Addr, apex []byte, kind, key, reason string, suppressed int) {
	r.log.Warn("transfer refused", "client", client.String(), "zone", zone.String(apex), "kind", kind,
		"key", key, "reason", reason, "suppressed", suppressed)
}

// due reports whether a line of a client may be logged, and how many were not.
func (r *refusals) due(now time.Time, client netip.Addr) (suppressed int, log bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.clients[client]
	if c == nil {
		if len(r.clients) >= refusalClients {
			r.forget(now)
		}
		if len(r.clients) >= refusalClients {
			return 0, false
		}
		r.clients[client] = &refusal{logged: now}
		return 0, true
	}
	if now.Sub(c.logged) < refusalRest {
		c.suppressed++
		return 0, false
	}
	suppressed = c.suppressed
	c.logged, c.suppressed = now, 0
	return suppressed, true
}

// forget makes room for other clients.
func (r *refusals) forget(now time.Time) {
	for client, c := range r.clients {
		if now.Sub(c.logged) >= refusalRest {
			delete(r.clients, client)
		}
	}
}

// refuse counts and logs a request that is refused.
func (q *request) refuse(reason string) {
	kind := q.kind()
	q.t.Count(kind, "refused")
	q.t.refusals.note(time.Now(), q.client.Addr(), q.apex, kind, q.keyName(), reason)
}

// keyName is the name of the key that a request claims, good or not.
func (q *request) keyName() string {
	if q.signature == nil {
		return ""
	}
	return q.signature.Request.Hdr.Name
}

// Refused counts and logs a question for AXFR or IXFR, or a NOTIFY, that isn't admitted: see
// [Server.Admits]. Of anything else it does nothing.
func (t *Server) Refused(p *resolver.Packet) {
	client := p.Client.Addr()
	kind, reason := "notify", ""
	switch {
	case p.Opcode() == wire.OpcodeNotify:
		reason = t.Notified(p.Name(), client, "")
	case p.Opcode() == wire.OpcodeQuery && (p.Type() == wire.TypeAXFR || p.Type() == wire.TypeIXFR):
		kind, reason = typeLabel(p.Type()), reasonZone
		if policy := t.policy.Load(); policy != nil {
			reason = policy.reason(p.Name(), client)
		}
	default:
		return
	}
	t.Count(kind, "refused")
	now := time.Now()
	suppressed, due := t.refusals.due(now, client)
	t.refusals.keep(now, client, p.Name(), kind, reason)
	if due {
		key := ""
		if at, _ := p.Signature(); at > 0 {
			key = zone.String(p.Key(nil))
		}
		t.refusals.write(client, p.Name(), kind, key, reason, suppressed)
	}
}

package transfer

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"

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
}

// note logs one refusal, or counts it for the next line of the client.
func (r *refusals) note(now time.Time, client netip.Addr, apex []byte, kind, key, reason string) {
	suppressed, log := r.due(now, client)
	if log {
		r.log.Warn("transfer refused", "client", client.String(), "zone", zone.String(apex), "kind", kind,
			"key", key, "reason", reason, "suppressed", suppressed)
	}
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

// Refused counts and logs a question for AXFR or IXFR that the resolver refused, because
// nothing is transferred.
func (t *Server) Refused(apex []byte, qtype uint16, client netip.Addr) {
	kind := typeLabel(qtype)
	t.Count(kind, "refused")
	t.refusals.note(time.Now(), client, apex, kind, "", reasonZone)
}

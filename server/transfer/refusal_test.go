package transfer

import (
	"net/netip"
	"testing"
	"time"
)

// TestRefusalsAreFew: a client has one line a second, and many clients have no more than the
// table has room for.
func TestRefusalsAreFew(t *testing.T) {
	r := refusals{clients: map[netip.Addr]*refusal{}}
	now := time.Now()
	client := netip.MustParseAddr("192.0.2.1")
	for _, tt := range []struct {
		after      time.Duration
		suppressed int
		log        bool
	}{{0, 0, true}, {time.Millisecond, 0, false}, {999 * time.Millisecond, 0, false}, {time.Second, 2, true},
		{3 * time.Second, 0, true}} {
		suppressed, log := r.due(now.Add(tt.after), client)
		if suppressed != tt.suppressed || log != tt.log {
			t.Errorf("after %s: %d, %t", tt.after, suppressed, log)
		}
	}
	later, lines := now.Add(time.Minute), 0
	for i := range 10 * refusalClients {
		_, log := r.due(later, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
		if log {
			lines++
		}
	}
	if lines != refusalClients || len(r.clients) != refusalClients {
		t.Errorf("%d lines, %d clients", lines, len(r.clients))
	}
}

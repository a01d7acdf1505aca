//go:build !race

// The race detector finds what this looks at, which is what it is for.

package forward

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestFlightsThatOthersKnow: the memory of one that a waiter had to leave, or that the wheel has just taken out, isn't
// used again.
func TestFlightsThatOthersKnow(t *testing.T) {
	for _, tt := range []struct {
		why    string
		before func(f *Forwarder, o *Outbox, g *Group) error
		given  bool // back
	}{
		{"nobody", func(*Forwarder, *Outbox, *Group) error { return nil }, true},
		{"a waiter had to go", func(f *Forwarder, o *Outbox, g *Group) error {
			join := o.Ask(g, question(t, "one.example.", dns.TypeA), Asker{Addr: netip.MustParseAddr("10.0.0.2")}, nil)
			other := o.Ask(g, question(t, "other.example.", dns.TypeA), stranger, nil) // has stranger's first one go
			return errors.Join(join, other)
		}, false},
		{"the wheel has it", func(f *Forwarder, _ *Outbox, _ *Group) error {
			f.wheel.expired(nil, f.clock()+time.Hour)
			return nil
		}, false},
		{"the wheel had it, and its deadline was set again", func(f *Forwarder, _ *Outbox, _ *Group) error {
			due, _ := f.wheel.expired(nil, f.clock()+time.Hour)
			for _, fl := range due {
				f.wheel.set(fl, f.clock(), f.clock()+time.Minute)
			}
			return nil
		}, false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			release := make(chan struct{})
			up := newFake(t, func(q *dns.Msg, tcp bool) *dns.Msg { <-release; return ownA(q, tcp) }, nil)
			f, _ := newRunning(t, Options{PerClient: 1, RetryMin: time.Minute, RetryMax: time.Minute, Budget: time.Minute})
			g := newGroup(t, f, up.addr)
			openAll(t, f, g)
			o := f.NewOutbox()
			err := o.Ask(g, question(t, "one.example.", dns.TypeA), stranger, func(*Message, error) {})
			if err != nil {
				t.Fatal(err)
			}
			fl := underWay(f)[0]
			err = tt.before(f, o, g)
			if err != nil {
				t.Fatal(err)
			}
			o.Flush()
			close(release)
			until(t, "it is over", func() bool { return f.Stats().InFlight == 0 })
			until(t, "it is given back, or is known to have ended", func() bool { return fl.over.Load() != tt.given })
			time.Sleep(10 * time.Millisecond)
			if fl.over.Load() == tt.given {
				t.Errorf("given back: %v", !tt.given)
			}
		})
	}
}

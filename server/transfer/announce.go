package transfer

import (
	"context"
	"sync"
)

// announcer notifies secondaries once all servers of a fleet can tell them what is new: they
// may ask any.
type announcer struct {
	fleet  Fleet
	notify func(*Policy, *publishedZone)
	wakeup chan struct{}

	mu      sync.Mutex
	policy  *Policy
	zones   map[*publishedZone]bool
	version uint64
}

func newAnnouncer(f Fleet, notify func(*Policy, *publishedZone)) *announcer {
	return &announcer{fleet: f, notify: notify, wakeup: make(chan struct{}, 1), zones: map[*publishedZone]bool{}}
}

// note has zones announced that have new serials since a version of the ledger.
func (a *announcer) note(policy *Policy, zones []*publishedZone, version uint64) {
	if len(zones) == 0 {
		return
	}
	a.mu.Lock()
	a.policy, a.version = policy, version
	for _, z := range zones {
		a.zones[z] = true
	}
	a.mu.Unlock()
	select {
	case a.wakeup <- struct{}{}:
	default: // it is awake
	}
}

// run announces until ctx ends. Where a server hasn't adopted the version in time, secondaries
// are notified all the same, and once more when it had its time again.
func (a *announcer) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.wakeup:
		}
		a.mu.Lock()
		policy, zones, version := a.policy, a.zones, a.version
		a.zones = map[*publishedZone]bool{}
		a.mu.Unlock()
		late := a.fleet.Await(ctx, version)
		a.all(policy, zones)
		if late && ctx.Err() == nil {
			a.fleet.Await(ctx, version)
			a.all(policy, zones)
		}
	}
}

func (a *announcer) all(policy *Policy, zones map[*publishedZone]bool) {
	for z := range zones {
		a.notify(policy, z)
	}
}

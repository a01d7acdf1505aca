package update

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"inside53/zonesource/changes"
	"inside53/zonesource/rdata"
)

// What is done in a fleet, where an earlier leader may have left something, and another may
// come.

// wakeUnclear has zones settle what isn't known.
func (u *Updater) wakeUnclear() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, intent := range u.unclear {
		l, live := u.journal.of(intent)
		if live {
			u.zone(l.Zone, l.Account).rouse()
		}
	}
}

// rouse has the goroutine of a zone look at what there is.
func (h *hosted) rouse() {
	select {
	case h.wake <- struct{}{}:
	default: // it is awake
	}
}

// settle reads what has become of intents of the zone, in a fleet, and returns the names of
// those of which it still isn't known.
func (h *hosted) settle(ctx context.Context) map[string]bool {
	u := h.updater
	if u.options.Term == nil {
		return nil
	}
	u.mu.Lock()
	all := slices.Clone(u.unclear)
	u.mu.Unlock()
	names := map[string]bool{}
	for _, intent := range all {
		l, live := u.journal.of(intent)
		if live && l.Zone != h.id {
			continue
		}
		if live {
			bounded, stop := context.WithTimeout(ctx, attemptTime)
			live = !u.resolve(bounded, l)
			stop()
		}
		if live {
			addNames(names, l.batch())
			continue
		}
		u.mu.Lock()
		u.unclear = slices.DeleteFunc(u.unclear, func(i uint64) bool { return i == intent })
		u.mu.Unlock()
	}
	return names
}

func addNames(names map[string]bool, b changes.Batch) {
	for i := range b {
		name, err := rdata.ParseName(aws.ToString(b[i].Set.Name))
		if err == nil { // it was sent so: never
			names[string(name)] = true
		}
	}
}

// admit returns the messages that go on: those that had a result before get that again, and
// for names of which it isn't known what has become of an earlier update there is none yet.
func (h *hosted) admit(ctx context.Context, entries []*entry) []*entry {
	unclear := h.settle(ctx)
	return slices.DeleteFunc(entries, func(e *entry) bool {
		result, known := h.updater.journal.result(e.message)
		if !known && slices.ContainsFunc(e.names(), func(n string) bool { return unclear[n] }) {
			result, known = Result{ServFail, "what has become of an earlier update isn't known yet"}, true
		}
		if known {
			e.done(result)
		}
		return known
	})
}

// submit sends a batch. In a fleet that has its time: when it is over, nobody else leads yet.
func (r *round) submit(ctx context.Context, batch changes.Batch) (string, error) {
	term := r.updater.options.Term
	if term == nil {
		return r.client.Submit(ctx, r.zone, batch)
	}
	if !term.Fresh(attemptFresh) {
		return "", errStale
	}
	bounded, stop := context.WithTimeout(ctx, attemptTime)
	defer stop()
	return r.client.Submit(bounded, r.zone, batch)
}

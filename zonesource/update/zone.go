package update

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource/changes"
	"inside53/zonesource/rdata"
	"inside53/zonesource/refresh"
)

// hosted is one hosted zone with the messages that wait for it. A goroutine takes them
// together as they come.
type hosted struct {
	updater *Updater
	id      string
	account string

	mu      sync.Mutex
	waiting []*entry
	wake    chan struct{}
}

// put adds a message.
func (h *hosted) put(e *entry) {
	h.mu.Lock()
	h.waiting = append(h.waiting, e)
	h.mu.Unlock()
	h.rouse()
}

func (h *hosted) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.waiting)
}

// cut returns the messages that wait, as many as are handled at once.
func (h *hosted) cut() []*entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := min(len(h.waiting), atOnce)
	some := h.waiting[:n:n]
	h.waiting = h.waiting[n:]
	return some
}

// run handles messages until ctx ends, and answers those that are left.
func (h *hosted) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			h.answerAll()
			return
		case <-h.wake:
		}
		h.settle(ctx)
		for h.count() > 0 && ctx.Err() == nil {
			if h.count() < atOnce {
				_ = refresh.Pause(ctx, h.updater.options.Window) // they are answered all the same
			}
			c := h.updater.client(h.account)
			if c == nil {
				answer(h.cut(), Result{ServFail, "the account of the zone isn't configured any more"})
				continue
			}
			h.process(ctx, c, h.admit(ctx, h.cut()))
		}
	}
}

// answerAll answers what waits, at the end.
func (h *hosted) answerAll() {
	for rest := h.cut(); len(rest) > 0; rest = h.cut() {
		answer(rest, Result{ServFail, "the server ends"})
	}
}

func answer(entries []*entry, r Result) {
	for _, e := range entries {
		e.done(r)
	}
}

// process answers all messages, in as few batches as there can be.
func (h *hosted) process(ctx context.Context, c client, entries []*entry) {
	r := &round{hosted: h, client: c, read: map[string]*owner{}, again: map[string]bool{}}
	r.handle(ctx, entries)
}

// round is the handling of messages at once.
type round struct {
	*hosted
	client client
	zone   changes.Zone
	served *zone.Zone
	read   map[string]*owner // names as Route 53 has them
	again  map[string]bool   // names that were read again after a conflict
	known  map[string]*owner // names as they are served
}

// handle answers all messages. A batch that is refused is divided, and its parts come
// before what is left.
func (r *round) handle(ctx context.Context, entries []*entry) {
	work := [][]*entry{entries}
	for len(work) > 0 {
		if len(work[0]) == 0 {
			work = work[1:]
			continue
		}
		r.served = r.updater.served(r.id)
		if r.served == nil {
			answer(work[0], Result{ServFail, "the zone isn't there any more"})
			work = work[1:]
			continue
		}
		r.zone = changes.Zone{ID: r.id, Name: rdata.FormatName(r.served.Apex), Private: r.served.Origin == zone.Private}
		r.known = map[string]*owner{}
		p := r.plan(work[0])
		if len(p.unread.list) > 0 {
			work[0] = r.readAll(ctx, work[0], p.unread.list)
			continue
		}
		work[0] = work[0][len(p.entries):]
		batch := p.batch()
		if len(batch) == 0 {
			r.finishAs(ctx, p, batch, "", time.Now(), 0)
			continue
		}
		work = append(r.send(ctx, p, batch), work...)
	}
}

// base is what Route 53 has at a name, as far as is known.
func (r *round) base(name string) *owner {
	o, read := r.read[name]
	if read {
		return o
	}
	o = r.known[name]
	if o == nil {
		o = servedOwner(r.served, []byte(name))
		r.known[name] = o
	}
	return o
}

// plan plans messages, from the first on, as long as they fit into one batch.
func (r *round) plan(entries []*entry) *plan {
	p := newPlan(r.served.Apex, r.base)
	for _, e := range entries {
		if !p.accept(e) {
			break
		}
	}
	return p
}

// readAll reads names, and returns the messages that go on. Those that can't go on without,
// where reading doesn't work, are answered.
func (r *round) readAll(ctx context.Context, entries []*entry, names []string) []*entry {
	texts := make([]string, len(names))
	for i, n := range names {
		texts[i] = rdata.FormatName([]byte(n))
	}
	sets, err := r.client.RecordsOf(ctx, r.zone, texts)
	if err == nil {
		byName := map[string][]changes.RecordSet{}
		for i := range sets {
			name, parseErr := rdata.ParseName(*sets[i].Name)
			if parseErr == nil {
				byName[string(name)] = append(byName[string(name)], sets[i])
			}
		}
		for _, n := range names {
			r.read[n] = listedOwner(byName[n])
		}
		return entries
	}
	r.updater.log.Warn("updates can't be held against their zone", "zone", r.id, "error", err)
	need := map[string]bool{}
	for _, n := range names {
		need[n] = true
	}
	var left []*entry
	for _, e := range entries {
		if slices.ContainsFunc(e.names(), func(n string) bool { return need[n] }) {
			e.done(Result{ServFail, brief(err)})
		} else {
			left = append(left, e)
		}
	}
	return left
}

// send sends the batch of a plan. It returns the messages that have to be planned again,
// in groups.
func (r *round) send(ctx context.Context, p *plan, batch changes.Batch) [][]*entry {
	intent, err := r.updater.journal.intend(ctx, r.id, r.account, batch, p)
	if err != nil {
		r.updater.log.Error("updates can't be noted in the journal; they are not made", "error", err)
		answer(p.entries, Result{ServFail, "the journal can't be written"})
		return nil
	}
	id, err := r.submit(ctx, batch)
	var refused *changes.RefusedError
	switch {
	case err == nil:
		accepted := time.Now()
		r.updater.journal.accepted(intent, id, accepted)
		r.finishAs(ctx, p, batch, id, accepted, intent)
		return nil
	case errors.As(err, &refused):
		r.updater.journal.dropped(intent)
		return r.refused(ctx, p, batch, refused.Reasons)
	case isInvalidInput(err):
		r.updater.journal.dropped(intent)
		return r.refused(ctx, p, batch, []string{brief(err)})
	case errors.Is(err, changes.ErrUnknown):
		r.updater.unresolved(intent)
	default:
		r.updater.journal.dropped(intent)
	}
	r.updater.log.Error("updates were not accepted", "zone", r.id, "updates", len(p.entries), "error", err)
	answer(p.entries, Result{ServFail, brief(err)})
	return nil
}

// refused decides how a batch goes on that Route 53 refused, and returns the messages that
// have to be planned again, in groups. Names that are otherwise than we thought are read
// once, and all is planned again. Then whoever is at fault is told apart from the others,
// until it is alone.
func (r *round) refused(ctx context.Context, p *plan, batch changes.Batch, reasons []string) [][]*entry {
	otherwise, wrong := p.named(batch, reasons)
	if len(otherwise)+len(wrong) == 0 {
		for _, n := range p.names() { // nobody is named: everybody may be meant
			otherwise[n] = true
		}
	}
	var names []string
	for n := range otherwise {
		if !r.again[n] {
			names = append(names, n)
			r.again[n] = true
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		return [][]*entry{r.readAll(ctx, p.entries, names)}
	}
	guilty := p.guilty(batch, reasons)
	if len(guilty) > 0 {
		for e, reason := range guilty {
			e.done(routeSays(reason))
		}
		return [][]*entry{without(p.entries, func(e *entry) bool { return guilty[e] != "" })}
	}
	maps.Copy(wrong, otherwise)
	changing := without(p.entries, func(e *entry) bool { return !e.changes })
	if len(changing) <= 1 {
		result := routeSays(reasons[0])
		if len(otherwise) > 0 && isConflict(reasons[0]) {
			result.Rcode = ServFail // somebody else changes the same; it may be tried again
		}
		answer(changing, result)
		return [][]*entry{without(p.entries, func(e *entry) bool { return e.changes })}
	}
	first, second := apart(p.entries, wrong)
	return [][]*entry{first, second}
}

// routeSays is the result of a message that Route 53 refuses.
func routeSays(reason string) Result { return refuse("Route 53 says: %s", reason) }

// without returns the messages that aren't so, in their order.
func without(entries []*entry, so func(*entry) bool) []*entry {
	return slices.DeleteFunc(slices.Clone(entries), so)
}

// finishAs serves what a plan has changed, and answers its messages. intent is 0 of one that has
// nothing to send.
func (r *round) finishAs(
	ctx context.Context, p *plan, batch changes.Batch, id string, at time.Time, intent uint64,
) {
	c := accepted{change: id, at: at, intent: intent}
	if intent != 0 {
		c.by = byWhom(makers(p.entries))
	}
	r.updater.serve(r.id, r.account, p.amended(), c)
	good := without(p.entries, func(e *entry) bool { return !e.result.good() })
	err := r.updater.journal.confirm(ctx, intent, r.id, good)
	if err != nil {
		r.updater.log.Error("updates were accepted and can't be confirmed", "zone", r.id, "change", id, "error", err)
		for _, e := range good {
			e.result = Result{ServFail, "it was accepted, and not confirmed"}
		}
		if intent != 0 {
			r.updater.unresolved(intent)
		}
	}
	for _, e := range p.entries {
		if e.changes {
			r.updater.audit(r.served, e.message, id, at)
		}
		e.done(e.result)
	}
	// The names are as Route 53 took them: still as good as read.
	for name, o := range p.contents.now {
		_, read := r.read[name]
		if read {
			r.read[name] = o
		}
	}
	if len(batch) > 0 {
		r.updater.log.Debug("batch of updates accepted", "zone", r.id, "updates", len(p.entries), "changes", len(batch),
			"change", id)
	}
}

package update

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource/awscall"
	"inside53/zonesource/changes"
	"inside53/zonesource/rdata"
)

// hosted is one hosted zone with the messages that wait for it. A goroutine takes them
// together as they come.
type hosted struct {
	updater *Updater
	id      string
	account string

	mu      sync.Mutex
	waiting []*job
	wake    chan struct{}
}

// put adds a job.
func (h *hosted) put(j *job) {
	h.mu.Lock()
	h.waiting = append(h.waiting, j)
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default: // it is awake
	}
}

func (h *hosted) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.waiting)
}

// cut takes the jobs that are there, as many as are taken together.
func (h *hosted) cut() []*job {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := min(len(h.waiting), takenTogether)
	jobs := h.waiting[:n:n]
	h.waiting = h.waiting[n:]
	return jobs
}

// run handles jobs until ctx ends, and answers those that are left.
func (h *hosted) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			h.answerAll()
			return
		case <-h.wake:
		}
		for h.count() > 0 && ctx.Err() == nil {
			if h.count() < takenTogether {
				_ = awscall.Pause(ctx, h.updater.options.Window) // the jobs are answered all the same
			}
			c := h.updater.client(h.account)
			if c == nil {
				answer(h.cut(), Result{ServFail, "the account of the zone isn't configured any more"})
				continue
			}
			h.process(ctx, c, h.cut())
		}
	}
}

// answerAll answers what waits, at the end.
func (h *hosted) answerAll() {
	for jobs := h.cut(); len(jobs) > 0; jobs = h.cut() {
		answer(jobs, Result{ServFail, "the server ends"})
	}
}

func answer(jobs []*job, r Result) {
	for _, j := range jobs {
		j.done(r)
	}
}

// process answers all jobs, in as few batches as there can be.
func (h *hosted) process(ctx context.Context, c client, jobs []*job) {
	r := &round{hosted: h, client: c, read: map[string]*owner{}, again: map[string]bool{}}
	r.handle(ctx, jobs)
}

// round is the handling of jobs that were taken together.
type round struct {
	*hosted
	client client
	zone   changes.Zone
	served *zone.Zone
	read   map[string]*owner // names as Route 53 has them
	again  map[string]bool   // names that were read again after a conflict
	known  map[string]*owner // names as they are served
}

// handle answers all jobs.
func (r *round) handle(ctx context.Context, jobs []*job) {
	for len(jobs) > 0 {
		r.served = r.updater.served(r.id)
		if r.served == nil {
			answer(jobs, Result{ServFail, "the zone isn't there any more"})
			return
		}
		r.zone = changes.Zone{ID: r.id, Name: rdata.FormatName(r.served.Apex), Private: r.served.Origin == zone.Private}
		r.known = map[string]*owner{}
		p := r.plan(jobs)
		if len(p.unread) > 0 {
			jobs = r.readAll(ctx, jobs, p.unread)
			continue
		}
		rest := jobs[len(p.entries):]
		batch := p.batch()
		if len(batch) == 0 {
			r.finish(p, batch, "", time.Now())
			jobs = rest
			continue
		}
		if r.send(ctx, p, batch, jobs[:len(p.entries)]) {
			jobs = rest
		}
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

// plan takes jobs, from the first on, as long as they fit into one batch.
func (r *round) plan(jobs []*job) *plan {
	p := newPlan(r.served.Apex, r.base)
	for _, j := range jobs {
		if !p.take(j) {
			break
		}
	}
	return p
}

// readAll reads names, and returns the jobs that go on. Those that can't go on without,
// where reading doesn't work, are answered.
func (r *round) readAll(ctx context.Context, jobs []*job, names []string) []*job {
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
		return jobs
	}
	r.updater.log.Warn("updates can't be held against their zone", "zone", r.id, "error", err)
	need := map[string]bool{}
	for _, n := range names {
		need[n] = true
	}
	var left []*job
	for _, j := range jobs {
		if slices.ContainsFunc(j.names(), func(n string) bool { return need[n] }) {
			j.done(Result{ServFail, brief(err)})
		} else {
			left = append(left, j)
		}
	}
	return left
}

// send sends the batch of a plan, whose jobs are these. It returns false when they have
// to be planned again.
func (r *round) send(ctx context.Context, p *plan, batch changes.Batch, jobs []*job) bool {
	intent, err := r.updater.journal.intend(r.id, r.account, batch, p)
	if err != nil {
		r.updater.log.Error("updates can't be noted in the journal; they are not made", "error", err)
		answer(jobs, Result{ServFail, "the journal can't be written"})
		return true
	}
	id, err := r.client.Submit(ctx, r.zone, batch)
	var refused *changes.RefusedError
	switch {
	case err == nil:
		accepted := time.Now()
		r.updater.journal.accepted(intent, id, accepted)
		r.finishAs(p, batch, id, accepted, intent)
		return true
	case errors.As(err, &refused):
		r.updater.journal.dropped(intent)
		return r.refused(ctx, p, batch, jobs, refused.Reasons)
	case isInvalidInput(err):
		r.updater.journal.dropped(intent)
		return r.refused(ctx, p, batch, jobs, []string{brief(err)})
	case errors.Is(err, changes.ErrUnknown):
		r.updater.unresolved(intent)
	default:
		r.updater.journal.dropped(intent)
	}
	r.updater.log.Error("updates were not accepted", "zone", r.id, "updates", len(jobs), "error", err)
	answer(jobs, Result{ServFail, brief(err)})
	return true
}

// refused decides how a batch goes on that Route 53 refused. Names that are otherwise
// than we thought are read once, and all is planned again. Then whoever is to blame is
// told apart from the others, until it is alone.
func (r *round) refused(ctx context.Context, p *plan, batch changes.Batch, jobs []*job, reasons []string) bool {
	otherwise, wrong := p.blamed(batch, reasons)
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
		left := r.readAll(ctx, jobs, names)
		r.handle(ctx, left)
		return true
	}
	guilty := p.certain(batch, reasons)
	if len(guilty) > 0 {
		for j, reason := range guilty {
			j.done(routeSays(reason))
		}
		r.handle(ctx, without(jobs, func(j *job) bool { return guilty[j] != "" }))
		return true
	}
	maps.Copy(wrong, otherwise)
	var changing []*job
	for _, e := range p.entries {
		if e.changes {
			changing = append(changing, e.job)
		}
	}
	if len(changing) <= 1 {
		result := routeSays(reasons[0])
		if len(otherwise) > 0 && isConflict(reasons[0]) {
			result.Rcode = ServFail // somebody else changes the same; it may be tried again
		}
		answer(changing, result)
		r.handle(ctx, without(jobs, func(j *job) bool { return slices.Contains(changing, j) }))
		return true
	}
	first, second := apart(jobs, wrong)
	r.handle(ctx, first)
	r.handle(ctx, second)
	return true
}

// routeSays is the result of a message that Route 53 refuses.
func routeSays(reason string) Result { return refuse("Route 53 says: %s", reason) }

// without returns the jobs that aren't so, in their order.
func without(jobs []*job, so func(*job) bool) []*job {
	return slices.DeleteFunc(slices.Clone(jobs), so)
}

// finish answers the jobs of a plan that has nothing to send.
func (r *round) finish(p *plan, batch changes.Batch, id string, at time.Time) {
	r.finishAs(p, batch, id, at, 0)
}

// finishAs serves what a plan has changed, and answers its jobs.
func (r *round) finishAs(p *plan, batch changes.Batch, id string, at time.Time, intent uint64) {
	r.updater.serve(r.id, r.account, p.amended(), id, at, intent)
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
		r.updater.log.Debug("batch of updates accepted", "zone", r.id, "updates", len(p.entries), "changes", len(batch), "change", id)
	}
}

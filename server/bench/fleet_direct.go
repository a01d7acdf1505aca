//go:build linux

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"inside53/zonesource/awssim"
)

const (
	fleetEvents   = "events"       // the queue that events of changes go to
	fleetAccount  = "123456789012" // that of the demo data
	fleetRefresh  = 10 * time.Second
	fleetChangers = 2 // change records in AWS itself
	changedSlots  = 16
	// pollsOut is how long a process that is stopped may still be given a message: its question of the queue is open.
	pollsOut = 12 * time.Second
	// leaseLost is how long after a trouble a leader may still lose its lease by it.
	leaseLost = 12 * time.Second
)

// seenChange is one change that was made in AWS itself.
type seenChange struct{ Name, Value string }

// eventWay is how events come, and since when.
type eventWay struct {
	mu     sync.Mutex
	is     awssim.EventSwitch
	number int       // how often that was changed
	frozen time.Time // until then a process that is stopped may hold events
}

func (e *eventWay) get() (is awssim.EventSwitch, number int, frozen time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.is, e.number, e.frozen
}

// freeze notes that who leads is stopped for some time.
func (e *eventWay) freeze(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	until := time.Now().Add(d + pollsOut)
	if until.After(e.frozen) {
		e.frozen = until
	}
}

// openEvents has the events of changes go to a queue.
func (w *fleetWorld) openEvents() error {
	_, err := w.sim.CreateQueue("us-east-1", fleetEvents, nil)
	if err != nil {
		return err
	}
	return w.sim.SetEvents(awssim.EventSwitch{Queue: fleetEvents})
}

// eventsURL is the URL of the queue.
func (w *fleetWorld) eventsURL() string { return w.aws.URL + "/" + fleetAccount + "/" + fleetEvents }

// forged are messages of somebody who may write to the queue: no event, one that has a value of its own for a name that
// isn't changed, and one of a zone that isn't there. None is believed.
var forged = []string{
	"nonsense",
	`{"detail-type":"AWS API Call via CloudTrail","source":"aws.route53","account":"` + fleetAccount +
		`","region":"us-east-1","detail":{"eventSource":"route53.amazonaws.com","eventName":"ChangeResourceRecordSets",` +
		`"requestParameters":{"hostedZoneId":"` + fleetZoneID + `","changeBatch":{"changes":[{"action":"UPSERT",` +
		`"resourceRecordSet":{"name":"` + fleetName + `","type":"A","tTL":60,` +
		`"resourceRecords":[{"value":"10.66.6.6"}]}}]}}}}`,
	`{"detail-type":"AWS API Call via CloudTrail","source":"aws.route53","account":"` + fleetAccount +
		`","region":"us-east-1","detail":{"eventSource":"route53.amazonaws.com","eventName":"ChangeResourceRecordSets",` +
		`"requestParameters":{"hostedZoneId":"Z0000000000000NOWHERE","changeBatch":{"changes":[]}}}}`,
}

// switchEvents has events come late, not at all, twice and out of order, in turns with all being well, until ctx ends.
func (r *fleetRun) switchEvents(ctx context.Context) {
	for ctx.Err() == nil {
		e := awssim.EventSwitch{Queue: fleetEvents}
		what := "events: as they happen"
		switch r.random(6) {
		case 0:
			e.DelayMS, what = 100+r.random(2000), "events: late"
		case 1:
			e.Loss, what = 0.5, "events: half lost"
		case 2:
			e.Double, what = 0.5, "events: half twice"
		case 3:
			e.Reorder, what = 0.5, "events: half overtaken"
		case 4:
			e.DelayMS, e.Loss, e.Double, e.Reorder, what = r.random(1000), 0.3, 0.3, 0.3, "events: all of that"
		}
		r.note(what)
		r.events.mu.Lock()
		r.fail(r.sim.SetEvents(e))
		r.events.is = e
		r.events.number++
		r.events.mu.Unlock()
		r.fail(r.sim.Send(fleetEvents, forged[r.random(len(forged))]))
		r.note("events: forged")
		_ = sleep(ctx, r.between(2*time.Second, 6*time.Second)) // its end is that of the loop
	}
}

// change changes records in AWS itself until ctx ends, and has it judged whether members see that in time.
func (r *fleetRun) change(ctx context.Context, n int) {
	var late sync.WaitGroup
	defer late.Wait()
	for seq := 1; ctx.Err() == nil; seq++ {
		c := seenChange{fmt.Sprintf("d%d-%d.%s", n, seq%changedSlots, fleetZone),
			fmt.Sprintf("10.%d.%d.%d", 150+n, seq>>8, seq&255)}
		ttl := int64(60)
		_, number, _ := r.events.get()
		before := r.lead()
		_, err := r.sim.Change(fleetZoneID, awssim.Change{Action: "UPSERT", RecordSet: awssim.RecordSet{
			Name: c.Name, Type: "A", TTL: &ttl, ResourceRecords: []awssim.ResourceRecord{{Value: c.Value}}}})
		if err != nil {
			r.fail(err)
			return
		}
		r.mu.Lock()
		r.trace.Changes = append(r.trace.Changes, c)
		r.mu.Unlock()
		is, now, frozen := r.events.get()
		if s := r.all[r.random(len(r.all))]; now == number && before.server != nil {
			late.Go(func() { r.seen(ctx, s, before, c, seq, seenIn(is, time.Now().Before(frozen))) })
		}
		_ = sleep(ctx, r.between(50*time.Millisecond, 300*time.Millisecond)) // its end is that of the loop
	}
}

// seenIn is within which time a change in AWS is seen by all: as its event comes, or, where that may be lost or be with
// a process that is stopped, when its zone was listed.
func seenIn(e awssim.EventSwitch, frozen bool) time.Duration {
	const handling = 2*fleetPoll + 2*time.Second // until it is read and committed, and head was looked at
	if e.Loss > 0 || frozen {
		return fleetRefresh*3/2 + handling
	}
	return 2*time.Duration(e.DelayMS)*time.Millisecond + handling
}

// leads is who leads, as the store says.
type leads struct {
	server *fleetServer // nil: nobody is known
	epoch  uint64
	sets   int // how often the store was set back
}

// lead returns who leads.
func (r *fleetRun) lead() leads {
	r.fleetWorld.mu.Lock()
	defer r.fleetWorld.mu.Unlock()
	l := leads{sets: r.sets}
	if len(r.heads) == 0 {
		return l
	}
	last := r.heads[len(r.heads)-1]
	if last.Set || last.Version == 0 { // who begins a store doesn't lead yet
		return l
	}
	for _, s := range r.all {
		_, start := s.steady(time.Now())
		if s.name == last.By && start == last.Start { // else it has ended since
			l.server, l.epoch = s, last.Epoch
		}
	}
	return l
}

// seen looks whether a change in AWS is served by a member, where that, who leads and the store were well since.
func (r *fleetRun) seen(ctx context.Context, s *fleetServer, before leads, c seenChange, seq int,
	within time.Duration,
) {
	began := time.Now()
	if sleep(ctx, within) != nil {
		return
	}
	is, err := s.ask("udp", c.Name, lookUpWait)
	here, _ := s.steady(began)
	there, _ := before.server.steady(began.Add(-leaseLost))
	_, _, frozen := r.events.get()
	isQuick := within < fleetRefresh
	well := here && there && s.link.calm(began) && before.server.link.calm(began.Add(-leaseLost)) && r.lead() == before
	well = well && r.storeIs.calm(began.Add(-leaseLost))
	if err != nil || !well || isQuick && began.Before(frozen) {
		return
	}
	if isQuick {
		r.note("events: judged")
	} else {
		r.note("listings: judged")
	}
	if valueSeq(is) < seq {
		r.lose(s, fmt.Sprintf("%s is %q %s after it was made %s in AWS, while %s led", c.Name, is, within, c.Value,
			before.server.name))
	}
}

// follow asks a server for names that are changed in AWS until ctx ends: no value comes back.
func (r *fleetRun) follow(ctx context.Context, s *fleetServer) {
	type served struct{ start, seq int }
	last := map[string]served{}
	for ctx.Err() == nil {
		name := fmt.Sprintf("d%d-%d.%s", r.random(fleetChangers), r.random(changedSlots), fleetZone)
		_, start := s.steady(time.Now())
		is, err := s.ask("udp", name, lookUpWait)
		_, now := s.steady(time.Now())
		if err == nil && start == now {
			if before := last[name]; before.start == start && valueSeq(is) < before.seq {
				r.lose(s, fmt.Sprintf("%s is %q, after it was that of change %d", name, is, before.seq))
			}
			last[name] = served{start, valueSeq(is)}
		}
		_ = sleep(ctx, 50*time.Millisecond) // its end is that of the loop
	}
}

// lose notes a look-up without a right answer.
func (r *fleetRun) lose(s *fleetServer, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trace.Lookups = append(r.trace.Lookups, lostLookup{s.name, what, time.Since(r.began)})
}

package health

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// schedule begins each probe at its time: those of one check at its interval from a
// random start, so that all of them are spread in time. One that takes longer than its
// interval is followed by the next at once, and there is never more than one of a check.
type schedule struct {
	plan    func() map[string]definition
	replan  <-chan struct{} // the plan is another one
	try     func(context.Context, *definition) outcome
	record  func(*definition, outcome)
	limiter *rate.Limiter
	slots   chan struct{}
	tasks   map[string]*task
	queue   queue
}

// task is one check in the schedule.
type task struct {
	definition definition
	due        time.Time
	index      int // in the queue
	busy       atomic.Bool
}

func newSchedule(m *Monitor) *schedule {
	return (&schedule{plan: m.plan, replan: m.replan, try: m.prober.probe, record: m.record}).bounded(m.options.Probes)
}

// bounded gives a schedule its bound of probes, at a time and a second.
func (s *schedule) bounded(n int) *schedule {
	s.limiter, s.slots, s.tasks = rate.NewLimiter(rate.Limit(n), 1), make(chan struct{}, n), map[string]*task{}
	return s
}

// run probes until ctx ends, which is its error.
func (s *schedule) run(ctx context.Context) error {
	var probes sync.WaitGroup
	defer probes.Wait()
	s.follow(s.plan())
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(s.pause())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.replan:
			s.follow(s.plan())
			continue
		case <-timer.C:
		}
		t := s.next()
		if t == nil {
			continue
		}
		err := s.admit(ctx)
		if err != nil {
			return err
		}
		definition := t.definition // the plan may change while it runs
		probes.Go(func() { s.probe(ctx, t, definition) })
	}
}

// idle is how long the schedule waits when there is nothing in it.
const idle = time.Hour

func (s *schedule) pause() time.Duration {
	if len(s.queue) == 0 {
		return idle
	}
	return max(0, time.Until(s.queue[0].due))
}

// busyPause is how soon the schedule looks again for a probe that outlasts its interval.
const busyPause = 50 * time.Millisecond

// next returns the task that is due, and sets its next time; nil when there is none, or
// its last probe is still under way.
func (s *schedule) next() *task {
	if len(s.queue) == 0 || time.Until(s.queue[0].due) > 0 {
		return nil
	}
	t := s.queue[0]
	now := time.Now()
	free := t.busy.CompareAndSwap(false, true)
	switch {
	case !free:
		t.due = now.Add(busyPause)
	case now.Sub(t.due) > t.definition.Interval:
		t.due = now.Add(t.definition.Interval) // far behind: nothing is made up for
	default:
		t.due = t.due.Add(t.definition.Interval)
	}
	heap.Fix(&s.queue, 0)
	if !free {
		return nil
	}
	return t
}

// admit waits for a slot and for the rate.
func (s *schedule) admit(ctx context.Context) error {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.limiter.Wait(ctx)
}

func (s *schedule) probe(ctx context.Context, t *task, d definition) {
	o := s.try(ctx, &d)
	if ctx.Err() == nil {
		s.record(&d, o)
	}
	t.busy.Store(false)
	<-s.slots
}

// follow makes the schedule that of a new plan. What stays keeps its time.
func (s *schedule) follow(plan map[string]definition) {
	for id, t := range s.tasks {
		_, stays := plan[id]
		if !stays {
			heap.Remove(&s.queue, t.index)
			delete(s.tasks, id)
		}
	}
	for id, d := range plan {
		t := s.tasks[id]
		if t != nil && t.definition.endpoint == d.endpoint && t.definition.Interval == d.Interval {
			t.definition = d
			continue
		}
		if t == nil {
			t = &task{}
			s.tasks[id] = t
			heap.Push(&s.queue, t)
		}
		t.definition, t.due = d, time.Now().Add(rand.N(d.Interval))
		heap.Fix(&s.queue, t.index)
	}
}

// queue is a heap of tasks, the one that is due first on top.
type queue []*task

// Len implements heap.Interface.
func (q queue) Len() int { return len(q) }

// Less implements heap.Interface.
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }

// Swap implements heap.Interface.
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *queue) Push(x any) {
	t := x.(*task)
	t.index = len(*q)
	*q = append(*q, t)
}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return t
}

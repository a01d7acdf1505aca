package forward

import (
	"sync"
	"time"
)

const (
	tick   = 10 * time.Millisecond
	spokes = 1024 // ticks that can be told apart: later ones fire early and are set again
)

const _ = int16(spokes) // flights note their slot so

// wheel holds the deadlines of all flights: a timer each would cost an
// allocation and a heap operation a query. Times are since the forwarder's epoch.
type wheel struct {
	mu    sync.Mutex
	slots [spokes]*flight
	count int
	last  int64         // the last tick that was fired
	wake  chan struct{} // the wheel is no longer empty
}

// deadline is a flight's place in the wheel; guarded by wheel.mu.
type deadline struct {
	prev, next *flight
}

// set moves fl's deadline to at.
func (w *wheel) set(fl *flight, now, at time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(fl)
	if w.count == 0 {
		w.last = int64(now / tick)
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
	due := min(max(int64((at+tick-1)/tick), w.last+1), w.last+spokes-1)
	slot := int(due % spokes)
	d := &fl.deadline
	fl.slot, d.next = int16(slot+1), w.slots[slot]
	if d.next != nil {
		d.next.deadline.prev = fl
	}
	w.slots[slot] = fl
	w.count++
}

// stop takes fl out for good, and reports whether its deadline has ever come: who was told so may not be done with it.
func (w *wheel) stop(fl *flight) (fired bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(fl)
	return fl.fired
}

func (w *wheel) unlink(fl *flight) {
	d := &fl.deadline
	if fl.slot == 0 {
		return
	}
	if d.prev != nil {
		d.prev.deadline.next = d.next
	} else {
		w.slots[fl.slot-1] = d.next
	}
	if d.next != nil {
		d.next.deadline.prev = d.prev
	}
	fl.slot, *d = 0, deadline{}
	w.count--
}

// expired appends the flights whose deadlines have passed, and takes them out.
// It also reports whether any are left.
func (w *wheel) expired(due []*flight, now time.Duration) (_ []*flight, left bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	end := int64(now / tick)
	if end-w.last > spokes {
		w.last = end - spokes // every slot, once
	}
	for w.count > 0 && w.last < end {
		w.last++
		for fl := w.slots[w.last%spokes]; fl != nil; fl = w.slots[w.last%spokes] {
			w.unlink(fl)
			fl.fired = true
			due = append(due, fl)
		}
	}
	w.last = max(w.last, end)
	return due, w.count > 0
}

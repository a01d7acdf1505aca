package forward

import "sync"

// queue holds the flights whose waiters are to be told. It has no bound of its
// own, so that to finish a flight never waits; what is in it is bounded by
// Options.InFlight and Options.Waiters.
type queue struct {
	mu         sync.Mutex
	head, tail *flight
	wake       chan struct{} // a token for each worker that may be needed
}

func (q *queue) push(fl *flight) {
	q.mu.Lock()
	if q.tail == nil {
		q.head = fl
	} else {
		q.tail.next = fl
	}
	q.tail = fl
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// pop returns nil if there is none.
func (q *queue) pop() *flight {
	q.mu.Lock()
	defer q.mu.Unlock()
	fl := q.head
	if fl == nil {
		return nil
	}
	q.head, fl.next = fl.next, nil
	if q.head == nil {
		q.tail = nil
	}
	return fl
}

// opening is an attempt that needs a socket first.
type opening struct {
	fl *flight
	at attempt
}

// complete has the waiters of fl told, by the pool.
func (f *Forwarder) complete(fl *flight) { f.finished.push(fl) }

// work is one of the pool's workers.
func (f *Forwarder) work() {
	for {
		for fl := f.finished.pop(); fl != nil; fl = f.finished.pop() {
			f.notify(fl)
		}
		select {
		case <-f.finished.wake:
		case o := <-f.openings:
			f.open(o)
		case <-f.readersGone:
			// Nobody finishes flights any more, and the loop above has told all.
			fl := f.finished.pop()
			if fl == nil {
				return
			}
			f.notify(fl)
		}
	}
}

// notify calls the waiters of fl.
func (f *Forwarder) notify(fl *flight) {
	// Before the calls: one that asks again must find room.
	f.underWay.Add(-1)
	f.waiting.Add(-1 - int64(len(fl.more)))
	if fl.first.done != nil {
		fl.first.done(fl.message, fl.err)
	}
	for _, w := range fl.more {
		if w.done != nil {
			w.done(fl.message, fl.err)
		}
	}
}

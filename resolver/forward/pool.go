package forward

import "sync"

// completion is an outcome with those that are to be told.
type completion struct {
	message *Message
	err     error
	waiters *waiter // linked by next
	count   int
	next    *completion
}

// completed is what w is told, where it needn't wait.
func (w waiter) completed(m *Message, err error) *completion {
	return &completion{message: m, err: err, waiters: &w, count: 1}
}

// queue holds what is to be told. It has no bound of its own, so that to finish a flight
// never waits; what is in it is bounded by Options.Waiters, beyond which Ask adds nothing.
type queue struct {
	mu         sync.Mutex
	head, tail *completion
	wake       chan struct{} // a token for each worker that may be needed
}

func (q *queue) push(c *completion) {
	q.mu.Lock()
	if q.tail == nil {
		q.head = c
	} else {
		q.tail.next = c
	}
	q.tail = c
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// pop returns nil if there is none.
func (q *queue) pop() *completion {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.head
	if c == nil {
		return nil
	}
	q.head, c.next = c.next, nil
	if q.head == nil {
		q.tail = nil
	}
	return c
}

// opening is an attempt that needs a socket first.
type opening struct {
	fl *flight
	at attempt
}

// complete has those of c told, by the pool.
func (f *Forwarder) complete(c *completion) {
	if c.count > 0 {
		f.completing.Add(int64(c.count))
		f.finished.push(c)
	}
}

// atOnce is how many waiters a reader tells by itself: waking a worker of the pool costs as much as it does.
const atOnce = 4

// answer has those of c told by the reader of the reply where they are few, else by the pool. A connection has one
// reader for all its replies, which others would wait for. It reports whether they have been told.
func (f *Forwarder) answer(c *completion, stream bool) bool {
	if stream || c.count > atOnce {
		f.complete(c)
		return false
	}
	c.call()
	return true
}

// work is one of the pool's workers.
func (f *Forwarder) work() {
	for {
		for c := f.finished.pop(); c != nil; c = f.finished.pop() {
			f.notify(c)
		}
		select {
		case <-f.finished.wake:
		case o := <-f.openings:
			f.open(o)
		case <-f.readersGone:
			// Nobody finishes flights any more, and the loop above has told all.
			c := f.finished.pop()
			if c == nil {
				return
			}
			f.notify(c)
		}
	}
}

// notify calls those of c, which complete has counted.
func (f *Forwarder) notify(c *completion) {
	f.completing.Add(-int64(c.count)) // before the calls: one that asks again must find room
	c.call()
}

// call calls those of c.
func (c *completion) call() {
	for w := c.waiters; w != nil; w = w.next {
		if w.done != nil {
			w.done(c.message, c.err)
		}
	}
}

package share

import (
	"container/list"
	"context"
	"net/netip"
	"sync"
)

// Bounds are those of a [Queue]. What is in it takes a place for each Size octets begun.
type Bounds struct {
	Places    int // of all
	PerClient int // of them, of one client
	Size      int // octets of a place; 0: each item takes one
	AtOnce    int // items of one client in work at a time; 0 has no bound
}

// Queue holds what clients have sent, until it is done: it waits, oldest first, and then is
// in work. Only what waits can lose its place. Safe for concurrent use.
type Queue[T any] struct {
	bounds Bounds
	// ready has a token at least for each item that may be worked on.
	ready chan struct{}

	mu      sync.Mutex
	waiting list.List // of *Item[T], oldest first
	places  int       // taken by all
	clients map[netip.Addr]*account
	holders ranks // of whom something waits, by places
}

// account is what one client has in a queue.
type account struct {
	waiting list.List // of *Item[T], oldest first
	places  int
	atWork  int
}

// Item is one thing in a queue.
type Item[T any] struct {
	Value T

	queue          *Queue[T]
	client         netip.Addr
	places         int
	ofAll, ofOwner *list.Element // while it waits
	atWork         bool
}

// NewQueue returns an empty queue.
func NewQueue[T any](b Bounds) *Queue[T] {
	return &Queue[T]{bounds: b, ready: make(chan struct{}, b.Places), clients: map[netip.Addr]*account{}}
}

// Push has value, of so many octets, wait for its turn. It returns those that have to go for
// it: of the same client where its share is used up, of whoever holds most where all is. The
// value itself is among them where nothing else can go.
func (q *Queue[T]) Push(addr netip.Addr, octets int, value T) (gone []T) {
	item := &Item[T]{Value: value, queue: q, client: ClientOf(addr), places: 1}
	if q.bounds.Size > 0 {
		item.places = max(1, (octets+q.bounds.Size-1)/q.bounds.Size)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	own := q.clients[item.client]
	if own == nil {
		own = &account{}
		q.clients[item.client] = own
	}
	item.ofAll, item.ofOwner = q.waiting.PushBack(item), own.waiting.PushBack(item)
	q.charge(own, item, item.places)
	for own.places > q.bounds.PerClient && own.waiting.Len() > 0 {
		gone = append(gone, q.evict(own))
	}
	for q.places > q.bounds.Places && q.waiting.Len() > 0 {
		for most := range q.holders.top() {
			gone = append(gone, q.evict(q.clients[most]))
			break
		}
	}
	q.wake()
	return gone
}

// wake lets a worker look. As many tokens as there are places are enough for all that waits.
func (q *Queue[T]) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// charge notes that an item takes more places, or gives some back.
func (q *Queue[T]) charge(own *account, item *Item[T], places int) {
	before := own.places
	own.places += places
	q.places += places
	q.rank(own, item.client, before)
	if own.places == 0 {
		delete(q.clients, item.client)
	}
}

// rank has a client stand where it belongs, which stood at before if it did.
func (q *Queue[T]) rank(own *account, client netip.Addr, before int) {
	if own.waiting.Len() == 0 {
		q.holders.move(client, before, 0) // nothing of it can go
		return
	}
	q.holders.move(client, before, own.places)
}

// leave has an item wait no more.
func (q *Queue[T]) leave(own *account, item *Item[T]) {
	q.waiting.Remove(item.ofAll)
	own.waiting.Remove(item.ofOwner)
	item.ofAll, item.ofOwner = nil, nil
}

// evict has the oldest go of a client of which something waits.
func (q *Queue[T]) evict(own *account) T {
	item := own.waiting.Front().Value.(*Item[T])
	q.leave(own, item)
	q.charge(own, item, -item.places)
	return item.Value
}

// Pop waits for the next item, which is in work until it is Done. It returns nil when ctx has
// ended.
func (q *Queue[T]) Pop(ctx context.Context) *Item[T] {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-q.ready:
			item := q.next()
			if item != nil {
				return item
			}
		}
	}
	return nil
}

// next returns the oldest item that may be worked on, nil if there is none.
func (q *Queue[T]) next() *Item[T] {
	q.mu.Lock()
	defer q.mu.Unlock()
	for e := q.waiting.Front(); e != nil; e = e.Next() {
		item := e.Value.(*Item[T])
		own := q.clients[item.client]
		if q.bounds.AtOnce > 0 && own.atWork >= q.bounds.AtOnce {
			continue
		}
		q.leave(own, item)
		q.rank(own, item.client, own.places)
		own.atWork++
		item.atWork = true
		return item
	}
	return nil
}

// Done gives back the places of an item that was in work. It does nothing the second time.
func (i *Item[T]) Done() {
	q := i.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if !i.atWork {
		return
	}
	i.atWork = false
	own := q.clients[i.client]
	own.atWork--
	q.charge(own, i, -i.places)
	if own.waiting.Len() > 0 {
		q.wake() // what was held back may be worked on
	}
}

// Clear takes out all that waits, when nobody works any more.
func (q *Queue[T]) Clear() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	var left []T
	for q.waiting.Len() > 0 {
		item := q.waiting.Front().Value.(*Item[T])
		left = append(left, q.evict(q.clients[item.client]))
	}
	return left
}

// Len returns how many places are taken.
func (q *Queue[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.places
}

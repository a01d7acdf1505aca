package share

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// addr returns the address of the n-th client.
func addr(n int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}) }

func TestQueueShare(t *testing.T) {
	q := NewQueue[string](Bounds{Places: 6, PerClient: 4, Size: 100})
	steps := []struct {
		client, octets int
		value          string
		gone           []string
	}{
		{1, 10, "a1", nil},
		{1, 100, "a2", nil},
		{1, 101, "a3", nil},                   // two places
		{1, 0, "a4", []string{"a1"}},          // its share: its own oldest goes
		{2, 200, "b1", nil},                   // all is used up
		{3, 1, "c1", []string{"a2"}},          // the first holds most
		{3, 1, "c2", []string{"a3"}},          // and still does
		{2, 1000, "b2", []string{"b1", "b2"}}, // there is never room for it
	}
	for _, s := range steps {
		diff := cmp.Diff(s.gone, q.Push(addr(s.client), s.octets, s.value))
		if diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.value, diff)
		}
	}
	ctx := t.Context()
	for _, want := range []string{"a4", "c1", "c2"} {
		got := q.Pop(ctx)
		if got.Value != want {
			t.Errorf("popped %s, want %s", got.Value, want)
		}
		defer got.Done()
	}
}

// TestQueueWorkKeepsItsPlace: what is in work counts until it is done, and can't lose its place.
func TestQueueWorkKeepsItsPlace(t *testing.T) {
	q := NewQueue[int](Bounds{Places: 3, PerClient: 2})
	q.Push(addr(1), 0, 1)
	q.Push(addr(1), 0, 2)
	one, two := q.Pop(t.Context()), q.Pop(t.Context())
	gone := q.Push(addr(1), 0, 3)
	if len(gone) != 1 || gone[0] != 3 {
		t.Errorf("gone is %v, want what came, as the others are in work", gone)
	}
	one.Done()
	one.Done()
	gone = q.Push(addr(1), 0, 4)
	if len(gone) != 0 || q.Len() != 2 {
		t.Errorf("gone is %v, %d places are taken", gone, q.Len())
	}
	two.Done()
	left := q.Clear()
	if diff := cmp.Diff([]int{4}, left); diff != "" || q.Len() != 0 || len(q.clients) != 0 {
		t.Errorf("left %v, %d places, clients %v", left, q.Len(), q.clients)
	}
}

// TestQueueAtOnce: a client that keeps workers busy doesn't keep them from others.
func TestQueueAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue[int](Bounds{Places: 10, PerClient: 5, AtOnce: 1})
		q.Push(addr(1), 0, 1)
		q.Push(addr(1), 0, 2)
		q.Push(addr(2), 0, 3)
		one, three := q.Pop(t.Context()), q.Pop(t.Context())
		if one.Value != 1 || three.Value != 3 {
			t.Fatalf("popped %d, %d", one.Value, three.Value)
		}
		got := make(chan *Item[int])
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			got <- q.Pop(ctx)
			got <- q.Pop(ctx)
		}()
		synctest.Wait()
		select {
		case item := <-got:
			t.Fatalf("popped %d beside another of its client", item.Value)
		default:
		}
		one.Done()
		if item := <-got; item.Value != 2 {
			t.Errorf("popped %d", item.Value)
		}
		cancel()
		if item := <-got; item != nil {
			t.Errorf("popped %d after the end", item.Value)
		}
	})
}

// TestQueueModel compares with a plain model of the same rules.
func TestQueueModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	b := Bounds{Places: 40, PerClient: 15, Size: 10, AtOnce: 3}
	q := NewQueue[int](b)
	var atWork []*Item[int]
	in := map[int]bool{}
	for n := range 20_000 {
		switch r.IntN(3) {
		case 0, 1:
			in[n] = true
			for _, g := range q.Push(addr(r.IntN(5)), r.IntN(60), n) {
				if !in[g] {
					t.Fatalf("%d has gone, and isn't in the queue", g)
				}
				delete(in, g)
			}
		case 2:
			if item := q.next(); item != nil {
				atWork = append(atWork, item)
			}
			if len(atWork) > 6 {
				i := r.IntN(len(atWork))
				delete(in, atWork[i].Value)
				atWork[i].Done()
				atWork[i] = atWork[len(atWork)-1]
				atWork = atWork[:len(atWork)-1]
			}
		}
		checkQueue(t, q, len(in)-len(atWork))
	}
}

// checkQueue checks that what a queue counts is what is in it.
func checkQueue(t *testing.T, q *Queue[int], waiting int) {
	t.Helper()
	places, ranked, held := 0, 0, 0
	for client, own := range q.clients {
		places += own.places
		held += own.waiting.Len()
		if own.places > q.bounds.PerClient || own.atWork > q.bounds.AtOnce {
			t.Fatalf("%s has %d places, %d in work", client, own.places, own.atWork)
		}
		if own.waiting.Len() > 0 {
			ranked++
			if _, ok := q.holders[own.places][client]; !ok {
				t.Fatalf("%s with %d places isn't where it belongs", client, own.places)
			}
		}
	}
	for _, clients := range q.holders {
		ranked -= len(clients)
	}
	if places != q.places || places > q.bounds.Places || held != waiting || q.waiting.Len() != waiting || ranked != 0 {
		t.Fatalf("%d places of %d, %d waiting of %d and %d, %d wrongly ranked",
			places, q.places, held, q.waiting.Len(), waiting, ranked)
	}
}

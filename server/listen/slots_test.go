package listen

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestSlots has many want what few may have: never more at a time, and each gets it.
func TestSlots(t *testing.T) {
	const bound, clients, each = 3, 40, 500
	s := newSlots(bound)
	var now, most, served atomic.Int64
	var running sync.WaitGroup
	for range clients {
		running.Go(func() {
			for range each {
				s.acquire()
				if n := now.Add(1); n > most.Load() {
					most.Store(n)
				}
				runtime.Gosched()
				now.Add(-1)
				served.Add(1)
				s.release()
			}
		})
	}
	running.Wait()
	if most.Load() > bound || served.Load() != clients*each || s.used.Load() != 0 {
		t.Errorf("%d at a time, %d served, %d out", most.Load(), served.Load(), s.used.Load())
	}
}

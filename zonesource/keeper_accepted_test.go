package zonesource

import (
	"sync/atomic"
	"testing"
	"time"

	"inside53/resolver/zone"
)

// TestHandOn: what is kept is seen before it is handed on, which HandOn waits for.
func TestHandOn(t *testing.T) {
	var holds atomic.Bool
	publishing, goOn := make(chan struct{}, 1), make(chan struct{})
	var accepted atomic.Int32
	k, err := NewKeeper(Options{
		Config: Config{Expected: []Key{{Source: "route53", Name: "catalog/"}}},
		Publish: func(*zone.Snapshot) {
			if holds.Load() {
				publishing <- struct{}{}
				<-goOn
			}
		},
		Accepted: func(all []Accepted) { accepted.Add(int32(len(all))) },
	})
	if err == nil {
		err = k.Load()
	}
	if err != nil {
		t.Fatal(err)
	}
	holds.Store(true)
	k.inbox.put(adoptedCatalog("a").Part)
	go k.drain(true)
	<-publishing
	if len(k.Served()) != 1 || accepted.Load() != 0 {
		t.Fatalf("%d parts are kept, %d handed on", len(k.Served()), accepted.Load())
	}
	handed := make(chan int32)
	go func() {
		k.HandOn()
		handed <- accepted.Load()
	}()
	select {
	case n := <-handed:
		t.Errorf("it returns with %d handed on", n)
		return
	case <-time.After(20 * time.Millisecond):
	}
	holds.Store(false)
	close(goOn)
	if n := <-handed; n == 0 {
		t.Error("it returns with nothing handed on")
	}
}

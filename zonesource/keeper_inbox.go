package zonesource

import "sync"

// inbox gathers delivered parts until the keeper takes them: of each key the last
// good part and the last failure after it, so that it can't grow without end.
type inbox struct {
	wake  chan struct{}
	mu    sync.Mutex
	order []Key
	slots map[Key]*slot
}

type slot struct{ good, failed *Part }

func newInbox() *inbox {
	return &inbox{wake: make(chan struct{}, 1), slots: map[Key]*slot{}}
}

// put is the deliver function of sources.
func (b *inbox) put(p Part) {
	b.mu.Lock()
	at := b.slots[p.Key]
	if at == nil {
		at = &slot{}
		b.slots[p.Key] = at
		b.order = append(b.order, p.Key)
	}
	if p.Err != nil {
		at.failed = &p
	} else {
		at.good, at.failed = &p, nil
	}
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default: // it is awake
	}
}

// drain returns what is there in the order in which the keys came.
func (b *inbox) drain() []Part {
	b.mu.Lock()
	order, slots := b.order, b.slots
	b.order, b.slots = nil, map[Key]*slot{}
	b.mu.Unlock()
	var parts []Part
	for _, key := range order {
		at := slots[key]
		if at.good != nil {
			parts = append(parts, *at.good)
		}
		if at.failed != nil {
			parts = append(parts, *at.failed)
		}
	}
	return parts
}

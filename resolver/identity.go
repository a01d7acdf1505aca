package resolver

import (
	"sync"
	"sync/atomic"
	"time"
)

// identityFor is how long a word about who we are counts: what it is made of may wait for
// others, and costs garbage, while anybody may ask in each query.
const identityFor = 250 * time.Millisecond

// identity knows who the server is, as it was a moment ago.
type identity struct {
	ask   func() string
	now   func() time.Time
	asks  sync.Mutex   // held by the one who asks: the others take what was known
	until atomic.Int64 // when the word is to be asked for again, Unix nanoseconds
	text  atomic.Pointer[string]
}

// is returns who the server is; "" for nobody, or while nobody has said it yet. It never blocks.
func (i *identity) is() string {
	now := i.now()
	if now.UnixNano() >= i.until.Load() && i.asks.TryLock() {
		text := i.ask()
		i.text.Store(&text)
		i.until.Store(now.Add(identityFor).UnixNano())
		i.asks.Unlock()
	}
	text := i.text.Load()
	if text == nil {
		return ""
	}
	return *text
}

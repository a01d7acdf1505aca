package listen

import (
	"slices"
	"sync"
	"sync/atomic"
)

// memory bounds what connections hold for clients that don't keep up, all together: answers
// that they don't read, and queries that don't end.
type memory struct {
	limit     int64
	held      atomic.Int64
	relieving sync.Mutex
	listeners []*tcpListener
}

// charge notes how large a buffer the connection is about to read into, beside its own small
// one; false when it has to end instead. Buffers are charged before they are there and one
// after another, so that many at a time exceed the limit by one.
func (c *tcpConn) charge(reading int) bool {
	m := c.t.memory
	m.relieving.Lock()
	defer m.relieving.Unlock()
	c.mu.Lock()
	c.reading = reading
	over, closed := c.count(), c.closed
	c.mu.Unlock()
	if !over {
		return !closed
	}
	m.relieveLocked()
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closed
}

// discharge notes that the connection reads into its own small buffer again.
func (c *tcpConn) discharge() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = 0
	c.count()
}

// count counts the buffers of the connection anew, with mu held, and reports whether those of
// all are too many. Whoever gets true calls relieve, without mu.
func (c *tcpConn) count() (over bool) {
	n := 0
	if !c.closed {
		n = cap(c.pending) + c.room + c.reading
	}
	was := c.held.Swap(int64(n))
	return c.t.memory.held.Add(int64(n)-was) > c.t.memory.limit
}

// slowness is a connection, and since when it has made no progress.
type slowness struct {
	conn  *tcpConn
	since int64
}

// relieve ends connections until an eighth of the limit is free: first those whose clients
// have let a write wait, or a query stand, for longest.
func (m *memory) relieve() {
	m.relieving.Lock()
	defer m.relieving.Unlock()
	m.relieveLocked()
}

// relieveLocked is relieve with m.relieving held.
func (m *memory) relieveLocked() {
	target := m.limit - m.limit/8
	if m.held.Load() <= m.limit {
		return // somebody else has
	}
	var all []slowness
	for _, t := range m.listeners {
		all = t.appendSlow(all)
	}
	slices.SortFunc(all, func(a, b slowness) int { return int(a.since - b.since) })
	for _, s := range all {
		if m.held.Load() <= target {
			return
		}
		s.conn.t.refused[RefusedMemory].Add(1)
		s.conn.abort()
	}
}

// appendSlow appends the connections that hold anything.
func (t *tcpListener) appendSlow(to []slowness) []slowness {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conns {
		if c.held.Load() == 0 {
			continue
		}
		since := c.stuck.Load()
		if since == 0 {
			since = c.used.Load()
		}
		to = append(to, slowness{c, since})
	}
	return to
}

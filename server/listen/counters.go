package listen

import (
	"net/netip"
	"sync/atomic"
	"time"

	"inside53/resolver"
	"inside53/resolver/latency"
)

// cacheLine keeps the counters of two loops from sharing a line. 128 bytes, since
// processors fetch lines in pairs.
const cacheLine = 128

// counters is what one packet loop, or one TCP listener, has done. Each loop has its
// own, written by its goroutine and, for late answers, by the resolver's pool.
type counters struct {
	_             [cacheLine]byte
	results       [resolver.Results]atomic.Uint64
	latency       [resolver.Results]latency.Histogram
	receiveErrors atomic.Uint64
	sendErrors    atomic.Uint64
	truncated     atomic.Uint64
	_             [cacheLine]byte
}

// tally collects results of one batch, so that the shared counters are touched once
// a batch and result.
type tally [resolver.Results]uint32

// add counts one result.
func (t *tally) add(r resolver.Result) {
	if r != resolver.Uncounted {
		t[r]++
	}
}

// count counts one result.
func (c *counters) count(r resolver.Result) {
	if r != resolver.Uncounted {
		c.results[r].Add(1)
	}
}

// addTo adds t to c and empties t.
func (t *tally) addTo(c *counters) {
	for r, n := range t {
		if n != 0 {
			c.results[r].Add(uint64(n))
			t[r] = 0
		}
	}
}

// addTimed is addTo of answers that took so long: the packets of a batch come and go together.
func (t *tally) addTimed(c *counters, took time.Duration) {
	for r, n := range t {
		if n != 0 && resolver.Result(r) != resolver.Dropped {
			c.latency[r].Observe(took, uint64(n))
		}
	}
	t.addTo(c)
}

// lostTo counts t as answers that could not be sent, and empties t.
func (t *tally) lostTo(c *counters) {
	for r, n := range t {
		c.sendErrors.Add(uint64(n))
		t[r] = 0
	}
}

// Stats is a reading of all counters. They only grow, except Open.
type Stats struct {
	// Queries counts what became of each query, when its answer had been written.
	// The server's own probes are not among them.
	Queries [resolver.Transports][resolver.Results]uint64
	// Latency is the time from reading a query to having written its answer, but for those that
	// waited for an upstream, see [resolver.Counts], or for their client.
	Latency [resolver.Transports][resolver.Results]latency.Counts
	UDP     []UDPStats
	TCP     []TCPStats
}

// UDPStats is a reading of one packet loop.
type UDPStats struct {
	Address netip.AddrPort
	Loop    int // from 0, within the address
	// KernelDrops counts packets that the kernel dropped because the receive buffer
	// was full. Zero where the system does not tell.
	KernelDrops uint64
	// Truncated counts packets dropped because they were larger than any query may be.
	Truncated     uint64
	ReceiveErrors uint64
	// SendErrors counts answers that the kernel refused to send.
	SendErrors uint64
	// ReceiveBuffer is the size in bytes that the kernel gave; 0 where it does not tell.
	ReceiveBuffer int
	// Suspended is the number of queries that wait for an upstream now.
	Suspended int64
}

// TCPStats is a reading of one TCP listener.
type TCPStats struct {
	Address  netip.AddrPort
	Open     int64 // connections open now
	Accepted uint64
	// Refused counts connections that were closed at once, or made room for others.
	Refused      [Refusals]uint64
	AcceptErrors uint64
	// SlowClosed counts connections closed because the client did not read its answers.
	SlowClosed uint64
	// SendErrors counts answers that had no connection any more to go to.
	SendErrors uint64
}

// Stats reads all counters. Safe for concurrent use; counters of one reading may be
// some queries apart from each other.
func (s *Server) Stats() Stats {
	var st Stats
	for _, g := range s.udp {
		for _, l := range g.loops {
			l.counters.sum(&st, resolver.UDP)
			st.UDP = append(st.UDP, UDPStats{
				Address:       g.addr,
				Loop:          l.index,
				KernelDrops:   l.kernelDrops(),
				Truncated:     l.counters.truncated.Load(),
				ReceiveErrors: l.counters.receiveErrors.Load(),
				SendErrors:    l.counters.sendErrors.Load(),
				ReceiveBuffer: l.receiveBuffer,
				Suspended:     l.waiting.Load(),
			})
		}
	}
	for _, t := range s.tcp {
		t.counters.sum(&st, resolver.TCP)
		var refused [Refusals]uint64
		for why := range refused {
			refused[why] = t.refused[why].Load()
		}
		st.TCP = append(st.TCP, TCPStats{
			Address:      t.addr,
			Open:         t.open.Load(),
			Accepted:     t.accepted.Load(),
			Refused:      refused,
			AcceptErrors: t.acceptErrors.Load(),
			SlowClosed:   t.slowClosed.Load(),
			SendErrors:   t.counters.sendErrors.Load(),
		})
	}
	return st
}

func (c *counters) sum(into *Stats, t resolver.Transport) {
	for r := range c.results {
		into.Queries[t][r] += c.results[r].Load()
		into.Latency[t][r].Add(&c.latency[r])
	}
}

package latency

import (
	"sync/atomic"
	"time"
)

// Buckets is how many buckets there are: one for each of Bounds, and one for all above.
const Buckets = len(bounds) + 1

// bounds are those of the buckets, each inclusive: from a packet that is answered from memory to
// a client that has given up.
var bounds = [...]time.Duration{
	50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	100 * time.Millisecond, 500 * time.Millisecond, time.Second, 5 * time.Second,
}

// Bounds returns the upper bounds of the buckets but the last.
func Bounds() []time.Duration { return bounds[:] }

// Histogram counts. It is safe for concurrent use, and allocates nothing. The zero value is
// ready.
type Histogram struct {
	buckets [Buckets]atomic.Uint64
	sum     atomic.Int64 // nanoseconds
}

// Observe counts n that took d each. One that took less than nothing, as far as a clock tells,
// took no time.
func (h *Histogram) Observe(d time.Duration, n uint64) {
	d = max(d, 0)
	h.buckets[bucket(d)].Add(n)
	h.sum.Add(int64(d) * int64(n))
}

func bucket(d time.Duration) int {
	for i, b := range bounds {
		if d <= b {
			return i
		}
	}
	return len(bounds)
}

// Counts is a reading of histograms, added up.
type Counts struct {
	Buckets [Buckets]uint64
	Sum     time.Duration
}

// Add adds what h has counted.
func (c *Counts) Add(h *Histogram) {
	for i := range h.buckets {
		c.Buckets[i] += h.buckets[i].Load()
	}
	c.Sum += time.Duration(h.sum.Load())
}

// Merge adds another reading.
func (c *Counts) Merge(o *Counts) {
	for i, n := range o.Buckets {
		c.Buckets[i] += n
	}
	c.Sum += o.Sum
}

// Total is how many were counted.
func (c *Counts) Total() uint64 {
	var n uint64
	for _, k := range c.Buckets {
		n += k
	}
	return n
}

// Quantile is the duration that a share q of what was counted took at most, by interpolation
// within its bucket; 0 where nothing was counted. What is in the last bucket counts as its lower
// bound.
func (c *Counts) Quantile(q float64) time.Duration {
	rank, below := q*float64(c.Total()), 0.0
	if rank == 0 {
		return 0
	}
	low := time.Duration(0)
	for i, high := range bounds {
		n := float64(c.Buckets[i])
		if n > 0 && below+n >= rank {
			return low + time.Duration(float64(high-low)*(rank-below)/n)
		}
		below += n
		low = high
	}
	return low
}

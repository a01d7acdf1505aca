//go:build linux

package load

import (
	"math/bits"
	"time"
)

// subBuckets is how many buckets a power of two has: a bucket is 3 % wide or less.
const subBuckets = 32

// latencies counts durations by their size, in constant room.
type latencies struct {
	buckets [64 * subBuckets]uint64
	total   uint64
}

func (l *latencies) add(d time.Duration) {
	l.buckets[bucketOf(uint64(max(d, 0)))]++
	l.total++
}

func bucketOf(v uint64) int {
	if v < subBuckets {
		return int(v)
	}
	shift := bits.Len64(v) - 6 // subBuckets is 1<<5: one bit leads, five follow
	return (shift+1)*subBuckets + int(v>>shift) - subBuckets
}

// lowerBound is the least value of a bucket.
func lowerBound(bucket int) uint64 {
	if bucket < subBuckets {
		return uint64(bucket)
	}
	shift := bucket/subBuckets - 1
	return uint64(bucket%subBuckets+subBuckets) << shift
}

// quantile returns the duration that the share q of all is not above, to 3 %.
func (l *latencies) quantile(q float64) time.Duration {
	rank, seen := uint64(q*float64(l.total)), uint64(0)
	for i, n := range l.buckets {
		seen += n
		if n > 0 && seen > rank {
			return time.Duration(lowerBound(i))
		}
	}
	return 0
}

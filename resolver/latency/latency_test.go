package latency

import (
	"testing"
	"time"

	"inside53/server/house"
)

func TestImports(t *testing.T) { house.Imports(t) }

func TestHistogram(t *testing.T) {
	var one, two Histogram
	for i, b := range Bounds() {
		one.Observe(b, 1)
		two.Observe(b+1, 2)
		if bucket(b) != i || bucket(b+1) != i+1 {
			t.Errorf("%s is in bucket %d, and a nanosecond more in %d; want %d and %d", b, bucket(b), bucket(b+1), i, i+1)
		}
	}
	one.Observe(-time.Second, 5)
	var sum, all Counts
	sum.Add(&one)
	all.Add(&two)
	all.Merge(&sum)
	bounds := uint64(len(Bounds()))
	if all.Buckets[0] != 6 || all.Buckets[1] != 3 || all.Buckets[bounds] != 2 || all.Total() != 3*bounds+5 {
		t.Errorf("counted %+v", all)
	}
	want := time.Duration(2 * bounds)
	for _, b := range Bounds() {
		want += 3 * b
	}
	if all.Sum != want {
		t.Errorf("the sum is %s, want %s", all.Sum, want)
	}
}

func TestObserveAllocatesNothing(t *testing.T) {
	var h Histogram
	n := testing.AllocsPerRun(100, func() { h.Observe(time.Millisecond, 1) })
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestQuantile(t *testing.T) {
	var none, some Counts
	some.Buckets[2], some.Buckets[4], some.Buckets[Buckets-1] = 90, 9, 1
	for _, tt := range []struct {
		counts Counts
		q      float64
		want   time.Duration
	}{
		{none, 0.5, 0}, {some, 0, 0}, {some, 0.45, 175 * time.Microsecond}, {some, 0.9, 250 * time.Microsecond},
		{some, 0.99, time.Millisecond}, {some, 1, 5 * time.Second},
	} {
		if got := tt.counts.Quantile(tt.q); got != tt.want {
			t.Errorf("%v of %v: %s, want %s", tt.q, tt.counts.Buckets, got, tt.want)
		}
	}
}

package breath

import (
	"slices"
	"time"
)

// How long work is gone on with: a stretch is about half a millisecond.
const (
	stretch     = 512  // records
	comparisons = 8192 // of a sort
	rest        = 100 * time.Microsecond
)

// Pace leaves the processor to others after each stretch of records. The zero value begins a stretch.
type Pace struct{ records int }

// Step counts a record, and rests after a stretch of them.
func (p *Pace) Step() {
	p.records++
	if p.records%stretch == 0 {
		Take()
	}
}

// Take leaves the processor to others for a moment.
func Take() { time.Sleep(rest) }

// SortFunc sorts as slices.SortFunc does, and leaves the processor to others after each stretch of comparisons.
func SortFunc[S ~[]E, E any](all S, compare func(a, b E) int) {
	compared := 0
	slices.SortFunc(all, func(a, b E) int {
		compared++
		if compared%comparisons == 0 {
			Take()
		}
		return compare(a, b)
	})
}

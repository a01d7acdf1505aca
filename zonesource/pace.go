package zonesource

import "time"

// How long work is gone on with: a stretch of records is about half a millisecond.
const (
	stretch = 512
	breath  = 100 * time.Microsecond
)

// Pace leaves the processor to others after each stretch of records, for work that takes
// long. The runtime looks for packets only where nothing else is to be done, or every
// 10 ms: on one processor a goroutine that goes on for longer has all answers wait for it.
// The zero value begins a stretch.
type Pace struct{ records int }

// Step counts a record, and rests after a stretch of them.
func (p *Pace) Step() {
	p.records++
	if p.records%stretch == 0 {
		Rest()
	}
}

// Rest leaves the processor to others for a moment.
func Rest() { time.Sleep(breath) }

// Package breath is for work that takes long: it leaves the processor to the answers to queries in between.
//
// The runtime looks for packets only where nothing else is to be done, or every 10 ms: on one processor a goroutine
// that goes on for longer has all answers wait for it.
//
//	work ── half a millisecond ── rest ── half a millisecond ── rest ──>
//	             answers to queries ┘                            ┘
//
// Who holds a lock that a query needs isn't to breathe.
package breath

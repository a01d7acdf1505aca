// Package clock says what time it is by the clock on the wall, where that is compared with what other machines or
// earlier processes wrote: signatures, the times of versions, and what of them is old.
//
//	                     released: [time.Now]
//	Now, Age ── build ──<
//	                     tag fleettest: a file says by how much the clock is wrong, and how much sooner all is old
//
// # Contract
//
// The released program has neither switch: [Now] is [time.Now], [Age] changes nothing, and nothing of the environment
// is read. A program built with the tag fleettest, which make test-fleet alone does, reads the file that
// INSIDE53_CLOCK names each time: a duration by which its clock is ahead, and a whole number that divides ages, such
// as "-1h 1200". A file that isn't there, or says nothing of the kind, changes nothing.
//
// What is measured within one process is measured by [time.Now] and CLOCK_BOOTTIME, which no clock on the wall moves.
//
// # Use
//
//	at := clock.Now()
//	old := e.Age > clock.Age(7 * 24 * time.Hour)
package clock

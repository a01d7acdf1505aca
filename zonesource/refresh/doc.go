// Package refresh does something again and again.
//
//	Start ── round ── pause ── round ── pause ── ...
//	                    └── Now: at once
//
// A [Loop] is how all that is read periodically is read: route53, ec2, health, secondary.
// A round says by its [Next] how it went: [Done], [Failed] comes again sooner, [Throttled]
// later and later, [Refused] never again.
//
// # Contract
//
// Pauses are moved by up to a tenth at random, so that servers which were started together
// part. A round that takes longer than the pause is followed at once, or after Loop.Least.
// Rounds don't overlap. Run keeps no goroutine of its own; it returns when ctx ends.
package refresh

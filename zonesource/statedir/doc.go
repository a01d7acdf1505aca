// Package statedir is the directory that the program writes to.
//
//	          ┌── made, locked, proved by writing: again and again ──┐
//	Open ──> Dir <── Hold, Make: may I write? ── writers ── Note ──> Fault, Saved: who asks how it stands
//	          └── Run: healed, lost ──> the keeper writes everything again
//
// # Contract
//
// What can't be written never stops what can be read: [Open] always succeeds. A directory that
// can't be made, locked or written to has a [Dir.Fault], which ends by itself once the cause
// has: the disk has room again, the file system is writable, the other process has ended.
//
// Only who holds the lock writes: [Dir.Hold] says so without asking the file system. The lock
// goes with the process, however that ends. Another process that has it is foreign: what it
// saves may be read, and its journal is its own.
//
// A directory that is deleted while the program runs is made again at the next check. Its
// [Dir.Generation] is another one then, and so it is when the lock is got late: whoever keeps
// something there writes all of it again.
//
// All methods are safe for concurrent use. Those that writers call may be called on nil, which
// is a directory that nobody watches.
package statedir

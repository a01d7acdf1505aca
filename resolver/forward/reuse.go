package forward

// A flood of names makes a hundred thousand flights a second, and they would be half of what the collector has to do.
// The memory of a flight is used again where it is certain that nobody refers to it any more. That is so for a flight
// like most:
//
//   - It was sent once, by an outbox: what it was sent with is no longer used when the reply may come, and one socket
//     alone waited for the reply, which its reader has claimed. So held is false, and seq is 1.
//   - Its deadline had never come when it ended: the wheel takes a flight out before it sees to it.
//   - None of its waiters had to go: one who had to is told later, and lies in the flight, or has it ended.
//   - Those that waited have been told by the reader, who is the last to know it.
//
// Any other flight is the collector's.

// newFlight returns a flight of nothing yet.
func (f *Forwarder) newFlight() *flight { return f.spare.Get().(*flight) }

// hold says that somebody else than who ends fl may refer to it from now on. It can't end meanwhile: nothing that
// could have been sent has been, or its shard is locked.
func (fl *flight) hold() { fl.held.Store(true) }

// reuse gives the memory of a flight back, whose waiters have been told by the reader of the reply that ended it. It is
// cleared at once, so that who would refer to it all the same finds nothing, and the race detector finds who does.
func (f *Forwarder) reuse(fl *flight) {
	if !fl.alone || fl.held.Load() {
		return
	}
	*fl = flight{}
	f.spare.Put(fl)
}

package listen

import "sync/atomic"

// rounds counts the rounds under way, see [Server.BeginRound].
type rounds struct{ open atomic.Int64 }

// BeginRound says that several late answers are about to be given one after the other. Those by UDP may wait for the
// end of the round, to be sent together: at most as many, and as long, as the round takes. Rounds may overlap.
func (s *Server) BeginRound() { s.rounds.open.Add(1) }

// EndRound ends a round. Who gave an answer before that has seen it open either leaves it here, or finds it ended and
// sends it.
func (s *Server) EndRound() {
	s.rounds.open.Add(-1)
	for _, g := range s.udp {
		for _, l := range g.loops {
			l.sendHeld()
		}
	}
}

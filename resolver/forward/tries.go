package forward

import (
	"fmt"
	"slices"
	"time"

	"inside53/resolver/wire"
)

// Outcome is what became of a query to an upstream.
type Outcome uint8

// The outcomes.
const (
	Unanswered  Outcome = iota // nothing came in time
	Answered                   // NOERROR or NXDOMAIN, and an answer
	Failed                     // another response code
	Malformed                  // what is no DNS message, or no answer to the question
	Referred                   // NOERROR with a delegation: the upstream is no resolver, or not for this name
	Truncated                  // truncated, by TCP or TLS too
	TooLong                    // a chain of more names than are followed
	Unreachable                // no connection, or nobody there
	Looped                     // it asked back what it was asked
)

// Try is one query for an answer, to one upstream, with what became of it. A repetition
// by TCP or without EDNS belongs to the same try.
type Try struct {
	Upstream uint8 // index in the list of the group
	Outcome  Outcome
	Rcode    uint16        // with Answered and Failed
	At       time.Duration // when it was sent, since the first one
	Took     time.Duration // until the outcome; how long was waited for one that is Unanswered
}

// Answered returns the upstream of g whose answer a message is, as configured; "" where that isn't
// known.
func (g *Group) Answered(m *Message) string {
	for _, t := range slices.Backward(m.Tries()) {
		if t.Outcome == Answered && int(t.Upstream) < len(g.upstreams) {
			return g.upstreams[t.Upstream].text
		}
	}
	return ""
}

// maxTries is how many tries of a flight are kept: the others are counted alone.
const maxTries = 8

// String returns the outcome as people know it: a response code, timeout, malformed, loop.
func (t Try) String() string {
	switch t.Outcome {
	case Answered, Failed:
		return rcodeText(t.Rcode)
	case Malformed:
		return "malformed"
	case Referred:
		return "referral"
	case Truncated:
		return "truncated by TCP"
	case TooLong:
		return "chain too long"
	case Unreachable:
		return "unreachable"
	case Looped:
		return "loop"
	default:
		return "timeout"
	}
}

// rcodeText names a response code.
func rcodeText(rcode uint16) string {
	names := [...]string{
		"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
		"YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE",
	}
	switch {
	case int(rcode) < len(names):
		return names[rcode]
	case rcode == wire.RcodeBadVers:
		return "BADVERS"
	}
	return fmt.Sprintf("RCODE%d", rcode)
}

// begin notes that an attempt is sent. The shard is locked.
func (fl *flight) begin(at *attempt, now time.Duration) {
	if fl.ntries == maxTries {
		return
	}
	fl.ntries++
	at.try = fl.ntries
	if at.try == 2 && fl.more == nil {
		fl.more = new([maxTries - 1]Try)
	}
	*fl.try(at.try) = Try{Upstream: at.index, At: now - fl.began}
}

// try is one of the tries, counted from 1.
func (fl *flight) try(n uint8) *Try {
	if n == 1 {
		return &fl.room[0]
	}
	return &fl.more[n-2]
}

// withdraw takes back what begin noted, where the attempt isn't sent yet. The shard is locked.
func (fl *flight) withdraw(at *attempt) {
	if at.try > 0 && at.try == fl.ntries && fl.try(at.try).Outcome == Unanswered {
		fl.ntries--
	}
	at.try = 0
	if at.seq == fl.seq {
		fl.last.try = 0
	}
}

// note notes what became of an attempt. The shard is locked.
func (fl *flight) note(at attempt, now time.Duration, outcome Outcome, rcode uint16) {
	if outcome == Failed && fl.asksBack(at.index, true) {
		outcome = Looped
	}
	if at.seq == 0 { // a probe beside the first attempt
		fl.begin(&at, fl.began)
	}
	if at.try == 0 {
		return
	}
	t, bit := fl.try(at.try), uint8(1)<<(at.try-1)
	if t.Outcome != Unanswered && fl.odd&bit == 0 {
		return
	}
	fl.odd &^= bit
	t.Outcome, t.Rcode, t.Took = outcome, rcode, now-fl.began-t.At
}

// noteOdd notes that something came with the id of a query that is no reply to it. Anybody
// may have sent it, so that it changes nothing but what people are told where nothing better
// comes.
func (f *Forwarder) noteOdd(p pending, msg []byte) {
	outcome, rcode := Malformed, uint16(0)
	if len(msg) >= wire.HeaderSize && msg[wire.AtFlags]&(wire.FlagQR|wire.MaskOpcode) == wire.FlagQR &&
		msg[wire.AtQuestions]|msg[wire.AtQuestions+1] == 0 {
		said := uint16(msg[wire.AtRcode] & wire.MaskRcode)
		if said != wire.RcodeNoError && said != wire.RcodeNXDomain {
			outcome, rcode = Failed, said
		}
	}
	s := f.flightShard(p.fl)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.fl.over.Load() || p.at.try == 0 || p.fl.try(p.at.try).Outcome != Unanswered {
		return
	}
	p.fl.note(p.at, f.clock(), outcome, rcode)
	p.fl.odd |= 1 << (p.at.try - 1)
}

// allTries appends the tries of a flight that ends to all, as the message keeps them. The shard
// is locked.
func (fl *flight) allTries(all []Try, now time.Duration) []Try {
	all = append(all, fl.room[:min(fl.ntries, 1)]...)
	if fl.ntries > 1 {
		all = append(all, fl.more[:fl.ntries-1]...)
	}
	if last := int(fl.last.try) - 1; last >= 0 && now < fl.retryAt && now < fl.endAt && all[last].Outcome == Unanswered {
		all = slices.Delete(all, last, last+1) // it had time left when another one answered
	}
	for i := range all {
		t := &all[i]
		if t.Outcome != Unanswered {
			continue
		}
		t.Took = now - fl.began - t.At
		if fl.asksBack(t.Upstream, false) {
			t.Outcome = Looped
		}
	}
	return all
}

// Cause returns the try that says best why there is no answer.
func (m *Message) Cause() Try { return cause(m.Tries()) }

// cause returns the try that says best why there is no answer: a loop, else the first
// upstream that said something, else the first one.
func cause(tries []Try) Try {
	best := Try{}
	if len(tries) > 0 {
		best = tries[0]
	}
	for _, t := range tries {
		switch {
		case t.Outcome == Looped:
			return t
		case t.Outcome != Unanswered &&
			(best.Outcome == Unanswered || best.Outcome == Unreachable && t.Outcome != Unreachable):
			best = t
		}
	}
	return best
}

// reason says in words why a flight has no answer: for the text of an extended error.
func (fl *flight) reason(t Try, tries int) string {
	u := fl.group.upstreams[t.Upstream].text
	counted := "1 try"
	if tries != 1 {
		counted = fmt.Sprintf("%d tries", tries)
	}
	took := float64(t.Took.Round(100*time.Microsecond).Microseconds()) / 1e6
	switch t.Outcome {
	case Looped:
		return fmt.Sprintf("loop: %s asks back what it is asked; %g s, %s", u, took, counted)
	case Unanswered:
		return fmt.Sprintf("timeout: no answer from %s in %g s, %s", u, took, counted)
	case Unreachable:
		return fmt.Sprintf("%s is unreachable; %g s, %s", u, took, counted)
	case Failed:
		return fmt.Sprintf("%s answered %s after %g s, %s", u, rcodeText(t.Rcode), took, counted)
	default:
		return fmt.Sprintf("useless answer of %s: %s; %g s, %s", u, t, took, counted)
	}
}

// nameText returns a name in wire form as people write it (RFC 1035 section 5.1).
func nameText(name []byte) string {
	text := make([]byte, 0, len(name))
	for at := 0; name[at] != 0; at += 1 + int(name[at]) {
		for _, c := range name[at+1 : at+1+int(name[at])] {
			switch {
			case c == '.' || c == '\\':
				text = append(text, '\\', c)
			case c <= ' ' || c > '~':
				text = fmt.Appendf(text, "\\%03d", c)
			default:
				text = append(text, c)
			}
		}
		text = append(text, '.')
	}
	if len(text) == 0 {
		return "."
	}
	return string(text)
}

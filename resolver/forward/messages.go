package forward

import (
	"net/netip"
	"time"
)

// Protocol is how an upstream is asked.
type Protocol uint8

// The protocols.
const (
	ByUDP Protocol = iota
	ByTCP
	ByTLS
)

// Messages sees what upstreams are asked and what they answer. It is called from many goroutines,
// doesn't block, and keeps nothing of what it is given.
type Messages interface {
	Asked(query []byte, upstream netip.AddrPort, by Protocol)
	Answered(reply []byte, upstream netip.AddrPort, by Protocol, took time.Duration)
}

// SetMessages says who sees the messages from now on; nil for nobody.
func (f *Forwarder) SetMessages(m Messages) {
	if m == nil {
		f.messages.Store(nil)
		return
	}
	f.messages.Store(&m)
}

// showQuery shows a query to an upstream.
func (f *Forwarder) showQuery(query []byte, u *upstream, stream bool) {
	m := f.messages.Load()
	if m != nil {
		(*m).Asked(query, u.addr, u.protocol(stream))
	}
}

// showReply shows the answer to a query of an upstream.
func (f *Forwarder) showReply(reply []byte, u *upstream, stream bool, p pending) {
	m := f.messages.Load()
	if m != nil {
		(*m).Answered(reply, u.addr, u.protocol(stream), f.clock()-p.sent)
	}
}

func (u *upstream) protocol(stream bool) Protocol {
	switch {
	case u.secure:
		return ByTLS
	case stream:
		return ByTCP
	}
	return ByUDP
}

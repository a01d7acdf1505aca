package listen

import (
	"time"

	"inside53/resolver"
	"inside53/server/handon"
)

// HandedOn is what a transport offers beside [resolver.Suspender] where queries may come from
// other servers of a fleet.
type HandedOn interface {
	// HandedOn reports whether another server has handed on the query being served, for its
	// client.
	HandedOn() bool
}

// HandedOn implements HandedOn.
func (c *tcpConn) HandedOn() bool { return c.handed }

// open reads the header with which another server may begin. It returns false when the
// connection is over: header and message have to be there within the idle time, and good.
func (c *tcpConn) open() bool {
	door := c.t.opts.HandedOn
	if door == nil {
		return true
	}
	admitted := door.Admits(c.client.Addr())
	size, is := 0, true
	for c.end-c.start < max(size, 1) || size == 0 {
		if c.fill() != nil {
			return false
		}
		size, is = handon.HeaderSize(c.in[c.start:c.end])
		if !is || !admitted && size == 0 {
			return true // a query, or the beginning of one
		}
		if !admitted {
			return false // of a server that isn't known yet, perhaps: it comes again
		}
	}
	var header [handon.MaxHeader]byte
	n := copy(header[:], c.in[c.start:c.start+size])
	c.start += size
	kind, err := door.Kind(header[:n])
	switch {
	case err != nil:
		return false
	case kind == handon.HTTP:
		c.openRequest(door, header[:n])
		return false
	}
	return c.openQuery(door, header[:n])
}

// openQuery makes the one query behind a header that of its client.
func (c *tcpConn) openQuery(door *handon.Door, header []byte) bool {
	for !c.complete() {
		if c.fill() != nil {
			return false
		}
	}
	c.end = c.start + c.need() // what comes behind it nobody has signed
	h, err := door.Open(header, c.in[c.start+2:c.end])
	if err != nil {
		return false
	}
	elsewhere := door.Lead(h.Kind)
	if elsewhere != nil {
		c.reply(elsewhere)
		return false
	}
	c.asker, c.handed = h.Client, true
	if h.Datagram {
		c.over = resolver.UDP
	}
	return true
}

// openRequest answers the one request of HTTP behind a header.
func (c *tcpConn) openRequest(door *handon.Door, header []byte) {
	size, is := handon.RequestSize(c.in[c.start:c.end])
	for size == 0 {
		if !is || c.fill() != nil {
			return
		}
		size, is = handon.RequestSize(c.in[c.start:c.end])
	}
	request := c.in[c.start : c.start+size]
	h, err := door.Open(header, request)
	if err != nil {
		return
	}
	elsewhere := door.Lead(h.Kind)
	if elsewhere != nil {
		c.reply(elsewhere)
		return
	}
	c.reply(door.Answer(h, request))
}

// reply writes an answer that is no DNS message. What its server doesn't read in time is lost.
func (c *tcpConn) reply(answer []byte) {
	_ = c.nc.SetWriteDeadline(time.Now().Add(c.t.opts.Write)) // the write tells of a closed one
	_, err := c.nc.Write(answer)
	if err != nil {
		c.lost(err)
	}
}

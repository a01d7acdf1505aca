package transfer

import (
	"encoding/binary"
	"fmt"
	"iter"
	"time"

	"inside53/resolver"
	"inside53/resolver/history"
	"inside53/resolver/zone"
	"inside53/server/tsig"

	"github.com/miekg/dns"
)

// content is what one transfer sends: the whole of a version, or what leads to it, or, with
// neither, its SOA alone.
type content struct {
	version *history.Version
	deltas  []history.Delta
	whole   bool
}

// outcome is the label of metrics for an IXFR or AXFR that was answered so.
func (c *content) outcome(qtype uint16) string {
	switch {
	case c.whole && qtype == dns.TypeIXFR:
		return "whole"
	case !c.whole && len(c.deltas) == 0:
		return "nothing_new"
	}
	return "ok"
}

// fits reports whether the differences can be of about so many octets. It looks at no more of
// them than that.
func (c *content) fits(octets int) bool {
	n := len(c.version.SOA.Data)
	for i := range c.deltas {
		d := &c.deltas[i]
		n += len(d.OldSOA.Data) + len(d.NewSOA.Data)
		for _, sets := range [...][]history.Set{d.Removed, d.Added} {
			for i := range sets {
				n += len(sets[i].Records.Data)
				if n > octets {
					return false
				}
			}
		}
		if n > octets {
			return false
		}
	}
	return true
}

// records visits the records in their order (RFC 5936 section 2.2, RFC 1995 section 4).
func (c *content) records(apex []byte) iter.Seq[dns.RR] {
	return func(yield func(dns.RR) bool) {
		send := func(name []byte, s zone.RRset) bool {
			for _, rr := range recordsFor(name, s) {
				if !yield(rr) {
					return false
				}
			}
			return true
		}
		if !send(apex, c.version.SOA) || !c.whole && len(c.deltas) == 0 {
			return
		}
		if c.whole {
			for name, node := range c.version.Tree.All {
				for s := range node.RRsets {
					if s.Type != zone.TypeSOA && !send(name, s) {
						return
					}
				}
			}
		}
		for _, d := range c.deltas {
			if !sendDelta(apex, d, send) {
				return
			}
		}
		send(apex, c.version.SOA)
	}
}

func sendDelta(apex []byte, d history.Delta, send func([]byte, zone.RRset) bool) bool {
	if !send(apex, d.OldSOA) {
		return false
	}
	for _, s := range d.Removed {
		if !send(s.Name, s.Records) {
			return false
		}
	}
	if !send(apex, d.NewSOA) {
		return false
	}
	for _, s := range d.Added {
		if !send(s.Name, s.Records) {
			return false
		}
	}
	return true
}

// recordsFor returns the records of an owner. One that miekg/dns can't read, which no
// source takes, is left out.
func recordsFor(name []byte, s zone.RRset) []dns.RR {
	var out []dns.RR
	buf := make([]byte, 0, 512)
	for data := range s.Rdata() {
		buf = append(buf[:0], name...)
		buf = append(buf, byte(s.Type>>8), byte(s.Type), 0, dns.ClassINET)
		buf = binary.BigEndian.AppendUint32(buf, s.TTL())
		buf = binary.BigEndian.AppendUint16(buf, uint16(len(data)))
		buf = append(buf, data...)
		rr, _, err := dns.UnpackRR(buf, 0)
		if err == nil {
			out = append(out, rr)
		}
	}
	return out
}

// messageSize is about how many octets a message of a transfer has before compression,
// which reaches 16 KiB far (RFC 1035 section 4.1.4).
const messageSize = 16 << 10

// send sends one transfer.
func (t *Server) send(j job) {
	began := time.Now()
	w := writer{job: &j, sign: j.signature.Sequence()}
	qtype := j.asked.Question[0].Qtype
	err := w.all()
	if err != nil {
		t.Count(typeLabel(qtype), "failed")
		t.Log.Warn("transfer ended early", "zone", zone.String(j.apex), "client", j.client.String(), "error", err)
		j.stream.End(resolver.Dropped)
		return
	}
	outcome := j.content.outcome(qtype)
	t.Count(typeLabel(qtype), outcome)
	t.Log.Debug("zone transferred", "zone", zone.String(j.apex), "asked", typeLabel(qtype), "outcome", outcome,
		"serial", j.content.version.Serial, "client", j.client.String(), "key", j.signature.KeyName(),
		"messages", w.messages, "took", time.Since(began))
	j.stream.End(resolver.Local)
}

// writer gathers records into messages.
type writer struct {
	job      *job
	records  []dns.RR
	size     int
	messages int
	sign     *tsig.Sequence
}

func (w *writer) all() error {
	for rr := range w.job.content.records(w.job.apex) {
		size := dns.Len(rr)
		if w.size > 0 && w.size+size > messageSize {
			err := w.flush()
			if err != nil {
				return err
			}
		}
		w.records = append(w.records, rr)
		w.size += size
	}
	return w.flush()
}

// flush sends one message. All have the question, and are signed, each by way of the one
// before (RFC 5936 section 2.2, RFC 8945 section 5.3.1).
func (w *writer) flush() error {
	m := responseTo(w.job.asked)
	m.Answer, m.Compress = w.records, true
	if w.messages > 0 {
		m.Extra = nil
	}
	wire, err := w.sign.Pack(m)
	if err != nil {
		return fmt.Errorf("packing message %d: %w", w.messages+1, err)
	}
	w.messages++
	w.records, w.size = nil, 0
	return w.job.stream.Send(wire)
}

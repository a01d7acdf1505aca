package transfer

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"sync"
	"time"

	"inside53/resolver"
	"inside53/resolver/history"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/server/share"
	"inside53/server/tsig"

	"github.com/miekg/dns"
)

// job is one transfer that goes out by a stream.
type job struct {
	asked     *dns.Msg
	signature *tsig.Signature
	content   content
	stream    Stream
	client    netip.AddrPort
	apex      []byte
}

func transferBounds() share.Bounds {
	return share.Bounds{Places: transferPlaces, PerClient: transferPlaces / 2, AtOnce: transferWorkers / 2}
}

// sendAll sends transfers until ctx ends.
func (t *Server) sendAll(ctx context.Context) error {
	var running sync.WaitGroup
	for range transferWorkers {
		running.Go(func() {
			for item := t.queue.Pop(ctx); item != nil; item = t.queue.Pop(ctx) {
				t.send(item.Value)
				item.Done()
			}
		})
	}
	running.Wait()
	for _, j := range t.queue.Clear() {
		j.stream.End(resolver.Dropped)
	}
	return ctx.Err()
}

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
func (c *content) records(apex []byte) iter.Seq[record] {
	return func(yield func(record) bool) {
		send := func(name []byte, s zone.RRset) bool {
			for ttl, data := range s.Timed() {
				if !yield(record{name, s.Type, ttl, data}) {
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

// soaRecord returns the SOA record of a version, for a message of the library.
func soaRecord(apex []byte, v *history.Version) ([]dns.RR, error) {
	m := message{names: map[string]int{}}
	m.add(record{apex, wire.TypeSOA, v.SOA.TTL(), v.SOA.First()})
	rr, _, err := dns.UnpackRR(m.wire, 0)
	return []dns.RR{rr}, err
}

// messageSize is how many octets a message of a transfer has at most, but for one record
// that is larger: compression reaches 16 KiB far (RFC 1035 section 4.1.4).
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
	message  message
	messages int
	sign     *tsig.Sequence
}

func (w *writer) all() error {
	err := w.message.begin(w.job.asked)
	if err != nil {
		return err
	}
	for r := range w.job.content.records(w.job.apex) {
		size := len(r.name) + wire.RecordFixed + len(r.data)
		if w.message.count > 0 && len(w.message.wire)+size > messageSize {
			err = w.flush()
			if err != nil {
				return err
			}
		}
		w.message.add(r)
	}
	return w.flush()
}

// flush sends one message. All have the question, and are signed, each by way of the one
// before (RFC 5936 section 2.2, RFC 8945 section 5.3.1).
func (w *writer) flush() error {
	signed, err := w.sign.Sign(w.message.finish(w.messages == 0 && w.job.asked.IsEdns0() != nil))
	if err != nil {
		return fmt.Errorf("signing message %d: %w", w.messages+1, err)
	}
	if len(signed) > wire.MaxMessage {
		return fmt.Errorf("message %d has %d octets", w.messages+1, len(signed))
	}
	w.messages++
	err = w.job.stream.Send(signed)
	if err != nil {
		return err
	}
	return w.message.begin(w.job.asked)
}

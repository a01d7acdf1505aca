package server

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"

	"inside53/resolver"
	"inside53/resolver/history"
	"inside53/resolver/zone"
	"inside53/server/listen"
	"inside53/server/tsig"

	"github.com/miekg/dns"
	"golang.org/x/time/rate"
)

const (
	// transferWorkers is how many transfers go out at a time.
	transferWorkers = 16
	// transfersWaiting is how many may wait for their turn.
	transfersWaiting = 256
)

// transfers answers secondaries and primaries: SOA, AXFR and IXFR questions of zones that
// are transferred, and NOTIFY for zones that come from elsewhere.
//
//	packet ─ take ─┬─ SOA, IXFR by UDP: at once
//	               ├─ AXFR, IXFR by TCP: queue ─> run ─> listen.Stream
//	               └─ NOTIFY: secondary.Notify
//	snapshot, health ─ wake ─> publisher.run ─> history ─> serials, notifier
type transfers struct {
	policy    atomic.Pointer[transferPolicy]
	publisher *publisher
	queue     chan transferJob
	notified  func(apex []byte, from netip.Addr, key string) bool
	count     func(kind, result string)
	log       *slog.Logger
	faults    rate.Sometimes // of signatures, in the log: anybody may send them
}

// on reports whether anything is transferred.
func (t *transfers) on() bool { return t != nil && t.policy.Load() != nil }

// transferJob is one transfer that goes out by a stream.
type transferJob struct {
	request   *dns.Msg
	signature *tsig.Signature
	content   content
	stream    listen.Stream
	client    netip.AddrPort
	apex      []byte
}

// run sends transfers until ctx ends.
func (t *transfers) run(ctx context.Context) error {
	var running sync.WaitGroup
	for range transferWorkers {
		running.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case j := <-t.queue:
					t.send(j)
				}
			}
		})
	}
	running.Wait()
	for {
		select {
		case j := <-t.queue:
			j.stream.End(resolver.Dropped)
		default:
			return ctx.Err()
		}
	}
}

// concernsTransfers reports whether a packet may be for transfers: the opcode NOTIFY, or
// a question for SOA, IXFR or AXFR. It is all that other questions pay.
func concernsTransfers(pkt []byte) bool {
	if len(pkt) < headerSize+5 || pkt[2]&0x80 != 0 {
		return false
	}
	switch pkt[2] >> 3 & 0xf {
	case dns.OpcodeNotify:
		return true
	case dns.OpcodeQuery:
	default:
		return false
	}
	at := headerSize
	for pkt[at] != 0 {
		at += 1 + int(pkt[at])
		if at+2 >= len(pkt) {
			return false
		}
	}
	if at+5 > len(pkt) {
		return false
	}
	switch binary.BigEndian.Uint16(pkt[at+1:]) {
	case dns.TypeSOA, dns.TypeIXFR, dns.TypeAXFR:
		return true
	}
	return false
}

// take answers what is for transfers; taken is false for what is an ordinary question
// after all. It doesn't block.
func (t *transfers) take(pkt []byte, client netip.AddrPort, tr resolver.Transport, out []byte, s resolver.Suspender) (answer []byte, result resolver.Result, taken bool) {
	policy := t.policy.Load()
	if policy == nil {
		return nil, 0, false
	}
	m := new(dns.Msg)
	err := m.Unpack(pkt)
	if err != nil || len(m.Question) != 1 || m.Question[0].Qclass != dns.ClassINET {
		return nil, 0, false // the resolver says what is wrong with it
	}
	signed, err := policy.keys.Verify(pkt, m)
	if err != nil {
		return nil, 0, false
	}
	q := secondaryRequest{t: t, policy: policy, m: m, signature: signed, client: client, tr: tr, out: out, s: s}
	if signed != nil && !signed.Good() {
		t.faults.Do(func() {
			t.log.Warn("request with a signature that isn't good", "client", client.Addr().String(), "key", signed.Request.Hdr.Name, "fault", dns.RcodeToString[signed.Fault])
		})
		answer, result = q.reject(dns.RcodeNotAuth)
		return answer, result, true
	}
	q.apex, err = wireOf(m.Question[0].Name)
	if err != nil {
		return nil, 0, false
	}
	if m.Opcode == dns.OpcodeNotify {
		return q.notify()
	}
	return q.answer()
}

// secondaryRequest is one request in work.
type secondaryRequest struct {
	t         *transfers
	policy    *transferPolicy
	m         *dns.Msg
	signature *tsig.Signature
	client    netip.AddrPort
	tr        resolver.Transport
	out       []byte
	s         resolver.Suspender
	apex      []byte
}

// notify takes NOTIFY (RFC 1996 section 3.11) for a zone that comes from elsewhere.
func (q *secondaryRequest) notify() ([]byte, resolver.Result, bool) {
	if q.m.Question[0].Qtype != dns.TypeSOA || !q.t.notified(q.apex, q.client.Addr(), q.signature.KeyName()) {
		q.t.count("notify", "refused")
		if q.signature == nil {
			return nil, 0, false
		}
		answer, result := q.reject(dns.RcodeRefused)
		return answer, result, true
	}
	q.t.count("notify", "ok")
	answer, result := q.pack(q.response(), resolver.Local)
	return answer, result, true
}

// answer answers SOA, IXFR and AXFR.
func (q *secondaryRequest) answer() ([]byte, resolver.Result, bool) {
	qtype := q.m.Question[0].Qtype
	snap := q.t.publisher.resolver.Snapshot()
	entry := q.policy.find(q.apex, q.signature.KeyName(), q.client.Addr(), viewOf(snap, q.client.Addr()))
	if entry == nil {
		if q.signature == nil || qtype == dns.TypeSOA && !q.policy.names(q.apex) {
			return nil, 0, false // REFUSED, or an ordinary question
		}
		q.t.count(typeLabel(qtype), "refused")
		answer, result := q.reject(dns.RcodeRefused)
		return answer, result, true
	}
	z, complete := q.t.publisher.zone(entry, q.apex)
	if z == nil {
		if qtype == dns.TypeSOA && q.signature == nil {
			return nil, 0, false
		}
		rcode := dns.RcodeNotAuth
		if !complete {
			rcode = dns.RcodeServerFailure
		}
		q.t.count(typeLabel(qtype), "failed")
		answer, result := q.reject(rcode)
		return answer, result, true
	}
	v := z.Version()
	switch {
	case qtype == dns.TypeSOA:
		m := q.response()
		m.Answer = recordsFor(q.apex, v.SOA)
		answer, result := q.pack(m, resolver.Local)
		return answer, result, true
	case qtype == dns.TypeAXFR && q.tr == resolver.UDP:
		answer, result := q.reject(dns.RcodeRefused) // RFC 5936 section 4.2
		return answer, result, true
	case qtype == dns.TypeAXFR:
		return q.transfer(content{version: v, whole: true})
	}
	return q.incremental(z)
}

// incremental answers IXFR (RFC 1995): with differences where the journal has them, with
// the whole zone by TCP, by UDP with the SOA alone.
func (q *secondaryRequest) incremental(z *history.Zone) ([]byte, resolver.Result, bool) {
	serial, ok := q.serial()
	if !ok {
		answer, result := q.reject(dns.RcodeFormatError)
		return answer, result, true
	}
	v, deltas, ok := z.Since(serial)
	c := content{version: v, deltas: deltas, whole: !ok}
	if serial == v.Serial || history.After(serial, v.Serial) {
		c = content{version: v} // the SOA alone: the client has it all (section 2)
	}
	if q.tr != resolver.UDP {
		return q.transfer(c)
	}
	m := q.response()
	if !c.whole && c.size(q.apex) <= cap(q.out) {
		for rr := range c.records(q.apex) {
			m.Answer = append(m.Answer, rr)
		}
	}
	m.Compress = true
	if len(m.Answer) == 0 || m.Len()+q.signature.Room() > q.udpSize() {
		m.Answer = recordsFor(q.apex, v.SOA)
	}
	q.t.count("ixfr", "udp")
	answer, result := q.pack(m, resolver.Local)
	return answer, result, true
}

// serial returns the serial that the client has.
func (q *secondaryRequest) serial() (uint32, bool) {
	for _, rr := range q.m.Ns {
		soa, ok := rr.(*dns.SOA)
		if ok {
			return soa.Serial, true
		}
	}
	return 0, false
}

// transfer hands the answer to the workers.
func (q *secondaryRequest) transfer(c content) ([]byte, resolver.Result, bool) {
	streams, ok := q.s.(listen.Streamer)
	if !ok || len(q.t.queue) == cap(q.t.queue) {
		q.t.count(typeLabel(q.m.Question[0].Qtype), "dropped")
		answer, result := q.reject(dns.RcodeServerFailure)
		return answer, result, true
	}
	j := transferJob{request: q.m, signature: q.signature, content: c, stream: streams.Stream(), client: q.client, apex: q.apex}
	select {
	case q.t.queue <- j:
	default: // others were faster: the client asks again
		q.t.count(typeLabel(q.m.Question[0].Qtype), "dropped")
		j.stream.End(resolver.Dropped)
	}
	return nil, resolver.Local, true
}

// response returns the beginning of an answer.
func (q *secondaryRequest) response() *dns.Msg { return responseTo(q.m) }

// responseTo returns the beginning of an answer to a request.
func responseTo(request *dns.Msg) *dns.Msg {
	m := &dns.Msg{
		MsgHdr:   dns.MsgHdr{Id: request.Id, Response: true, Opcode: request.Opcode, Authoritative: true, RecursionDesired: request.RecursionDesired},
		Question: request.Question,
	}
	if request.IsEdns0() != nil {
		opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
		opt.SetUDPSize(1232)
		m.Extra = append(m.Extra, opt)
	}
	return m
}

// udpSize is the most that an answer by UDP may have.
func (q *secondaryRequest) udpSize() int {
	size := dns.MinMsgSize
	opt := q.m.IsEdns0()
	if opt != nil {
		size = max(size, min(int(opt.UDPSize()), 1232))
	}
	return min(size, cap(q.out))
}

func (q *secondaryRequest) reject(rcode int) ([]byte, resolver.Result) {
	m := q.response()
	m.Authoritative = false
	m.Rcode = rcode
	switch rcode {
	case dns.RcodeFormatError:
		return q.pack(m, resolver.FormErr)
	case dns.RcodeServerFailure:
		return q.pack(m, resolver.ServFail)
	}
	return q.pack(m, resolver.Refused)
}

// pack writes an answer of one message.
func (q *secondaryRequest) pack(m *dns.Msg, result resolver.Result) ([]byte, resolver.Result) {
	wire, err := q.signature.Pack(m)
	if err != nil || len(wire) > cap(q.out) {
		q.t.log.Error("answer to a secondary can't be packed", "client", q.client.String(), "error", err)
		return nil, resolver.Dropped
	}
	return append(q.out[:0], wire...), result
}

// viewOf returns the name of the view of an address, or "".
func viewOf(snap *zone.Snapshot, addr netip.Addr) string {
	c := snap.Client(addr)
	if c.View < 0 {
		return ""
	}
	return snap.Views[c.View].Name
}

func typeLabel(qtype uint16) string { return lowerLabel(dns.TypeToString[qtype]) }

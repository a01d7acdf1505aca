package resolver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"inside53/resolver/wire"
	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// ExplainRequest is a question to be answered and explained.
type ExplainRequest struct {
	Name   []byte     // wire form, uncompressed, any letter case
	Type   uint16     // as in the question; ANY and types that aren't data are answered as queries are
	Client netip.Addr // who asks
	DO, CD bool
	// ECS is the client subnet that the query carries (RFC 7871); the zero Prefix for
	// none. As ever, it counts where the client is a trusted forwarder.
	ECS netip.Prefix
	// Outside asks also what a client outside would get from Route 53.
	Outside bool
	// Listing tells of the last listing of a zone, which the snapshot doesn't know where
	// nothing had changed. Nil: nobody does. It is called by the goroutine that answers.
	Listing func(z *zone.Zone) Listing
}

// Listing is what is known of the listings of a zone. The zero value is nothing.
type Listing struct {
	Good time.Time // the last good one
	Err  error     // of the last one
	Held bool      // one that shrank waits to be confirmed
}

// Explanation is an answer with the reasons for it, in words for people. Texts may
// change; the keys of the JSON form don't.
type Explanation struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"`
	Client string   `json:"client"`
	View   string   `json:"view"` // "" when the client has none
	Rcode  string   `json:"rcode"`
	EDE    string   `json:"ede,omitempty"` // code, name and text of the extended error
	Flags  []string `json:"flags"`         // aa, rd, ra, ad, cd as dig prints them
	Result string   `json:"result"`        // as the metrics count it
	// Records are in the form of master files and of dig.
	Answer     []string `json:"answer"`
	Authority  []string `json:"authority,omitempty"`
	Additional []string `json:"additional,omitempty"`
	Steps      []Step   `json:"steps"`
	// Outside is the same question from outside, Differences what it comes to. Only
	// where the request asked for it.
	Outside     *Explanation `json:"outside,omitempty"`
	Differences []Step       `json:"differences,omitempty"`

	// Used are the record sets of ours that the answer is made of.
	Used []UsedSet `json:"-"`

	decisions []decided
}

// UsedSet is a record set of ours.
type UsedSet struct {
	Zone  *zone.Zone
	Owner []byte // in lower-case wire form
	Type  uint16
}

// used returns the record sets of ours that an answer is made of.
func (x *exchange) used() (sets []UsedSet) {
	for i := range x.a.hops[:x.a.nhops] {
		h := &x.a.hops[i]
		if h.zone == nil || !h.set.Exists() {
			continue
		}
		owner := slices.Clone(h.name)
		if h.wild {
			var l zone.Labels
			l.Parse(h.name)
			owner = append([]byte{1, '*'}, h.name[l.Off[h.encloser]:]...)
		}
		sets = append(sets, UsedSet{h.zone, owner, h.set.Type})
	}
	return sets
}

// Step is one step on the way to an answer, with what it consists of.
type Step struct {
	Step  string `json:"step"`
	Why   string `json:"why"`
	Steps []Step `json:"steps,omitempty"`
}

// ErrNoOutside says that the snapshot has no view from outside.
var ErrNoOutside = errors.New("there is no view from outside to compare with: no data yet, or no public zones")

// Explain answers a question as [Worker.Serve] would, by the same code, and tells why
// this is the answer. It waits for upstreams until ctx ends. Errors are of a name
// that isn't one, of ctx, and [ErrNoOutside]; an answer that is a failure is
// explained like any other.
func (r *Resolver) Explain(ctx context.Context, req ExplainRequest) (*Explanation, error) {
	return r.explain(ctx, &req, rand.Uint64())
}

// explain is Explain with the bits for draws.
func (r *Resolver) explain(ctx context.Context, req *ExplainRequest, random uint64) (*Explanation, error) {
	pkt, err := req.packet()
	if err != nil {
		return nil, err
	}
	st := r.state.Load()
	inside, err := r.trace(ctx, st, pkt, req, random, nil)
	if err != nil || !req.Outside {
		return inside, err
	}
	if st.snap.Outside == nil {
		return nil, ErrNoOutside
	}
	// With the same bits, so that no draw makes a difference.
	inside.Outside, err = r.trace(ctx, st, pkt, req, random, st.snap.Outside)
	if err != nil {
		return nil, err
	}
	inside.Differences = differences(inside, inside.Outside)
	return inside, nil
}

// packet makes the query that asks for what is to be explained.
func (req *ExplainRequest) packet() ([]byte, error) {
	name, end, err := dns.UnpackDomainName(req.Name, 0)
	if err != nil || end != len(req.Name) {
		return nil, fmt.Errorf("explaining a name of %d octets: %w", len(req.Name), zone.ErrName)
	}
	m := dns.Msg{Question: []dns.Question{{Name: name, Qtype: req.Type, Qclass: dns.ClassINET}}}
	m.RecursionDesired, m.CheckingDisabled = true, req.CD
	m.SetEdns0(dns.DefaultMsgSize, req.DO)
	if req.ECS.IsValid() {
		family := uint16(1)
		if req.ECS.Addr().Is6() {
			family = 2
		}
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_SUBNET{
			Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: uint8(req.ECS.Bits()),
			Address: req.ECS.Masked().Addr().AsSlice(),
		})
	}
	pkt, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("explaining %s: %w", name, err)
	}
	return pkt, nil
}

// trace answers one packet and tells the story. outside, if set, is the view to
// answer in, whoever asks.
func (r *Resolver) trace(ctx context.Context, st *state, pkt []byte, req *ExplainRequest, random uint64,
	outside *zone.View) (*Explanation, error) {
	x := r.exchange()
	x.state = st
	x.q.Client, x.q.Transport, x.q.Now, x.q.Rand = req.Client, TCP, r.now.Load(), random
	admitted := x.admit(x.q.inspect(pkt), pkt)
	if outside != nil && !isMeta(x.q.Type) {
		x.a.reset(outside, &x.q)
		admitted = true
	}
	if admitted {
		x.resolve()
	}
	done := make(chan *Explanation, 1) // one way or the other, nobody waits to send
	if x.a.need {
		x.observe = func(x *exchange, answer []byte) { done <- x.explanation(answer, req) }
		x.finish = func([]byte, Result) {}
		x.ask()
	} else {
		done <- x.explanation(appendResponse(make([]byte, 0, 65535), &x.q, &x.a, st.snap, r.limits), req)
	}
	x.release()
	r.exchanges.Put(x)
	select {
	case e := <-done:
		return e, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for an upstream: %w", ctx.Err())
	}
}

// explanation makes the explanation of a finished exchange and its response.
func (x *exchange) explanation(response []byte, req *ExplainRequest) *Explanation {
	q, a := &x.q, &x.a
	e := &Explanation{
		Name: zone.String(q.Name()), Type: typeName(q.Type), Client: q.Client.String(), Result: a.Result.String(),
		Answer: []string{}, Flags: []string{}, Used: x.used(),
	}
	if a.View != nil {
		e.View = a.View.Name
	}
	if a.View != nil && a.View == x.state.snap.Outside {
		e.Client = "a client outside"
	}
	var m dns.Msg
	err := m.Unpack(response)
	if err != nil {
		e.Rcode = rcodeName(a.Rcode)
		e.Steps = []Step{{Step: "response", Why: "can't be read again: " + err.Error()}}
		return e
	}
	e.readMessage(&m)
	s := story{
		x: x, q: q, a: a, snap: x.state.snap, live: x.state.live, groups: x.state.snap.Forwarders, now: time.Unix(q.Now, 0),
		listing: req.Listing,
	}
	e.Steps = s.steps()
	e.decisions = s.decisions
	return e
}

// readMessage reads header and records of the response.
func (e *Explanation) readMessage(m *dns.Msg) {
	e.Rcode = rcodeName(uint8(m.Rcode))
	for _, f := range []struct {
		set  bool
		name string
	}{{m.Authoritative, "aa"}, {m.Truncated, "tc"}, {m.RecursionDesired, "rd"}, {m.RecursionAvailable, "ra"},
		{m.AuthenticatedData, "ad"}, {m.CheckingDisabled, "cd"}} {
		if f.set {
			e.Flags = append(e.Flags, f.name)
		}
	}
	for _, rr := range m.Answer {
		e.Answer = append(e.Answer, recordText(rr))
	}
	for _, rr := range m.Ns {
		e.Authority = append(e.Authority, recordText(rr))
	}
	for _, rr := range m.Extra {
		opt, ok := rr.(*dns.OPT)
		if !ok {
			e.Additional = append(e.Additional, recordText(rr))
			continue
		}
		for _, o := range opt.Option {
			ede, ok := o.(*dns.EDNS0_EDE)
			if ok {
				e.EDE = edeText(ede.InfoCode, ede.ExtraText)
			}
		}
	}
}

// ParseQuestion reads a name and a type as people write them: a name with or without
// the trailing dot, escapes as in master files, a type by its name or as in TYPE65.
// Name is in wire form.
func ParseQuestion(name, rrtype string) (wire []byte, t uint16, err error) {
	var buf [zone.MaxName + 1]byte
	n, err := dns.PackDomainName(dns.Fqdn(name), buf[:], 0, nil, false)
	if err != nil || name == "" || n > zone.MaxName {
		return nil, 0, fmt.Errorf("name %q: %w", name, zone.ErrName)
	}
	t, ok := dns.StringToType[strings.ToUpper(rrtype)]
	if !ok {
		_, err = fmt.Sscanf(strings.ToUpper(rrtype)+"\n", "TYPE%d\n", &t)
		if err != nil {
			return nil, 0, fmt.Errorf("type %q: not a type of records, like A or TYPE65", rrtype)
		}
	}
	return buf[:n:n], t, nil
}

func recordText(rr dns.RR) string { return strings.ReplaceAll(rr.String(), "\t", " ") }

func typeName(t uint16) string { return dns.Type(t).String() }

func rcodeName(rcode uint8) string {
	if rcode == wire.RcodeBadVers {
		return "BADVERS"
	}
	return dns.RcodeToString[int(rcode)]
}

// edeText names an extended error, as dig does.
func edeText(code uint16, extra string) string {
	text := fmt.Sprintf("%d (%s)", code, dns.ExtendedErrorCodeToString[code])
	if code == wire.EDESynthesized {
		text = "29 (Synthesized)"
	}
	if extra != "" {
		text += ": " + extra
	}
	return text
}

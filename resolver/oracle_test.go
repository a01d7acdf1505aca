package resolver

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	"inside53/resolver/forward"
	"inside53/resolver/wire"
	"inside53/resolver/zone"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// oracleMessage makes the response to an exchange out of its Answer in the plainest
// way: records as miekg/dns has them, translated one by one. What the encoder
// writes must be the same sets of records.
func oracleMessage(w *world, x *exchange) *dns.Msg {
	o := oracle{w: w, x: x, m: new(dns.Msg), changed: map[string]bool{}}
	o.m.Rcode = int(x.a.Rcode)
	for i := range x.a.items[:x.a.nitems] {
		o.item(&x.a.items[i])
	}
	o.finish()
	o.m.AuthenticatedData = x.a.AD && !o.translated
	return o.m
}

type oracle struct {
	w          *world
	x          *exchange
	m          *dns.Msg
	translated bool
	changed    map[string]bool // RRsets with a translated address
}

func (o *oracle) item(i *item) {
	a := &o.x.a
	var rrs []dns.RR
	hop := a.hops[i.hop].name
	switch {
	case i.message != nil:
		rrs = o.message(i, hop)
	case i.flags&zone.TagNames != 0:
		o.instances(i, textName(hop[i.suffix:]))
		return
	case i.owner != nil:
		rrs = o.packed(i.owner, i.data, i.count)
	default:
		rrs = o.packed(hop[i.suffix:], i.data, i.count)
	}
	for n, rr := range rrs {
		h := rr.Header()
		at := i.section
		if i.message != nil {
			at = inAnswer
			if n >= int(i.message.Answers) {
				at = inAuthority
			}
			if h.Ttl = o.aged(h.Ttl, i); i.flatten != 0 && (h.Rrtype != i.flatten || at != inAnswer) {
				continue
			}
			if i.flatten != 0 {
				h.Name = textName(hop)
			}
		}
		if i.maxTTL > 0 {
			h.Ttl = min(h.Ttl, i.maxTTL)
		}
		o.add(at, i, rr)
	}
}

func (o *oracle) aged(ttl uint32, i *item) uint32 {
	switch {
	case i.stale:
		return forward.StaleTTL
	case ttl < i.age:
		return 0
	}
	return ttl - i.age
}

// add translates a record and puts it into its section, unless it is there already.
func (o *oracle) add(at section, i *item, rr dns.RR) {
	inv, view := o.x.state.snap.Inventory, o.x.a.View
	if at == inAnswer || i.message == nil {
		changed := false
		switch rr := rr.(type) {
		case *dns.A:
			private, _, why := inv.Translate(view.Index, [4]byte(rr.A.To4()))
			if why == zone.Translated && private != [4]byte(rr.A.To4()) {
				rr.A, changed = private[:], true
			}
		case *dns.HTTPS:
			changed = o.hints(&rr.SVCB)
		case *dns.SVCB:
			changed = o.hints(rr)
		}
		if changed {
			o.translated = true
			o.changed[setKey(rr)] = true
			rr.Header().Ttl = min(rr.Header().Ttl, o.x.state.snap.TranslatedTTL)
		}
	}
	sections := [...]*[]dns.RR{inAnswer: &o.m.Answer, inAuthority: &o.m.Ns, inAdditional: &o.m.Extra}
	*sections[at] = append(*sections[at], rr)
}

// hints translates the addresses of a service record.
func (o *oracle) hints(rr *dns.SVCB) (changed bool) {
	for _, v := range rr.Value {
		hint, ok := v.(*dns.SVCBIPv4Hint)
		if !ok {
			continue
		}
		for n, addr := range hint.Hint {
			private, _, why := o.x.state.snap.Inventory.Translate(o.x.a.View.Index, [4]byte(addr.To4()))
			if why == zone.Translated {
				hint.Hint[n], changed = private[:], true
			}
		}
	}
	mandatory := slices.ContainsFunc(rr.Value, func(v dns.SVCBKeyValue) bool {
		m, ok := v.(*dns.SVCBMandatory)
		return ok && slices.Contains(m.Code, dns.SVCB_IPV6HINT)
	})
	if changed && !mandatory {
		rr.Value = slices.DeleteFunc(rr.Value, func(v dns.SVCBKeyValue) bool { return v.Key() == dns.SVCB_IPV6HINT })
	}
	return changed
}

// instances adds what the view gets of the instances of a name (clause 7), in the words of
// the rule: the private address where it is reached, else the public one, else nothing.
func (o *oracle) instances(i *item, owner string) {
	set := zone.RRset{Kind: zone.Instances, Data: i.data}
	type member struct {
		zone.InstanceAddress
		given      netip.Addr
		translated bool
	}
	var reached []member
	var m zone.InstanceAddress
	for w := set.Instances(); w.Next(&m); {
		one := member{m, m.Public, false}
		if m.Private.IsValid() && !(m.KeepsPublic && m.Public.IsValid()) &&
			o.w.reaches(o.x.a.View.Index, m.VPC, m.Private, m.Public.IsValid()) {
			one.given, one.translated = m.Private, m.Public.IsValid()
		}
		if one.given.IsValid() {
			reached = append(reached, one)
		}
	}
	here := uint16(0)
	if o.w.affinity != zone.NoAffinity {
		here = o.w.clientZone(o.x.a.View.Index, o.x.q.Client)
	}
	s := o.x.a.hops[i.hop].service
	alone := o.w.affinity == zone.OwnZone && here != 0 && (s == nil || s.Narrows())
	for _, one := range narrowed(reached, func(m member) bool { return o.x.state.live.Sick[string(m.ID)] != "" },
		func(m member) bool { return m.Zone == here }, alone) {
		h := dns.RR_Header{Name: owner, Class: dns.ClassINET, Ttl: set.TTL()}
		switch {
		case one.Rdata != nil:
			h.Rrtype = dns.TypeSRV
			o.m.Answer = append(o.m.Answer, &dns.SRV{Hdr: h, Port: uint16(one.Rdata[4])<<8 | uint16(one.Rdata[5]),
				Target: textName(one.Rdata[6:])})
			continue
		case one.given.Is4():
			h.Rrtype = dns.TypeA
			o.m.Answer = append(o.m.Answer, &dns.A{Hdr: h, A: one.given.AsSlice()})
		default:
			h.Rrtype = dns.TypeAAAA
			o.m.Answer = append(o.m.Answer, &dns.AAAA{Hdr: h, AAAA: one.given.AsSlice()})
		}
		o.translated = o.translated || one.translated
	}
}

// reaches is what clause 6 says of a private address of a VPC, from the words of the view.
func (w *world) reaches(view int, vpc uint32, private netip.Addr, public bool) bool {
	b, n := w.views[view], w.vpcs[vpc]
	own := list(b.option("vpcs"))
	inside := func(id string) bool {
		at := slices.IndexFunc(w.vpcs, func(n zone.Network) bool { return n.ID == id })
		return at >= 0 && slices.ContainsFunc(w.vpcs[at].CIDRs, func(p netip.Prefix) bool { return p.Contains(private) })
	}
	covered := func(cidr string) bool { return netip.MustParsePrefix(cidr).Contains(private) }
	switch {
	case b.option("addresses") == "public":
		return false
	case slices.Contains(own, n.ID):
		return !n.Stale || !public
	case n.Stale:
		return false
	case slices.ContainsFunc(own, inside):
		return false
	}
	return b.option("addresses") == "private" || slices.Contains(list(b.option("reach")), n.ID) ||
		slices.ContainsFunc(list(b.option("also")), covered)
}

// finish applies what holds for whole RRsets: no record twice, one TTL (RFC 2181
// sections 5 and 5.2), no signature over what was changed.
func (o *oracle) finish() {
	signed := func(rr dns.RR) bool {
		sig, ok := rr.(*dns.RRSIG)
		if !ok {
			return false
		}
		key := strings.ToLower(sig.Hdr.Name) + " " + dns.TypeToString[sig.TypeCovered]
		return o.changed[key]
	}
	o.m.Answer = slices.DeleteFunc(o.m.Answer, signed)
	for _, section := range [...]*[]dns.RR{&o.m.Answer, &o.m.Ns, &o.m.Extra} {
		var kept []dns.RR
		for _, rr := range *section {
			if o.changed[setKey(rr)] {
				rr.Header().Ttl = min(rr.Header().Ttl, o.x.state.snap.TranslatedTTL)
			}
			if !slices.ContainsFunc(kept, func(k dns.RR) bool { return dns.IsDuplicate(k, rr) }) {
				kept = append(kept, rr)
			}
		}
		*section = kept
	}
}

// setKey tells RRsets of one section apart.
func setKey(rr dns.RR) string {
	return strings.ToLower(rr.Header().Name) + " " + dns.TypeToString[rr.Header().Rrtype]
}

// packed reads records packed for a snapshot.
func (o *oracle) packed(owner, data []byte, count uint16) []dns.RR {
	var rrs []dns.RR
	for len(data) > 0 {
		end := wire.PackedHeader + int(binary.BigEndian.Uint16(data[10:]))
		rr, off, err := dns.UnpackRR(append(append([]byte(nil), owner...), data[2:end]...), 0)
		if err != nil || off != len(owner)+end-2 {
			o.w.Fatalf("record of %s: %v", textName(owner), err)
		}
		rrs = append(rrs, rr)
		data = data[end:]
	}
	if len(rrs) != int(count) {
		o.w.Fatalf("%d records of %s, counted as %d", len(rrs), textName(owner), count)
	}
	return rrs
}

// message reads the records of an upstream's answer: behind its own question it is
// a whole message.
func (o *oracle) message(i *item, hop []byte) []dns.RR {
	m := i.message
	question := hop
	if i.flatten != 0 {
		question = o.x.a.target
	}
	head := []byte{0, 0, 0x80, 0, 0, 1}
	head = binary.BigEndian.AppendUint16(head, m.Answers)
	head = binary.BigEndian.AppendUint16(head, m.Authority)
	head = append(head, 0, 0)
	head = append(append(head, question...), 0, 1, 0, 1)
	var all dns.Msg
	err := all.Unpack(append(head, m.Body()...))
	if err != nil {
		o.w.Fatalf("answer of an upstream about %s: %v", textName(question), err)
	}
	return append(all.Answer, all.Ns...)[:i.count]
}

func textName(name []byte) string {
	text, _, err := dns.UnpackDomainName(name, 0)
	if err != nil {
		return "<" + err.Error() + ">"
	}
	return text
}

// compare holds an answer against the oracle's.
func (s *serving) compare(got *dns.Msg) {
	w, want := s.world, s.oracle
	w.Helper()
	if got.Rcode != want.Rcode || got.AuthenticatedData != (want.AuthenticatedData && !got.Truncated) {
		w.Errorf("%s: rcode %d ad %v, the oracle says %d %v", s.where, got.Rcode, got.AuthenticatedData, want.Rcode,
			want.AuthenticatedData)
	}
	extra := slices.DeleteFunc(slices.Clone(got.Extra), func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT })
	if got.Truncated {
		if len(got.Answer)+len(got.Ns)+len(extra) > 0 {
			w.Errorf("%s: truncated with records", s.where)
		}
		return
	}
	for _, part := range []struct {
		title     string
		got, want []dns.RR
	}{{"answer", got.Answer, want.Answer}, {"authority", got.Ns, want.Ns}, {"additional", extra, want.Extra}} {
		if diff := cmp.Diff(recordSet(part.want), recordSet(part.got)); diff != "" {
			w.Errorf("%s: %s isn't the oracle's (-oracle +encoder)\n%s", s.where, part.title, diff)
		}
	}
}

// recordSet returns the records' texts in order, owners in lower case.
func recordSet(rrs []dns.RR) []string {
	out := []string{}
	for _, rr := range rrs {
		rr = dns.Copy(rr)
		rr.Header().Name = dns.CanonicalName(rr.Header().Name)
		out = append(out, strings.Join(strings.Fields(rr.String()), " "))
	}
	slices.Sort(out)
	return out
}

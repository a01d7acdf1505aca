package resolver

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"inside53/resolver/zone"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// The slow reference: RFC 1034 section 4.3.2 and RFC 4592 by linear scan over a
// list of RRsets, with the layers of clause 4 on top, from the words of doc.go.

// refSet is one RRset of a layer.
type refSet struct {
	owner      string // text, lower case
	rrtype     uint16
	rrs        []dns.RR
	alias      string // of a same-zone alias: the target
	unservable bool
	instances  []zone.InstanceAddress // rrs are what the view gets of them
	ttl        uint32
}

// fenced reports whether the view gets none of the instances.
func (s *refSet) fenced() bool { return s.instances != nil && len(s.rrs) == 0 }

// refZone is one layer.
type refZone struct {
	apex   string
	origin zone.Origin
	sets   []refSet
	unread bool
	within string // below which alone it may have names; "" is everywhere
}

// mayHave reports whether a zone that was not read may have a name.
func (z *refZone) mayHave(name string) bool {
	return z.unread && (z.within == "" || z.within != name && dns.IsSubDomain(z.within, name))
}

// refApex is an apex of the view.
type refApex struct {
	name    string
	layers  []*refZone
	forward int
	below   bool
}

// reference answers one question.
type reference struct {
	apexes []refApex
	qtype  uint16
	rd     bool

	rcode                 int
	aa                    bool
	answer, authority, ad []dns.RR
	external              string // name and group of the question to a forwarder
}

func under(name, ancestor string) bool {
	return ancestor == "." || name == ancestor || strings.HasSuffix(name, "."+ancestor)
}

func parent(name string) string {
	_, rest, _ := strings.Cut(name, ".")
	if rest == "" {
		return "."
	}
	return rest
}

// ancestors lists a name and all above it down to the apex, the apex first.
func ancestors(name, apex string) []string {
	var out []string
	for ; under(name, apex); name = parent(name) {
		out = append(out, name)
		if name == apex {
			break
		}
	}
	slices.Reverse(out)
	return out
}

func (z *refZone) at(name string) (sets []refSet) {
	for _, s := range z.sets {
		if s.owner == name {
			sets = append(sets, s)
		}
	}
	return sets
}

func (z *refZone) get(name string, rrtype uint16) *refSet {
	for i := range z.sets {
		if z.sets[i].owner == name && z.sets[i].rrtype == rrtype {
			return &z.sets[i]
		}
	}
	return nil
}

func (z *refZone) exists(name string) bool {
	if name == z.apex {
		return true
	}
	for _, s := range z.sets {
		if under(s.owner, name) {
			return true
		}
	}
	return false
}

// barrier returns the highest cut at or above a name, or DNAME above it.
func (z *refZone) barrier(name string, qtype uint16) *refSet {
	for _, n := range ancestors(name, z.apex) {
		if d := z.get(n, dns.TypeDNAME); d != nil && n != name {
			return d
		}
		if ns := z.get(n, dns.TypeNS); ns != nil && n != z.apex && (n != name || qtype != dns.TypeDS) {
			return ns
		}
	}
	return nil
}

func (r *reference) closest(name string) *refApex {
	for {
		for i := range r.apexes {
			if r.apexes[i].name == name {
				return &r.apexes[i]
			}
		}
		if name == "." {
			return nil
		}
		name = parent(name)
	}
}

func (r *reference) root() *refApex {
	a := r.closest(".")
	if a != nil && a.forward >= 0 {
		return a
	}
	return nil
}

// resolve goes from name to name.
func (r *reference) resolve(name string) {
	for step := 0; ; step++ {
		if step > 8 {
			r.fail(dns.RcodeServerFailure)
			return
		}
		next := r.name(name, step == 0)
		if next == "" {
			return
		}
		name = next
	}
}

func (r *reference) fail(rcode int) {
	r.rcode, r.aa, r.answer, r.authority, r.ad = rcode, false, nil, nil, nil
}

// name decides one name; it returns the next one to go to.
func (r *reference) name(name string, first bool) (next string) {
	apex := r.closest(name)
	exists := false
	if r.qtype == dns.TypeDS && apex != nil && apex.name == name && name != "." {
		if above := r.closest(parent(name)); above != nil && (len(above.layers) > 0 || above.forward >= 0) {
			apex, exists = above, true
		}
	}
	if apex == nil || len(apex.layers) == 0 && apex.forward < 0 {
		if first {
			r.fail(dns.RcodeRefused)
		}
		return ""
	}
	owned, closed, fenced := false, false, false
	sees := func(z *refZone, at string) (done bool) { // what one layer has at a node
		sets := z.at(at)
		if len(sets) == 0 {
			return false
		}
		if c := z.get(at, dns.TypeCNAME); c != nil {
			if owned {
				return false
			}
			next = r.cname(z, c, name, first)
			return true
		}
		s := z.get(at, r.qtype)
		seen := slices.DeleteFunc(slices.Clone(sets), func(s refSet) bool { return s.fenced() })
		if r.qtype == dns.TypeANY && len(seen) > 0 {
			s = pickAny(seen)
		}
		if s != nil && !s.fenced() {
			r.respond(z, apex, s, name, first)
			return true
		}
		owned = true
		unit := r.qtype == dns.TypeA || r.qtype == dns.TypeAAAA || r.qtype == dns.TypeHTTPS || r.qtype == dns.TypeSVCB
		closed = unit && (z.get(at, dns.TypeA) != nil || z.get(at, dns.TypeAAAA) != nil) || len(seen) < len(sets)
		fenced = fenced || len(seen) < len(sets)
		return closed
	}
	for _, z := range apex.layers {
		if z.mayHave(name) { // rule: what can't be read isn't denied, nor left to others
			r.fail(dns.RcodeServerFailure)
			return ""
		}
		if b := z.barrier(name, r.qtype); b != nil {
			if owned {
				closed = true
				break
			}
			return r.behind(z, b, name, first)
		}
		exists = exists || z.exists(name)
		if sees(z, name) {
			if closed {
				break
			}
			return next
		}
	}
	if !exists && !closed {
		for _, z := range apex.layers {
			encloser := name
			for !z.exists(encloser) {
				encloser = parent(encloser)
			}
			star := "*." + encloser
			if encloser == "." {
				star = "*."
			}
			if !z.exists(star) {
				continue
			}
			exists = true
			if sees(z, star) {
				if closed {
					break
				}
				return next
			}
		}
	}
	if !closed && apex.forward >= 0 {
		r.external = fmt.Sprint(name, apex.forward)
		return ""
	}
	for _, z := range apex.layers { // rule: one that the view reaches may be in a region that was not read
		maybe := z.mayHave(name) || z.unread && dns.IsSubDomain(name, z.within) // it may exist by what is below it
		if fenced && z.mayHave(name) && z.origin == zone.Tags || !exists && maybe {
			r.fail(dns.RcodeServerFailure)
			return ""
		}
	}
	r.negative(apex, exists, first)
	return ""
}

func pickAny(sets []refSet) *refSet {
	slices.SortFunc(sets, func(a, b refSet) int { return int(a.rrtype) - int(b.rrtype) })
	for i := range sets {
		if !sets[i].unservable {
			return &sets[i]
		}
	}
	return &sets[0]
}

func (r *reference) negative(apex *refApex, exists, first bool) {
	r.aa = r.aa || first
	if !exists {
		r.rcode = dns.RcodeNameError
	}
	var soa *dns.SOA
	least := ^uint32(0)
	for _, z := range apex.layers {
		s := z.get(z.apex, dns.TypeSOA)
		if s == nil {
			continue
		}
		rr := s.rrs[0].(*dns.SOA)
		least = min(least, rr.Hdr.Ttl, rr.Minttl)
		if soa == nil || z.origin != zone.Tags {
			soa = rr
		}
	}
	if soa != nil {
		soa = dns.Copy(soa).(*dns.SOA)
		soa.Hdr.Ttl = least
		r.authority = append(r.authority, soa)
	}
}

// plain follows aliases inside the zone; nil when there is nothing, after having
// answered so.
func (r *reference) plain(z *refZone, s *refSet) (rrs []dns.RR, broken bool) {
	for step := range 16 {
		switch {
		case s == nil:
			return nil, false
		case s.unservable || s.instances != nil && step > 0:
			return nil, true
		case s.alias == "":
			return s.rrs, false
		}
		s = z.get(s.alias, s.rrtype)
	}
	return nil, true
}

func (r *reference) respond(z *refZone, apex *refApex, s *refSet, name string, first bool) {
	rrs, broken := r.plain(z, s)
	switch {
	case broken:
		r.fail(dns.RcodeServerFailure)
	case rrs == nil:
		r.negative(apex, true, first)
	default:
		r.aa = r.aa || first
		r.answer = append(r.answer, owned(rrs, name)...)
	}
}

// owned returns records under another owner.
func owned(rrs []dns.RR, name string) (out []dns.RR) {
	for _, rr := range rrs {
		rr = dns.Copy(rr)
		rr.Header().Name = name
		out = append(out, rr)
	}
	return out
}

func (r *reference) cname(z *refZone, c *refSet, name string, first bool) (next string) {
	if c.unservable {
		r.fail(dns.RcodeServerFailure)
		return ""
	}
	r.aa = r.aa || first
	r.answer = append(r.answer, owned(c.rrs, name)...)
	if r.qtype == dns.TypeCNAME || r.qtype == dns.TypeANY {
		return ""
	}
	return dns.CanonicalName(c.rrs[0].(*dns.CNAME).Target)
}

// behind answers at or below a cut, or below a DNAME.
func (r *reference) behind(z *refZone, b *refSet, name string, first bool) (next string) {
	if b.rrtype == dns.TypeDNAME {
		r.aa = r.aa || first
		d := b.rrs[0].(*dns.DNAME)
		if !slices.ContainsFunc(r.answer, func(rr dns.RR) bool { return dns.IsDuplicate(rr, d) }) {
			r.answer = append(r.answer, d)
		}
		target := name // without the owner of the DNAME, but with its dot
		if b.owner != "." {
			target = strings.TrimSuffix(name, b.owner)
		}
		if d.Target != "." {
			target += dns.CanonicalName(d.Target)
		}
		r.answer = append(r.answer, &dns.CNAME{
			Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: d.Hdr.Ttl}, Target: target})
		if r.qtype == dns.TypeCNAME || r.qtype == dns.TypeANY {
			return ""
		}
		return target
	}
	if r.rd && r.qtype == dns.TypeNS && b.owner == name {
		r.answer = append(r.answer, b.rrs...)
		return ""
	}
	if root := r.root(); r.rd && root != nil {
		r.external = fmt.Sprint(name, root.forward)
		return ""
	}
	r.authority = append(r.authority, b.rrs...)
	for _, rr := range b.rrs {
		target := dns.CanonicalName(rr.(*dns.NS).Ns)
		for _, t := range []uint16{dns.TypeA, dns.TypeAAAA} {
			if s := z.get(target, t); s != nil && s.alias == "" && !s.unservable && s.instances == nil {
				r.ad = append(r.ad, s.rrs...)
			}
		}
	}
	return ""
}

// compareWithReference asks n random questions of a random view.
func compareWithReference(t testing.TB, seed uint64, n int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1034))
	snap, apexes, live, w := randomView(t, rng)
	types := []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeCNAME, dns.TypeNS,
		dns.TypeDS, dns.TypeSOA, dns.TypeMX, dns.TypeDNAME, dns.TypeANY}
	x := &exchange{state: &state{snap: snap, live: live}}
	for range n {
		name, rrtype, rd := anyName(rng), types[rng.IntN(len(types))], rng.IntN(2) == 0
		want := reference{apexes: apexes, qtype: rrtype, rd: rd}
		want.resolve(name)

		var m dns.Msg
		m.SetQuestion(name, rrtype)
		m.RecursionDesired = rd
		pkt, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		x.q.Client = netip.MustParseAddr("10.0.0.1")
		if v := x.q.inspect(pkt); v != accepted {
			t.Fatalf("parsing %s: %d", name, v)
		}
		x.a.reset(snap.Views[0], &x.q)
		decide(snap, x.state.live, &x.q, &x.a)

		got := oracleMessage(w, x)
		external := ""
		if x.a.need {
			external = fmt.Sprint(textName(x.a.target), x.a.group)
		}
		lines := func(rcode int, aa bool, external string, sections ...[]dns.RR) (out []string) {
			out = []string{fmt.Sprintln(rcode, aa, external)}
			for i, s := range sections {
				out = append(out, fmt.Sprint("section ", i))
				out = append(out, slices.Compact(recordSet(s))...)
			}
			return out
		}
		expected := lines(want.rcode, want.aa, want.external, want.answer, want.authority, want.ad)
		g := lines(got.Rcode, x.a.AA, external, got.Answer, got.Ns, got.Extra)
		if diff := cmp.Diff(expected, g); diff != "" {
			t.Fatalf("seed %d: %s %s rd=%v (-reference +decide)\n%s\n%s", seed, name, dns.TypeToString[rrtype], rd, diff,
				describe(apexes))
		}
	}
}

// describe prints the zones of a view.
func describe(apexes []refApex) string {
	var b strings.Builder
	for _, a := range apexes {
		fmt.Fprintf(&b, "apex %s forward=%d below=%v\n", a.name, a.forward, a.below)
		for i, z := range a.layers {
			fmt.Fprintf(&b, "  layer %d %s\n", i, z.origin)
			for _, s := range z.sets {
				switch {
				case s.instances != nil:
					fmt.Fprintf(&b, "    %s instances %v\n", s.owner, s.instances)
				case s.unservable:
					fmt.Fprintf(&b, "    %s %s unservable\n", s.owner, dns.TypeToString[s.rrtype])
				case s.alias != "":
					fmt.Fprintf(&b, "    %s %s alias of %s\n", s.owner, dns.TypeToString[s.rrtype], s.alias)
				}
				for _, rr := range s.rrs {
					fmt.Fprintf(&b, "    %s\n", rr)
				}
			}
		}
	}
	return b.String()
}

func TestLookupEqualsReference(t *testing.T) {
	for seed := range uint64(1000) {
		compareWithReference(t, seed, 40)
	}
}

func FuzzLookup(f *testing.F) {
	f.Add(uint64(1 << 40))
	f.Fuzz(func(t *testing.T, seed uint64) { compareWithReference(t, seed, 100) })
}

package resolver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"inside53/resolver/forward"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// story tells how an answer came about: from the Answer, its hops, and the snapshot
// that it was decided on. Where the Answer doesn't keep enough, it looks at the same
// data again with the functions that decided; it decides nothing itself.
type story struct {
	x      *exchange
	q      *Query
	a      *Answer
	snap   *zone.Snapshot
	live   *zone.Live
	groups []zone.Forwarder
	now    time.Time
	// listing tells of the listings of a zone; nil: nobody does.
	listing func(*zone.Zone) Listing

	decisions []decided // of each hop, as far as told
	marked    bool      // some address was translated
}

// decided is what decided one hop, to compare two answers by.
type decided struct {
	name   string
	by     string // the layer, or who else
	choice string // the members that policies chose, "" for none
	place  string // where the client was taken to be by them
}

// steps tells the whole story.
func (s *story) steps() []Step {
	steps := []Step{s.view()}
	if s.a.View == nil || s.a.last().outcome == pending {
		return append(steps, s.response()) // nothing was looked up
	}
	for i := range s.a.hops[:s.a.nhops] {
		steps = append(steps, s.hop(i))
	}
	steps = append(steps, s.addresses()...)
	return append(steps, s.response())
}

// view is clause 1.
func (s *story) view() Step {
	client, v := s.q.Client, s.a.View
	step := Step{Step: "view"}
	if s.outside() {
		step.Step, step.Why = "view "+v.Name, "public zones alone, public addresses; no client of ours has it"
		step.Steps = []Step{{Step: "place",
			Why: placeText(v.Region) + "; Route 53 goes by the address of the client or of its resolver"}}
		return step
	}
	view, allow := s.snap.ClientPrefixes(client)
	switch {
	case !allow.IsValid():
		step.Why = fmt.Sprintf("%s is not allowed: no prefix of allow holds it", client)
		return step
	case v == nil:
		step.Why = fmt.Sprintf("%s is allowed by %s, but is among the clients of no view", client, allow)
		return step
	case view.IsValid():
		step.Why = fmt.Sprintf("%s is in %s, the longest prefix of all views' clients; allowed by %s", client, view, allow)
	default:
		step.Why = fmt.Sprintf("%s is among everybody else; allowed by %s", client, allow)
	}
	step.Step = "view " + v.Name
	step.Steps = append(step.Steps, Step{Step: "place", Why: placeText(v.Region) + "; " + addressesText(v)})
	if s.q.ECS.IsValid() {
		var j judge
		j.init(s.snap, s.live, &zone.Zone{Info: zone.Info{Origin: zone.Public}}, v, s.q)
		step.Steps = append(step.Steps, Step{Step: "client subnet", Why: fmt.Sprintf(
			"%s, from a trusted forwarder: policies of public zones take the client to be there; %s", s.q.ECS,
			placeText(j.region))})
	}
	return step
}

// outside reports whether this is the answer of a client outside.
func (s *story) outside() bool { return s.a.View != nil && s.a.View == s.snap.Outside }

func addressesText(v *zone.View) string {
	vpcs := "no VPC"
	if len(v.VPCs) > 0 {
		vpcs = strings.Join(v.VPCs, ", ")
	}
	switch v.Addresses {
	case zone.AddressPrivate:
		return vpcs + "; private addresses wherever there are any"
	case zone.AddressPublic:
		return vpcs + "; public addresses"
	default:
		return vpcs + "; private addresses where they can be reached"
	}
}

// placeText says where a region is, in the terms of geolocation.
func placeText(region string) string {
	p := placeOf(region)
	switch {
	case region == "":
		return "a region that isn't known"
	case p == place{}:
		return "region " + region + ", whose place isn't known"
	case p.state != "":
		return fmt.Sprintf("region %s (%s, %s, %s)", region, p.state, p.country, p.continent)
	default:
		return fmt.Sprintf("region %s (%s, %s)", region, p.country, p.continent)
	}
}

// at returns the scratch of a decision about a hop, for looking again. Its answer is one
// that has come as far as that hop.
func (s *story) at(i int) *decision {
	name := s.a.hops[i].name
	a := &Answer{gist: gist{View: s.a.View, nhops: i + 1}}
	d := &decision{snap: s.snap, live: s.live, q: s.q, a: a, labels: new(zone.Labels), name: name}
	d.depth = d.labels.Parse(name)
	return d
}

// hop tells of one name on the way.
func (s *story) hop(i int) Step {
	h := &s.a.hops[i]
	d := s.at(i)
	s.decisions = append(s.decisions, decided{name: zone.String(h.name)})
	step := Step{Step: zone.String(h.name) + " " + typeName(s.q.Type)}
	step.Steps = append(step.Steps, s.apex(d, h))
	open := false
	if h.apex != nil && h.apex.Unavailable == "" && h.outcome != notLoaded {
		var told []Step
		told, open = s.layers(d, h)
		step.Steps = append(step.Steps, told...)
		if open {
			step.Steps = append(step.Steps, s.computed(d, h)...)
		}
	}
	if h.reply != nil || h.outcome == external || s.unasked(h) {
		step.Steps = append(step.Steps, s.asked(i, h)...)
	}
	if h.service != nil {
		step.Steps = append(step.Steps, s.service(h))
	}
	step.Steps = append(step.Steps, s.affinity(d, h)...)
	if h.outcome == special {
		step.Steps = append(step.Steps, Step{Step: "special name", Why: specialText(h.apex.Special)})
	}
	if h.outcome == noData || h.outcome == nxDomain {
		step.Steps = append(step.Steps, s.negative(i, h)...)
	}
	step.Why = s.outcome(i, h)
	s.decisions[i].by = s.by(h)
	return step
}

// unasked reports whether a hop ended because there was nobody to ask.
func (s *story) unasked(h *hop) bool {
	return h.outcome == noAuthority && h.apex != nil && h.apex.Forward != zone.NoForward
}

// by names what decided a hop.
func (s *story) by(h *hop) string {
	switch {
	case h.outcome == special:
		return "special names"
	case h.outcome == computed:
		return "names computed from the inventory"
	case h.zone != nil:
		return zoneText(h.zone)
	case h.outcome == external && h.reply != nil:
		return "forwarder " + s.upstreams(h.group)
	case h.outcome == external:
		return "forwarder " + s.upstreams(s.a.group)
	case h.outcome == nxDomain:
		return "NXDOMAIN of " + zone.String(h.apex.Name)
	case h.outcome == noData:
		return "NODATA of " + zone.String(h.apex.Name)
	default:
		return "nobody"
	}
}

// outcome says in a sentence how a hop was decided.
func (s *story) outcome(i int, h *hop) string {
	next := ""
	if i+1 < s.a.nhops {
		next = zone.String(s.a.hops[i+1].name)
	}
	wild := ""
	if h.wild {
		wild = ", by its wildcard"
	}
	switch h.outcome {
	case data:
		return "answered by " + zoneText(h.zone) + wild
	case alias:
		return "answered by " + zoneText(h.zone) + wild + ": an alias, with the records of its target under its own name"
	case cname, dname:
		if next == "" && i == maxHops {
			if strings.HasPrefix(s.a.edeText, "loop") {
				return s.a.edeText + ": SERVFAIL"
			}
			return fmt.Sprintf("a name to follow, but %d steps are the most: SERVFAIL", maxHops)
		}
		kind := "CNAME"
		if h.outcome == dname {
			kind = "DNAME"
		}
		if h.outcome == dname && s.a.Rcode == wire.RcodeNoError && (s.q.Type == zone.TypeCNAME || s.q.Type == zone.TypeANY) {
			return "answered by the CNAME made of the DNAME of " + zoneText(h.zone)
		}
		if next == "" {
			return kind + " of " + zoneText(h.zone) + wild + ", which leads nowhere"
		}
		return kind + " of " + zoneText(h.zone) + wild + ": on at " + next
	case noData:
		return "NODATA: the name exists, records of this type don't"
	case nxDomain:
		return "NXDOMAIN: no layer has the name"
	case referral:
		return zoneText(h.zone) + " delegates the name: a referral"
	case special:
		return "a special name, which never leaves"
	case computed:
		return "computed from the inventory"
	case external:
		return s.externalOutcome(h, next)
	case unservable:
		return "known to exist, but can't be served: SERVFAIL"
	case unread:
		return "known but not read, so nobody else's word counts: SERVFAIL"
	case unavailable:
		return "can't be answered: SERVFAIL"
	case notLoaded:
		if s.a.View.Unread != "" {
			return s.a.View.Unread + ", and the client may be in one of its VPCs: " +
				"SERVFAIL but for zone files, special names and conditional forwarders"
		}
		return "the first data aren't complete yet: SERVFAIL but for zone files, special names and conditional forwarders"
	case noAuthority:
		return s.nobody(i)
	default:
		return "not decided"
	}
}

func (s *story) externalOutcome(h *hop, next string) string {
	switch {
	case h.reply == nil:
		return "no answer from outside: SERVFAIL"
	case s.a.Rcode == wire.RcodeServFail && next == "":
		return "the upstreams gave no answer: SERVFAIL"
	case next != "":
		return "answered from outside, on at " + next
	case s.a.denied != nil:
		return "answered from outside, with an address that it may not have: NODATA"
	case h.reply.Rcode != wire.RcodeNoError:
		return "answered from outside: " + rcodeName(h.reply.Rcode)
	case h.reply.Flags&forward.IsNegative != 0:
		return "answered from outside: NODATA"
	default:
		return "answered from outside"
	}
}

func (s *story) nobody(i int) string {
	h := &s.a.hops[i]
	switch {
	case h.zone != nil:
		return "an alias of " + zoneText(h.zone) +
			" to a name outside of it, which nobody may be asked for: the view has no forwarder: " + rcodeName(s.a.Rcode)
	case i == 0:
		return "no zone of ours has it and nobody may be asked: " + rcodeName(s.a.Rcode)
	}
	return "nobody may be asked about it: the answer ends here"
}

func specialText(what zone.Special) string {
	switch what {
	case zone.Localhost:
		return "localhost. is 127.0.0.1 and ::1 (RFC 6761 section 6.3)"
	case zone.NoName:
		return "exists nowhere: NXDOMAIN (RFC 6761 sections 6.2 and 6.4, RFC 7686, RFC 9665)"
	case zone.NoData:
		return "nobody here knows a resolver to upgrade to, which would know other names: NODATA (RFC 9462 section 6.4)"
	case zone.Loopback:
		return "the reverse name of the loopback addresses (RFC 6303 section 4.2)"
	default:
		return "an empty zone, so that private reverse names and the like never leave (RFC 6303, RFC 8375)"
	}
}

// response tells what the answer as a whole is.
func (s *story) response() Step {
	a := s.a
	step := Step{Step: "response", Why: rcodeName(a.Rcode) + ", counted as " + a.Result.String()}
	add := func(what, why string) { step.Steps = append(step.Steps, Step{Step: what, Why: why}) }
	if isMeta(s.q.Type) {
		add("type", typeName(s.q.Type)+" is no type of records that an answer could have")
	}
	if a.AA {
		add("aa", "the first name is ours")
	}
	switch {
	case a.AD && s.marked:
		add("ad", "not set, and signatures of addresses left out: some were translated")
	case a.AD:
		add("ad", "the upstream says that the data are authentic")
	case s.authentic() && a.nhops > 1:
		add("ad", "not set: not all of the answer is from an upstream")
	case s.authentic():
		add("ad", "not set: the query has neither AD nor DO")
	}
	if a.EDE != wire.NoEDE {
		add("extended error", edeText(a.EDE, a.edeText))
	} else if s.marked {
		add("extended error", edeText(wire.EDESynthesized, ""))
	}
	if !s.snap.Built.IsZero() {
		add("data", "compiled "+s.ago(s.snap.Built))
	}
	if a.full {
		add("cut", "more records than an answer holds")
	}
	return step
}

// authentic reports whether an upstream called any of its data authentic.
func (s *story) authentic() bool {
	return slices.ContainsFunc(s.a.hops[:s.a.nhops], func(h hop) bool { return h.reply != nil && h.reply.AD })
}

// zoneText names a zone as people know it.
func zoneText(z *zone.Zone) string {
	if z == nil {
		return "no zone"
	}
	switch z.Origin {
	case zone.Tags:
		return "names of instances in " + zone.String(z.Apex)
	case zone.File:
		return "zone file " + z.ID
	default:
		return z.Origin.String() + " zone " + z.ID
	}
}

// ago says how long ago something was.
func (s *story) ago(t time.Time) string {
	if t.IsZero() {
		return "at a time that isn't known"
	}
	return max(s.now.Sub(t), 0).Round(time.Second).String() + " ago"
}

func addressText(addr [4]byte) string { return netip.AddrFrom4(addr).String() }

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

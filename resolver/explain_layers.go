package resolver

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"inside53/resolver/zone"
)

// apex tells of clause 3: which zones and forwarders the name belongs to.
func (s *story) apex(d *decision, h *hop) Step {
	x := h.apex
	if x == nil {
		return Step{Step: "closest", Why: "no zone and no forwarder of the view is at or above the name"}
	}
	step := Step{Step: "closest " + zone.String(x.Name)}
	var parts []string
	if s.q.Type == zone.TypeDS && d.depth > x.Labels {
		longest := s.a.View.Closest(d.labels, d.name, d.depth)
		if longest != x {
			parts = append(parts, "DS at "+zone.String(longest.Name)+
				" is the parent's question (RFC 4035 section 3.1.4.1); the name exists whatever that says")
		}
	}
	switch len(x.Layers) {
	case 0:
	case 1:
		parts = append(parts, "one layer")
	default:
		parts = append(parts, fmt.Sprintf("%d layers, top down", len(x.Layers)))
	}
	if x.Forward != zone.NoForward {
		parts = append(parts, forwardText(x)+s.upstreams(x.Forward))
	}
	if x.Special != zone.NotSpecial {
		parts = append(parts, "a special name")
	}
	if x.Computed {
		parts = append(parts, "names here may be computed from the inventory")
	}
	if x.Unavailable != "" {
		parts = append(parts, x.Unavailable)
	}
	step.Why = "longest match of the view: " + strings.Join(parts, "; ")
	for _, z := range s.snap.Layers(x) {
		step.Steps = append(step.Steps, Step{Step: zoneText(z), Why: s.identity(z)})
	}
	step.Steps = append(step.Steps, s.unseen(x)...)
	return step
}

func forwardText(x *zone.Apex) string {
	switch {
	case x.Below && len(x.Layers) > 0:
		return "for names that no layer has, the forwarder "
	case x.Labels == 0:
		return "the default forwarder "
	default:
		return "the forwarder "
	}
}

// identity tells which zone that is and how old what is known of it.
func (s *story) identity(z *zone.Zone) string {
	var parts []string
	switch z.Origin {
	case zone.File:
	case zone.Tags:
		parts = append(parts, "from the inventory")
	default:
		account := "base account"
		if z.Account != "" {
			account = "account " + z.Account
		}
		parts = append(parts, account)
	}
	if z.Origin == zone.Private {
		ids := make([]string, len(z.VPCs))
		for i, v := range z.VPCs {
			ids[i] = v.ID
		}
		if len(ids) > 0 {
			parts = append(parts, "associated with "+strings.Join(ids, ", "))
		}
	}
	soa := z.Tree.Lookup(z.Apex).RRset(zone.TypeSOA).First()
	if len(soa) >= 22 && z.Origin != zone.Tags {
		parts = append(parts, fmt.Sprintf("serial %d", binary.BigEndian.Uint32(soa[len(soa)-20:])))
	}
	parts = append(parts, counted(z.Tree.Stats().Sets, "record set"))
	switch {
	case z.Origin == zone.Tags:
	case z.Origin == zone.File:
		parts = append(parts, "as the file was when it was read")
	case z.Listed.IsZero():
		parts = append(parts, "age not known")
	default:
		parts = append(parts, s.listed(z)...)
	}
	return strings.Join(parts, "; ")
}

// listed tells how old the records of a hosted zone are.
func (s *story) listed(z *zone.Zone) (parts []string) {
	var last Listing
	if s.listing != nil {
		last = s.listing(z)
	}
	text := "listed " + s.ago(z.Listed)
	if last.Good.After(z.Listed) {
		text = "listed " + s.ago(last.Good) + ", as it is since " + s.ago(z.Listed)
	}
	parts = append(parts, text)
	if last.Held {
		parts = append(parts, "a listing that shrank is held back")
	}
	if last.Err != nil {
		parts = append(parts, "not listed since: "+last.Err.Error())
	}
	return parts
}

// unseen tells of zones of the very name that aren't layers of this view, and why.
func (s *story) unseen(x *zone.Apex) (steps []Step) {
	for _, z := range s.snap.Served() {
		if string(z.Apex) != string(x.Name) || slices.Contains(s.snap.Layers(x), z) {
			continue
		}
		why := ""
		shared := slices.ContainsFunc(z.VPCs, func(v zone.VPC) bool { return slices.Contains(s.a.View.VPCs, v.ID) })
		switch {
		case z.Origin == zone.Private && s.outside():
			why = "a private zone"
		case z.Origin == zone.Private && !shared && len(s.a.View.VPCs) > 0:
			why = "not associated with a VPC of the view"
		case z.Origin == zone.Private && !shared:
			why = "the view is in no VPC that it is associated with, or several private zones have the name"
		case z.Origin == zone.File:
			why = "the file is not for this view, or a forwarder of the name wins"
		case x.Forward != zone.NoForward && !x.Below:
			why = "the forwarder of the same name wins (as Route 53 Resolver rules do)"
		case len(x.Layers) > 0:
			why = "the layer above hides it whole (overlap: shadow)"
		default:
			why = "not for this view"
		}
		steps = append(steps, Step{Step: zoneText(z), Why: "not seen: " + why})
	}
	return steps
}

// layers tells of clause 4, layer by layer. open says that none of them has an
// answer and that others may be asked.
func (s *story) layers(d *decision, h *hop) (steps []Step, open bool) {
	d.closest() // knows that an apex exists
	w := layerWalk{story: s, d: d, h: h, exists: d.exists}
	for _, z := range s.snap.Layers(h.apex) {
		steps = append(steps, w.layer(z))
	}
	if w.decided || w.closed || w.exists {
		return steps, !w.decided && !w.closed
	}
	for _, z := range s.snap.Layers(h.apex) {
		steps = append(steps, w.wildcard(z))
	}
	return steps, !w.decided && !w.closed
}

// layerWalk goes through the layers as decide did.
type layerWalk struct {
	*story
	d       *decision
	h       *hop
	exists  bool
	owned   bool
	closed  bool
	decided bool
}

// layer tells what one layer has at the name, and whether that counts.
func (w *layerWalk) layer(z *zone.Zone) Step {
	step := Step{Step: "layer " + zoneText(z)}
	node := z.Find(w.d.labels, w.d.name, w.d.depth)
	labels, cut := w.d.cut(z, node)
	over := w.decided || w.closed
	switch {
	case z.MayHave(w.d.name) && (!over || w.h.outcome == unread && w.h.zone == z):
		w.decided = true
		step.Why = z.Unavailable + ": decides, as what it has isn't known"
	case over:
		step.Why = w.hidden(node, labels)
	case labels >= 0 && w.owned:
		w.closed = true
		step.Why = "its cut at " + w.suffix(labels) +
			" doesn't hide what a layer above owns, but hides the name here and below"
	case labels >= 0:
		w.decided = true
		return w.cut(z, cut, labels)
	case !node.Exists():
		step.Why = "doesn't have the name"
	case node.Empty():
		w.exists = true
		step.Why = "an empty non-terminal: the name exists and owns nothing"
	default:
		w.exists = true
		step.Why, step.Steps = w.node(z, node)
	}
	return step
}

func (w *layerWalk) suffix(labels int) string { return zone.String(w.d.name[w.d.labels.Off[labels]:]) }

// hidden says what a layer has that isn't asked.
func (w *layerWalk) hidden(node zone.Node, labels int) string {
	const why = ": hidden by a layer above"
	switch {
	case labels >= 0:
		return "has a cut at " + w.suffix(labels) + why
	case !node.Exists():
		return "doesn't have the name"
	case node.Empty():
		return "has the name without records" + why
	default:
		return "owns " + typesOf(node) + why
	}
}

// cut tells of a delegation or DNAME.
func (w *layerWalk) cut(z *zone.Zone, node zone.Node, labels int) Step {
	step := Step{Step: "layer " + zoneText(z)}
	if node.HasDNAME() && labels < w.d.depth {
		step.Why = "a DNAME at " + w.suffix(labels) + " covers the name"
		return step
	}
	step.Why = "delegates " + w.suffix(labels)
	ns := node.RRset(zone.TypeNS)
	for target := range ns.Rdata() {
		step.Steps = append(step.Steps, Step{Step: "name server", Why: zone.String(target)})
	}
	switch {
	case ns.Kind == zone.Unservable:
		reason, _ := ns.Unservable()
		step.Why += ", in a way that can't be expressed: " + reason
	case w.h.outcome == external || w.h.reply != nil:
		step.Why += ": who asks for recursion and may have it gets no referral, the forwarder follows it"
	}
	return step
}

// node tells of the records at the name, or at the wildcard for it.
func (w *layerWalk) node(z *zone.Zone, node zone.Node) (why string, steps []Step) {
	owns := "owns " + typesOf(node)
	t := w.q.Type
	if node.HasCNAME() {
		if w.owned {
			return owns + ": hidden, as a layer above owns records at the name and CNAME never mixes with other types", nil
		}
		w.decided = true
		return owns + ": decides", w.set(w.d, z, node.RRset(zone.TypeCNAME))
	}
	set := w.d.choose(node)
	if t == zone.TypeANY && set.Exists() {
		owns += "; ANY gets the " + typeName(set.Type) + " (RFC 8482)"
	}
	if set.Exists() {
		w.decided = true
		return owns + ": decides", w.set(w.d, z, node.RRset(set.Type))
	}
	w.owned = true
	if w.d.unreached(node) {
		w.closed = true
		return owns + " of instances, none of which the view reaches: decides, nothing below is one of them", nil
	}
	if inUnit(t) && (node.RRset(zone.TypeA).Exists() || node.RRset(zone.TypeAAAA).Exists()) {
		w.closed = true
		return owns + ", no " + typeName(t) + ": decides, as A, AAAA, HTTPS and SVCB of a name are one unit", nil
	}
	return owns + ", no " + typeName(t) + ": a layer below may have it", nil
}

// wildcard tells of the source of synthesis in one layer (RFC 4592).
func (w *layerWalk) wildcard(z *zone.Zone) Step {
	step := Step{Step: "wildcard in " + zoneText(z)}
	encloser := w.encloser(z)
	star := "*." + zone.String(w.d.name[w.d.labels.Off[encloser]:])
	if star == "*.." {
		star = "*."
	}
	node := w.d.wildcardOf(z)
	switch {
	case w.decided || w.closed:
		step.Why = "not asked: a layer above has decided"
	case !node.Exists():
		step.Why = "none: the closest encloser has no " + star
	case node.Empty():
		step.Why = star + " exists and owns nothing: NODATA"
		w.exists = true
	default:
		w.exists = true
		step.Why, step.Steps = w.node(z, node)
		step.Why = star + ", at the closest encloser, " + step.Why
	}
	return step
}

// encloser returns the number of labels of the closest encloser in a zone.
func (w *layerWalk) encloser(z *zone.Zone) int {
	for i := w.d.depth - 1; i > z.ApexLabels; i-- {
		if z.Find(w.d.labels, w.d.name, i).Exists() {
			return i
		}
	}
	return z.ApexLabels
}

func typesOf(node zone.Node) string {
	var types []string
	for set := range node.RRsets {
		types = append(types, typeName(set.Type))
	}
	return strings.Join(types, ", ")
}

// negative tells of clause 4d: which SOA goes with NODATA or NXDOMAIN, and its TTL.
func (s *story) negative(i int, h *hop) []Step {
	for _, it := range s.a.items[:s.a.nitems] {
		if int(it.hop) == i && it.section == inAuthority && len(it.data) > 0 {
			return []Step{{Step: "SOA", Why: soaText(s.snap.Layers(h.apex), &it)}}
		}
	}
	if h.reply != nil && h.outcome != noData {
		return nil
	}
	return []Step{{Step: "SOA", Why: "none: no layer has one"}}
}

func soaText(layers []*zone.Zone, it *item) string {
	whose := "the special zone's"
	var with []*zone.Zone
	for _, z := range layers {
		if !z.Negative.Exists() {
			continue
		}
		with = append(with, z)
		if &z.Negative.Data[0] == &it.data[0] {
			whose = "that of " + zoneText(z)
		}
	}
	ttl := it.maxTTL
	if ttl == 0 {
		ttl = binary.BigEndian.Uint32(it.data[6:])
	}
	text := fmt.Sprintf("%s, TTL %d s", whose, ttl)
	switch len(with) {
	case 0:
		return text
	case 1:
		return text + capText(with[0])
	}
	ttls := make([]string, len(with))
	for i, z := range with {
		ttls[i] = fmt.Sprintf("%s %d s%s", zoneText(z), z.Negative.TTL(), capText(z))
	}
	return text + ", the least of the layers: " + strings.Join(ttls, ", ")
}

// capText says that negative_ttl caps what the SOA of a zone gives (RFC 2308 section 5).
func capText(z *zone.Zone) string {
	soa := z.Tree.Lookup(z.Apex).RRset(zone.TypeSOA)
	rdata := soa.First()
	if len(rdata) < 22 {
		return ""
	}
	own := min(soa.TTL(), binary.BigEndian.Uint32(rdata[len(rdata)-4:]))
	if z.Negative.TTL() >= own {
		return ""
	}
	return fmt.Sprintf(" (negative_ttl caps the %d s of its SOA)", own)
}

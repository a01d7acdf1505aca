package resolver

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"weak"

	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// Merger keeps what a view sees of one apex, as one zone without layers, policies and
// aliases: what secondaries get. It asks the same code that answers queries, name by
// name and type by type, so that a secondary's answers are ours. Where an answer is
// drawn or depends on the client, a fixed rule takes its place: the highest weight, the
// view's own place, the first eight by id. It isn't safe for concurrent use.
//
// Names below a zone cut or a DNAME, which no answer shows, are there as the layer has them
// (RFC 5936 section 3.5). What an upper layer hides is left out. An apex without SOA is no
// zone.
type Merger struct {
	*mergeScratch

	tree  *zone.Tree
	from  inputs
	below uint64
	// moving are the names whose records depend on more than themselves: policies,
	// aliases, addresses of our instances.
	moving   map[string]bool
	findings map[string][]Finding // by name
}

// mergeScratch is what mergers that work one after the other share: an exchange, and room
// for an answer.
type mergeScratch struct {
	x        *exchange
	out      []byte
	external func(Target) zone.RRset
	merged   uint64 // names, ever

	was, is      weak.Pointer[zone.Inventory] // of which the following is known; they may go
	addresses    map[[4]byte]bool
	sameServices bool
}

// Target is an alias target outside of the zone, as a view asks for it.
type Target struct {
	Forwarder int    // index into Snapshot.Forwarders
	Name      string // lower-case wire form
	Type      uint16
}

// Finding is a record that secondaries get otherwise than clients, or not at all.
type Finding struct {
	Name   []byte // lower-case wire form
	Type   uint16
	Reason string
}

// inputs is what the last merge was made from.
type inputs struct {
	layers    []*zone.Tree
	inventory *zone.Inventory
	reach     string // of the view: see zone.Inventory.ViewKey
	view      *zone.View
	health    uint64 // version
	sick      map[string]string
	region    string
	below     uint64
	loaded    bool
	followed  bool // the inventory is a later one: see Follow
}

// NewMerger returns a merger of nothing yet. external answers aliases to names outside of
// their zone: the zero RRset where nothing is known.
func (r *Resolver) NewMerger(external func(Target) zone.RRset) *Merger {
	return &Merger{mergeScratch: &mergeScratch{
		x: &exchange{resolver: r}, out: make([]byte, 0, 65535), external: external,
	}}
}

// Sibling returns a merger of nothing yet that shares the scratch of m: only one of them
// works at a time.
func (m *Merger) Sibling() *Merger { return &Merger{mergeScratch: m.mergeScratch} }

// Fork returns a merger that goes on from what m has merged, for another view that differs
// in names alone that [Merger.Moves] is about.
func (m *Merger) Fork() *Merger {
	next := *m
	next.moving, next.findings = maps.Clone(m.moving), maps.Clone(m.findings)
	next.from.view = nil
	return &next
}

// Moves reports whether names depend on more than themselves: on health, on the forwarders
// of the view and on where its clients are.
func (m *Merger) Moves() bool { return len(m.moving) > 0 }

// Merged returns how many names this merger and its siblings have merged.
func (m *Merger) Merged() uint64 { return m.merged }

// Follow tells of a later inventory with the same addresses ([zone.Inventory.SameAddresses]): what was merged is what
// would be merged by it, and the one before may go.
func (m *Merger) Follow(later *zone.Inventory) {
	if m.from.inventory != nil && m.from.inventory != later {
		m.from.inventory, m.from.followed = later, true
	}
}

// SetBelow tells, as a number, what else than this zone the view has below its apex: with
// another one all names are merged anew.
func (m *Merger) SetBelow(below uint64) { m.below = below }

// State returns the snapshot and the health that queries see now.
func (r *Resolver) State() (*zone.Snapshot, *zone.Live) {
	s := r.state.Load()
	return s.snap, s.live
}

// Merge returns the zone of an apex of a view, its SOA with the serial 0; nil when it
// isn't one, or a layer of it has not been read. A zone that hasn't changed is the same tree again, and one that has
// shares all else with the one before. outside says that targets of aliases may have changed. The cost is that of
// the change, but for zones with delegations, new layers and public addresses that moved, where it is that of the zone.
func (m *Merger) Merge(snap *zone.Snapshot, live *zone.Live, view *zone.View, apex *zone.Apex,
	outside bool) *zone.Tree {
	is := inputs{
		inventory: snap.Inventory, view: view, health: live.Version, sick: live.Sick, region: view.Region,
		below: m.below, loaded: snap.Loaded,
	}
	for _, z := range snap.Layers(apex) {
		if z.Unavailable != "" { // secondaries keep what they have, and don't deny what isn't known
			m.tree, m.from = nil, inputs{}
			return nil
		}
		is.layers = append(is.layers, z.Tree)
	}
	was := m.from
	is.reach = was.reach
	if is.inventory != was.inventory || is.view != was.view || was.followed {
		is.reach = snap.Inventory.ViewKey(view.Index)
	}
	m.from = is
	m.x.state = &state{snap: snap, live: live}
	defer func() { m.x.state = nil }() // the snapshot may go when it is no longer served
	names, all := m.changed(was, is, outside)
	if all {
		return m.whole(view, apex)
	}
	if len(names) == 0 {
		return m.tree
	}
	e := m.tree.Edit()
	for name := range names {
		for s := range m.tree.Lookup([]byte(name)).RRsets {
			e.Delete([]byte(name), s.Type)
		}
		m.name(e, view, apex, []byte(name))
	}
	m.tree, _ = m.tree.Rebase(e.Commit())
	return m.tree
}

// ForwardedBelow returns the names inside of a zone of a view that other servers answer
// for: what secondaries get of the zone can't say so. The cost is that of the view's apexes.
func ForwardedBelow(snap *zone.Snapshot, view *zone.View, apex *zone.Apex) []Finding {
	var out []Finding
	for i := range view.Apexes {
		a := &view.Apexes[i]
		if len(a.Layers) > 0 || a.Computed || len(a.Name) <= len(apex.Name) || !zone.IsSubdomain(a.Name, apex.Name) {
			continue
		}
		switch {
		case a.Unavailable != "":
			out = append(out, Finding{a.Name, zone.TypeANY,
				"secondaries deny what is at and below it; clients get SERVFAIL: " + a.Unavailable})
		case a.Forward != zone.NoForward:
			out = append(out, Finding{a.Name, zone.TypeANY,
				fmt.Sprintf("secondaries deny what is at and below it; clients are forwarded to %s: forward there too",
					strings.Join(snap.Forwarders[a.Forward].Upstreams, ", "))})
		}
	}
	return out
}

// whole merges all names anew.
func (m *Merger) whole(view *zone.View, apex *zone.Apex) *zone.Tree {
	m.moving, m.findings = map[string]bool{}, map[string][]Finding{}
	fresh := zone.NewTree(apex.Name)
	e := fresh.Edit()
	layers := m.x.state.snap.Layers(apex)
	for i, z := range layers {
		for name, node := range z.Tree.All {
			if !node.Empty() && !seenAbove(layers[:i], name) {
				m.name(e, view, apex, name)
			}
		}
	}
	next := e.Commit()
	if !next.Lookup(apex.Name).RRset(zone.TypeSOA).Exists() {
		m.tree = nil
		return nil
	}
	if m.tree == nil {
		m.tree = next
	} else {
		m.tree, _ = m.tree.Rebase(next)
	}
	return m.tree
}

// seenAbove reports whether an upper layer owns records at the name.
func seenAbove(layers []*zone.Zone, name []byte) bool {
	return slices.ContainsFunc(layers, func(z *zone.Zone) bool { return !z.Tree.Lookup(name).Empty() })
}

// name puts what the view has at one name into e.
func (m *Merger) name(e *zone.Edit, view *zone.View, apex *zone.Apex, name []byte) {
	m.merged++
	delete(m.moving, string(name))
	delete(m.findings, string(name))
	var types []uint16
	for _, l := range apex.Layers {
		z := m.x.state.snap.Zone(l)
		for s := range z.Tree.Lookup(name).RRsets {
			if !slices.Contains(types, s.Type) {
				types = append(types, s.Type)
			}
			if s.Kind == zone.Group || s.Kind == zone.Aliased {
				m.moving[string(name)] = true
			}
		}
	}
	holder := append([]byte(holderLabel), name...)
	e.Delete(holder, zone.TypeTXT)
	fenced := false
	for _, t := range m.occluded(e, view, apex, name, types) {
		m.records(e, view, apex, name, t)
		fenced = fenced || m.x.a.fenced
	}
	if fenced && e.Lookup(name).Empty() && len(holder) <= zone.MaxName {
		set, err := zone.NewRecords(zone.TypeTXT, m.x.state.snap.TranslatedTTL, []byte(holderText))
		if err == nil {
			err = e.Put(holder, set)
		}
		if err != nil {
			m.found(name, zone.TypeTXT, err.Error())
		}
	}
}

// A name of instances none of which the view reaches exists, and owns nothing: what a zone
// says by a record below the name. Without it a secondary would deny the name, or answer
// from a wildcard.
const (
	holderLabel = "\x10_inside53-fenced"
	holderText  = "\x29no instance that this view reaches has it"
)

// ask makes the question for one type of a name, whose answer is empty yet.
func (m *Merger) ask(view *zone.View, name []byte, rrtype uint16) {
	q := &m.x.q
	q.reset()
	q.Transport, q.fixed = TCP, true
	q.Client, q.Type, q.Class = netip.IPv4Unspecified(), rrtype, wire.ClassIN
	n := q.parseName(name)
	q.askedLen = copy(q.asked[:], name)
	q.askedLen += copy(q.asked[n:], []byte{byte(rrtype >> 8), byte(rrtype), 0, wire.ClassIN})
	m.x.a.reset(view, q)
}

// records puts what the view has of one type into e.
func (m *Merger) records(e *zone.Edit, view *zone.View, apex *zone.Apex, name []byte, rrtype uint16) {
	x := m.x
	q, a := &x.q, &x.a
	m.ask(view, name, rrtype)
	decide(x.state.snap, x.state.live, q, a)
	first := &a.hops[0]
	if a.need && a.asAlias && a.nhops == 1 {
		m.alias(e, name, rrtype)
		return
	}
	switch {
	case first.apex == nil || string(first.apex.Name) != string(apex.Name),
		first.outcome == dname && rrtype != zone.TypeDNAME:
		return // hidden by a forwarder, or below a DNAME
	case a.Rcode == wire.RcodeServFail && a.nhops == 1:
		m.found(name, rrtype, "it can't be served")
		return
	}
	a.need = false
	m.out = appendResponse(m.out, q, a, x.state.snap, limits{})
	if m.out[2]&0x02 != 0 {
		m.found(name, rrtype, "larger than a message")
		return
	}
	sets := readSets(m.out)
	for i := range sets {
		s := &sets[i]
		own := string(s.Name) == string(name)
		switch {
		case own && s.Type == rrtype:
		case first.outcome == referral && !own && rrtype == zone.TypeNS && m.delegates(sets, name) &&
			zone.IsSubdomain(s.Name, name):
			// Glue.
		default:
			continue
		}
		m.put(e, s)
	}
	if first.set.Kind == zone.Group && first.set.Policy() != zone.Simple {
		m.found(name, rrtype, fmt.Sprintf("one choice of the %s policy for all clients", first.set.Policy()))
	}
}

// delegates reports whether a referral is that of the name itself.
func (m *Merger) delegates(sets []wire.RecordSet, name []byte) bool {
	return slices.ContainsFunc(sets,
		func(s wire.RecordSet) bool { return s.Type == zone.TypeNS && string(s.Name) == string(name) })
}

func (m *Merger) put(e *zone.Edit, s *wire.RecordSet) {
	if s.Type == zone.TypeSOA && len(s.Data[0]) >= 22 {
		soa := slices.Clone(s.Data[0])
		binary.BigEndian.PutUint32(soa[len(soa)-20:], 0)
		s.Data[0] = soa
	}
	sort.Sort(s)
	if s.Type != wire.TypeRRSIG && s.Type != wire.TypeSIG { // the TTL of signatures is that of what they sign
		least := slices.Min(s.TTLs)
		for i := range s.TTLs {
			s.TTLs[i] = least
		}
	}
	set, err := zone.NewTimed(s.Type, s.TTLs, s.Data)
	if err == nil {
		err = e.Put(s.Name, set)
	}
	if err != nil {
		m.found(s.Name, s.Type, err.Error())
	}
}

// alias asks for the target of an alias outside.
func (m *Merger) alias(e *zone.Edit, name []byte, rrtype uint16) {
	a := &m.x.a
	m.moving[string(name)] = true
	set := m.external(Target{Forwarder: a.group, Name: string(a.target), Type: rrtype})
	if !set.Exists() {
		m.found(name, rrtype, fmt.Sprintf("nothing is known of the alias target %s", zone.String(a.target)))
		return
	}
	if addr := m.x.rebindsAlias(a.target, set); addr.IsValid() {
		m.found(name, rrtype, fmt.Sprintf("the alias target %s has %s, an address that names of the internet may not have",
			zone.String(a.target), addr))
		return
	}
	m.found(name, rrtype, fmt.Sprintf("as the alias target %s was a minute ago or less", zone.String(a.target)))
	a.need = false
	a.add(inAnswer, set.Count, set.Data).flags = set.Flags
	m.out = appendResponse(m.out, &m.x.q, a, m.x.state.snap, limits{})
	sets := readSets(m.out)
	if len(sets) > 0 {
		m.put(e, &sets[0])
	}
}

func (m *Merger) found(name []byte, rrtype uint16, reason string) {
	m.findings[string(name)] = append(m.findings[string(name)], Finding{slices.Clone(name), rrtype, reason})
}

// Findings returns the records that secondaries get otherwise than clients, by name.
func (m *Merger) Findings() []Finding {
	var out []Finding
	for _, f := range m.findings {
		out = append(out, f...)
	}
	slices.SortFunc(out, func(a, b Finding) int {
		return 2*slices.Compare(a.Name, b.Name) + max(-1, min(1, int(a.Type)-int(b.Type)))
	})
	return out
}

// readSets reads the RRsets of a response of our own encoder, which is well-formed,
// compresses owners alone, and has no OPT record here.
func readSets(msg []byte) []wire.RecordSet {
	var out []wire.RecordSet
	records := 0
	for i := 6; i < wire.HeaderSize; i += 2 {
		records += int(binary.BigEndian.Uint16(msg[i:]))
	}
	var owner []byte
	at := wire.SkipName(msg, wire.HeaderSize) + wire.QuestionFixed
	for range records {
		owner, at = wire.AppendName(nil, msg, at)
		rrtype, ttl := binary.BigEndian.Uint16(msg[at:]), binary.BigEndian.Uint32(msg[at+4:])
		end := at + 10 + int(binary.BigEndian.Uint16(msg[at+8:]))
		wire.Lower(owner)
		i := slices.IndexFunc(out, func(s wire.RecordSet) bool { return s.Type == rrtype && string(s.Name) == string(owner) })
		if i < 0 {
			i = len(out)
			out = append(out, wire.RecordSet{Name: owner, Type: rrtype})
		}
		out[i].TTLs = append(out[i].TTLs, ttl)
		out[i].Data = append(out[i].Data, msg[at+10:end:end])
		at = end
	}
	return out
}

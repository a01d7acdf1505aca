package resolver

import (
	"slices"

	"inside53/resolver/forward"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// section is where an item of an answer goes. The order is that of the message.
type section uint8

const (
	inAnswer section = iota
	inAuthority
	inAdditional
)

const (
	maxEDEText = 120 // octets of text beside an extended error

	maxHops  = 8  // steps from name to name, CNAMEs and DNAMEs followed; then SERVFAIL
	maxItems = 48 // two an alias or hop, one a delegation's glue
)

// item is one run of records of an answer: pointers into the snapshot or into a
// cached message, and what has to be different when they are written.
type item struct {
	section section
	hop     uint8 // the hop whose name the owner is a suffix of
	suffix  uint8 // offset of the owner in the name of the hop
	flags   zone.Flags
	count   uint16 // records of data to write: the first count after skip
	skip    uint16 // records of data to leave out first
	maxTTL  uint32 // 0: as they are
	pick    zone.Pick
	near    uint16 // of instances: so many are in the client's zone and come first; 0: no matter
	owner   []byte // an owner that is no suffix of a hop: glue (uncompressed)
	data    []byte // packed records, owners at offset 12

	// message, when set, gives the records instead of data: RRs[skip:skip+count].
	message *forward.Message
	age     uint32 // seconds to take off its TTLs
	stale   bool   // its TTLs are all forward.StaleTTL
	flatten uint16 // if set, only records of this type, all owned by the hop: external aliases
}

// continues reports whether the next item, of our own records, belongs to the same
// RRset: members of a multivalue policy.
func (i *item) continues(next *item) bool {
	return i.message == nil && i.owner == nil && next.owner == nil && i.section == next.section &&
		i.hop == next.hop && i.suffix == next.suffix && string(i.data[2:4]) == string(next.data[2:4])
}

// outcome says how a hop was decided: the RFC's own terms.
type outcome uint8

const (
	pending outcome = iota
	data
	alias
	cname
	dname
	wildcard
	noData
	nxDomain
	referral
	special
	computed
	external
	unservable
	unavailable
	unread
	notLoaded
	noAuthority
)

// hop is one name on the way to the answer and the Reason for what became of it:
// enough to tell the story later, nothing that has to be made for it.
type hop struct {
	name    []byte        // lower-case wire form, borrowed from Answer.names or the query
	apex    *zone.Apex    // closest apex of the view; nil when there is none
	zone    *zone.Zone    // the layer that decided; nil when it was none
	set     zone.RRset    // the RRset that decided
	fenced  zone.RRset    // the set of instances of which some were left out
	pick    zone.Pick     // how it was narrowed
	service *zone.Service // whose addresses answer; nil for none
	outcome outcome
	wild    bool // by way of a wildcard
	// encloser is how many labels the closest encloser has that a wildcard belongs to.
	encloser uint8

	reply *forward.Message // what an upstream said about it; nil when none was asked or none spoke
	age   uint32           // of reply, in seconds
	how   Result           // Cached, CachedStale or Forwarded: where reply comes from
	group int              // whom it came from: index into Snapshot.Forwarders
}

// Answer is what was decided about a query: references into the snapshot and into
// cached messages, nothing copied but the names of hops. Metrics, query log and
// explain are readers of it, as the encoder is. It belongs to one worker.
type Answer struct {
	gist
	hops     [maxHops + 1]hop
	items    [maxItems + 1]item // the last is for those that don't fit
	labels   zone.Labels        // of the hop in work, when it isn't the query's own name
	names    [maxHops + 1][zone.MaxName]byte
	external [zone.MaxName]byte
	made     [2560]byte // records made for this answer: PTRs, computed addresses, CNAMEs of DNAMEs
}

// gist is an Answer but for its hops, items and the room for names.
type gist struct {
	View    *zone.View
	Rcode   uint8
	AA      bool
	AD      bool
	EDE     uint16
	Result  Result
	edeText string // goes with EDE
	denied  []byte // an address that a name outside may not have; nil for none
	// Tailored says that a policy looked at the client subnet (RFC 7871).
	Tailored bool
	fenced   bool // an instance was left out, as the view doesn't reach it
	// sick are the unhealthy instances, where a set was narrowed by health.
	sick    map[string]string
	crossed zone.ServiceKind // what is given first is in another zone than the client; 0 for no

	// External, while need is set, is the question that only an upstream can
	// answer; the decision goes on when it has been.
	need      bool
	group     int    // index into Snapshot.Forwarders
	asAlias   bool   // the question is about the target of an alias
	aliasType uint16 // and this is its type
	aliasTTL  uint32 // caps the TTL of what the target has; 0 for none
	exists    bool   // a layer of ours has the name, or it is an apex: NXDOMAIN from outside means NODATA
	owned     bool   // a layer of ours has records at the name: no CNAME from outside joins them
	target    []byte // the name to ask for: the hop's, or that of an external alias
	nhops     int
	nitems    int
	full      bool // an item didn't fit
	madeLen   int
}

// reset begins the answer to a query.
func (a *Answer) reset(v *zone.View, q *Query) {
	if a.nhops > 0 {
		a.release()
	}
	a.View, a.Rcode, a.AA, a.AD, a.EDE, a.Result = v, wire.RcodeNoError, false, false, wire.NoEDE, Local
	a.Tailored, a.fenced, a.crossed = false, false, zone.NoService
	a.need, a.asAlias, a.exists = false, false, false
	a.madeLen = 0
	a.nhops = 1
	a.hops[0].name = q.Name()
}

// release lets go of what the answer was made of: a snapshot and cached messages, which
// nobody else may need any more. An answer at rest is clear, so that the next one sets what
// it has and nothing else.
func (a *Answer) release() {
	a.discard()
	for n := range a.hops[:a.nhops] {
		h := &a.hops[n]
		*h = hop{}
	}
	a.View, a.target, a.edeText, a.denied, a.sick = nil, nil, "", nil, nil
	a.nhops = 0
}

// discard takes all items out.
func (a *Answer) discard() {
	if a.full {
		a.items[maxItems] = item{}
	}
	for n := range a.items[:a.nitems] {
		i := &a.items[n]
		*i = item{}
	}
	a.nitems, a.full = 0, false
}

// last returns the hop in work.
func (a *Answer) last() *hop { return &a.hops[a.nhops-1] }

// add appends an item for the hop in work, and returns it for what else is to be said.
func (a *Answer) add(s section, count uint16, data []byte) *item {
	i := &a.items[a.nitems]
	if a.nitems < maxItems {
		a.nitems++
	} else {
		a.full = true
	}
	i.section, i.hop, i.count, i.data = s, uint8(a.nhops-1), count, data
	return i
}

// holds reports whether an RRset of the snapshot is in the answer: a DNAME may be met
// again further down the way.
func (a *Answer) holds(set zone.RRset) bool {
	for i := range a.items[:a.nitems] {
		data := a.items[i].data
		if len(data) > 0 && &data[0] == &set.Data[0] {
			return true
		}
	}
	return false
}

// fail makes the answer an error without records.
func (a *Answer) fail(rcode uint8, ede uint16, why outcome) {
	a.Rcode, a.EDE, a.AA = rcode, ede, false
	a.discard()
	a.need = false
	a.last().outcome = why
	a.Result = ServFail
	if rcode == wire.RcodeRefused {
		a.Result = Refused
	}
}

// reject makes the answer an error that the protocol itself asks for.
func (a *Answer) reject(rcode uint8, result Result) { a.Rcode, a.Result = rcode, result }

// follow begins a new hop at a name, which is copied and lower-cased; false when
// there have been too many.
func (a *Answer) follow(target []byte) bool {
	if a.nhops > maxHops {
		a.fail(wire.RcodeServFail, wire.EDEOther, a.last().outcome)
		a.edeText = "more than 8 names to follow"
		if a.hasHop(target) {
			a.edeText = "loop: a name leads back to itself"
		}
		return false
	}
	name := a.names[a.nhops][:copy(a.names[a.nhops][:], target)]
	zone.Lower(name)
	a.hops[a.nhops].name = name
	a.nhops++
	return a.labels.Parse(name) >= 0
}

// hasHop reports whether the way to the answer has come by a name.
func (a *Answer) hasHop(name []byte) bool {
	return slices.ContainsFunc(a.hops[:a.nhops], func(h hop) bool { return wire.EqualNames(h.name, name) })
}

// make packs a record of this answer's own into its scratch space.
func (a *Answer) makeRecord(rrtype uint16, ttl uint32, rdata []byte) []byte {
	if a.madeLen+wire.HeaderSize+len(rdata) > len(a.made) {
		return nil
	}
	at := a.madeLen
	made := zone.AppendRecord(a.made[:at], rrtype, ttl, rdata)
	a.madeLen = len(made)
	return made[at:len(made):len(made)]
}

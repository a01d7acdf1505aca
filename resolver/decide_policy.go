package resolver

import (
	"math/bits"
	"net/netip"

	"inside53/resolver/zone"
)

// judge picks among the members of routing policies for one query and one zone. It
// is the one place that knows the policies. It reads the place of the client, the
// health of checks and the query's random bits, and allocates nothing.
//
// The general rule (AWS: "How Route 53 chooses records when health checking is
// configured"): choose by policy; if the choice is unhealthy, take it away and
// choose again; if no candidate is healthy, all count as healthy. Each group
// follows it by itself, also inside a tree of aliases.
type judge struct {
	snap *zone.Snapshot
	live *zone.Live
	zone *zone.Zone
	// region and client are where the query comes from: the view's region and the
	// client's address, or those of a trusted client subnet in public zones.
	region string
	client netip.Prefix
	rand   uint64
	ecs    bool // the client subnet was used
	fixed  bool // nothing is drawn
	visits int  // members whose health was looked at

	placed bool  // the next two are known
	place  place // of region
	point  point
}

// maxMultivalue is how many members a multivalue answer has at most (AWS:
// "Multivalue answer routing").
const maxMultivalue = 8

// maxAliases bounds a chain of aliases and policies inside one zone. Route 53
// refuses loops; a zone that has one all the same gets SERVFAIL.
const maxAliases = 64

// maxVisits bounds the members whose health one choice of a tree looks at: a tree
// may come to one group by very many ways, and a loop has no end of them. Members
// beyond count as unhealthy. Two levels of the 100 members that Route 53 allows in a
// group are 10,100, looked at once more on the way down.
const maxVisits = 25_000

// maxTracked is how many members' health is remembered; members beyond count as
// unhealthy unless all do. (Route 53 allows 100 members in a group, 400 values.)
const maxTracked = 512

// memberSet is a set of members of a group by their position.
type memberSet [maxTracked / 64]uint64

func (s *memberSet) add(i int) {
	if i < maxTracked {
		s[i>>6] |= 1 << (i & 63)
	}
}

func (s *memberSet) remove(i int) { s[i>>6] &^= 1 << (i & 63) }

func (s *memberSet) has(i int) bool { return i < maxTracked && s[i>>6]&(1<<(i&63)) != 0 }

func (s *memberSet) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// nth returns the n-th of a set that has more, counted from 0.
func (s *memberSet) nth(n int) int {
	i := 0
	for ; !s.has(i) || n > 0; i++ {
		if s.has(i) {
			n--
		}
	}
	return i
}

// init places the client for a zone: private zones never look at a client subnet
// (AWS: "How Route 53 uses EDNS0").
func (j *judge) init(snap *zone.Snapshot, live *zone.Live, z *zone.Zone, v *zone.View, q *Query) {
	j.snap, j.live, j.zone, j.region, j.rand, j.fixed = snap, live, z, v.Region, q.Rand, q.fixed
	j.client = netip.PrefixFrom(q.Client, q.Client.BitLen())
	if z.Origin == zone.Public && q.ECS.IsValid() && q.ECS.Bits() > 0 {
		j.client, j.ecs = q.ECS, true
		view := snap.SubnetView(q.ECS)
		if view >= 0 {
			j.region = snap.Views[view].Region
		}
	}
}

// atHop gives the judge of a further hop draws of its own: names that follow one
// another are drawn independently. Hops count from 0.
func (j *judge) atHop(hop int) { j.rand ^= uint64(hop) * 0xd1342543de82ef95 }

// findPlace looks up where the client is, once.
func (j *judge) findPlace() {
	if !j.placed {
		j.place, j.placed = placeOf(j.region), true
		j.point = j.place.point()
	}
}

// draw returns 64 more random bits (SplitMix64).
func (j *judge) draw() uint64 {
	j.rand += 0x9e3779b97f4a7c15
	x := j.rand
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// below draws a number below n without bias worth speaking of (Lemire).
func (j *judge) below(n uint64) uint64 {
	hi, _ := bits.Mul64(j.draw(), n)
	return hi
}

// choose picks one member of a group into m; false when none is for this client.
// Multivalue groups go through multivalues instead, unless a single member will do.
func (j *judge) choose(set zone.RRset, m *zone.Member) bool {
	if set.Policy() == zone.Weighted || set.Policy() == zone.Multivalue {
		if j.fixed {
			return j.chooseFixed(set, m)
		}
		return j.drawOne(set, m, true) || j.drawOne(set, m, false) // none healthy: all are
	}
	best := j.best(set, true)
	if best < 0 {
		best = j.best(set, false) // none healthy: all are
	}
	return best >= 0 && memberAt(set, best, m)
}

// drawOne draws among the members, or the healthy ones of them, by weight; where none
// has any, evenly. It looks at each member once: each takes the place of the choice so
// far with the probability of its part in the sum so far (Chao 1982, reservoir
// sampling), which comes to weight / sum for all.
func (j *judge) drawOne(set zone.RRset, m *zone.Member, checkHealth bool) bool {
	var choice zone.MemberWalk
	total, zeros := uint64(0), uint64(0)
	w := set.Members()
	for at := w; w.Next(m); at = w {
		if checkHealth && !j.healthy(m, 0) {
			continue
		}
		weight := uint64(m.Weight)
		total += weight
		switch {
		case weight == total && weight > 0: // the first of a weight
			choice = at
		case weight > 0:
			if j.below(total) < weight {
				choice = at
			}
		case total == 0:
			zeros++
			if j.below(zeros) == 0 {
				choice = at
			}
		}
	}
	return choice.Next(m)
}

// candidates collects the members of a weighted or multivalue group that may be
// drawn: the healthy ones, of weighted groups those of a weight as long as there are
// any; with no healthy one, all count as healthy.
func (j *judge) candidates(set zone.RRset, fit *memberSet) {
	var m zone.Member
	var zero memberSet
	j.collect(set, &m, fit, &zero, true)
	if *fit == (memberSet{}) && zero == (memberSet{}) {
		j.collect(set, &m, fit, &zero, false)
	}
	if *fit == (memberSet{}) {
		*fit = zero
	}
}

func (j *judge) collect(set zone.RRset, m *zone.Member, fit, zero *memberSet, checkHealth bool) {
	i := 0
	for w := set.Members(); w.Next(m); i++ {
		if checkHealth && !j.healthy(m, 0) {
			continue
		}
		if set.Policy() == zone.Weighted && m.Weight == 0 {
			zero.add(i)
		} else {
			fit.add(i)
		}
	}
}

// chooseFixed takes the candidate of the greatest weight, of several the first by id.
func (j *judge) chooseFixed(set zone.RRset, m *zone.Member) bool {
	var fit memberSet
	j.candidates(set, &fit)
	var best zone.Member
	at, i := -1, 0
	for w := set.Members(); w.Next(m); i++ {
		if fit.has(i) && (at < 0 || m.Weight > best.Weight || m.Weight == best.Weight &&
			string(m.SetID) < string(best.SetID)) {
			at, best = i, *m
		}
	}
	return at >= 0 && memberAt(set, at, m)
}

// best returns the position of the member that a policy without draws prefers,
// among the healthy ones or among all; -1 when none is for this client.
func (j *judge) best(set zone.RRset, checkHealth bool) int {
	var m zone.Member
	best, least := -1, rank{}
	i := 0
	for w := set.Members(); w.Next(&m); i++ {
		r, ok := j.rank(set.Policy(), &m)
		if !ok || best >= 0 && !r.before(least) {
			continue
		}
		if checkHealth && !j.healthy(&m, 0) {
			continue
		}
		best, least = i, r
	}
	return best
}

// rank is how much a policy prefers a member: least first.
type rank struct {
	class    int
	distance float64
}

func (r rank) before(o rank) bool {
	return r.class < o.class || r.class == o.class && r.distance < o.distance
}

// rank says how much the policy prefers a member for this client; false when the
// member isn't for it.
func (j *judge) rank(p zone.Policy, m *zone.Member) (rank, bool) {
	switch p {
	case zone.Failover:
		// The primary, then the secondary; with both unhealthy the primary again.
		if m.Secondary {
			return rank{class: 1}, true
		}
		return rank{}, true
	case zone.Latency:
		if string(m.Region) == j.region {
			return rank{}, true
		}
		j.findPlace()
		return rank{class: 1, distance: distance(j.point, locate(string(m.Region)))}, true
	case zone.Geolocation:
		level, ok := j.geoLevel(m)
		return rank{class: level}, ok
	case zone.Geoproximity:
		return rank{distance: j.biased(m)}, true
	case zone.IPBased:
		return j.ipRank(m)
	}
	return rank{}, true // Simple: a group of one
}

// geoLevel returns which level of geolocation a member is for, smallest place
// first; false when the client isn't there.
func (j *judge) geoLevel(m *zone.Member) (int, bool) {
	j.findPlace()
	for level := range geoLevels {
		if j.place.within(m, level) {
			return level, true
		}
	}
	return 0, false
}

// ipRank prefers the location of the longest block that holds the client's prefix;
// the default location holds all.
func (j *judge) ipRank(m *zone.Member) (rank, bool) {
	if string(m.Location) == "*" {
		return rank{class: 1}, true
	}
	best := -1
	j.snap.Locations.Supernets(m.Collection, j.client, func(block netip.Prefix, location string) bool {
		if location == string(m.Location) {
			best = block.Bits()
			return false
		}
		return true
	})
	return rank{distance: -float64(best)}, best >= 0
}

// healthy reports whether a member counts as healthy: its own health check, if it
// has one, and the health of its alias's target, if that is to be evaluated.
func (j *judge) healthy(m *zone.Member, depth int) bool {
	j.visits++
	if j.visits > maxVisits {
		return false
	}
	return j.live.Healthy(m.Check) && j.healthySet(m.Set, depth)
}

// healthySet is the health of what an alias may point at: of a group that of any
// member, of an alias that of its target, if it evaluates it.
func (j *judge) healthySet(set zone.RRset, depth int) bool {
	if depth > maxAliases {
		return false
	}
	switch set.Kind {
	case zone.Aliased:
		a := set.Alias()
		if !a.Health {
			return true
		}
		if !a.SameZone {
			return j.live.HealthyTarget(a.Target)
		}
		target := j.zone.Tree.Lookup(a.Target).RRset(set.Type)
		return target.Exists() && j.healthySet(target, depth+1)
	case zone.Group:
		var m zone.Member
		for w := set.Members(); w.Next(&m); {
			if j.healthy(&m, depth+1) {
				return true
			}
		}
		return false
	}
	return true
}

// memberAt fills m with the member at a position.
func memberAt(set zone.RRset, at int, m *zone.Member) bool {
	w := set.Members()
	for ; at >= 0; at-- {
		if !w.Next(m) {
			return false
		}
	}
	return true
}

// multivalues walks the members of a multivalue answer: up to eight of the healthy
// ones, or of all when none is, drawn evenly (selection sampling). It begins at any of
// them and goes round, since clients prefer the first.
type multivalues struct {
	set   zone.RRset
	walk  zone.MemberWalk
	fit   memberSet
	at    int // members passed since the first one of the group
	left  int // candidates not passed yet
	wants int
}

func (w *multivalues) init(j *judge, set zone.RRset) {
	*w = multivalues{set: set, walk: set.Members()}
	j.candidates(set, &w.fit)
	w.left = w.fit.count()
	w.wants = min(w.left, maxMultivalue)
	if w.wants == 0 {
		return
	}
	if j.fixed {
		w.firstByID()
		return
	}
	first := w.fit.nth(int(j.below(uint64(w.left))))
	var m zone.Member
	for ; w.at < first; w.at++ {
		w.walk.Next(&m)
	}
}

// firstByID leaves only as many candidates as are wanted, the first by id.
func (w *multivalues) firstByID() {
	for w.left > w.wants {
		var m, last zone.Member
		at, i := -1, 0
		for walk := w.set.Members(); walk.Next(&m); i++ {
			if w.fit.has(i) && (at < 0 || string(m.SetID) > string(last.SetID)) {
				at, last = i, m
			}
		}
		w.fit.remove(at)
		w.left--
	}
}

func (w *multivalues) next(j *judge, m *zone.Member) bool {
	for w.wants > 0 {
		if !w.walk.Next(m) {
			w.walk, w.at = w.set.Members(), 0
			continue
		}
		fits := w.fit.has(w.at)
		w.at++
		if !fits {
			continue
		}
		chosen := j.below(uint64(w.left)) < uint64(w.wants)
		w.left--
		if chosen {
			w.wants--
			return true
		}
	}
	return false
}

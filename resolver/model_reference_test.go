package resolver

import (
	"math"
	"net/netip"
	"slices"
	"strings"

	"inside53/resolver/zone"
)

// The model: what AWS documents of routing policies, aliases and health, in the plainest
// form that computes the probability of each answer. It shares no code with decide
// and no way of thinking: it chooses, looks at the health of the choice, and chooses
// again, as the documentation tells it.

// modelZone is a zone as a tree of names with one set each: all of A, or all of CNAME.
type modelZone struct {
	public bool
	sets   map[string]*modelSet
}

// modelSet is what a name has.
type modelSet struct {
	cname   bool
	grouped bool // a routing policy; else one member without any
	policy  zone.Policy
	members []modelMember
}

// modelMember is one record set.
type modelMember struct {
	id, check                               string
	weight                                  int
	secondary                               bool
	region, continent, country, subdivision string
	bias                                    int
	coordinates                             *[2]float64 // latitude, longitude
	collection, location                    string

	// One of these is what it answers.
	addresses []string
	target    string // of a CNAME
	alias     string // name of the zone, or of an AWS resource
	external  bool
	evaluate  bool // EvaluateTargetHealth
}

// modelPlace is where a region is. Latitude and longitude are those of the city that AWS
// names the region after, to a degree: no test asks for more.
type modelPlace struct {
	continent, country, subdivision string
	latitude, longitude             float64
}

var modelPlaces = map[string]modelPlace{
	"us-east-1":      {"NA", "US", "VA", 39, -77},
	"us-west-2":      {"NA", "US", "OR", 46, -120},
	"ca-central-1":   {"NA", "CA", "", 45, -74},
	"eu-west-1":      {"EU", "IE", "", 53, -6},
	"eu-central-1":   {"EU", "DE", "", 50, 9},
	"ap-northeast-1": {"AS", "JP", "", 36, 140},
	"ap-southeast-2": {"OC", "AU", "", -34, 151},
	"sa-east-1":      {"SA", "BR", "", -24, -47},
	"af-south-1":     {"AF", "ZA", "", -34, 18},
}

type modelBlock struct {
	location string
	prefix   netip.Prefix
}

// modelReference answers for one client in one state of health.
type modelReference struct {
	zone        *modelZone
	collections map[string][]modelBlock
	unhealthy   map[string]bool // health checks, and AWS resources by name
	region      string          // where the client is
	client      netip.Prefix    // who it is
	// doubtful says that two distances are too much alike to say which is less, or not
	// known: the answers can't be held against anything.
	doubtful bool
}

// modelOdds is the probability of each answer, as text.
type modelOdds map[string]float64

func (o modelOdds) add(answer string, p float64) {
	if p > 0 {
		o[answer] += p
	}
}

// answers returns the odds of a question for A: CNAMEs are followed.
func (r *modelReference) answers(name string) modelOdds {
	set := r.zone.sets[name]
	leaves := r.leaves(set)
	if !set.cname {
		return leaves
	}
	out := modelOdds{}
	for leaf, p := range leaves {
		target, is := strings.CutPrefix(leaf, "cname ")
		if !is {
			out.add(leaf, p)
			continue
		}
		for rest, q := range r.answers(target) {
			out.add(leaf+"; "+rest, p*q)
		}
	}
	return out
}

// leaves returns the odds of what a set comes to, through its policy and aliases.
func (r *modelReference) leaves(set *modelSet) modelOdds {
	if !set.grouped {
		return r.leaf(&set.members[0])
	}
	if set.policy == zone.Multivalue {
		return r.multivalue(set)
	}
	out := modelOdds{}
	none := 1.0
	for i, p := range r.choices(set) {
		none -= p
		if p > 0 {
			for leaf, q := range r.leaf(&set.members[i]) {
				out.add(leaf, p*q)
			}
		}
	}
	if none > 1e-9 {
		out.add("nodata", none) // no member is for this client: "no answer"
	}
	return out
}

func (r *modelReference) leaf(m *modelMember) modelOdds {
	switch {
	case m.external:
		return modelOdds{"external " + m.alias: 1}
	case m.alias != "" && r.zone.sets[m.alias] == nil:
		return modelOdds{"nodata": 1}
	case m.alias != "":
		return r.leaves(r.zone.sets[m.alias])
	case m.target != "":
		return modelOdds{"cname " + m.target: 1}
	}
	return modelOdds{sortedText(m.addresses): 1}
}

func sortedText(addresses []string) string {
	return strings.Join(slices.Sorted(slices.Values(addresses)), " ")
}

// multivalue: up to eight of the healthy ones, any eight alike; where none is healthy,
// of all.
func (r *modelReference) multivalue(set *modelSet) modelOdds {
	var fit []int
	for i := range set.members {
		if r.healthy(&set.members[i]) {
			fit = append(fit, i)
		}
	}
	if len(fit) == 0 {
		for i := range set.members {
			fit = append(fit, i)
		}
	}
	var texts []string
	var choose func(from int, chosen []string, left int)
	choose = func(from int, chosen []string, left int) {
		if left == 0 {
			texts = append(texts, sortedText(chosen))
			return
		}
		for i := from; i <= len(fit)-left; i++ {
			choose(i+1, append(slices.Clone(chosen), set.members[fit[i]].addresses...), left-1)
		}
	}
	choose(0, nil, min(8, len(fit)))
	out := modelOdds{}
	for _, text := range texts {
		out.add(text, 1/float64(len(texts)))
	}
	return out
}

// choices is the general loop: choose by policy; if the choice is unhealthy, take it
// away and choose again; if none is left, all count as healthy.
func (r *modelReference) choices(set *modelSet) []float64 {
	out := make([]float64, len(set.members))
	var all []int
	for i := range set.members {
		if r.applies(set, &set.members[i]) {
			all = append(all, i)
		}
	}
	var again func(left []int, p float64)
	again = func(left []int, p float64) {
		if len(left) == 0 {
			for i, q := range r.prefer(set, all) {
				out[i] += p * q
			}
			return
		}
		for i, q := range r.prefer(set, left) {
			switch {
			case r.healthy(&set.members[i]):
				out[i] += p * q
			case q > 0:
				again(slices.DeleteFunc(slices.Clone(left), func(j int) bool { return j == i }), p*q)
			}
		}
	}
	if len(all) > 0 {
		again(all, 1)
	}
	return out
}

// healthy: the health check, if there is one, and the target's health, if that is
// evaluated. What has neither is always healthy.
func (r *modelReference) healthy(m *modelMember) bool {
	if m.check != "" && r.unhealthy[m.check] {
		return false
	}
	if m.alias == "" || !m.evaluate {
		return true
	}
	if m.external {
		return !r.unhealthy[m.alias]
	}
	target := r.zone.sets[m.alias]
	return slices.ContainsFunc(target.members, func(t modelMember) bool { return r.healthy(&t) })
}

// applies reports whether a member is for this client at all.
func (r *modelReference) applies(set *modelSet, m *modelMember) bool {
	switch set.policy {
	case zone.Geolocation:
		return r.geography(m) < 4
	case zone.IPBased:
		return m.location == "*" || r.longest(m) >= 0
	}
	return true
}

// geography is how small the place is that a member is for and the client is in: 0 its
// state, 1 its country, 2 its continent, 3 anywhere; 4 it isn't there.
func (r *modelReference) geography(m *modelMember) int {
	here := modelPlaces[r.region]
	switch {
	case m.country == "*":
		return 3
	case m.continent != "":
		if m.continent == here.continent {
			return 2
		}
	case m.country == here.country && m.subdivision == "":
		return 1
	case m.country == here.country && m.subdivision == here.subdivision:
		return 0
	}
	return 4
}

// longest is the length of the longest block of the member's location that holds the
// whole of the client's prefix, -1 for none.
func (r *modelReference) longest(m *modelMember) int {
	longest := -1
	for _, b := range r.collections[m.collection] {
		if b.location == m.location && b.prefix.Bits() <= r.client.Bits() && b.prefix.Contains(r.client.Addr()) {
			longest = max(longest, b.prefix.Bits())
		}
	}
	return longest
}

// prefer returns the odds of each of some members by the policy alone.
func (r *modelReference) prefer(set *modelSet, among []int) map[int]float64 {
	if set.policy == zone.Weighted {
		return preferWeight(set, among)
	}
	best, least, second := -1, math.Inf(1), math.Inf(1)
	for _, i := range among {
		d := r.cost(set.policy, &set.members[i])
		if d < least {
			best, least, second = i, d, least
		} else {
			second = min(second, d)
		}
	}
	if r.measured(set.policy, least) && second-least < 200+0.1*least {
		r.doubtful = true
	}
	return map[int]float64{best: 1}
}

func preferWeight(set *modelSet, among []int) map[int]float64 {
	sum := 0
	for _, i := range among {
		sum += set.members[i].weight
	}
	out := map[int]float64{}
	for _, i := range among {
		if sum == 0 {
			out[i] = 1 / float64(len(among))
		} else {
			out[i] = float64(set.members[i].weight) / float64(sum)
		}
	}
	return out
}

// measured reports whether the cost is a distance.
func (r *modelReference) measured(p zone.Policy, least float64) bool {
	return p == zone.Geoproximity || p == zone.Latency && least >= 0
}

// cost is what a policy minimises.
func (r *modelReference) cost(p zone.Policy, m *modelMember) float64 {
	switch p {
	case zone.Failover:
		if m.secondary {
			return 1
		}
	case zone.Latency:
		if m.region == r.region {
			return -1
		}
		return r.distanceTo(m)
	case zone.Geolocation:
		return float64(r.geography(m))
	case zone.Geoproximity:
		if m.bias > 0 {
			return r.distanceTo(m) * (1 - float64(m.bias)/100)
		}
		return r.distanceTo(m) / (1 + float64(m.bias)/100)
	case zone.IPBased:
		if m.location == "*" {
			return 1000
		}
		return -float64(r.longest(m))
	}
	return 0
}

// distanceTo is the great-circle distance to a member in kilometres (haversine).
func (r *modelReference) distanceTo(m *modelMember) float64 {
	here, known := modelPlaces[r.region]
	there := modelPlaces[m.region]
	if m.coordinates != nil {
		there.latitude, there.longitude = m.coordinates[0], m.coordinates[1]
	}
	if !known {
		r.doubtful = true
	}
	rad := func(degrees float64) float64 { return degrees * math.Pi / 180 }
	a := math.Pow(math.Sin(rad(there.latitude-here.latitude)/2), 2) +
		math.Cos(rad(here.latitude))*math.Cos(rad(there.latitude))*math.Pow(math.Sin(rad(there.longitude-here.longitude)/2),
			2)
	return 2 * 6371 * math.Asin(math.Sqrt(min(1, a)))
}

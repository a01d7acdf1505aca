package forward

import (
	"hash/maphash"

	"inside53/resolver/wire"
)

// cut is what stands for one zone outside: the flights for names in it.
type cut struct {
	key            uint64
	count          int
	oldest, newest *flight
}

// cutKey stands for the zone cut of a flight in its group.
func (s *shares) cutKey(fl *flight) uint64 {
	return maphash.Bytes(s.seed, cutName(nameOf(fl.query))) ^ uint64(fl.group.id)
}

// count has fl be one of its group, its cut and of all.
func (s *shares) count(fl *flight, key uint64) {
	c := s.cuts[key]
	if c == nil {
		c = s.freeCuts.Get().(*cut)
		c.key = key
		s.cuts[key] = c
	}
	fl.cutPrev = c.newest
	if c.newest != nil {
		c.newest.cutNext = fl
	} else {
		c.oldest = fl
	}
	c.newest = fl
	c.count++
	fl.group.held++
	s.flights++
	fl.cut = c
}

// uncount is the contrary of count.
func (s *shares) uncount(fl *flight) {
	c := fl.cut
	if c == nil {
		return
	}
	if fl.cutPrev != nil {
		fl.cutPrev.cutNext = fl.cutNext
	} else {
		c.oldest = fl.cutNext
	}
	if fl.cutNext != nil {
		fl.cutNext.cutPrev = fl.cutPrev
	} else {
		c.newest = fl.cutPrev
	}
	fl.cutPrev, fl.cutNext = nil, nil
	c.count--
	if c.count == 0 {
		delete(s.cuts, c.key)
		s.freeCuts.Put(c)
	}
	fl.group.held--
	s.flights--
	fl.cut = nil
}

// cutName returns what stands for the zone of a name outside, which a forwarder doesn't
// know: the last two labels; three below what looks like a country's second level, four of
// a reverse name of IPv4 (a /16) and ten of one of IPv6 (a /32).
func cutName(name []byte) []byte {
	var starts wire.Starts
	n := wire.SplitName(&starts, name)
	label := func(fromRight int) string {
		at := int(starts[n-fromRight])
		return string(name[at+1 : at+1+int(name[at])])
	}
	keep := 2
	if n >= 3 {
		switch last, second := label(1), label(2); {
		case last == "arpa" && second == "in-addr":
			keep = 4
		case last == "arpa" && second == "ip6":
			keep = 10
		case len(last) == 2 && len(second) <= 3:
			keep = 3
		}
	}
	if n <= keep {
		return name
	}
	return name[starts[n-keep]:]
}

package resolver

import "inside53/resolver/zone"

// odds tells how likely each member of a group is to be in the answer, 0 to 1, and
// whether it counts as healthy by itself. It is for people, and for tests that hold
// the draws against it; the draws are made elsewhere.
func (j *judge) odds(set zone.RRset) (chance []float64, healthy []bool) {
	var m zone.Member
	for w := set.Members(); w.Next(&m); {
		healthy = append(healthy, j.healthy(&m, 0))
	}
	chance = make([]float64, len(healthy))
	switch set.Policy() {
	case zone.Weighted, zone.Multivalue:
		j.drawOdds(set, chance)
	default:
		best := j.best(set, true)
		if best < 0 {
			best = j.best(set, false)
		}
		if best >= 0 {
			chance[best] = 1
		}
	}
	return chance, healthy
}

func (j *judge) drawOdds(set zone.RRset, chance []float64) {
	var fit memberSet
	j.candidates(set, &fit)
	n := fit.count()
	var m zone.Member
	total, i := 0, 0
	for w := set.Members(); w.Next(&m); i++ {
		if fit.has(i) {
			total += int(m.Weight)
		}
	}
	i = 0
	for w := set.Members(); w.Next(&m); i++ {
		switch {
		case !fit.has(i):
		case set.Policy() == zone.Multivalue:
			chance[i] = min(1, float64(maxMultivalue)/float64(n))
		case total == 0:
			chance[i] = 1 / float64(n)
		default:
			chance[i] = float64(m.Weight) / float64(total)
		}
	}
}

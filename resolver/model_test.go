package resolver

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

var modelCases = flag.Int("model", 20_000, "how many cases decide is held against the model of routing policies")

const (
	modelShards  = 4
	casesPerZone = 8
	drawsPerCase = 3
	sampled      = 10   // one case in so many, of those with several answers, is drawn often
	sampleDraws  = 2000 // so often
)

// TestModel holds decide against the model: random zones of every policy, in trees
// through aliases and CNAMEs, in random health, asked by random clients. Each answer has
// to be one that the model knows as possible, and those of a sample of cases have to
// come as often as the model says.
func TestModel(t *testing.T) {
	for shard := range modelShards {
		t.Run(fmt.Sprint(shard), func(t *testing.T) {
			t.Parallel()
			run := &modelRun{TB: t, r: rand.New(rand.NewPCG(53, uint64(shard))), x: &exchange{resolver: New(nil, Options{})}}
			for n := 0; n < *modelCases/modelShards; n += casesPerZone {
				run.zone()
			}
			if run.doubtful*4 > run.cases {
				t.Errorf("%d of %d cases are doubtful: the model tells too little", run.doubtful, run.cases)
			}
			if run.several*20 < run.cases || run.compared == 0 {
				t.Errorf("only %d of %d cases have several answers; the frequencies of %d were compared", run.several, run.cases,
					run.compared)
			}
		})
	}
}

type modelRun struct {
	testing.TB
	r *rand.Rand
	x *exchange

	cases, doubtful, several, compared int
}

// zone compares some cases of one zone.
func (run *modelRun) zone() {
	run.Helper()
	z, collections, names := makeModelZone(run.r)
	snap := z.snapshot(run.TB, collections)
	for range casesPerZone {
		run.cases++
		unhealthy, live := randomHealth(run.r)
		client := randomModelClient(run.r)
		name := names[0]
		if run.r.IntN(3) == 0 {
			name = pick(run.r, names)
		}
		ref := &modelReference{zone: z, collections: collections, unhealthy: unhealthy}
		ref.region, ref.client = client.place(z.public)
		want := ref.answers(name)
		if ref.doubtful {
			run.doubtful++
			continue
		}
		run.x.state = &state{snap: snap, live: live}
		pkt := client.packet(run.TB, name)
		got := map[string]int{}
		draws := drawsPerCase
		if len(want) > 1 {
			run.several++
			if run.several%sampled == 0 {
				draws = sampleDraws
				run.compared++
			}
		}
		for range draws {
			answer := run.answer(pkt, client.address)
			if want[answer] == 0 {
				run.Fatalf("%s for %v with %v failing: %q, want of %v\n%v%v", name, client, unhealthy, answer, want, z, collections)
			}
			got[answer]++
		}
		if draws == sampleDraws {
			statistic, bound := chiSquare(want, got, draws)
			if statistic > bound {
				run.Fatalf("%s for %v with %v failing: chi-square %.1f > %.1f: %v of %d, want %v\n%v", name, client, unhealthy,
					statistic, bound, got, draws, want, z)
			}
		}
	}
}

// answer lets decide answer once.
func (run *modelRun) answer(pkt []byte, client netip.Addr) string {
	run.Helper()
	x := run.x
	x.q.Client, x.q.Rand = client, run.r.Uint64()
	if !x.admit(x.q.inspect(pkt), pkt) {
		run.Fatalf("not admitted: %v", x.a.Rcode)
	}
	decide(x.state.snap, x.state.live, &x.q, &x.a)
	return answerText(&x.a)
}

// answerText writes an Answer as the model does.
func answerText(a *Answer) string {
	var steps, addresses []string
	for i := range a.items[:a.nitems] {
		it := &a.items[i]
		for data := it.data; it.section == inAnswer && len(data) > 0; {
			end := wire.PackedHeader + int(binary.BigEndian.Uint16(data[10:]))
			if binary.BigEndian.Uint16(data[2:]) == zone.TypeCNAME {
				steps = append(steps, "cname "+zone.String(data[wire.PackedHeader:end]))
			} else {
				addresses = append(addresses, netip.AddrFrom4([4]byte(data[wire.PackedHeader:end])).String())
			}
			data = data[end:]
		}
	}
	switch {
	case a.Rcode != wire.RcodeNoError:
		steps = append(steps, fmt.Sprint("rcode ", a.Rcode))
	case a.need && a.asAlias:
		steps = append(steps, "external "+zone.String(a.target))
	case a.need:
		steps = append(steps, "outside "+zone.String(a.target))
	case len(addresses) == 0:
		steps = append(steps, "nodata")
	default:
		steps = append(steps, sortedText(addresses))
	}
	return strings.Join(steps, "; ")
}

// chiSquare compares frequencies with probabilities: the statistic, and a bound that it
// passes by chance once in some ten million cases (Wilson and Hilferty's approximation).
// Answers that should come less than five times are taken together.
func chiSquare(want modelOdds, got map[string]int, draws int) (statistic, bound float64) {
	classes, rareWant, rareGot := 0, 0.0, 0
	add := func(want float64, got int) {
		statistic += (float64(got) - want) * (float64(got) - want) / want
		classes++
	}
	for answer, p := range want {
		expected := p * float64(draws)
		if expected < 5 {
			rareWant += expected
			rareGot += got[answer]
			continue
		}
		add(expected, got[answer])
	}
	if rareWant >= 5 {
		add(rareWant, rareGot)
	}
	free := float64(max(1, classes-1))
	return statistic, free * math.Pow(1-2/(9*free)+5.2*math.Sqrt(2/(9*free)), 3)
}

// TestChiSquare: the measure itself tells right from wrong.
func TestChiSquare(t *testing.T) {
	want := modelOdds{"a": 0.5, "b": 0.3, "c": 0.1999, "d": 0.0001}
	tests := []struct {
		got  map[string]int
		fits bool
	}{
		{map[string]int{"a": 1000, "b": 600, "c": 400}, true},
		{map[string]int{"a": 1040, "b": 580, "c": 380}, true},
		{map[string]int{"a": 2000}, false},
		{map[string]int{"a": 667, "b": 667, "c": 666}, false},
		{map[string]int{"a": 800, "b": 700, "c": 500}, false},
	}
	for _, tt := range tests {
		statistic, bound := chiSquare(want, tt.got, 2000)
		if (statistic <= bound) != tt.fits {
			t.Errorf("%v: %.1f of %.1f", tt.got, statistic, bound)
		}
	}
}

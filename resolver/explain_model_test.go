package resolver

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"inside53/resolver/wire"
	"inside53/resolver/zone"

	"github.com/google/go-cmp/cmp"
)

// TestExplainModel tells the stories of the model's random zones: a story must lead to
// the very records that were answered, by whatever trees and draws.
func TestExplainModel(t *testing.T) {
	r := rand.New(rand.NewPCG(53, 99))
	w := &world{TB: t}
	told, policies := 0, 0
	for range 1500 {
		z, collections, names := makeModelZone(r)
		snap := z.snapshot(t, collections)
		x := &exchange{resolver: New(nil, Options{})}
		_, live := randomHealth(r)
		x.state = &state{snap: snap, live: live}
		client := randomModelClient(r)
		x.q.Client, x.q.Transport, x.q.Rand = client.address, TCP, r.Uint64()
		pkt := client.packet(t, pick(r, names))
		if !x.admit(x.q.inspect(pkt), pkt) {
			t.Fatalf("not admitted: %v", x.a.Rcode)
		}
		decide(snap, live, &x.q, &x.a)
		if x.a.need {
			continue // its end is an upstream's
		}
		e := x.explanation(appendResponse(make([]byte, 0, 65535), &x.q, &x.a, snap, x.resolver.limits), new(ExplainRequest))
		where := fmt.Sprintf("%s for %v", e.Name, client)
		text := strings.Join(treeOf(e.Steps), "\n")
		w.consistent(where, e)
		told++
		if strings.Contains(text, " policy: ") {
			policies++
		}
		if strings.Contains(text, "multivalue policy: ") || x.a.Rcode != wire.RcodeNoError {
			continue // equal records of several members are one; a failure leaves out what was told
		}
		if diff := cmp.Diff(leavesOf(&x.a), leavesTold(e.Steps)); diff != "" {
			t.Fatalf("%s: the story leads elsewhere (-answer +story)\n%s\n%s", where, diff, text)
		}
	}
	if told < 500 || policies < 300 {
		t.Errorf("%d stories, %d of them with policies: too few to tell", told, policies)
	}
}

// leavesOf returns number and TTL of the records of each item of an answer.
func leavesOf(a *Answer) []string {
	leaves := []string{}
	for _, i := range a.items[:a.nitems] {
		if i.section == inAnswer {
			leaves = append(leaves, fmt.Sprintf("%s records: %s, TTL %d s", typeName(binary.BigEndian.Uint16(i.data[2:])),
				counted(int(i.count), "record"), zone.RRset{Kind: zone.Records, Data: i.data}.TTL()))
		}
	}
	slices.Sort(leaves)
	return leaves
}

// leavesTold returns the same of the steps.
func leavesTold(steps []Step) []string {
	leaves := []string{}
	for _, s := range steps {
		if strings.HasSuffix(s.Step, " records") {
			text, _, _ := strings.Cut(s.Why, ", here at most ")
			leaves = append(leaves, s.Step+": "+text)
		}
		leaves = append(leaves, leavesTold(s.Steps)...)
	}
	slices.Sort(leaves)
	return leaves
}

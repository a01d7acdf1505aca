package update

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"inside53/resolver/zone"
	"inside53/zonesource/awssim"
	"inside53/zonesource/changes"
)

// model is a zone in which messages are made one after the other, as RFC 2136 section 3
// has it.
type model struct{ owners map[string]*owner }

func newModel(sets []changes.RecordSet) *model {
	m := &model{map[string]*owner{}}
	base := owners(sets)
	for _, s := range sets {
		name := string(zone.MustName(*s.Name))
		m.owners[name] = base(name)
	}
	return m
}

func (m *model) make(msg *Message) int {
	p := newPlan(zone.MustName("example.net."), func(name string) *owner {
		o := m.owners[name]
		if o == nil {
			return listedOwner(nil)
		}
		return o
	})
	result := p.evaluate(msg)
	if result.good() {
		maps.Copy(m.owners, p.next)
	}
	return result.Rcode
}

// text is all plain records of the model but those of the apex.
func (m *model) text() []string {
	var out []string
	for name, o := range m.owners {
		for rrtype, s := range o.sets {
			for _, d := range s.data {
				out = append(out, fmt.Sprintf("%s %d %d %x", zone.String([]byte(name)), rrtype, s.ttl, d))
			}
		}
	}
	slices.Sort(out)
	return out
}

// randomMessage changes a few of a few names, mostly with prerequisites.
func randomMessage(t *testing.T, r *rand.Rand) *Message {
	name := func() string { return fmt.Sprintf("n%d.example.net.", r.IntN(6)) }
	types := []string{"A 10.0.0.%d", "TXT x%d", "CNAME c%d.example.net."}
	var lines []string
	for range r.IntN(3) {
		value := fmt.Sprintf(types[r.IntN(3)], r.IntN(3))
		kind, _, _ := strings.Cut(value, " ")
		lines = append(lines, []string{
			"? " + name() + " 0 ANY ANY", "? " + name() + " 0 NONE ANY", "? " + name() + " 0 ANY " + kind,
			"? " + name() + " 0 NONE " + kind, "? " + name() + " 0 IN " + value,
		}[r.IntN(5)])
	}
	for range 1 + r.IntN(3) {
		value := fmt.Sprintf(types[r.IntN(3)], r.IntN(3))
		kind, _, _ := strings.Cut(value, " ")
		add := fmt.Sprintf("%s %d IN %s", name(), 60+r.IntN(2), value)
		lines = append(lines, []string{add, add, add, name() + " 0 NONE " + value, name() + " 0 ANY " + kind,
			name() + " 0 ANY ANY"}[r.IntN(6)])
	}
	return message(t, lines...)
}

// records are the simulator's, as the API has them.
func (w *world) records() []changes.RecordSet {
	var lines []string
	for _, s := range w.sim.Records(netZone) {
		for _, v := range s.ResourceRecords {
			lines = append(lines, fmt.Sprintf("%s %d %s %s", s.Name, *s.TTL, s.Type, v.Value))
		}
	}
	return listing(w.t, strings.Join(lines, "\n"))
}

// TestModel sends random messages together, while somebody else changes the zone
// between: each has the result, and all leave the records, that they would one after
// the other.
func TestModel(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t, nil)
	for round := range 30 {
		if r.IntN(3) == 0 { // what is served of it is old now
			ttl := int64(60)
			set := awssim.RecordSet{Name: fmt.Sprintf("n%d.example.net.", r.IntN(6)), Type: "A", TTL: &ttl,
				ResourceRecords: []awssim.ResourceRecord{{Value: "10.0.0.2"}}}
			_, _ = w.sim.Change(netZone, awssim.Change{Action: "UPSERT", RecordSet: set}) // refused beside a CNAME
		}
		before := newModel(w.records())
		var messages []*Message
		for range 1 + r.IntN(12) {
			messages = append(messages, randomMessage(t, r))
		}
		got := w.send(messages...)
		for i, m := range messages {
			want := dns.RcodeToString[before.make(m)]
			if code, _, _ := strings.Cut(got[i], " "); code != want {
				t.Errorf("seed %d, round %d, message %d: %s, want %s", seed, round, i, got[i], want)
			}
		}
		if is, want := newModel(w.records()).text(), before.text(); !slices.Equal(is, want) {
			t.Fatalf("seed %d, round %d: there is\n%s\nwant\n%s", seed, round, strings.Join(is, "\n"), strings.Join(want, "\n"))
		}
		for i, m := range messages {
			for _, c := range m.Updates {
				o := before.owners[string(c.Name)]
				if got[i] != "NOERROR" || c.Class != ClassIN || o == nil || o.sets[c.Type] == nil {
					continue
				}
				if is := servedOwner(w.hosted()[0], c.Name).sets[c.Type]; !o.sets[c.Type].same(is) {
					t.Errorf("seed %d, round %d: of %s is served %+v, Route 53 has %+v", seed, round, zone.String(c.Name), is,
						o.sets[c.Type])
				}
			}
		}
	}
}

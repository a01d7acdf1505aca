package route53

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awssim"
	"inside53/zonesource/breath"
)

// changing is a zone of the simulator that changes again and again.
type changing struct {
	*pagesWorld
	random *rand.Rand
	sets   map[string]awssim.RecordSet
	last   zonesource.Part
}

func keyOf(s awssim.RecordSet) string { return s.Name + " " + s.Type + " " + s.SetIdentifier }

// draw is a record set: plain, one of a group that is large at some names, or one that can't be served.
func (c *changing) draw() awssim.RecordSet {
	name := fmt.Sprintf("n%04d.a.example.", c.random.IntN(1500))
	values := []string{fmt.Sprintf("10.0.%d.%d", c.random.IntN(250), c.random.IntN(250))}
	switch c.random.IntN(12) {
	case 0:
		return plainSet(name, "TXT", 60, fmt.Sprintf(`"%d"`, c.random.IntN(9)))
	case 1:
		s := plainSet(fmt.Sprintf("group%d.a.example.", c.random.IntN(3)), "A", 60, values...)
		s.SetIdentifier, s.Weight = fmt.Sprint(c.random.IntN(80)), aws.Int64(c.random.Int64N(5))
		return s
	case 2:
		return plainSet(fmt.Sprintf("\\052.w%d.a.example.", c.random.IntN(30)), "A", 60, values...)
	case 3:
		return plainSet(fmt.Sprintf("c%d.a.example.", c.random.IntN(30)), "CNAME", 60, name)
	}
	return plainSet(name, "A", 60, values...)
}

// step changes some record sets.
func (c *changing) step(n int) {
	c.t.Helper()
	var changes []awssim.Change
	for range n {
		s := c.draw()
		action := "UPSERT"
		if c.random.IntN(3) == 0 {
			keys := slices.Sorted(maps.Keys(c.sets))
			s, action = c.sets[keys[c.random.IntN(len(keys))]], "DELETE"
		}
		key := keyOf(s)
		if slices.ContainsFunc(changes, func(o awssim.Change) bool { return keyOf(o.RecordSet) == key }) {
			continue
		}
		changes = append(changes, awssim.Change{Action: action, RecordSet: s})
		c.sets[key] = s
		if action == "DELETE" {
			delete(c.sets, key)
		}
	}
	_, err := c.sim.Change("Z1", changes...)
	if err != nil {
		c.t.Fatal(err)
	}
}

// same wants a part to be what a source makes that knows nothing.
func (c *changing) same(what string, got zonesource.Part) {
	c.t.Helper()
	fresh := c.cloud.source(Options{})
	fresh.program = program()
	want := find(c.t, c.mustCycle(fresh), "zone/Z1")
	zone.Diff(want.Zone.Tree, got.Zone.Tree, func(name []byte, was, is zone.RRset) bool {
		c.t.Errorf("%s: %s %d is %v, want %v", what, zone.String(name), max(was.Type, is.Type), is.Data, was.Data)
		return true
	})
	same(c.t, what+": counts", want.Zone.Tree.Stats(), got.Zone.Tree.Stats())
	order := func(a, b zonesource.Problem) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Reason, b.Reason))
	}
	same(c.t, what+": problems", slices.SortedFunc(slices.Values(want.Problems), order),
		slices.SortedFunc(slices.Values(got.Problems), order))
	if want.Sum != got.Sum || !slices.Equal(want.Pages, got.Pages) {
		c.t.Errorf("%s: another sum, or other pages", what)
	}
}

// TestChangesAreDecodedAlone: whatever changes, the zone is what a source makes that knows nothing, and little of the
// listing is decoded.
func TestChangesAreDecodedAlone(t *testing.T) {
	c := &changing{random: rand.New(rand.NewPCG(1, 2)), sets: map[string]awssim.RecordSet{}}
	sets := manySets("a.example.", 900)
	sets = append(sets, plainSet("odd.a.example.", "A", 60, "not an address"))
	c.pagesWorld = &pagesWorld{cloud: simpleCloud(t, hosted{id: "Z1", name: "a.example.", sets: sets})}
	for _, s := range sets {
		c.sets[keyOf(s)] = s
	}
	c.step(300)
	c.config.APIOptions = append(c.config.APIOptions, countDecoded(&c.decoded))
	kept := func(zonesource.Key) (zonesource.Part, bool) { return c.last, c.last.Zone != nil }
	source := c.cloud.source(Options{Kept: kept})
	source.program = program()
	c.last = find(t, c.mustCycle(source), "zone/Z1")
	total := 0
	const rounds = 60
	for i := range rounds {
		c.step(1 + i%4)
		c.decoded.Store(0)
		c.last = find(t, c.mustCycle(source), "zone/Z1")
		total += int(c.decoded.Load())
		c.same(fmt.Sprint("round ", i), c.last)
	}
	if all := len(c.sets); total > rounds*all/3 {
		t.Errorf("%d record sets decoded a round, of %d", total/rounds, all)
	}
}

// TestCutting: a page that isn't what Route 53 writes is decoded as a whole.
func TestCutting(t *testing.T) {
	var pace breath.Pace
	page := string(pageOf(0, 2))
	c, ok := cut([]byte(page), &pace)
	if !ok || c.sets != setsPerPage || !bytes.Equal(c.with(c.body[c.from:c.to]), c.body) {
		t.Fatalf("%d record sets, %t", c.sets, ok)
	}
	if got, ok := parseDigest(c.text(sum{1}), sum{1}); !ok || got.first != c.first || got.last != c.last ||
		len(got.segments) != len(c.segments) || got.segments[0].sum != c.segments[0].sum {
		t.Errorf("the digest is read as %+v, %t", got, ok)
	}
	if _, ok := parseDigest(c.text(sum{1}), sum{2}); ok {
		t.Error("the digest of another program counts")
	}
	for _, odd := range []string{
		"", "<a/>", strings.Replace(page, "<Name>", "<Name/>", 1), strings.Replace(page, "<TTL>", "<!-- a --><TTL>", 1),
		strings.Replace(page, "<ResourceRecordSet>", "<Other/><ResourceRecordSet>", 1), page[:len(page)/2],
		strings.Replace(page, "<Name>", "<Name></Name><Name>", 1),
	} {
		if _, ok := cut([]byte(odd), &pace); ok {
			t.Errorf("%.60q is cut", odd)
		}
	}
	spaced := strings.ReplaceAll(page, "<ResourceRecordSet>", "\n  <ResourceRecordSet>")
	again, ok := cut([]byte(spaced), &pace)
	if !ok || again.text(sum{}) != c.text(sum{}) {
		t.Error("white space between record sets makes others of them")
	}
}

// BenchmarkChangedListing is what a refresh of a zone of 60,000 record sets costs of which one has another value, or of
// which one more has moved all that follow by a place.
func BenchmarkChangedListing(b *testing.B) {
	const records = 60_000
	w := &changedWorld{pages: make([][]byte, records/setsPerPage)}
	for i := range w.pages {
		w.pages[i] = pageOf(i, len(w.pages))
	}
	l, z := w.lister(b, records)
	first, err := l.listPages(b.Context(), z, nil)
	if err != nil {
		b.Fatal(err)
	}
	kept := zonesource.Part{Key: zoneKey("Z1")}
	l.fill(&kept, z, first)
	kept.Pages = first.knownPages(l.source.program, kept.Zone.Tree.Stats().Names)
	page := bytes.Clone(w.pages[10])
	b.ReportAllocs()
	for version := 0; b.Loop(); version++ {
		address := fmt.Sprintf("<Value>10.77.%d.%d</Value>", version/250%250, version%250)
		w.pages[10] = bytes.Replace(page, []byte("<Value>10.0.10.7</Value>"), []byte(address), 1)
		found, err := l.listPages(b.Context(), z, kept.Pages)
		if err != nil {
			b.Fatal(err)
		}
		laid, err := l.patch(b.Context(), z, kept, found)
		if err != nil || laid == nil {
			b.Fatal(laid, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
}

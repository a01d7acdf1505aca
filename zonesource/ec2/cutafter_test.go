package ec2

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"inside53/zonesource"
)

// editedPage is a page that is edited at random, again and again.
type editedPage struct {
	random *rand.Rand
	items  []string // with the white space behind each
	head   string   // within the set, before the items
	often  float64  // how often an item begins a chunk
	ids    int      // that were given
}

func newEditedPage(random *rand.Rand) *editedPage {
	e := &editedPage{random: random, often: []float64{0, 0.1, 0.3, 0.6, 1}[random.IntN(5)]}
	for range 1 + random.IntN(60) {
		e.items = append(e.items, e.item())
	}
	return e
}

// item is a new one.
func (e *editedPage) item() string {
	begins := e.random.Float64() < e.often
	for {
		e.ids++
		id := fmt.Sprint("r-", e.ids)
		hash := sha256.Sum256([]byte(id))
		if (binary.BigEndian.Uint32(hash[:])%chunkSize == 0) == begins {
			return fmt.Sprintf("<item><reservationId>%s</reservationId><tagSet><item><value>%d</value></item></tagSet></item>%s",
				id, e.random.IntN(3), e.space())
		}
	}
}

func (e *editedPage) space() string { return []string{"", "", "", "\n", " ", "\t\n"}[e.random.IntN(6)] }

// change changes one item, or two that stand side by side.
func (e *editedPage) change() {
	if len(e.items) == 0 {
		e.items = []string{e.item()}
		return
	}
	at := e.random.IntN(len(e.items))
	switch e.random.IntN(10) {
	case 0:
		e.items[at] = strings.Replace(e.items[at], "<value>", fmt.Sprint("<value>", e.random.IntN(3)), 1)
	case 1:
		e.items[at] = e.item()
	case 2:
		e.items = slices.Insert(e.items, at, e.item())
	case 3:
		e.items = slices.Delete(e.items, at, at+1)
	case 4:
		e.items = e.items[1:]
	case 5:
		e.items = e.items[:len(e.items)-1]
	case 6:
		e.items = slices.Insert(e.items, at, e.items[at]) // side by side
	case 7:
		e.items = append(e.items, e.item())
	case 8:
		e.items[at] = strings.TrimSpace(e.items[at]) + e.space()
	case 9:
		e.head = e.space()
	}
}

// moveAbout changes much.
func (e *editedPage) moveAbout() {
	if len(e.items) == 0 {
		return
	}
	a, b := e.random.IntN(len(e.items)), e.random.IntN(len(e.items))
	switch e.random.IntN(4) {
	case 0:
		e.items[a], e.items[b] = e.items[b], e.items[a]
	case 1:
		e.items = slices.Insert(e.items, a, e.items[b])
	case 2:
		for range e.random.IntN(6) {
			e.items = slices.Insert(e.items, a, e.items[b])
		}
	case 3:
		e.items = slices.Delete(e.items, min(a, b), max(a, b))
	}
}

// text is the page, and whether there is another one after it.
func (e *editedPage) text() (page []byte, more bool) {
	token, first := "", ""
	more = e.random.IntN(2) == 0
	if more {
		token = fmt.Sprintf("<nextToken>%d</nextToken>", e.random.Uint32())
	}
	if e.random.IntN(3) == 0 {
		token, first = "", token
	}
	return fmt.Appendf(nil, "<R>%s<requestId>%d</requestId><reservationSet>%s%s</reservationSet>%s</R>", first,
		e.random.IntN(1000), e.head, strings.Join(e.items, ""), token), more
}

// spoil makes something of a page that EC2 doesn't write, as a rule.
func (e *editedPage) spoil(page []byte) []byte {
	from, to := e.random.IntN(len(page)), e.random.IntN(len(page))
	from, to = min(from, to), max(from, to)
	odd := []string{"<!-- -->", "<!", "!", "<", "x", "item>", "<item>", "</item>", "<item></item>", "<item/>",
		"<nextToken>", "<reservationSet>", "</reservationSet>", "<reservationId>", "</reservationId>", " ", e.item()}
	switch e.random.IntN(6) {
	case 0:
		return page[:to]
	case 1:
		return slices.Insert(page, to, page[from:min(to, from+200)]...) // what is there already, elsewhere
	case 2:
		return slices.Delete(page, from, min(to, from+1+e.random.IntN(100)))
	case 3:
		page[from] = page[to]
		return page
	}
	if e.random.IntN(2) == 0 { // where an item or something else begins
		from += max(0, bytes.IndexByte(page[from:], '<'))
	}
	return slices.Insert(page, from, []byte(odd[e.random.IntN(len(odd))])...)
}

// TestCutAfter: what is cut after another version is what is cut without it, whatever differs, and the window holds it.
func TestCutAfter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	seen := map[string]int{}
	for range 1500 {
		e := newEditedPage(random)
		salt := zonesource.Sum{byte(random.IntN(2))}
		first, more := e.text()
		last, ok := instanceForm.cutPage(first, more, salt)
		if !ok {
			t.Fatalf("%s isn't cut", first)
		}
		odd := false // last is one that was spoilt
		for range 12 {
			saved := *e
			saved.items = slices.Clone(e.items)
			what := []string{"one", "one", "one", "many", "spoilt", "none"}[random.IntN(6)]
			switch what {
			case "one":
				e.change()
			case "many":
				for range random.IntN(4) {
					e.change()
					e.moveAbout()
				}
			case "spoilt":
				e.change()
			}
			page, more := e.text()
			if what == "spoilt" {
				page = e.spoil(page)
			}
			want, wantOK := instanceForm.cutPage(page, more, salt)
			got, w, ok := instanceForm.cutAfter(page, &last, more, salt)
			if ok != wantOK || !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: after\n%s\n%s\nis cut %t: %v, want %t: %v", what, last.body, page, ok, got.chunks, wantOK,
					want.chunks)
			}
			seen[fmt.Sprint(what, " ", ok)]++
			if !ok {
				saved.ids = e.ids
				*e = saved
				continue
			}
			checkWindow(t, &last, &got, w, !odd && (what == "one" || what == "none"))
			if w.from > 0 && w.toLast < len(last.chunks) {
				seen["in the middle"]++
			}
			if what != "spoilt" || random.IntN(2) == 0 { // a chain of versions
				last, odd = got, what == "spoilt"
			}
		}
	}
	for _, what := range []string{"one true", "one false", "many true", "spoilt true", "spoilt false", "in the middle"} {
		if seen[what] < 30 {
			t.Errorf("only %d were %s", seen[what], what)
		}
	}
}

// checkWindow: what is outside of a window is the same, and where little differs no more than two chunks of that are
// inside at either end.
func checkWindow(t *testing.T, last, now *cutting, w window, little bool) {
	t.Helper()
	sums := func(c *cutting) (all []string) {
		for _, k := range c.chunks {
			all = append(all, k.sum)
		}
		return all
	}
	a, b := sums(last), sums(now)
	if w.from < 0 || w.from > min(w.to, w.toLast) || w.toLast > len(a) || w.to > len(b) ||
		!slices.Equal(a[:w.from], b[:w.from]) || !slices.Equal(a[w.toLast:], b[w.to:]) {
		t.Fatalf("%+v isn't all that differs of\n%q\n%q", w, a, b)
	}
	front, back := 0, 0
	for front < min(len(a), len(b)) && a[front] == b[front] {
		front++
	}
	for back < min(len(a), len(b))-front && a[len(a)-1-back] == b[len(b)-1-back] {
		back++
	}
	isWhole := front == 0 && w == window{toLast: len(a), to: len(b)} // where the first chunk is gone
	if little && !isWhole && (w.from < front-2 || len(a)-w.toLast < back-2) {
		t.Errorf("%+v is large: the same are %d and %d of\n%q\n%q\n%s\n%s", w, front, back, a, b, last.body, now.body)
	}
}

// TestCutAfterComment: a comment is found wherever it is.
func TestCutAfterComment(t *testing.T) {
	page := instancesPage(0, 2, 0)
	last, _ := instanceForm.cutPage(page, true, zonesource.Sum{})
	for _, before := range []string{"<requestId>", "<reservationSet>", "<item><reservationId>r-0<",
		"<item><reservationId>r-500<", "</reservationSet>", "<nextToken>", "</DescribeInstancesResponse>"} {
		odd := bytes.Replace(page, []byte(before), []byte("<!-- -->"+before), 1)
		if _, _, ok := instanceForm.cutAfter(odd, &last, true, zonesource.Sum{}); ok || bytes.Equal(odd, page) {
			t.Errorf("a comment before %s isn't found", before)
		}
	}
}

// TestCommon: wherever two texts differ, and whatever their sizes, it is found.
func TestCommon(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		a := bytes.Repeat([]byte("a"), random.IntN([]int{20, 3 * compared}[random.IntN(2)]))
		b := append(slices.Clone(a), bytes.Repeat([]byte("a"), random.IntN(20))...)
		want := len(a)
		if len(a) > 0 && random.IntN(4) > 0 {
			want = random.IntN(len(a))
			b[want] = 'b'
		}
		if n := commonPrefix(a, b); n != want {
			t.Fatalf("%d of %d and %d octets are the prefix, want %d", n, len(a), len(b), want)
		}
		slices.Reverse(b)
		if n := commonSuffix(b, a); n != want {
			t.Fatalf("%d of %d and %d octets are the suffix, want %d", n, len(a), len(b), want)
		}
	}
}

// BenchmarkCutAfter is what it costs to cut a page of a thousand instances of which one tag has changed: the first one,
// or one in the middle.
func BenchmarkCutAfter(b *testing.B) {
	last, _ := instanceForm.cutPage(instancesPage(0, 2, 0), true, zonesource.Sum{})
	middle := bytes.Replace(last.body, []byte("host-0-500<"), []byte("host-0-500-1<"), 1)
	for _, c := range []struct {
		name string
		page []byte
	}{{"first", instancesPage(0, 2, 1)}, {"middle", middle}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.page)))
			for b.Loop() {
				_, w, ok := instanceForm.cutAfter(c.page, &last, true, zonesource.Sum{})
				if !ok || w.to-w.from > 4 {
					b.Fatal(w, ok)
				}
			}
		})
	}
	b.Run("whole", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(middle)))
		for b.Loop() {
			_, ok := instanceForm.cutPage(middle, true, zonesource.Sum{})
			if !ok {
				b.Fatal(ok)
			}
		}
	})
}

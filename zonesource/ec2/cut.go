package ec2

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"inside53/zonesource"
)

// A page of instances is cut into its reservations as it came, without being decoded. Those that lie one
// after the other make a chunk, from one whose id's hash says so to the next one: so a reservation more or
// less is a matter of its own chunk.

// chunkSize is how many reservations a chunk has on the average.
const chunkSize = 16

// sumSize is how much there is of the sum of a chunk.
const sumSize = 16

// cutting is a page that is cut: its head, the chunks, and its tail.
type cutting struct {
	body   []byte
	from   int
	chunks []chunk
}

// chunk ends where the next one begins.
type chunk struct {
	to  int
	sum string
}

var (
	reservationsBegin = []byte("<reservationSet>")
	reservationsEnd   = []byte("</reservationSet>")
	itemTag           = []byte("item>") // that begins or ends an item, at any depth
	reservationBegin  = []byte("<reservationId>")
	reservationEnd    = []byte("</reservationId>")
)

// cutPage is cut, of a page which has another one after it or doesn't: that has to stand behind its reservations.
func cutPage(body []byte, more bool, salt zonesource.Sum) (cutting, bool) {
	c, ok := cut(body, salt)
	if !ok {
		return cutting{}, false
	}
	token := []byte("<nextToken>")
	end := c.chunks[len(c.chunks)-1].to
	if bytes.Contains(body[:c.from], token) || bytes.Contains(body[end:], token) != more {
		return cutting{}, false
	}
	return c, true
}

// cut cuts a page of instances; it reports whether that can be done. The salt goes into the sums.
func cut(body []byte, salt zonesource.Sum) (c cutting, ok bool) {
	begin, end := bytes.Index(body, reservationsBegin), bytes.LastIndex(body, reservationsEnd)
	if begin < 0 || end < begin || bytes.Contains(body, []byte("<!")) { // a comment, or text that isn't escaped
		return c, false
	}
	begin += len(reservationsBegin)
	c.body, c.from = body, begin
	var pace zonesource.Pace
	item, done, depth := begin, begin, 0
	for at := begin; ; {
		next := bytes.Index(body[at:end], itemTag)
		if next < 0 {
			break
		}
		at += next + len(itemTag)
		switch before := body[:at-len(itemTag)]; {
		case bytes.HasSuffix(before, []byte("</")):
			depth--
		case bytes.HasSuffix(before, []byte("<")):
			if depth == 0 {
				item = at - len(itemTag) - 1
			}
			depth++
			continue
		default:
			continue // the end of another tag
		}
		if depth > 0 {
			continue
		}
		_, id, found := bytes.Cut(body[item:at], reservationBegin)
		id, _, ended := bytes.Cut(id, reservationEnd)
		if depth < 0 || !found || !ended || len(bytes.TrimSpace(body[done:item])) > 0 {
			return c, false
		}
		pace.Step()
		hash := sha256.Sum256(id)
		if item > begin && binary.BigEndian.Uint32(hash[:])%chunkSize == 0 {
			c.add(begin, item, salt)
			begin = item
		}
		done = at
	}
	if depth != 0 || done == c.from || len(bytes.TrimSpace(body[done:end])) > 0 {
		return c, false
	}
	c.add(begin, end, salt)
	return c, true
}

func (c *cutting) add(from, to int, salt zonesource.Sum) {
	h := sha256.New()
	_, _ = h.Write(salt[:]) // a hash never fails
	_, _ = h.Write(c.body[from:to])
	c.chunks = append(c.chunks, chunk{to, string(h.Sum(nil)[:sumSize])})
}

// text are the sums of the chunks, as they are saved.
func (c *cutting) text() zonesource.Chunks {
	var b []byte
	for _, k := range c.chunks {
		b = append(b, k.sum...)
	}
	return zonesource.Chunks(b)
}

// divide returns the page without the chunks that are known, and these alone.
func (c *cutting) divide(known map[string]bool) (differing, same []byte) {
	differing = bytes.Clone(c.body[:c.from])
	from := c.from
	for _, k := range c.chunks {
		if known[k.sum] {
			same = append(same, c.body[from:k.to]...)
		} else {
			differing = append(differing, c.body[from:k.to]...)
		}
		from = k.to
	}
	return append(differing, c.body[from:]...), same
}

// chunksOf are the sums of chunks that pages have.
func chunksOf(pages []zonesource.Page) map[string]bool {
	known := map[string]bool{}
	for _, p := range pages {
		for rest := string(p.Chunks); len(rest) >= sumSize; rest = rest[sumSize:] {
			known[rest[:sumSize]] = true
		}
	}
	return known
}

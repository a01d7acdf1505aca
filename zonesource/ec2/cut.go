package ec2

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"inside53/zonesource"
	"inside53/zonesource/breath"
)

// A page is cut into its items as it came, without being decoded. Those that lie one after the other make a chunk,
// from one whose id's hash says so to the next one: so an item more or less is a matter of its own chunk.

// chunkSize is how many items a chunk has on the average.
const chunkSize = 16

// sumSize is how much there is of the sum of a chunk.
const sumSize = 16

// form is how an operation writes its pages.
type form struct {
	operation string
	set       string // the element of all items
	item      string // the element of an item by which chunks are made
	id        string // the element with the id of what is listed, some of which may stand in one item
}

var (
	instanceForm = form{"DescribeInstances", "reservationSet", "reservationId", "instanceId"}
	cardForm     = form{"DescribeNetworkInterfaces", "networkInterfaceSet", "networkInterfaceId", "networkInterfaceId"}
	addressForm  = form{"DescribeAddresses", "addressesSet", "publicIp", "publicIp"}
	subnetForm   = form{"DescribeSubnets", "subnetSet", "subnetId", "subnetId"}
	vpcForm      = form{"DescribeVpcs", "vpcSet", "vpcId", "vpcId"}
)

// formOf returns the form of the pages of an operation that are cut; ok is false where they aren't.
func formOf(operation string) (f form, ok bool) {
	for _, f := range []form{instanceForm, cardForm, addressForm, subnetForm, vpcForm} {
		if f.operation == operation {
			return f, true
		}
	}
	return form{}, false
}

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

var itemTag = []byte("item>") // that begins or ends an item, at any depth

// cutPage is cut, of a page which has another one after it or doesn't: that has to stand behind its items or before
// them, once.
func (f *form) cutPage(body []byte, more bool, salt zonesource.Sum) (cutting, bool) {
	c, ok := f.cut(body, salt)
	if !ok || c.hasToken() != more {
		return cutting{}, false
	}
	return c, true
}

// hasToken reports whether there is one token, where it is looked for.
func (c *cutting) hasToken() bool {
	token := []byte("<nextToken>")
	return bytes.Count(c.body[:c.from], token)+bytes.Count(c.body[c.end():], token) == 1
}

// end is where the items end.
func (c *cutting) end() int { return c.chunks[len(c.chunks)-1].to }

// cut cuts a page; it reports whether that can be done. The salt goes into the sums.
func (f *form) cut(body []byte, salt zonesource.Sum) (c cutting, ok bool) {
	begin, end, ok := f.bounds(body)
	c.body, c.from = body, begin
	if !ok || !c.addItems(f, begin, end, salt) {
		return cutting{}, false
	}
	return c, true
}

// addItems cuts a part of the page, of whole items, into chunks. It is false where there is none, or they are written
// otherwise.
func (c *cutting) addItems(f *form, begin, end int, salt zonesource.Sum) bool {
	items := 0
	ok := eachItemIn(c.body, begin, end, func(from, to int) bool {
		id, found := element(c.body[from:to], f.item)
		hash := sha256.Sum256(id)
		if items > 0 && binary.BigEndian.Uint32(hash[:])%chunkSize == 0 {
			c.add(begin, from, salt)
			begin = from
		}
		items++
		return found
	})
	if !ok || items == 0 {
		return false
	}
	c.add(begin, end, salt)
	return true
}

// bounds are where the items of a page begin and end. They aren't ok where there is a comment, or text that isn't
// escaped.
func (f *form) bounds(body []byte) (begin, end int, ok bool) {
	begin, end, ok = f.tags(body)
	if !ok || hasMarkup(body) {
		return 0, 0, false
	}
	return begin, end, true
}

// tags are where the items begin and end by the tags around them. In most pages little is read for these.
func (f *form) tags(body []byte) (begin, end int, ok bool) {
	begin = bytes.Index(body, []byte("<"+f.set+">"))
	end = bytes.LastIndex(body, []byte("</"+f.set+">"))
	if begin < 0 || end < begin {
		return 0, 0, false
	}
	return begin + len(f.set) + 2, end, true
}

// hasMarkup reports whether there is a comment, or text that isn't escaped.
func hasMarkup(text []byte) bool { return bytes.Contains(text, []byte("<!")) }

// eachItem visits the items of a page by where they begin and end. It is false where the page is written otherwise, or
// visit says so.
func (f *form) eachItem(body []byte, visit func(from, to int) bool) bool {
	begin, end, ok := f.bounds(body)
	return ok && eachItemIn(body, begin, end, visit)
}

// eachItemIn is eachItem, of a part of a page that is whole items and the white space around them.
func eachItemIn(body []byte, begin, end int, visit func(from, to int) bool) bool {
	var pace breath.Pace
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
		if depth < 0 || len(bytes.TrimSpace(body[done:item])) > 0 || !visit(item, at) {
			return false
		}
		pace.Step()
		done = at
	}
	return depth == 0 && len(bytes.TrimSpace(body[done:end])) == 0
}

// element returns the text of the first element of a name, as it is written.
func element(text []byte, name string) (value []byte, found bool) {
	var tag [64]byte
	begin := append(append(append(tag[:0], '<'), name...), '>')
	at := bytes.Index(text, begin)
	if at < 0 {
		return nil, false
	}
	text = text[at+len(begin):]
	at = bytes.IndexByte(text, '<')
	if at < 0 || !bytes.HasPrefix(text[at+1:], []byte{'/'}) || !bytes.HasPrefix(text[at+2:], begin[1:]) {
		return nil, false
	}
	return text[:at], true
}

func (c *cutting) add(from, to int, salt zonesource.Sum) {
	h := sha256.New()
	_, _ = h.Write(salt[:]) // a hash never fails
	_, _ = h.Write(c.body[from:to])
	c.chunks = append(c.chunks, chunk{to, string(h.Sum(nil)[:sumSize])})
}

// sums are those of the chunks, as they are saved; those with one of some ids are forgotten.
func (c *cutting) sums(f *form, forgotten map[string]bool) zonesource.Chunks {
	var b []byte
	from := c.from
	for _, k := range c.chunks {
		sum := k.sum
		if len(forgotten) > 0 {
			f.eachID(c.body[from:k.to], func(id []byte) {
				if forgotten[string(id)] {
					sum = forgottenSum
				}
			})
		}
		b = append(b, sum...)
		from = k.to
	}
	return zonesource.Chunks(b)
}

// text are the chunks from one on and up to another one.
func (c *cutting) text(from, to int) []byte {
	begin, end := c.from, c.from
	if from > 0 {
		begin = c.chunks[from-1].to
	}
	if to > 0 {
		end = c.chunks[to-1].to
	}
	return c.body[begin:end]
}

// divide returns the page with those chunks between two alone that aren't known, and the others of these; nil where
// all are known.
func (c *cutting) divide(from, to int, known map[string]bool) (differing, same []byte) {
	for i := from; i < to; i++ {
		text := c.text(i, i+1)
		switch {
		case known[c.chunks[i].sum]:
			same = append(same, text...)
		case differing == nil:
			differing = slices.Concat(c.body[:c.from], text)
		default:
			differing = append(differing, text...)
		}
	}
	if differing != nil {
		differing = append(differing, c.body[c.chunks[len(c.chunks)-1].to:]...)
	}
	return differing, same
}

// forgottenSum is that of a chunk which is decoded once more when something else of its operation is: what came of it
// isn't what it says.
const forgottenSum = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// eachSum visits the sums of chunks.
func eachSum(of zonesource.Chunks, visit func(sum string)) {
	for rest := string(of); len(rest) >= sumSize; rest = rest[sumSize:] {
		visit(rest[:sumSize])
	}
}

// hasForgotten reports whether a chunk of a page is to be decoded once more.
func hasForgotten(of zonesource.Chunks) (has bool) {
	eachSum(of, func(sum string) { has = has || sum == forgottenSum })
	return has
}

// chunksOf are the sums of chunks that the pages of an operation have.
func (f *form) chunksOf(pages []zonesource.Page) map[string]bool {
	known := map[string]bool{}
	for _, p := range pages {
		if p.Of == f.operation {
			eachSum(p.Chunks, func(sum string) { known[sum] = true })
		}
	}
	delete(known, forgottenSum)
	return known
}

// eachID visits the ids that stand in a page, or in a part of it.
func (f *form) eachID(page []byte, visit func(id []byte)) {
	var pace breath.Pace
	begin := []byte("<" + f.id + ">")
	for n := 1; ; n++ {
		_, after, found := bytes.Cut(page, begin)
		if !found {
			return
		}
		if n%16 == 0 { // they cost little
			pace.Step()
		}
		var id []byte
		id, page, _ = bytes.Cut(after, []byte("<"))
		visit(id)
	}
}

// idsIn returns the ids that stand in a page, or in a part of it, as pieces of one string.
func (f *form) idsIn(page []byte) []string {
	var text []byte
	var ends []int
	f.eachID(page, func(id []byte) {
		text = append(text, id...)
		ends = append(ends, len(text))
	})
	all, from := string(text), 0
	ids := make([]string, len(ends))
	for i, end := range ends {
		ids[i], from = all[from:end], end
	}
	return ids
}

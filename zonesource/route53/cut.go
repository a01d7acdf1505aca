package route53

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"

	"inside53/zonesource"
	"inside53/zonesource/breath"
)

// A page is cut into its record sets as it came, without being decoded. Those that lie one after the
// other make a chunk, from a name whose hash says so to the next one: so a chunk is the same wherever
// the pages that it lies on begin, and a record set more or less is a matter of its own chunk. All
// record sets of a name are in one chunk.

// mark is a sum of hashes: that of some record sets, in any order.
type mark struct{ high, low uint64 }

func (m *mark) add(o mark) {
	var carry uint64
	m.low, carry = bits.Add64(m.low, o.low, 0)
	m.high, _ = bits.Add64(m.high, o.high, carry)
}

// segment is that of a chunk which lies on one page.
type segment struct {
	sum         mark
	sets, names int // of record sets, and of names that begin here
	from, to    int // octets of the page, where that is cut
}

// digest is what is known of the record sets of a page.
type digest struct {
	first, last uint64    // hashes of names
	segments    []segment // the first one may go on with the last one of the page before
}

// chunkNames is how many names a chunk has on the average.
const chunkNames = 64

// begins reports whether the name of a hash begins a chunk.
func begins(name uint64) bool { return name%chunkNames == 0 }

var (
	setsBegin = []byte("<ResourceRecordSets>")
	setsEnd   = []byte("</ResourceRecordSets>")
	setBegin  = []byte("<ResourceRecordSet>")
	setEnd    = []byte("</ResourceRecordSet>")
)

// cutting is a page that is cut: its head, the record sets, and its tail.
type cutting struct {
	digest
	body     []byte
	from, to int
	firstEnd int // of the first record set
	sets     int
}

// cut cuts a page; it reports whether that can be done.
func cut(body []byte, pace *breath.Pace) (c cutting, ok bool) {
	at := bytes.Index(body, setsBegin)
	if at < 0 || bytes.Contains(body, []byte("<!")) { // a comment, or text that isn't escaped
		return c, false
	}
	at += len(setsBegin)
	c.body, c.from = body, at
	for {
		at += len(body[at:]) - len(bytes.TrimLeft(body[at:], " \t\r\n"))
		if bytes.HasPrefix(body[at:], setsEnd) {
			c.to = at
			return c, true
		}
		size := bytes.Index(body[at:], setEnd)
		if size < 0 || !bytes.HasPrefix(body[at:], setBegin) || c.sets == math.MaxUint16 {
			return c, false
		}
		size += len(setEnd)
		name, named := nameOf(body[at : at+size])
		if !named || !isPlain(name) {
			return c, false
		}
		pace.Step()
		c.add(name, at, at+size)
		at += size
	}
}

// add adds a record set, by the octets where it is.
func (c *cutting) add(text []byte, from, to int) {
	sum := sha256.Sum256(text)
	name := binary.BigEndian.Uint64(sum[:])
	isNew := c.sets == 0 || name != c.last
	if c.sets == 0 {
		c.first, c.firstEnd = name, to
	}
	if c.sets == 0 || isNew && begins(name) {
		c.segments = append(c.segments, segment{from: from})
	}
	c.last = name
	c.sets++
	s := &c.segments[len(c.segments)-1]
	sum = sha256.Sum256(c.body[from:to])
	s.sum.add(mark{binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])})
	s.sets++
	s.to = to
	if isNew {
		s.names++
	}
}

// nameOf returns the name of a record set, as it is written.
func nameOf(set []byte) ([]byte, bool) {
	_, rest, found := bytes.Cut(set, []byte("<Name>"))
	name, _, ended := bytes.Cut(rest, []byte("</Name>"))
	return name, found && ended && len(name) > 0
}

// isPlain reports whether a name is written as Route 53 does, so that there is no other text of it: in lower
// case, and with escapes of what is no letter, digit, hyphen or underscore.
func isPlain(name []byte) bool {
	plain := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' }
	dot := false
	for i := 0; i < len(name); i++ {
		c := name[i]
		dot = c == '.'
		if plain(c) || dot {
			continue
		}
		if c != '\\' || i+3 >= len(name) {
			return false
		}
		n, err := strconv.ParseUint(string(name[i+1:i+4]), 8, 8)
		if err != nil || plain(byte(n)) || n >= 'A' && n <= 'Z' {
			return false
		}
		i += 3
	}
	return dot
}

// with is the page with some octets in the place of its record sets.
func (c *cutting) with(sets ...[]byte) []byte {
	page := bytes.Clone(c.body[:c.from])
	for _, s := range sets {
		page = append(page, s...)
	}
	return append(page, c.body[c.to:]...)
}

const (
	programSize = 8
	segmentSize = 20
)

// text is a digest as it is saved, with whose it is.
func (d *digest) text(program sum) zonesource.Chunks {
	b := append(make([]byte, 0, programSize+16+segmentSize*len(d.segments)), program[:programSize]...)
	b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, d.first), d.last)
	for _, s := range d.segments {
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, s.sum.high), s.sum.low)
		b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, uint16(s.sets)), uint16(s.names))
	}
	return zonesource.Chunks(b)
}

// parseDigest reads what text wrote, if it is of this program.
func parseDigest(text zonesource.Chunks, program sum) (d digest, ok bool) {
	b := []byte(text)
	if len(b) < programSize+16 || (len(b)-programSize-16)%segmentSize != 0 ||
		!bytes.Equal(b[:programSize], program[:programSize]) {
		return d, false
	}
	b = b[programSize:]
	d.first, d.last = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	for b = b[16:]; len(b) > 0; b = b[segmentSize:] {
		d.segments = append(d.segments, segment{
			sum:  mark{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])},
			sets: int(binary.BigEndian.Uint16(b[16:])), names: int(binary.BigEndian.Uint16(b[18:])),
		})
	}
	return d, true
}

// place is where a segment is.
type place struct{ page, segment int }

// chunk is all of a chunk.
type chunk struct {
	sum         mark
	sets, names int
	places      []place
}

// join returns the chunks of a listing, and how many names it has.
func join(pages []digest) (chunks []chunk, names int) {
	var last uint64
	for i, d := range pages {
		for k, s := range d.segments {
			goesOn := len(chunks) > 0 && k == 0 && d.first == last
			names += s.names
			if goesOn {
				names--
			}
			if len(chunks) == 0 || k > 0 || !goesOn && begins(d.first) {
				chunks = append(chunks, chunk{})
			}
			c := &chunks[len(chunks)-1]
			c.sum.add(s.sum)
			c.sets += s.sets
			c.names += s.names
			if goesOn {
				c.names--
			}
			c.places = append(c.places, place{i, k})
		}
		if len(d.segments) > 0 {
			last = d.last
		}
	}
	return chunks, names
}

// sumOfChunks names a listing and the program that makes a zone of it.
func sumOfChunks(program sum, chunks []chunk) zonesource.Sum {
	h := sha256.New()
	_, _ = h.Write(program[:]) // a hash never fails
	for _, c := range chunks {
		b := binary.BigEndian.AppendUint64(nil, c.sum.high)
		_, _ = h.Write(binary.BigEndian.AppendUint64(b, c.sum.low))
	}
	return zonesource.Sum(h.Sum(nil))
}

// digestsOf are those of pages, if all are known.
func digestsOf(pages []zonesource.Page, program sum) ([]digest, bool) {
	all := make([]digest, 0, len(pages))
	for _, p := range pages {
		d, ok := parseDigest(p.Chunks, program)
		if !ok {
			return nil, false
		}
		all = append(all, d)
	}
	return all, len(all) > 0
}

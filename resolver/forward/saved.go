package forward

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"time"

	"inside53/resolver/wire"
)

// The cache outlives the process as a file of records, so that a server which was restarted asks its upstreams no
// more than before, and has stale answers where they are away. It begins with savedMagic; a record is
//
//	length of the content   4 octets, big-endian, at most maxSaved
//	content                 a group: its upstreams as [Group.String] has them; or an entry: see appendSaved
//	CRC-32C of the content  4 octets
//
// A group stands before its entries. Entries stand in the order of their use.
const (
	savedMagic = "inside53 cache 1\n"
	savedGroup = 'G'
	savedEntry = 'E'
	maxSaved   = 4 * wire.MaxMessage
	// awaitGroups is how long entries wait for a group with their upstreams.
	awaitGroups = 10 * time.Minute
	breatheEach = 512 // entries
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Save writes what the cache holds, but for failures and what is of no use any more, in the form that Restore reads.
// It may be called at any time, and waits for nothing but w. It returns how many answers it wrote.
func (f *Forwarder) Save(w io.Writer) (int, error) {
	groups := map[uint32]*Group{}
	f.mu.Lock()
	for _, g := range f.groups {
		groups[g.id] = g
	}
	f.mu.Unlock()
	out := savedWriter{w: bufio.NewWriterSize(w, 64<<10), table: castagnoli(), numbers: map[uint32]int{}}
	_, _ = out.w.WriteString(savedMagic) // its errors come with Flush
	now := f.options.Now().Unix()
	for i := range f.cache.shards {
		for _, e := range f.cache.shards[i].savable(now) {
			g := groups[e.group]
			if g == nil {
				continue // nobody can ask it
			}
			err := out.write(g, e.entry, e.frequent)
			if err != nil {
				return out.entries, err
			}
		}
	}
	return out.entries, out.w.Flush()
}

// savable is an entry with the queue that it is in.
type savable struct {
	*entry
	frequent bool
}

// savable returns what of the shard is worth saving.
func (s *shard) savable(now int64) []savable {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]savable, 0, s.kept.len())
	s.kept.each(func(e *entry, frequent bool) {
		if !e.failed() && now-e.Stored < int64(e.TTL)+staleFor {
			all = append(all, savable{e, frequent})
		}
	})
	return all
}

type savedWriter struct {
	w       *bufio.Writer
	table   *crc32.Table
	numbers map[uint32]int // of groups written, by id
	entries int
	buf     []byte
}

func (s *savedWriter) write(g *Group, e *entry, frequent bool) error {
	number, ok := s.numbers[g.id]
	if !ok {
		number = len(s.numbers)
		s.numbers[g.id] = number
		err := s.record(append(append(s.buf[:0], savedGroup), g.key...))
		if err != nil {
			return err
		}
	}
	s.buf = appendSaved(s.buf[:0], number, e, frequent)
	s.entries++
	return s.record(s.buf)
}

func (s *savedWriter) record(content []byte) error {
	var word [4]byte
	binary.BigEndian.PutUint32(word[:], uint32(len(content)))
	_, _ = s.w.Write(word[:])
	_, _ = s.w.Write(content)
	binary.BigEndian.PutUint32(word[:], crc32.Checksum(content, s.table))
	_, err := s.w.Write(word[:])
	return err
}

// Bits of the options of a saved entry.
const (
	savedDO = 1 << iota
	savedCD
	savedAD
	savedFrequent
)

// appendSaved appends an entry: its group by number, numbers as varints, texts with their length before them.
func appendSaved(b []byte, group int, e *entry, frequent bool) []byte {
	var options byte
	for _, o := range []struct {
		on  bool
		bit byte
	}{{e.do, savedDO}, {e.cd, savedCD}, {e.AD, savedAD}, {frequent, savedFrequent}} {
		if o.on {
			options |= o.bit
		}
	}
	b = append(b, savedEntry, options, e.Rcode, byte(e.Flags))
	for _, n := range []uint64{
		uint64(group), uint64(e.typ), uint64(e.EDE), uint64(e.Answers), uint64(e.Authority), uint64(e.Turn),
		uint64(e.Turns), uint64(e.TTL), uint64(e.Stored), uint64(e.used.Load()),
	} {
		b = binary.AppendUvarint(b, n)
	}
	for _, text := range [][]byte{e.name(), e.Body()} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	b = binary.AppendUvarint(b, uint64(len(e.RRs())))
	for _, rr := range e.RRs() {
		for _, n := range []uint64{uint64(rr.Off), uint64(rr.TTLOff), uint64(rr.Type)} {
			b = binary.AppendUvarint(b, n)
		}
	}
	return b
}

// Restore reads what Save wrote, up to the first fault, and returns how many answers are of use. Those of groups that
// there aren't yet wait for them for a while. What the cache has learnt meanwhile stays. The error says where the
// file is damaged: what stands before is restored.
func (f *Forwarder) Restore(r io.Reader) (int, error) {
	in := savedReader{r: bufio.NewReaderSize(r, 64<<10), table: castagnoli(), now: f.options.Now().Unix()}
	err := in.begin()
	if err != nil {
		return 0, err
	}
	for n := 0; ; n++ {
		content, err := in.record()
		if errors.Is(err, io.EOF) {
			return in.entries, nil
		}
		if err != nil {
			return in.entries, fmt.Errorf("saved cache, record %d at octet %d: %w", n+1, in.at, err)
		}
		if content[0] == savedGroup {
			in.groups = append(in.groups, string(content[1:]))
			continue
		}
		s, group, ok := in.entry(content)
		if !ok {
			return in.entries, fmt.Errorf("saved cache, record %d at octet %d: malformed", n+1, in.at)
		}
		if s.Stored > in.now || in.now-s.Stored >= int64(s.TTL)+staleFor {
			continue // the clock went back, or it is too old
		}
		in.entries++
		f.restore(group, s)
		if n%breatheEach == 0 {
			time.Sleep(time.Millisecond) // queries are answered meanwhile
		}
	}
}

// restore keeps an entry of the group with those upstreams, or has it wait for it.
func (f *Forwarder) restore(group string, s savable) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.groups[group]
	if g == nil {
		if f.awaiting == nil {
			f.awaiting = map[string][]savable{}
		}
		f.awaiting[group] = append(f.awaiting[group], s)
		return
	}
	f.cache.restore(g.id, s)
}

// claim gives a new group what waits for it. mu is held.
func (f *Forwarder) claim(g *Group) {
	for _, s := range f.awaiting[g.key] {
		f.cache.restore(g.id, s)
	}
	delete(f.awaiting, g.key)
}

// forget drops what has waited for a group for too long.
func (f *Forwarder) forget(ctx context.Context) {
	sleep := time.NewTimer(awaitGroups)
	defer sleep.Stop()
	select {
	case <-ctx.Done():
	case <-sleep.C:
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.awaiting = nil
}

// restore keeps a saved entry, unless the cache knows better.
func (c *cache) restore(group uint32, saved savable) {
	e := saved.entry
	e.group = group
	hash := c.hash(group, &Question{Name: e.name(), Type: e.typ, DO: e.do, CD: e.cd})
	s := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.kept.peek(hash)
	if !known {
		s.evictions.Add(uint64(s.kept.restore(hash, e, saved.frequent)))
	}
}

type savedReader struct {
	r       *bufio.Reader
	table   *crc32.Table
	now     int64
	at      int64 // where the record under way begins
	next    int64
	groups  []string
	entries int
	buf     []byte
	rrs     []RR
}

func (s *savedReader) begin() error {
	magic := make([]byte, len(savedMagic))
	_, err := io.ReadFull(s.r, magic)
	if err != nil || string(magic) != savedMagic {
		return errors.New("saved cache: of another version, or no saved cache")
	}
	s.next = int64(len(magic))
	return nil
}

// record returns the next content, until the next call; io.EOF at the end of the file.
func (s *savedReader) record() ([]byte, error) {
	s.at = s.next
	var word [4]byte
	_, err := io.ReadFull(s.r, word[:])
	if err != nil {
		return nil, err // io.EOF only before the first octet
	}
	size := int(binary.BigEndian.Uint32(word[:]))
	if size < 1 || size > maxSaved {
		return nil, fmt.Errorf("length %d", size)
	}
	s.buf = slices.Grow(s.buf[:0], size+4)[:size+4]
	_, err = io.ReadFull(s.r, s.buf)
	if err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	s.next += int64(4 + size + 4)
	content := s.buf[:size]
	if crc32.Checksum(content, s.table) != binary.BigEndian.Uint32(s.buf[size:]) {
		return nil, errors.New("checksum differs")
	}
	return content, nil
}

// entry reads an entry. What it returns refers to nothing of the buffer.
func (s *savedReader) entry(content []byte) (saved savable, group string, ok bool) {
	c := savedCursor{b: content}
	kind, options, rcode, flags := c.octet(), c.octet(), c.octet(), c.octet()
	number := c.number(1 << 20)
	m := Message{Rcode: rcode, Flags: Flags(flags), AD: options&savedAD != 0}
	about := key{typ: uint16(c.number(1 << 16)), do: options&savedDO != 0, cd: options&savedCD != 0}
	m.EDE = uint16(c.number(1 << 16))
	answers, authority := c.number(1<<16), c.number(1<<16)
	m.Turn, m.Turns = uint16(c.number(1<<16)), uint16(c.number(1<<16))
	m.TTL, m.Stored = uint32(c.number(MaxTTL+1)), int64(c.number(1<<40))
	used := int64(c.number(1 << 40))
	name, body := c.text(), c.text()
	count := c.number(wire.MaxMessage)
	if c.bad || count > uint64(len(c.b)) || count != answers+authority || wire.SkipName(name, 0) != len(name) {
		return savable{}, "", false
	}
	s.rrs = slices.Grow(s.rrs[:0], int(count))[:count]
	for i := range s.rrs {
		s.rrs[i] = RR{uint32(c.number(1 << 32)), uint32(c.number(1 << 32)), uint16(c.number(1 << 16))}
	}
	e := newEntry(&contents{name: name, body: body, answers: s.rrs[:answers], authority: s.rrs[answers:]})
	m.Answers, m.Authority, m.lengths = e.Answers, e.Authority, e.lengths
	e.Message, e.key = m, about
	e.used.Store(used)
	if c.bad || len(c.b) != 0 || kind != savedEntry || number >= uint64(len(s.groups)) || !e.coherent() {
		return savable{}, "", false
	}
	return savable{e, options&savedFrequent != 0}, s.groups[number], true
}

// coherent reports whether readers can walk the entry as Message says. A checksum tells of damage, not of another
// build's mistakes.
func (e *entry) coherent() bool {
	if e.failed() || int(e.Turn)+int(e.Turns) > int(e.Answers) {
		return false
	}
	at, body := uint32(0), e.Body()
	for _, rr := range e.RRs() {
		if rr.Off != at || rr.TTLOff < rr.Off+5 || uint64(rr.TTLOff)+6 > uint64(len(body)) {
			return false
		}
		at = rr.TTLOff + 6 + uint32(binary.BigEndian.Uint16(body[rr.TTLOff+4:]))
	}
	return int(at) == len(body)
}

// savedCursor reads numbers and texts; bad says that something wasn't there.
type savedCursor struct {
	b   []byte
	bad bool
}

func (c *savedCursor) octet() byte {
	if len(c.b) == 0 {
		c.bad = true
		return 0
	}
	o := c.b[0]
	c.b = c.b[1:]
	return o
}

// number reads a number less than bound.
func (c *savedCursor) number(bound uint64) uint64 {
	n, size := binary.Uvarint(c.b)
	if size <= 0 || n >= bound {
		c.bad = true
		return 0
	}
	c.b = c.b[size:]
	return n
}

// text returns octets of what is read.
func (c *savedCursor) text() []byte {
	n := c.number(maxSaved)
	if c.bad || n > uint64(len(c.b)) {
		c.bad = true
		return nil
	}
	text := c.b[:n]
	c.b = c.b[n:]
	return text
}

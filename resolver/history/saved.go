package history

import (
	"crypto/sha256"
	"encoding/binary"

	"inside53/resolver/zone"
)

// savedVersion is the first octet of what MarshalBinary writes.
const savedVersion = 2

// MarshalBinary returns what an other process needs to go on: serial, checksum, SOA and
// journal, but not the records, and at the end the SHA-256 of all that goes before. It is
// empty before the first publication.
func (z *Zone) MarshalBinary() ([]byte, error) {
	z.mu.RLock()
	defer z.mu.RUnlock()
	if z.is == nil {
		return nil, nil
	}
	b := append(make([]byte, 0, z.size+256), savedVersion)
	return seal(z.appendState(b, z.deltas)), nil
}

// seal appends the SHA-256 of b to it.
func seal(b []byte) []byte {
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// unseal returns what seal was given, and whether that is so.
func unseal(b []byte) ([]byte, bool) {
	if len(b) < sha256.Size {
		return nil, false
	}
	body := b[:len(b)-sha256.Size]
	return body, sha256.Sum256(body) == [sha256.Size]byte(b[len(body):])
}

func appendBytes(b, s []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendRecords(b []byte, s zone.RRset) []byte {
	b = binary.BigEndian.AppendUint16(b, s.Type)
	b = binary.BigEndian.AppendUint32(b, s.TTL())
	b = binary.AppendUvarint(b, uint64(s.Count))
	for r := range s.Rdata() {
		b = appendBytes(b, r)
	}
	return b
}

// UnmarshalBinary takes what MarshalBinary wrote, before the first publication. The error
// is ErrSaved; then nothing has changed.
func (z *Zone) UnmarshalBinary(b []byte) error {
	b, whole := unseal(b)
	if !whole {
		return ErrSaved
	}
	r := reader{b: b}
	if r.next(1)[0] != savedVersion {
		return ErrSaved
	}
	fresh, ok := r.state()
	if !ok {
		return ErrSaved
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	z.is, z.sum, z.deltas, z.size, z.saved = fresh.is, fresh.sum, fresh.deltas, fresh.size, true
	return nil
}

// reader takes values off b until it is bad.
type reader struct {
	b   []byte
	bad bool
}

// zeros is what a bad reader gives.
var zeros [8]byte

func (r *reader) next(n int) []byte {
	if n > len(r.b) {
		r.bad, r.b = true, nil
	}
	if r.bad {
		return zeros[:min(n, len(zeros))]
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) uint32() uint32 { return binary.BigEndian.Uint32(r.next(4)) }
func (r *reader) uint64() uint64 { return binary.BigEndian.Uint64(r.next(8)) }

// count reads a number of things that take an octet each at least.
func (r *reader) count() int {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[size:]
	return int(n)
}

func (r *reader) records() zone.RRset {
	rrtype, ttl := binary.BigEndian.Uint16(r.next(2)), r.uint32()
	n := r.count()
	var rdata [][]byte
	for range n {
		rdata = append(rdata, r.next(r.count()))
	}
	set, err := zone.NewRecords(rrtype, ttl, rdata...)
	if err != nil {
		r.bad, r.b = true, nil
	}
	return set
}

func (r *reader) sets() []Set {
	var out []Set
	for range r.count() {
		s := Set{Name: r.next(r.count()), Records: r.records()}
		out = append(out, s)
	}
	return out
}

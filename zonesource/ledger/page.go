package ledger

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// Record is what a part has under one key.
type Record struct {
	Key, Value []byte
}

func (r Record) size() int { return len(r.Key) + len(r.Value) + 2*binary.MaxVarintLen32 }

// Sizes of pages in octets of records. A page that has outgrown pageSize is divided; a
// single record may be larger.
const (
	pageSize   = 64 << 10
	pageTarget = 32 << 10 // of pages newly filled, so that a change writes half as much
	pageLeast  = 8 << 10  // a smaller one joins its neighbour
	maxRecord  = 4 << 20
)

// Kinds of packed objects.
const (
	pageKind = 'g'
	listKind = 'l'
	mapKind  = 'm'
	pastKind = 'p'
)

const (
	magic        = "i53"
	packedHeader = len(magic) + 1 + 2
)

// packer packs objects and takes them apart. It is safe for concurrent use.
type packer struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newPacker() (*packer, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(512<<10),
		zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("making the ledger's encoder: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(2*maxPast))
	if err != nil {
		return nil, fmt.Errorf("making the ledger's decoder: %w", err)
	}
	return &packer{enc, dec}, nil
}

// pack makes an object: magic, kind, format (2), a zstd stream.
func (p *packer) pack(kind byte, content []byte) []byte {
	out := binary.BigEndian.AppendUint16(append([]byte(magic), kind), Format)
	return p.enc.EncodeAll(content, out)
}

// unpack returns the content of what pack has made.
func (p *packer) unpack(kind byte, body []byte) ([]byte, error) {
	if len(body) < packedHeader || string(body[:len(magic)]) != magic || body[len(magic)] != kind {
		return nil, fmt.Errorf("%w: it is no object of this kind", ErrDamaged)
	}
	format := binary.BigEndian.Uint16(body[len(magic)+1:])
	if format > Format {
		return nil, fmt.Errorf("%w: %d, this program reads %d", ErrNewer, format, Format)
	}
	content, err := p.dec.DecodeAll(body[packedHeader:], nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return content, nil
}

// encodePage writes records in their order: of each the length of its key, the key, the
// length of its value, the value. Lengths are uvarints.
func (p *packer) encodePage(records []Record) []byte {
	var b []byte
	for _, r := range records {
		b = binary.AppendUvarint(b, uint64(len(r.Key)))
		b = append(b, r.Key...)
		b = binary.AppendUvarint(b, uint64(len(r.Value)))
		b = append(b, r.Value...)
	}
	return p.pack(pageKind, b)
}

// decodePage reads what encodePage wrote: one record at least, keys ascending.
func (p *packer) decodePage(body []byte) ([]Record, error) {
	b, err := p.unpack(pageKind, body)
	if err != nil {
		return nil, err
	}
	var records []Record
	for len(b) > 0 {
		var r Record
		r.Key, b, err = cutField(b)
		if err != nil {
			return nil, err
		}
		r.Value, b, err = cutField(b)
		if err != nil {
			return nil, err
		}
		if n := len(records); n > 0 && bytes.Compare(records[n-1].Key, r.Key) >= 0 {
			return nil, fmt.Errorf("%w: its records are out of order", ErrDamaged)
		}
		records = append(records, r)
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("%w: a page without records", ErrDamaged)
	}
	return records, nil
}

// cutField takes a length and so many octets off the front of b.
func cutField(b []byte) (field, rest []byte, err error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, fmt.Errorf("%w: it ends in a field", ErrDamaged)
	}
	b = b[size:]
	return b[:n:n], b[n:], nil
}

// pageRef is a page as a list has it.
type pageRef struct {
	Page    string `json:"page"`
	First   []byte `json:"first"`   // the least key that belongs into it is the first's
	Records int    `json:"records"` // how many
	Size    int    `json:"size"`    // of its records in octets
}

// list is all of one part.
type list struct {
	Part  string    `json:"part"`
	Pages []pageRef `json:"pages"`
}

func (l *list) records() int {
	n := 0
	for _, p := range l.Pages {
		n += p.Records
	}
	return n
}

// encodeList packs a list: JSON, in a zstd stream.
func (p *packer) encodeList(l *list) ([]byte, error) {
	text, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("encoding the list of %s: %w", l.Part, err)
	}
	return p.pack(listKind, text), nil
}

func (p *packer) decodeList(body []byte) (*list, error) {
	text, err := p.unpack(listKind, body)
	if err != nil {
		return nil, err
	}
	l := &list{}
	err = json.Unmarshal(text, l)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	for i, page := range l.Pages {
		if sumIn(page.Page) == "" || i > 0 && bytes.Compare(l.Pages[i-1].First, page.First) >= 0 {
			return nil, fmt.Errorf("%w: page %d of its list", ErrDamaged, i)
		}
	}
	return l, nil
}

// partMap is what a map object holds.
type partMap struct {
	Parts map[string]*PartRef `json:"parts"`
}

func (p *packer) encodeMap(m *partMap) ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding a map: %w", err)
	}
	return p.pack(mapKind, text), nil
}

func (p *packer) decodeMap(body []byte) (*partMap, error) {
	text, err := p.unpack(mapKind, body)
	if err != nil {
		return nil, err
	}
	m := &partMap{}
	err = json.Unmarshal(text, m)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return m, nil
}

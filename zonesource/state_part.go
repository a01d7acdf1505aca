package zonesource

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource/breath"
)

// partHead is everything of a part but the records of its zone.
type partHead struct {
	Key      Key
	Listed   time.Time
	Sum      []byte     `json:",omitempty"`
	Pages    []Page     `json:",omitempty"`
	Problems []Problem  `json:",omitempty"`
	Zone     *zone.Info `json:",omitempty"`
	Apex     []byte     `json:",omitempty"`
	Catalog  *Catalog   `json:",omitempty"`
	Region   *Region    `json:",omitempty"`
	// Written makes two files differ that hold the same: see changesFile.
	Written int64 `json:",omitempty"`
}

// writePart writes a part: the length of the head, the head as JSON, and for a
// zone its names that own records, in the order of its pages: prefix (1+n), number
// of RRsets, and of each type (2), count (2), kind (1), flags (1), length, data. An
// empty apex prefix can't end the list, so the number of names goes first. Lengths
// and numbers are uvarints.
func writePart(out io.Writer, p Part) error {
	head := partHead{Key: p.Key, Listed: p.Listed, Problems: p.Problems, Catalog: p.Catalog, Region: p.Region,
		Pages: p.Pages, Written: time.Now().UnixNano()}
	if p.Zone != nil {
		head.Zone, head.Apex = &p.Zone.Info, p.Zone.Apex
	}
	if p.Sum != (Sum{}) {
		head.Sum = p.Sum[:]
	}
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(out, 1<<16)
	buf := binary.AppendUvarint(nil, uint64(len(text)))
	_, err = w.Write(append(buf, text...))
	if err != nil {
		return err
	}
	if p.Zone != nil {
		err = writeTree(w, p.Zone.Tree)
		if err != nil {
			return err
		}
	}
	return w.Flush()
}

func writeTree(w io.Writer, t *zone.Tree) error {
	_, err := w.Write(binary.AppendUvarint(nil, uint64(t.Stats().Names)))
	if err != nil {
		return err
	}
	var buf []byte
	var pace breath.Pace
	for name, n := range t.All {
		if n.Empty() {
			continue
		}
		pace.Step()
		prefix := name[:len(name)-len(t.Apex())]
		buf = append(append(buf[:0], byte(len(prefix))), prefix...)
		sets := 0
		for range n.RRsets {
			sets++
		}
		buf = binary.AppendUvarint(buf, uint64(sets))
		for s := range n.RRsets {
			buf = appendSet(buf, s)
		}
		_, err = w.Write(buf)
		if err != nil {
			return err
		}
	}
	return nil
}

func appendSet(buf []byte, s zone.RRset) []byte {
	buf = binary.BigEndian.AppendUint16(buf, s.Type)
	buf = binary.BigEndian.AppendUint16(buf, s.Count)
	buf = append(buf, byte(s.Kind), byte(s.Flags))
	buf = binary.AppendUvarint(buf, uint64(len(s.Data)))
	return append(buf, s.Data...)
}

const (
	maxHead    = 1 << 30 // an inventory of millions of interfaces
	maxSetData = 1 << 21 // no RRset has more
)

// readPart reads what writePart wrote.
func readPart(in io.Reader) (Part, error) {
	r := bufio.NewReaderSize(in, 1<<16)
	size, err := binary.ReadUvarint(r)
	if err != nil {
		return Part{}, fmt.Errorf("reading the head: %w", err)
	}
	if size > maxHead {
		return Part{}, fmt.Errorf("a head of %d bytes", size)
	}
	text, err := io.ReadAll(io.LimitReader(r, int64(size)))
	if err != nil {
		return Part{}, fmt.Errorf("reading the head: %w", err)
	}
	var head partHead
	err = json.Unmarshal(text, &head)
	if err != nil {
		return Part{}, fmt.Errorf("reading the head: %w", err)
	}
	p := Part{Key: head.Key, Listed: head.Listed, Problems: head.Problems, Catalog: head.Catalog, Region: head.Region,
		Pages: head.Pages}
	if len(head.Sum) == len(p.Sum) {
		p.Sum = Sum(head.Sum)
	}
	if head.Zone == nil {
		if p.Catalog == nil && p.Region == nil {
			return Part{}, errors.New("holds nothing")
		}
		return p, nil
	}
	var l zone.Labels
	if l.Parse(head.Apex) < 0 {
		return Part{}, errors.New("reading the apex: not a domain name")
	}
	tree, err := readTree(r, head.Apex)
	if err != nil {
		return Part{}, fmt.Errorf("reading the records of %s: %w", zone.String(head.Apex), err)
	}
	p.Zone = zone.New(*head.Zone, tree, 0)
	return p, nil
}

func readTree(in *bufio.Reader, apex []byte) (*zone.Tree, error) {
	names, err := binary.ReadUvarint(in)
	if err != nil {
		return nil, err
	}
	r := treeReader{in: in, apex: apex, edit: zone.NewTree(apex).Edit()}
	for range names {
		err = r.name()
		if err != nil {
			return nil, err
		}
	}
	return r.edit.Commit(), nil
}

type treeReader struct {
	in   *bufio.Reader
	apex []byte
	edit *zone.Edit
	buf  [zone.MaxName]byte
	data []byte
}

// owner reads a name; it is good until the next.
func (r *treeReader) owner() ([]byte, error) {
	size, err := r.in.ReadByte()
	if err != nil {
		return nil, err
	}
	if int(size)+len(r.apex) > zone.MaxName {
		return nil, zone.ErrName
	}
	_, err = io.ReadFull(r.in, r.buf[:size])
	return append(r.buf[:size], r.apex...), err
}

// name reads one name with its RRsets.
func (r *treeReader) name() error {
	name, err := r.owner()
	if err != nil {
		return err
	}
	sets, err := binary.ReadUvarint(r.in)
	if err != nil {
		return err
	}
	for range sets {
		s, err := r.set()
		if err != nil {
			return err
		}
		err = r.edit.Put(name, s)
		if err != nil {
			return err
		}
	}
	return nil
}

// set reads one RRset; its data are good until the next.
func (r *treeReader) set() (zone.RRset, error) {
	var head [6]byte
	_, err := io.ReadFull(r.in, head[:])
	if err != nil {
		return zone.RRset{}, err
	}
	size, err := binary.ReadUvarint(r.in)
	if err != nil {
		return zone.RRset{}, err
	}
	if size > maxSetData {
		return zone.RRset{}, fmt.Errorf("an RRset of %d bytes", size)
	}
	if uint64(cap(r.data)) < size {
		r.data = make([]byte, size, 2*size)
	}
	r.data = r.data[:size]
	_, err = io.ReadFull(r.in, r.data)
	if err != nil {
		return zone.RRset{}, err
	}
	return zone.RRset{
		Type: binary.BigEndian.Uint16(head[:]), Count: binary.BigEndian.Uint16(head[2:]),
		Kind: zone.Kind(head[4]), Flags: zone.Flags(head[5]), Data: r.data,
	}, nil
}

package zone

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"inside53/resolver/wire"
)

// Record types that the model itself has to know, as it keeps them.
const (
	TypeA     uint16 = wire.TypeA
	TypeNS    uint16 = wire.TypeNS
	TypeCNAME uint16 = wire.TypeCNAME
	TypeSOA   uint16 = wire.TypeSOA
	TypePTR   uint16 = wire.TypePTR
	TypeMX    uint16 = wire.TypeMX
	TypeTXT   uint16 = wire.TypeTXT
	TypeAAAA  uint16 = wire.TypeAAAA
	TypeSRV   uint16 = wire.TypeSRV
	TypeDNAME uint16 = wire.TypeDNAME
	TypeDS    uint16 = wire.TypeDS
	TypeRRSIG uint16 = wire.TypeRRSIG
	TypeNSEC  uint16 = wire.TypeNSEC
	TypeSVCB  uint16 = wire.TypeSVCB
	TypeHTTPS uint16 = wire.TypeHTTPS
	TypeANY   uint16 = wire.TypeANY
)

// Kind says what the RRsets of one owner and type are made of.
type Kind uint8

// The kinds of RRset.
const (
	None       Kind = iota // the zero RRset: there is none
	Records                // plain records
	Aliased                // one Route 53 alias without policy
	Group                  // members of a routing policy, or a simple record with a health check
	Unservable             // known to exist, can't be expressed: answers SERVFAIL
	Instances              // addresses of instances, of which a view gets those that it can reach
)

// Plain reports whether sets of this kind are answered as they are: records, and addresses
// of instances, of which the encoder gives those that the view gets.
func (k Kind) Plain() bool { return 1<<k&(1<<Records|1<<Instances) != 0 }

// Flags are facts about an RRset that are worth knowing before its bytes are read.
type Flags uint8

const (
	// Translatable marks address records that may have to be translated to
	// private addresses when they are encoded.
	Translatable Flags = 1 << iota
	// TagNames marks sets of kind Instances.
	TagNames
)

// rrHeader is the size of a packed record before its rdata: owner pointer, type,
// class, TTL, rdata length.
const rrHeader = wire.PackedHeader

// maxRRset bounds the bytes of one RRset: what doesn't fit a DNS message can't be
// served (RFC 1035 section 4.2.2).
const maxRRset = wire.MaxMessage - wire.HeaderSize

// RRset is what one owner has of one type. The zero value means that there is
// none. It borrows from a page or from the slice it was made with.
type RRset struct {
	Type  uint16
	Count uint16 // records, or members of a group
	Kind  Kind
	Flags Flags
	Data  []byte
}

// Exists reports whether there is an RRset at all.
func (s RRset) Exists() bool { return s.Kind != None }

// TTL returns the TTL of plain records and of addresses of instances in seconds, 0 for
// other kinds.
func (s RRset) TTL() uint32 {
	if s.Kind != Records && s.Kind != Instances || len(s.Data) < rrHeader {
		return 0
	}
	return binary.BigEndian.Uint32(s.Data[6:])
}

// Rdata iterates over the packed rdata of plain records, names uncompressed and in
// the case they were given.
func (s RRset) Rdata() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if s.Kind != Records {
			return
		}
		for b := s.Data; len(b) >= rrHeader; {
			end := rrHeader + int(binary.BigEndian.Uint16(b[10:]))
			if !yield(b[rrHeader:end:end]) {
				return
			}
			b = b[end:]
		}
	}
}

// Timed iterates over the packed rdata of plain records as Rdata does, each with its TTL in
// seconds. Only signatures have several in an RRset.
func (s RRset) Timed() iter.Seq2[uint32, []byte] {
	return func(yield func(uint32, []byte) bool) {
		if s.Kind != Records {
			return
		}
		for b := s.Data; len(b) >= rrHeader; {
			end := rrHeader + int(binary.BigEndian.Uint16(b[10:]))
			if !yield(binary.BigEndian.Uint32(b[6:]), b[rrHeader:end:end]) {
				return
			}
			b = b[end:]
		}
	}
}

// First returns the rdata of the first plain record, nil when there is none.
func (s RRset) First() []byte {
	if s.Kind != Records || len(s.Data) < rrHeader {
		return nil
	}
	end := rrHeader + int(binary.BigEndian.Uint16(s.Data[10:]))
	return s.Data[rrHeader:end:end]
}

// ErrTooLarge says that an RRset can't fit into any DNS message.
var ErrTooLarge = errors.New("larger than a DNS message")

// NewRecords packs plain records of one owner: every record as pointer to offset
// 12, type, class IN, TTL in seconds, rdata length, rdata.
func NewRecords(rrtype uint16, ttl uint32, rdata ...[]byte) (RRset, error) {
	size := 0
	for _, r := range rdata {
		size += rrHeader + len(r)
	}
	if size > maxRRset {
		return RRset{}, fmt.Errorf("%d octets of records: %w", size, ErrTooLarge)
	}
	if len(rdata) == 0 {
		return RRset{}, errors.New("no records")
	}
	data := make([]byte, 0, size)
	for _, r := range rdata {
		data = AppendRecord(data, rrtype, ttl, r)
	}
	return RRset{Type: rrtype, Count: uint16(len(rdata)), Kind: Records, Flags: translatable(rrtype), Data: data}, nil
}

// NewTimed packs records as NewRecords does, each with a TTL of its own: those of
// signatures are those of what they sign (RFC 4034 section 3).
func NewTimed(rrtype uint16, ttls []uint32, rdata [][]byte) (RRset, error) {
	set, err := NewRecords(rrtype, 0, rdata...)
	if err != nil {
		return set, err
	}
	at := 0
	for i, r := range rdata {
		binary.BigEndian.PutUint32(set.Data[at+6:], ttls[i])
		at += rrHeader + len(r)
	}
	return set, nil
}

// AppendRecord appends one packed record whose owner is the name at offset 12.
func AppendRecord(dst []byte, rrtype uint16, ttl uint32, rdata []byte) []byte {
	dst = append(dst, 0xc0, wire.HeaderSize, byte(rrtype>>8), byte(rrtype), 0, wire.ClassIN)
	dst = binary.BigEndian.AppendUint32(dst, ttl)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(rdata)))
	return append(dst, rdata...)
}

func translatable(rrtype uint16) Flags {
	switch rrtype {
	case TypeA, TypeHTTPS, TypeSVCB:
		return Translatable
	}
	return 0
}

// Alias is the target of a Route 53 alias record.
type Alias struct {
	ZoneID   []byte // hosted zone id of the target
	Target   []byte // lower-case wire name
	Health   bool   // EvaluateTargetHealth
	SameZone bool   // the target is a record of the zone itself
}

// NewAlias packs a simple alias record.
func NewAlias(rrtype uint16, a Alias) RRset {
	return RRset{Type: rrtype, Count: 1, Kind: Aliased, Flags: translatable(rrtype), Data: appendAlias(nil, a)}
}

func appendAlias(dst []byte, a Alias) []byte {
	var flags byte
	if a.Health {
		flags |= 1
	}
	if a.SameZone {
		flags |= 2
	}
	dst = append(dst, flags)
	dst = appendShort(dst, a.ZoneID)
	return append(dst, a.Target...)
}

// Alias returns the target of an Aliased RRset.
func (s RRset) Alias() Alias {
	flags := s.Data[0]
	id, rest := cutShort(s.Data[1:])
	return Alias{ZoneID: id, Target: rest, Health: flags&1 != 0, SameZone: flags&2 != 0}
}

// NewUnservable keeps a name existing whose record can't be expressed. reason is
// for people; raw is the source's own text of the record.
func NewUnservable(rrtype uint16, reason string, raw []byte) RRset {
	if len(reason) > 1024 {
		reason = reason[:1024]
	}
	if len(raw) > maxRRset {
		raw = raw[:maxRRset]
	}
	data := binary.BigEndian.AppendUint16(nil, uint16(len(reason)))
	data = append(append(data, reason...), raw...)
	return RRset{Type: rrtype, Count: 1, Kind: Unservable, Data: data}
}

// Unservable returns why an Unservable RRset can't be served, and its raw text.
func (s RRset) Unservable() (reason string, raw []byte) {
	n := int(binary.BigEndian.Uint16(s.Data))
	return string(s.Data[2 : 2+n]), s.Data[2+n:]
}

// Equal reports whether two RRsets would answer alike, to the byte.
func (s RRset) Equal(t RRset) bool {
	return s.Type == t.Type && s.Count == t.Count && s.Kind == t.Kind && s.Flags == t.Flags &&
		string(s.Data) == string(t.Data)
}

func appendShort(dst, s []byte) []byte {
	if len(s) > 255 {
		s = s[:255]
	}
	return append(append(dst, byte(len(s))), s...)
}

func cutShort(b []byte) (s, rest []byte) {
	n := int(b[0]) + 1
	return b[1:n:n], b[n:]
}

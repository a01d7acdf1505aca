package tsig

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"inside53/resolver/wire"

	"github.com/miekg/dns"
)

var (
	errWhole     = errors.New("a message that isn't whole")
	errTSIGPlace = errors.New("a TSIG record that isn't the last one")
	errTSIGForm  = errors.New("a TSIG record of another class or length than its fields have")
)

// Outline is what a request says beside its records: the header, the questions, an OPT record
// without its options, and a TSIG record, the last two in Extra. What other records hold isn't
// looked at: what one library finds odd in a record must not cost a message that is signed as
// it is.
type Outline struct {
	*dns.Msg
	signedTo int // where its TSIG record begins
}

// Read returns the outline of a request, which has a header. With an error it has that header
// alone.
func Read(pkt []byte) (Outline, error) {
	bits := binary.BigEndian.Uint16(pkt[wire.AtFlags:])
	o := Outline{Msg: &dns.Msg{MsgHdr: dns.MsgHdr{
		Id: binary.BigEndian.Uint16(pkt), Opcode: int(bits >> 11 & 0xf), RecursionDesired: bits&(1<<8) != 0,
	}}}
	whole := Outline{Msg: &dns.Msg{MsgHdr: o.MsgHdr}}
	at, err := whole.readQuestions(pkt)
	if err == nil {
		err = whole.readRecords(pkt, at)
	}
	if err != nil {
		return o, err
	}
	return whole, nil
}

// readQuestions returns where they end.
func (o *Outline) readQuestions(pkt []byte) (at int, err error) {
	at = wire.HeaderSize
	for range binary.BigEndian.Uint16(pkt[wire.AtQuestions:]) {
		name, end, err := dns.UnpackDomainName(pkt, at)
		if err != nil || end+wire.QuestionFixed > len(pkt) {
			return 0, errWhole
		}
		o.Question = append(o.Question, dns.Question{
			Name: name, Qtype: binary.BigEndian.Uint16(pkt[end:]), Qclass: binary.BigEndian.Uint16(pkt[end+2:]),
		})
		at = end + wire.QuestionFixed
	}
	return at, nil
}

// readRecords reads the records that begin at an offset.
func (o *Outline) readRecords(pkt []byte, at int) error {
	others := int(binary.BigEndian.Uint16(pkt[wire.AtAnswers:])) + int(binary.BigEndian.Uint16(pkt[wire.AtAuthority:]))
	all := others + int(binary.BigEndian.Uint16(pkt[wire.AtAdditional:]))
	for i := range all {
		fixed, end := wire.SkipName(pkt, at), wire.SkipRecord(pkt, at)
		if end < 0 {
			return errWhole
		}
		switch binary.BigEndian.Uint16(pkt[fixed:]) {
		case wire.TypeOPT:
			if i >= others {
				o.Extra = append(o.Extra, &dns.OPT{Hdr: dns.RR_Header{
					Name: ".", Rrtype: dns.TypeOPT, Class: binary.BigEndian.Uint16(pkt[fixed+2:]),
					Ttl: binary.BigEndian.Uint32(pkt[fixed+4:]),
				}})
			}
		case wire.TypeTSIG:
			if i < others || i < all-1 {
				return errTSIGPlace
			}
			signature, err := readTSIG(pkt, at, fixed, end)
			if err != nil {
				return err
			}
			o.Extra = append(o.Extra, signature)
			o.signedTo = at
		}
		at = end
	}
	return nil
}

// readTSIG reads a TSIG record (RFC 8945 section 4.2), whose fields after the name begin at
// fixed.
func readTSIG(pkt []byte, at, fixed, end int) (*dns.TSIG, error) {
	name, _, err := dns.UnpackDomainName(pkt, at)
	if err != nil {
		return nil, fmt.Errorf("the name of a key: %w", err)
	}
	r := &dns.TSIG{Hdr: dns.RR_Header{
		Name: name, Rrtype: dns.TypeTSIG, Class: binary.BigEndian.Uint16(pkt[fixed+2:]),
		Ttl: binary.BigEndian.Uint32(pkt[fixed+4:]), Rdlength: binary.BigEndian.Uint16(pkt[fixed+8:]),
	}}
	const times, numbers = 10, 6 // octets before the MAC, and behind it
	rest := pkt[fixed+wire.RecordFixed : end]
	var starts wire.Starts
	size := wire.SkipName(rest, 0)
	if size < 0 || wire.SplitName(&starts, rest[:size]) < 0 || len(rest) < size+times {
		return nil, errTSIGForm // the name of the algorithm isn't compressed
	}
	r.Algorithm, _, err = dns.UnpackDomainName(rest, 0)
	if err != nil {
		return nil, fmt.Errorf("the name of an algorithm: %w", err)
	}
	rest = rest[size:]
	r.TimeSigned = uint64(binary.BigEndian.Uint16(rest))<<32 | uint64(binary.BigEndian.Uint32(rest[2:]))
	r.Fudge, r.MACSize = binary.BigEndian.Uint16(rest[6:]), binary.BigEndian.Uint16(rest[8:])
	rest = rest[times:]
	if len(rest) < int(r.MACSize)+numbers {
		return nil, errTSIGForm
	}
	r.MAC, rest = hex.EncodeToString(rest[:r.MACSize]), rest[r.MACSize:]
	r.OrigId, r.Error = binary.BigEndian.Uint16(rest), binary.BigEndian.Uint16(rest[2:])
	r.OtherLen = binary.BigEndian.Uint16(rest[4:])
	rest = rest[numbers:]
	if r.Hdr.Class != dns.ClassANY || len(rest) != int(r.OtherLen) {
		return nil, errTSIGForm
	}
	r.OtherData = hex.EncodeToString(rest)
	return r, nil
}

// signedOctets is what the signature of a request is over (RFC 8945 section 4.3.3): the
// message without it, and its own fields.
func (o *Outline) signedOctets(pkt []byte, r *dns.TSIG) ([]byte, error) {
	name, err := packName(r.Hdr.Name)
	if err != nil {
		return nil, err
	}
	algorithm, err := packName(r.Algorithm)
	if err != nil {
		return nil, err
	}
	other, err := hex.DecodeString(r.OtherData)
	if err != nil {
		return nil, err
	}
	b := o.unsigned(pkt)
	binary.BigEndian.PutUint16(b, r.OrigId)
	b = append(b, name...)
	b = binary.BigEndian.AppendUint16(b, r.Hdr.Class)
	b = binary.BigEndian.AppendUint32(b, r.Hdr.Ttl)
	b = append(b, algorithm...)
	b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(b, uint16(r.TimeSigned>>32)), uint32(r.TimeSigned))
	b = binary.BigEndian.AppendUint16(b, r.Fudge)
	b = binary.BigEndian.AppendUint16(b, r.Error)
	b = binary.BigEndian.AppendUint16(b, r.OtherLen)
	return append(b, other...), nil
}

// unsigned returns a copy of a request that has a TSIG record, without it.
func (o *Outline) unsigned(pkt []byte) []byte {
	b := append(make([]byte, 0, len(pkt)), pkt[:o.signedTo]...)
	binary.BigEndian.PutUint16(b[wire.AtAdditional:], binary.BigEndian.Uint16(b[wire.AtAdditional:])-1)
	return b
}

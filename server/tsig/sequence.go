package tsig

import (
	"encoding/binary"
	"encoding/hex"

	"inside53/resolver/wire"
	"inside53/zonesource/clock"

	"github.com/miekg/dns"
)

// Sequence signs the messages of one answer, each by way of the one before (RFC 8945
// section 5.3.1).
type Sequence struct {
	signature *Signature // of the request; nil leaves the messages unsigned
	mac       string     // of the message before, at first that of the request
	later     bool       // not the first message
}

// Sequence returns what signs an answer of several messages. The request has to be good, or
// without a signature.
func (s *Signature) Sequence() *Sequence {
	if s == nil {
		return &Sequence{}
	}
	return &Sequence{signature: s, mac: s.Request.MAC}
}

// Sign returns the next message with its signature (RFC 8945 section 4.3.3). The message is
// in wire form; its octets are signed as they are.
func (q *Sequence) Sign(msg []byte) ([]byte, error) {
	if q.signature == nil {
		return msg, nil
	}
	key := q.signature.Key
	name, err := packName(key.Name)
	if err != nil {
		return nil, err
	}
	algorithm, err := packName(key.Algorithm)
	if err != nil {
		return nil, err
	}
	before, err := hex.DecodeString(q.mac)
	if err != nil {
		return nil, err
	}
	now := uint64(clock.Now().Unix())
	timers := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(nil, uint16(now>>32)), uint32(now))
	timers = binary.BigEndian.AppendUint16(timers, Fudge)
	signed := binary.BigEndian.AppendUint16(nil, uint16(len(before)))
	signed = append(append(signed, before...), msg...)
	class := []byte{0, wire.ClassANY, 0, 0, 0, 0} // and TTL
	if q.later {
		signed = append(signed, timers...)
	} else {
		signed = append(append(append(append(signed, name...), class...), algorithm...), timers...)
		signed = append(signed, 0, 0, 0, 0) // no error, no other data
	}
	mac, err := key.mac(signed)
	if err != nil {
		return nil, err
	}
	q.mac, q.later = hex.EncodeToString(mac), true
	data := binary.BigEndian.AppendUint16(append(algorithm, timers...), uint16(len(mac)))
	data = append(append(data, mac...), msg[wire.AtID], msg[wire.AtID+1], 0, 0, 0, 0)
	msg = append(append(msg, name...), 0, wire.TypeTSIG)
	msg = binary.BigEndian.AppendUint16(append(msg, class...), uint16(len(data)))
	msg = append(msg, data...)
	count := binary.BigEndian.Uint16(msg[wire.AtAdditional:])
	binary.BigEndian.PutUint16(msg[wire.AtAdditional:], count+1)
	return msg, nil
}

// packName returns a name in lower-case wire form.
func packName(name string) ([]byte, error) {
	buf := make([]byte, wire.MaxName+1)
	n, err := dns.PackDomainName(name, buf, 0, nil, false)
	wire.Lower(buf[:n])
	return buf[:n:n], err
}

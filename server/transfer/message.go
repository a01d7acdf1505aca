package transfer

import (
	"encoding/binary"

	"inside53/resolver/wire"

	"github.com/miekg/dns"
)

// record is one record of a transfer, its data as the zone has them.
type record struct {
	name   []byte
	rrtype uint16
	ttl    uint32
	data   []byte
}

// message is one message of a transfer in the making, in wire form: records go from the zone
// to the client octet by octet, whatever they hold.
type message struct {
	wire  []byte
	names map[string]int // suffixes of names that are in the message, and where
	count int            // records
}

// begin makes the header and the question of an answer.
func (m *message) begin(asked *dns.Msg) error {
	response := responseTo(asked)
	response.Extra = nil
	wire, err := response.Pack()
	if err != nil {
		return err
	}
	m.wire, m.count = wire, 0
	clear(m.names)
	if m.names == nil {
		m.names = map[string]int{}
	}
	m.remember(wireQuestion(wire))
	return nil
}

// wireQuestion returns the name of the one question, and where it is.
func wireQuestion(msg []byte) (name []byte, at int) {
	end := wire.SkipName(msg, wire.HeaderSize)
	return msg[wire.HeaderSize:end], wire.HeaderSize
}

// remember notes where the suffixes of an uncompressed name are.
func (m *message) remember(name []byte, at int) {
	for name[0] != 0 && at <= wire.MaxPointer {
		_, known := m.names[string(name)]
		if known {
			return
		}
		m.names[string(name)] = at
		size := 1 + int(name[0])
		name, at = name[size:], at+size
	}
}

// name appends a name, with a pointer to what the message has of it.
func (m *message) name(name []byte) {
	rest := name
	for rest[0] != 0 {
		at, known := m.names[string(rest)]
		if known {
			start := len(m.wire)
			m.wire = append(m.wire, name[:len(name)-len(rest)]...)
			m.wire = append(m.wire, 0xc0|byte(at>>8), byte(at))
			m.rememberTo(name, len(name)-len(rest), start)
			return
		}
		rest = rest[1+int(rest[0]):]
	}
	start := len(m.wire)
	m.wire = append(m.wire, name...)
	m.remember(name, start)
}

// rememberTo notes the suffixes of a name whose first octets are at an offset.
func (m *message) rememberTo(name []byte, octets, at int) {
	for octets > 0 && at <= wire.MaxPointer {
		m.names[string(name)] = at
		size := 1 + int(name[0])
		name, octets, at = name[size:], octets-size, at+size
	}
}

// add appends a record.
func (m *message) add(r record) {
	m.name(r.name)
	m.wire = append(m.wire, byte(r.rrtype>>8), byte(r.rrtype), 0, wire.ClassIN)
	m.wire = binary.BigEndian.AppendUint32(m.wire, r.ttl)
	m.wire = append(m.wire, 0, 0)
	start := len(m.wire)
	m.data(r)
	binary.BigEndian.PutUint16(m.wire[start-2:], uint16(len(m.wire)-start))
	m.count++
}

// data appends the data of a record. Names are compressed where everybody expects it: in
// the types of RFC 1035 (RFC 3597 section 4), if they are whole.
func (m *message) data(r record) {
	octets, names := 0, 0
	switch r.rrtype {
	case wire.TypeNS, wire.TypeCNAME, wire.TypePTR:
		names = 1
	case wire.TypeMX:
		octets, names = 2, 1
	case wire.TypeSOA:
		names = 2
	}
	at := octets
	for range names {
		if at >= len(r.data) {
			at = -1
		}
		if at < 0 {
			break
		}
		at = wire.SkipName(r.data, at)
	}
	if names == 0 || at < 0 || at > len(r.data) {
		m.wire = append(m.wire, r.data...)
		return
	}
	m.wire = append(m.wire, r.data[:octets]...)
	at = octets
	for range names {
		end := wire.SkipName(r.data, at)
		m.name(r.data[at:end])
		at = end
	}
	m.wire = append(m.wire, r.data[at:]...)
}

// finish returns the message, with an OPT record where there is one.
func (m *message) finish(opt bool) []byte {
	binary.BigEndian.PutUint16(m.wire[wire.AtAnswers:], uint16(m.count))
	if opt {
		const size = 1232
		m.wire = append(m.wire, 0, 0, wire.TypeOPT, size>>8, size&0xff, 0, 0, 0, 0, 0, 0)
		m.wire[wire.AtAdditional+1] = 1
	}
	return m.wire
}

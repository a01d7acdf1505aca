package worst

import (
	"encoding/binary"
	"math/rand/v2"

	"inside53/resolver/wire"
)

// Sizes are those of packets: what any path takes, an Ethernet frame, what clients say by
// EDNS, and a message of TCP.
func Sizes() []int { return []int{512, 1472, 4096, 65535} }

// packet is a recipe for a packet that is to cost as much as it can.
type packet struct {
	opcode byte
	counts [4]uint16
	label  byte  // size of the labels of names
	labels int   // of the first name
	parts  []row // records, again and again until the packet is full
	shape  int   // of the question: 0 a name, 1 a pointer, 2 no end
}

// row is a record of a bad packet.
type row struct {
	labels  int // before the pointer or the root label
	pointer bool
	rrtype  uint16
	data    int // octets of rdata
	names   bool
}

// random draws a recipe, and change changes a part of it.
func random(rng *rand.Rand) packet {
	p := packet{}
	for range 8 {
		p.change(rng)
	}
	return p
}

func (p *packet) change(rng *rand.Rand) {
	few := []uint16{0, 1, 1, 2, 3, 16, 17, 1000, 65535}
	types := []uint16{wire.TypeNS, wire.TypeOPT, wire.TypeTSIG, wire.TypeSIG, wire.TypeSOA, wire.TypeHTTPS, wire.TypeIXFR,
		wire.TypeTXT}
	switch rng.IntN(7) {
	case 0:
		p.opcode = []byte{wire.OpcodeQuery, wire.OpcodeQuery, wire.OpcodeQuery, wire.OpcodeNotify, wire.OpcodeUpdate, 6,
			15}[rng.IntN(7)]
	case 1:
		p.counts[rng.IntN(4)] = few[rng.IntN(len(few))]
	case 2:
		p.counts = [...][4]uint16{{1, 0, 0, 0}, {1, 0, 0, 1}, {1, 0, 0, 2}, {1, 0, 1, 2}, {1, 0, 65535, 1},
			{65535, 0, 0, 0}}[rng.IntN(6)]
	case 3:
		p.label, p.labels = byte(1+rng.IntN(3)), 1+rng.IntN(127)
	case 4:
		p.shape = rng.IntN(3)
	case 5:
		p.parts = append(p.parts, row{rng.IntN(128), rng.IntN(2) == 0, types[rng.IntN(len(types))], rng.IntN(40),
			rng.IntN(2) == 0})
	default:
		if len(p.parts) > 0 {
			p.parts[rng.IntN(len(p.parts))].rrtype = types[rng.IntN(len(types))]
			p.parts[rng.IntN(len(p.parts))].labels = rng.IntN(128)
		}
	}
	p.parts = p.parts[max(0, len(p.parts)-4):]
}

// bytes makes the packet.
func (p *packet) bytes(size int) []byte {
	b := make([]byte, wire.HeaderSize, size+512)
	b[wire.AtFlags] = p.opcode << wire.ShiftOpcode
	for i, n := range p.counts {
		binary.BigEndian.PutUint16(b[wire.AtQuestions+2*i:], n)
	}
	name := func(labels int, end ...byte) {
		for range labels {
			b = append(b, p.label)
			b = append(b, "xyz"[:p.label]...)
		}
		b = append(b, end...)
	}
	p.label = max(1, p.label)
	whole := min(p.labels, 254/(1+int(p.label)))
	switch p.shape {
	case 0:
		name(whole, 0)
	case 1:
		name(1, 0xc0, wire.HeaderSize)
	default:
		name(p.labels)
	}
	b = append(b, 0, byte(wire.TypeIXFR), 0, 1)
	for n := 0; len(b) < size && len(p.parts) > 0; n++ {
		r := p.parts[n%len(p.parts)]
		if r.pointer {
			name(min(r.labels, 252/(1+int(p.label))), 0xc0, byte(wire.HeaderSize+(1+int(p.label))*(n%max(1, whole))))
		} else {
			name(min(r.labels, 254/(1+int(p.label))), 0)
		}
		b = append(b, byte(r.rrtype>>8), byte(r.rrtype), 0, 1, 0, 0, 0, 0)
		data := len(b) + 2
		b = append(b, 0, 0)
		if r.names {
			name(min(r.labels, 254/(1+int(p.label))), 0)
		}
		b = append(b, make([]byte, r.data)...)
		binary.BigEndian.PutUint16(b[data-2:], uint16(len(b)-data))
	}
	if len(p.parts) == 0 {
		b = append(b, make([]byte, max(0, size-len(b)))...)
	}
	return b[:min(len(b), size)]
}

// Random returns a packet of a recipe that was drawn once.
func Random(rng *rand.Rand, size int) []byte {
	p := random(rng)
	return p.bytes(size)
}

// Search climbs from random recipes to the packet that costs most.
func Search(rng *rand.Rand, size, starts int, cost func(pkt []byte) int) (worst []byte, most int) {
	for range starts {
		p := random(rng)
		best := cost(p.bytes(size))
		for range 40 {
			next := p
			next.parts = append([]row(nil), p.parts...)
			next.change(rng)
			c := cost(next.bytes(size))
			if c >= best {
				p, best = next, c
			}
		}
		if best >= most {
			worst, most = p.bytes(size), best
		}
	}
	return worst, most
}

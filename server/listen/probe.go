package listen

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	mrand "math/rand/v2"

	"inside53/resolver/wire"
)

// probe is the query by which the server asks itself whether it answers: TXT of a
// name below [wire.ProbeZone]. The first label is random, so that nobody else can send
// one.
type probe struct {
	packet string // with id 0
}

func newProbe() *probe {
	var secret [8]byte
	rand.Read(secret[:])
	packet := make([]byte, wire.HeaderSize, 64)
	packet[5] = 1 // QDCOUNT; no RD: there is nothing to ask others
	label := hex.EncodeToString(secret[:])
	packet = append(packet, byte(len(label)))
	packet = append(packet, label...)
	packet = append(packet, wire.ProbeZone...)
	packet = append(packet, 0, 16, 0, 1) // TXT IN
	return &probe{packet: string(packet)}
}

// query returns the probe with the id.
func (p *probe) query(id uint16) []byte {
	q := []byte(p.packet)
	binary.BigEndian.PutUint16(q, id)
	return q
}

// is reports whether pkt is a probe. Nearly every packet is told by its length.
func (p *probe) is(pkt []byte) bool {
	return len(pkt) == len(p.packet) && string(pkt[wire.HeaderSize:]) == p.packet[wire.HeaderSize:]
}

// probeMark is what a packet loop notes of a probe: where it came from and its id.
func probeMark(port uint16, pkt []byte) uint32 {
	return uint32(port)<<16 | uint32(binary.BigEndian.Uint16(pkt))
}

// isAnswer reports whether msg is a response with the id, whatever it says.
func isAnswer(msg []byte, id uint16) bool {
	return len(msg) >= wire.HeaderSize && binary.BigEndian.Uint16(msg) == id && msg[wire.AtFlags]&wire.FlagQR != 0
}

// newProbeID returns an id other than 0, so that the mark of a probe is never that of none.
func newProbeID() uint16 { return uint16(1 + mrand.IntN(1<<16-1)) }

package resolver

import (
	"bytes"
	"encoding/binary"

	"inside53/resolver/wire"
)

// optionLocal is an option for private use (RFC 6891 section 9), of any form.
const optionLocal = 65001

// inPacket is where a record stands in a packet.
type inPacket struct {
	section           section
	owner, rdata, end int // offsets; the type stands 10 before rdata
	rrtype            uint16
}

// walk visits the records of a packet, and is false for one cut short.
func walk(pkt []byte, visit func(inPacket)) (whole bool) {
	at := wire.HeaderSize
	for range binary.BigEndian.Uint16(pkt[4:]) {
		at = nameEnd(pkt, at) + 4
		if at > len(pkt) {
			return false
		}
	}
	for _, s := range [...]section{inAnswer, inAuthority, inAdditional} {
		for range binary.BigEndian.Uint16(pkt[6+2*s:]) {
			r := inPacket{section: s, owner: at, rdata: nameEnd(pkt, at) + 10}
			if r.rdata > len(pkt) {
				return false
			}
			r.rrtype = binary.BigEndian.Uint16(pkt[r.rdata-10:])
			r.end = r.rdata + int(binary.BigEndian.Uint16(pkt[r.rdata-2:]))
			if r.end > len(pkt) {
				return false
			}
			visit(r)
			at = r.end
		}
	}
	return true
}

// nameEnd returns where the name at an offset ends, an offset beyond the packet
// when it doesn't.
func nameEnd(pkt []byte, at int) int {
	for at < len(pkt) {
		switch size := int(pkt[at]); {
		case size == 0:
			return at + 1
		case size >= 0xc0:
			return at + 2
		case size > 63:
			return len(pkt) + 1
		default:
			at += 1 + size
		}
	}
	return len(pkt) + 1
}

// tidy returns a copy of a packet for miekg/dns to read, with EDNS options that
// mean nothing here under the code of a local one: they are ignored (RFC 6891 section
// 6.1.2), and what form they should have had is not for us to say. It is false for a
// packet that miekg/dns would make do with: one cut short, or with an OPT record outside
// of the additional section (RFC 6891 section 6.1.1).
func tidy(pkt []byte) (tidied []byte, whole bool) {
	tidied = bytes.Clone(pkt)
	placed := true
	whole = walk(pkt, func(r inPacket) {
		if r.rrtype == wire.TypeOPT {
			placed = placed && r.section == inAdditional
			hideOptions(tidied[r.rdata:r.end])
		}
	})
	return tidied, whole && placed
}

// hideOptions gives the options that nobody here reads the code of a local one.
func hideOptions(options []byte) {
	for len(options) >= 4 {
		switch binary.BigEndian.Uint16(options) {
		case wire.OptionSubnet, wire.OptionKeepAlive:
		default:
			binary.BigEndian.PutUint16(options, optionLocal)
		}
		size := 4 + int(binary.BigEndian.Uint16(options[2:]))
		if size > len(options) {
			return // miekg/dns refuses it
		}
		options = options[size:]
	}
}

// hearOPT notes the OPT record of a packet that gets an error, if there is a right one:
// without OPT in the answer too (RFC 6891 section 6.1.1), the client would take it that
// nobody knows EDNS here.
func (q *Query) hearOPT(pkt []byte) {
	found := 0
	var opt inPacket
	whole := walk(pkt, func(r inPacket) {
		if r.rrtype == wire.TypeOPT {
			found++
			opt = r
		}
	})
	if !whole || found != 1 || opt.section != inAdditional || pkt[opt.owner] != 0 {
		return
	}
	q.EDNS = true
	q.UDPSize = max(512, binary.BigEndian.Uint16(pkt[opt.rdata-8:]))
	q.DO = pkt[opt.rdata-4]&0x80 != 0
}

package resolver

import (
	"bytes"
	"encoding/binary"
)

// optionLocal is an option for private use (RFC 6891 section 9), of any form.
const optionLocal = 65001

// tidy returns a copy of a packet for miekg/dns to read, with EDNS options that
// mean nothing here under the code of a local one: they are ignored (RFC 6891 section
// 6.1.2), and what form they should have had is not for us to say. It is false for a
// packet that miekg/dns would make do with: one cut short, or with an OPT record outside
// of the additional section (RFC 6891 section 6.1.1).
func tidy(pkt []byte) (tidied []byte, whole bool) {
	at := headerSize
	for range binary.BigEndian.Uint16(pkt[4:]) {
		at = nameEnd(pkt, at) + 4
		if at > len(pkt) {
			return nil, false
		}
	}
	tidied = bytes.Clone(pkt)
	for section := range 3 {
		for range binary.BigEndian.Uint16(pkt[6+2*section:]) {
			at = nameEnd(pkt, at)
			if at+10 > len(pkt) {
				return nil, false
			}
			rrtype, rdata := binary.BigEndian.Uint16(pkt[at:]), at+10
			at = rdata + int(binary.BigEndian.Uint16(pkt[at+8:]))
			if at > len(pkt) {
				return nil, false
			}
			if rrtype == typeOPT {
				if section < 2 {
					return nil, false
				}
				hideOptions(tidied[rdata:at])
			}
		}
	}
	return tidied, true
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

// hideOptions gives the options that nobody here reads the code of a local one.
func hideOptions(options []byte) {
	for len(options) >= 4 {
		switch binary.BigEndian.Uint16(options) {
		case optionSubnet, optionKeepAlive:
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

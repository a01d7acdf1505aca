//go:build linux

package main

import (
	"encoding/binary"
	"strings"
)

// longestPacket is what an Ethernet frame carries.
const longestPacket = 1472

// longNames are questions for a name of 127 labels with as many records behind as there is
// room for, whose names are pointers to it or are as long: in each section, with and without
// OPT, as question, update and notification.
func longNames() [][]byte {
	long := strings.Repeat("\x01a", 127) + "\x00"
	pointer := "\xc0\x0c"
	fixed := "\x00\x02\x00\x01\x00\x00\x00\x00\x00\x02\xc0\x0c" // NS, a pointer to the name
	var out [][]byte
	for _, opcode := range []byte{0, 4, 5, 6} {
		for section := 1; section < 4; section++ {
			for _, owner := range []string{pointer, long, strings.Repeat("\x01a", 120) + pointer} {
				for _, opt := range []string{"", "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"} {
					b := make([]byte, 12, longestPacket)
					b[2], b[5] = opcode<<3, 1
					b = append(append(b, long...), 0, 1, 0, 1)
					records := 0
					if section == 3 && opt != "" {
						b = append(b, opt...)
						records++
					}
					for len(b)+len(owner)+len(fixed) <= longestPacket {
						b = append(append(b, owner...), fixed...)
						records++
					}
					binary.BigEndian.PutUint16(b[4+2*section:], uint16(records))
					out = append(out, b)
				}
			}
		}
	}
	return out
}

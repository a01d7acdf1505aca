package rdata

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// serviceText returns checked rdata of SVCB or HTTPS as text, where the library doesn't read
// them: it has no mapped addresses among the hints.
func serviceText(rdata []byte, n notation) string {
	p := printer{rest: rdata, notation: n}
	p.uint(2)
	p.name()
	for len(p.rest) > 0 {
		key := binary.BigEndian.Uint16(p.next(2))
		value := p.next(int(binary.BigEndian.Uint16(p.next(2))))
		text, known := parameterText(key, value)
		p.blank()
		switch {
		case known && text == "":
			p.out = append(p.out, keyName(key)...)
			continue
		case known:
			p.out = append(append(p.out, keyName(key)...), '=')
			value = []byte(text)
		default: // the value in its wire form (RFC 9460 section 2.1)
			p.out = fmt.Appendf(p.out, "key%d=", key)
		}
		p.string(value)
	}
	return string(p.out)
}

func keyName(key uint16) string {
	for name, number := range serviceKeyNames {
		if number == key {
			return name
		}
	}
	return fmt.Sprintf("key%d", key)
}

// parameterText returns the value of a parameter as people write it; known is false where
// that needs escapes or has no form of its own.
func parameterText(key uint16, value []byte) (text string, known bool) {
	var items []string
	switch key {
	case keyMandatory:
		for ; len(value) > 0; value = value[2:] {
			items = append(items, keyName(binary.BigEndian.Uint16(value)))
		}
	case keyALPN:
		for ; len(value) > 0; value = value[1+int(value[0]):] {
			items = append(items, string(value[1:1+int(value[0])]))
		}
		for _, item := range items {
			if strings.ContainsFunc(item, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`,\"`, r) }) {
				return "", false
			}
		}
	case keyNoDefaultALPN:
	case keyPort:
		items = append(items, strconv.Itoa(int(binary.BigEndian.Uint16(value))))
	case keyIPv4Hint, keyIPv6Hint:
		size := 4
		if key == keyIPv6Hint {
			size = 16
		}
		for ; len(value) > 0; value = value[size:] {
			address, ok := netip.AddrFromSlice(value[:size])
			if !ok {
				return "", false
			}
			items = append(items, address.String())
		}
	default:
		return "", false
	}
	return strings.Join(items, ","), true
}

package wire

import "encoding/binary"

// AddressKinds is a set of kinds of addresses for which the internet has no use.
type AddressKinds uint8

// The kinds.
const (
	Loopback    AddressKinds = 1 << iota // 127.0.0.0/8, ::1
	LinkLocal                            // 169.254.0.0/16, fe80::/10
	Unspecified                          // 0.0.0.0/8, ::
	Private                              // RFC 1918, RFC 6598, RFC 4193, fec0::/10
)

// KindOfAddress returns the kind of an address of 4 or 16 octets, 0 for any other. An
// IPv6 address that stands for an IPv4 one is of that one's kind: mapped, compatible (RFC
// 4291 section 2.5.5), translated (RFC 7915), by NAT64 (RFC 6052, RFC 8215).
func KindOfAddress(addr []byte) AddressKinds {
	if len(addr) == 4 {
		return kindOf4(addr)
	}
	if len(addr) != 16 {
		return 0
	}
	high, middle := binary.BigEndian.Uint64(addr), binary.BigEndian.Uint32(addr[8:])
	low := binary.BigEndian.Uint32(addr[12:])
	switch {
	case high == 0 && middle == 0 && low == 0:
		return Unspecified
	case high == 0 && middle == 0 && low == 1:
		return Loopback
	case high == 0 && (middle == 0 || middle == 0xffff || middle == 0xffff0000),
		high == 0x0064ff9b_00000000 && middle == 0, high>>16 == 0x0064ff9b_0001:
		return kindOf4(addr[12:])
	case addr[0] == 0xfe && addr[1]&0xc0 == 0x80:
		return LinkLocal
	case addr[0]&0xfe == 0xfc, addr[0] == 0xfe && addr[1]&0xc0 == 0xc0:
		return Private
	}
	return 0
}

func kindOf4(addr []byte) AddressKinds {
	switch a, b := addr[0], addr[1]; {
	case a == 127:
		return Loopback
	case a == 169 && b == 254:
		return LinkLocal
	case a == 0:
		return Unspecified
	case a == 10, a == 172 && b&0xf0 == 16, a == 192 && b == 168, a == 100 && b&0xc0 == 64:
		return Private
	}
	return 0
}

// FindAddress returns the first address in the rdata of a record of type A or AAAA, or
// among the hints of one of type SVCB or HTTPS, that reject says yes to; nil if there is
// none. The rdata is well-formed, its names uncompressed.
func FindAddress(rrtype uint16, rdata []byte, reject func(addr []byte) bool) []byte {
	switch rrtype {
	case TypeA, TypeAAAA:
		if reject(rdata) {
			return rdata
		}
	case TypeSVCB, TypeHTTPS:
		at := SkipName(rdata, 2)
		for at >= 0 && at+4 <= len(rdata) {
			size := 0
			switch binary.BigEndian.Uint16(rdata[at:]) {
			case ParamIPv4Hint:
				size = 4
			case ParamIPv6Hint:
				size = 16
			}
			end := at + 4 + int(binary.BigEndian.Uint16(rdata[at+2:]))
			for hint := at + 4; size > 0 && hint+size <= min(end, len(rdata)); hint += size {
				if reject(rdata[hint : hint+size]) {
					return rdata[hint : hint+size]
				}
			}
			at = end
		}
	}
	return nil
}

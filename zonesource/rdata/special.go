package rdata

import (
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// special appends a field whose form only one or a few types have.
func (s *scanner) special(f field) {
	switch f.kind {
	case coveredType:
		s.covered(f.what)
	case typeBitmap, typeBitmapSome:
		s.types(f.what, f.kind == typeBitmapSome)
	case typeBitmapOld:
		s.oldTypes(f.what)
	case algorithm:
		s.mnemonic(f.what, algorithms, 8)
	case digestType:
		s.mnemonic(f.what, digestTypes, 8)
	case hashAlgorithm:
		s.mnemonic(f.what, hashAlgorithms, 8)
	case certificateType:
		s.mnemonic(f.what, certificateTypes, 16)
	case keyProtocol:
		s.mnemonic(f.what, keyProtocols, 8)
	case dsyncScheme:
		s.mnemonic(f.what, dsyncSchemes, 8)
	case keyFlags:
		s.flags(f.what)
	case moment:
		s.moment(f.what)
	case salt:
		s.salt(f.what)
	case hashedName:
		s.hashedName(f.what)
	case location:
		s.location()
	case prefixes:
		s.prefixes(f.what)
	case gateway:
		s.gateway()
	case relay:
		s.relay()
	case hostIdentity:
		s.hostIdentity()
	case eui48:
		s.eui(f.what, 6)
	case eui64:
		s.eui(f.what, 8)
	case locator:
		s.locator(f.what)
	case services:
		s.services()
	case prefixedName:
		s.prefixedName(f.what)
	case atmAddress:
		s.atmAddress(f.what)
	case serviceKeys:
		s.serviceParameters()
	}
}

// period appends 32 bits of seconds.
func (s *scanner) period(what string) {
	if s.notation == octal {
		s.uint(what, 32)
		return
	}
	f := s.next(what)
	if s.err != nil {
		return
	}
	seconds, err := ParsePeriod([]byte(f.text), math.MaxUint32)
	if err != nil || f.quoted {
		s.fail(f.pos, "%s %s is not a number of seconds", what, excerpt(f.text))
		return
	}
	s.out = binary.BigEndian.AppendUint32(s.out, seconds)
}

// types appends a bitmap of all types that are left (RFC 4034 4.1.2).
func (s *scanner) types(what string, some bool) {
	var set [1 << 16 / 8]byte
	for some || s.more() {
		some = false
		rrtype, ok := s.rrtype(what, false)
		if !ok {
			return
		}
		set[rrtype/8] |= 0x80 >> (rrtype % 8)
	}
	for window := range 256 {
		block := set[window*32 : window*32+32]
		length := 32
		for length > 0 && block[length-1] == 0 {
			length--
		}
		if length > 0 {
			s.out = append(s.out, byte(window), byte(length))
			s.out = append(s.out, block[:length]...)
		}
	}
}

// oldTypes appends the bitmap of NXT, whose bits are those of the types below 128.
func (s *scanner) oldTypes(what string) {
	var set [16]byte
	length := 0
	for s.more() {
		at := s.pos
		rrtype, ok := s.rrtype(what, true)
		if !ok {
			return
		}
		if rrtype == 0 || rrtype > 127 {
			s.fail(at, "%s %s can't stand in an NXT record", what, TypeText(rrtype))
			return
		}
		set[rrtype/8] |= 0x80 >> (rrtype % 8)
		length = max(length, int(rrtype/8)+1)
	}
	s.out = append(s.out, set[:length]...)
}

// rrtype reads a record type, which the oldest types also have as a number.
func (s *scanner) rrtype(what string, numbered bool) (uint16, bool) {
	f := s.next(what)
	if s.err != nil {
		return 0, false
	}
	rrtype, ok := Type(f.text)
	if !ok && numbered {
		number, err := strconv.ParseUint(f.text, 10, 16)
		rrtype, ok = uint16(number), err == nil
	}
	if !ok || f.quoted {
		s.fail(f.pos, "%s %s is not a record type", what, excerpt(f.text))
		return 0, false
	}
	return rrtype, true
}

// covered appends a type.
func (s *scanner) covered(what string) {
	rrtype, ok := s.rrtype(what, true)
	if ok {
		s.out = binary.BigEndian.AppendUint16(s.out, rrtype)
	}
}

// moment appends seconds since 1970 modulo 2^32, given so or as YYYYMMDDHHMMSS
// (RFC 4034 3.2).
func (s *scanner) moment(what string) {
	f := s.next(what)
	if s.err != nil {
		return
	}
	number, err := strconv.ParseUint(f.text, 10, 32)
	if err != nil && len(f.text) == 14 {
		var at time.Time
		at, err = time.Parse("20060102150405", f.text)
		number = uint64(at.Unix())
	}
	if err != nil || f.quoted {
		s.fail(f.pos, "%s %s is neither YYYYMMDDHHMMSS nor a number of seconds", what, excerpt(f.text))
		return
	}
	s.out = binary.BigEndian.AppendUint32(s.out, uint32(number))
}

// salt appends a length and octets, which a hyphen stands for where there are none.
func (s *scanner) salt(what string) {
	f := s.next(what)
	if s.err != nil {
		return
	}
	digits := f.text
	if digits == "-" {
		digits = ""
	}
	if len(digits) > 2*math.MaxUint8 {
		s.fail(f.pos, "%s of more than %d bytes", what, math.MaxUint8)
		return
	}
	s.out = append(s.out, byte(len(digits)/2))
	s.appendHex(what, digits, f.pos)
}

// hashedName appends the length of a hash and the hash (RFC 5155 3.3).
func (s *scanner) hashedName(what string) {
	f := s.next(what)
	if s.err != nil {
		return
	}
	hash, err := base32.HexEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(f.text))
	if err != nil || len(hash) == 0 || len(hash) > math.MaxUint8 {
		s.fail(f.pos, "%s %s is not a hash in base32", what, excerpt(f.text))
		return
	}
	s.out = append(append(s.out, byte(len(hash))), hash...)
}

// prefixes appends address prefixes as [!]FAMILY:ADDRESS/LENGTH (RFC 3123 5).
func (s *scanner) prefixes(what string) {
	for s.more() {
		f := s.next(what)
		text, negated := strings.CutPrefix(f.text, "!")
		family, prefix, _ := strings.Cut(text, ":")
		address, digits, _ := strings.Cut(prefix, "/")
		addr, err := netip.ParseAddr(address)
		bits, bitsErr := strconv.ParseUint(digits, 10, 8)
		known := family == "1" && addr.Is4() || family == "2" && addr.Is6() && addr.Zone() == ""
		if err != nil || bitsErr != nil || !known || int(bits) > addr.BitLen() {
			s.fail(f.pos, "%s %s is not of the form [!]FAMILY:ADDRESS/LENGTH", what, excerpt(f.text))
			return
		}
		octets := strings.TrimRight(string(addr.AsSlice()), "\x00")
		length := byte(len(octets))
		if negated {
			length |= 0x80
		}
		s.out = append(s.out, 0, family[0]-'0', byte(bits), length)
		s.out = append(s.out, octets...)
	}
}

// gatewayOf appends a gateway of the type kind: none, an address, or a name.
func (s *scanner) gatewayOf(kind byte) {
	switch kind {
	case 0:
		f := s.next("gateway")
		if s.err == nil && f.text != "." {
			s.fail(f.pos, `gateway %s where there is none, which is written "."`, excerpt(f.text))
		}
	case 1:
		s.address(4)
	case 2:
		s.address(16)
	case 3:
		s.name("gateway")
	default:
		s.fail(s.pos, "gateway of the unknown type %d", kind)
	}
}

// lastByte returns the byte appended last.
func (s *scanner) lastByte() byte {
	if s.err != nil {
		return 0
	}
	return s.out[len(s.out)-1]
}

// gateway appends what IPSECKEY has after its precedence.
func (s *scanner) gateway() {
	s.uint("gateway type", 8)
	kind := s.lastByte()
	s.uint("algorithm", 8)
	none := s.lastByte() == 0
	s.gatewayOf(kind)
	if !none || s.more() {
		s.base64("public key")
	}
}

// relay appends what AMTRELAY has after its precedence. The discovery bit is the first of
// the type's octet.
func (s *scanner) relay() {
	at := s.pos
	s.uint("discovery bit", 8)
	bit := s.lastByte()
	if bit > 1 {
		s.fail(at, "discovery bit %d is neither 0 nor 1", bit)
	}
	s.uint("relay type", 8)
	kind := s.lastByte()
	if s.err != nil {
		return
	}
	s.out = s.out[:len(s.out)-2]
	s.out = append(s.out, bit<<7|kind&0x7f)
	s.gatewayOf(kind)
}

// hostIdentity appends the lengths, the algorithm, and what they are of (RFC 8005 5).
func (s *scanner) hostIdentity() {
	start := len(s.out)
	s.out = append(s.out, 0)
	s.uint("algorithm", 8)
	s.out = append(s.out, 0, 0)
	tag := s.next("host identity tag")
	s.appendHex("host identity tag", tag.text, tag.pos)
	tagged := len(s.out)
	key := s.next("public key")
	s.appendBase64("public key", key.text, key.pos)
	if s.err != nil {
		return
	}
	if tagged-start-4 > math.MaxUint8 || len(s.out)-tagged > math.MaxUint16 {
		s.fail(tag.pos, "host identity is too long")
		return
	}
	s.out[start] = byte(tagged - start - 4)
	binary.BigEndian.PutUint16(s.out[start+2:], uint16(len(s.out)-tagged))
	for s.more() {
		s.name("rendezvous server")
	}
}

// eui appends an address of so many octets, given as pairs of digits.
func (s *scanner) eui(what string, want int) {
	f := s.next(what)
	if s.err != nil {
		return
	}
	pairs := strings.Split(f.text, "-")
	octets, err := hex.DecodeString(strings.Join(pairs, ""))
	if err != nil || len(pairs) != want || len(octets) != want || len(f.text) != 3*want-1 {
		s.fail(f.pos, "%s %s is not of %d pairs of digits with hyphens", what, excerpt(f.text), want)
		return
	}
	s.out = append(s.out, octets...)
}

// locator appends 8 octets, given as four numbers with colons.
func (s *scanner) locator(what string) {
	f := s.next(what)
	if s.err != nil {
		return
	}
	groups := strings.Split(f.text, ":")
	out := s.out
	for _, g := range groups {
		number, err := strconv.ParseUint(g, 16, 16)
		if err != nil || len(groups) != 4 {
			s.fail(f.pos, "%s %s is not of four numbers with colons", what, excerpt(f.text))
			return
		}
		out = binary.BigEndian.AppendUint16(out, uint16(number))
	}
	s.out = out
}

// prefixedName appends what A6 has: the length of the prefix, the rest of the address, and
// the name of the prefix (RFC 2874 3.1).
func (s *scanner) prefixedName(what string) {
	at := s.pos
	s.uint("prefix length", 8)
	length := int(s.lastByte())
	if length > 128 {
		s.fail(at, "prefix length %d is more than 128", length)
	}
	if length < 128 {
		before := len(s.out)
		s.address(16)
		if s.err != nil {
			return
		}
		suffix := s.out[before:]
		if length%8 != 0 {
			suffix[length/8] &= 0xff >> (length % 8)
		}
		s.out = append(s.out[:before], suffix[length/8:]...)
	}
	if length > 0 {
		s.name("name of the prefix")
	}
}

// atmAddress appends an ATM address: digits after a plus sign (E.164), or octets in
// hexadecimal; dots may stand between both.
func (s *scanner) atmAddress(what string) {
	f := s.next(what)
	if s.err != nil {
		return
	}
	digits, e164 := strings.CutPrefix(f.text, "+")
	digits = strings.ReplaceAll(digits, ".", "")
	if digits == "" || e164 && strings.Trim(digits, "0123456789") != "" {
		s.fail(f.pos, "%s %s is not an ATM address", what, excerpt(f.text))
		return
	}
	if e164 {
		s.out = append(append(s.out, 1), digits...)
		return
	}
	s.out = append(s.out, 0)
	s.appendHex(what, digits, f.pos)
}

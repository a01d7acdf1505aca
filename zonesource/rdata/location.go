package rdata

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// location appends LOC data (RFC 1876 3): minutes and seconds may be missing, and so may
// what comes after the altitude.
func (s *scanner) location() {
	size, horizontal, vertical := byte(0x12), byte(0x16), byte(0x13) // 1 m, 10 km, 10 m
	latitude := s.angle("latitude", 90, 'N', 'S')
	longitude := s.angle("longitude", 180, 'E', 'W')
	at := s.pos
	const below = 100000_00 // cm; the altitude counts from so far below
	altitude := s.meters("altitude") + below
	if altitude < 0 || altitude > 1<<32-1 {
		s.fail(at, "altitude is not between -100000 and 42849672.95 meters")
	}
	for _, p := range []*byte{&size, &horizontal, &vertical} {
		if s.more() {
			*p = s.precision()
		}
	}
	if s.err != nil {
		return
	}
	s.out = append(s.out, 0, size, horizontal, vertical)
	s.out = binary.BigEndian.AppendUint32(s.out, latitude)
	s.out = binary.BigEndian.AppendUint32(s.out, longitude)
	s.out = binary.BigEndian.AppendUint32(s.out, uint32(altitude))
}

// angle reads degrees, perhaps minutes, perhaps seconds, and one of two directions, in
// thousandths of a second from 2^31.
func (s *scanner) angle(what string, most int64, positive, negative byte) uint32 {
	const second = 1000
	start := s.pos
	total := int64(0)
	for i, unit := range []int64{3600 * second, 60 * second, second, 0} {
		f := s.next(what)
		if s.err != nil {
			return 0
		}
		switch {
		case i > 0 && len(f.text) == 1 && f.text[0]|0x20 == positive|0x20:
			return s.direct(what, start, total, most, 1<<31+total)
		case i > 0 && len(f.text) == 1 && f.text[0]|0x20 == negative|0x20:
			return s.direct(what, start, total, most, 1<<31-total)
		}
		decimals := 0
		if unit == second {
			decimals = 3
		}
		number, ok := fixed(f.text, decimals)
		if decimals > 0 {
			unit = 1
		}
		if !ok || number < 0 || unit == 0 || i > 0 && number*unit >= 60*[]int64{0, 60 * second, second, 0}[i] {
			s.fail(f.pos, "%s %s is not of degrees, minutes, seconds and %c or %c", what, excerpt(f.text), positive, negative)
			return 0
		}
		total += number * unit
	}
	return 0
}

// direct checks a whole angle.
func (s *scanner) direct(what string, start int, total, most, value int64) uint32 {
	if total > most*3600*1000 {
		s.fail(start, "%s of more than %d degrees", what, most)
		return 0
	}
	return uint32(value)
}

// meters reads a number of meters in centimeters.
func (s *scanner) meters(what string) int64 {
	f := s.next(what)
	if s.err != nil {
		return 0
	}
	number, ok := fixed(strings.TrimSuffix(f.text, "m"), 2)
	if !ok {
		s.fail(f.pos, "%s %s is not a number of meters", what, excerpt(f.text))
	}
	return number
}

// precision reads a size as its first digit and a power of ten, in centimeters.
func (s *scanner) precision() byte {
	at := s.pos
	number := s.meters("precision")
	power := byte(0)
	for number > 9 {
		number /= 10
		power++
	}
	if number < 0 || power > 9 {
		s.fail(at, "precision is not between 0 and 90000000 meters")
	}
	return byte(number)<<4 | power
}

// fixed reads a number with at most so many decimals, in units of the last one.
func fixed(text string, decimals int) (int64, bool) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	if len(fraction) > decimals || len(whole) == 0 {
		return 0, false
	}
	number, err := strconv.ParseUint(whole+fraction+strings.Repeat("0", decimals-len(fraction)), 10, 40)
	if negative {
		return -int64(number), err == nil
	}
	return int64(number), err == nil
}

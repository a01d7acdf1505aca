package zonefile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"

	"inside53/resolver/zone"
	"inside53/zonesource/rdata"
)

// Types that only this package has to know.
const (
	typeSIG = 24
	typeKEY = 25
	typeNXT = 30
	typeOPT = 41
	typeAPL = 42
	typeSPF = 99
)

// maxTTL is the greatest TTL (RFC 2181 8), in seconds.
const maxTTL = math.MaxInt32

func errControl(c byte) error { return fmt.Errorf("control byte 0x%02x outside quotation marks", c) }

// ttls is what records without a TTL of their own get: the last $TTL (RFC 2308
// 4), else the last TTL stated (RFC 1035 5.1). They hold across $INCLUDE.
type ttls struct {
	byDefault, last       uint32
	hasByDefault, hasLast bool
}

// head is a record before its data.
type head struct {
	rrtype uint16
	ttl    uint32
	hasTTL bool
	long   bool // the TTL as written is 2^31 seconds or more
}

// record reads an entry that is a record and hands it to the loader. The owner
// is read even if the rest is at fault, for the records after it.
func (r *reader) record(x *lexer) error {
	tokens, hint := x.tokens, ""
	if !x.leading {
		hint = octalHint(x, tokens[:1])
		owner, err := rdata.AppendMasterName(r.owner[:0], x.bytes(tokens[0]), r.origin)
		if err != nil {
			r.owner = r.owner[:0]
			return fmt.Errorf("owner: %w", err)
		}
		zone.Lower(owner)
		r.owner = owner
		tokens = tokens[1:]
	}
	if len(r.owner) == 0 {
		return errors.New("no owner, and none before it to take")
	}
	if r.load.visit != nil && isAlias(x, tokens) {
		return r.alias(x, tokens, hint)
	}
	h, tokens, err := readHead(x, tokens)
	if err != nil {
		return err
	}
	if len(tokens) == 0 && h.rrtype != typeAPL {
		return fmt.Errorf("%s record without data", rdata.TypeText(h.rrtype))
	}
	if len(tokens) > 0 && tokens[0].glued {
		return fmt.Errorf("no blank between the type %s and the data", rdata.TypeText(h.rrtype))
	}
	r.data, err = r.appendData(r.data[:0], h.rrtype, x, tokens)
	if err != nil {
		return err
	}
	if len(r.data) > math.MaxUint16 {
		return fmt.Errorf("%s record with %d bytes of data", rdata.TypeText(h.rrtype), len(r.data))
	}
	ttl, err := r.ttlOf(h, r.data)
	if err != nil {
		return err
	}
	if hint == "" {
		hint = octalHint(x, tokens)
	}
	if hint != "" {
		r.load.problem(r.owner, h.rrtype, r.place(), hint)
	}
	if h.long {
		r.load.problem(r.owner, h.rrtype, r.place(), longTTL)
	}
	if r.load.visit != nil {
		return r.entryOf(x, h.rrtype, ttl, hint)
	}
	return r.load.add(r.owner, h.rrtype, ttl, r.data, r.place())
}

// octalHint is a word for the first of the texts whose escape looks like one of AWS: what it
// prints is copied into files. It is "" where there is none.
func octalHint(x *lexer, tokens []token) string {
	for _, t := range tokens {
		text := x.bytes(t)
		if bytes.IndexByte(text, '\\') < 0 {
			continue
		}
		hint := zone.OctalHint(string(text))
		if hint != "" {
			return hint
		}
	}
	return ""
}

// readHead reads TTL and class, which may be missing and come in any order,
// and the type, and returns the tokens after it.
func readHead(x *lexer, tokens []token) (head, []token, error) {
	var h head
	hasClass := false
	for i, t := range tokens {
		text := x.bytes(t)
		if t.quoted || t.glued {
			return h, nil, errors.New("quotation mark before the type")
		}
		if '0' <= text[0] && text[0] <= '9' {
			if h.hasTTL {
				return h, nil, fmt.Errorf("%q where the type should be", text)
			}
			ttl, long, err := parseTTL(text)
			if err != nil {
				return h, nil, err
			}
			h.ttl, h.hasTTL, h.long = ttl, true, long
			continue
		}
		if !hasClass {
			known, err := class(text)
			if err != nil {
				return h, nil, err
			}
			if known {
				hasClass = true
				continue
			}
		}
		rrtype, ok := recordType(text)
		if !ok {
			return h, nil, fmt.Errorf("%q is not a record type", text)
		}
		h.rrtype = rrtype
		return h, tokens[i+1:], nil
	}
	return h, nil, errors.New("no record type")
}

// class reports whether text is the class IN. Any other class is an error.
func class(text []byte) (bool, error) {
	if len(text) == 2 && text[0]|0x20 == 'i' && text[1]|0x20 == 'n' {
		return true, nil
	}
	switch upper := strings.ToUpper(string(text)); upper {
	case "CLASS1":
		return true, nil
	case "CH", "CS", "HS", "NONE", "ANY":
		return false, fmt.Errorf("class %s; only IN is served", upper)
	default:
		if strings.HasPrefix(upper, "CLASS") {
			return false, fmt.Errorf("class %s; only IN is served", upper)
		}
		return false, nil
	}
}

// recordType returns the number of a type that can stand in a zone.
func recordType(text []byte) (uint16, bool) {
	switch string(text) { // no allocation for the usual ones
	case "A":
		return zone.TypeA, true
	case "AAAA":
		return zone.TypeAAAA, true
	case "CNAME":
		return zone.TypeCNAME, true
	case "TXT":
		return zone.TypeTXT, true
	case "PTR":
		return zone.TypePTR, true
	case "MX":
		return zone.TypeMX, true
	case "NS":
		return zone.TypeNS, true
	case "SRV":
		return zone.TypeSRV, true
	}
	rrtype, known := rdata.Type(string(text))
	// RFC 6895 3.1: 128 to 255 are types of questions and messages.
	if !known || rrtype == 0 || rrtype == typeOPT || 128 <= rrtype && rrtype <= 255 || rrtype == math.MaxUint16 {
		return 0, false
	}
	return rrtype, true
}

// parseTTL reads a TTL. One of 2^31 seconds or more is long, and counts as 0 (RFC 2181 8).
func parseTTL(text []byte) (ttl uint32, long bool, err error) {
	ttl, err = rdata.ParsePeriod(text, math.MaxUint32)
	if ttl > maxTTL {
		return 0, true, err
	}
	return ttl, false, err
}

// longTTL is the problem of a TTL that is long.
const longTTL = "a TTL of 2147483648 seconds or more counts as 0 (RFC 2181 8)"

// ttlOf returns the TTL of a record and remembers what later ones need. A SOA record without
// TTL, when none is known, makes its MINIMUM what $TTL would have been, as other servers do
// it (RFC 2308 4).
func (r *reader) ttlOf(h head, data []byte) (uint32, error) {
	t := &r.load.ttls
	switch {
	case h.hasTTL:
		t.last, t.hasLast = h.ttl, true
		return h.ttl, nil
	case t.hasByDefault:
		return t.byDefault, nil
	case t.hasLast:
		return t.last, nil
	case h.rrtype == zone.TypeSOA:
		t.byDefault, t.hasByDefault = min(binary.BigEndian.Uint32(data[len(data)-4:]), maxTTL), true
		r.load.problem(r.owner, h.rrtype, r.place(),
			fmt.Sprintf("no $TTL, and no TTL here: its MINIMUM, %d, is that of all records without TTL (RFC 2308 4)",
				t.byDefault))
		return t.byDefault, nil
	default:
		return 0, errors.New("no TTL: neither here nor in a record before it, and no $TTL")
	}
}

// appendData appends the packed rdata. The usual types in their usual form are
// read here, all else by the full parser.
func (r *reader) appendData(dst []byte, rrtype uint16, x *lexer, tokens []token) ([]byte, error) {
	plain, err := r.appendPlain(dst, rrtype, x, tokens)
	if err == nil {
		return plain, nil
	}
	if err != errNotPlain {
		return nil, fmt.Errorf("%s data: %w", rdata.TypeText(rrtype), err)
	}
	r.joined = x.appendJoined(r.joined[:0], tokens)
	data, err := rdata.ParseMasterValue(rrtype, string(r.joined), r.origin)
	if err != nil {
		return nil, err
	}
	return append(dst, data...), nil
}

// errNotPlain says that data need the full parser.
var errNotPlain = errors.New("data of a form that needs the full parser")

// appendPlain reads the data of the commonest types. What it isn't sure of, it
// leaves to the full parser with errNotPlain.
func (r *reader) appendPlain(dst []byte, rrtype uint16, x *lexer, tokens []token) ([]byte, error) {
	if len(tokens) == 0 {
		return nil, errNotPlain
	}
	if rrtype == zone.TypeTXT || rrtype == typeSPF {
		return appendStrings(dst, x, tokens)
	}
	for _, t := range tokens {
		if t.quoted || t.glued {
			return nil, errNotPlain
		}
	}
	last := x.bytes(tokens[len(tokens)-1])
	switch {
	case string(x.bytes(tokens[0])) == `\#`:
	case len(tokens) == 1:
		switch rrtype {
		case zone.TypeA:
			return appendIPv4(dst, last)
		case zone.TypeAAAA:
			return appendIPv6(dst, last)
		case zone.TypeCNAME, zone.TypePTR, zone.TypeNS, zone.TypeDNAME:
			return rdata.AppendMasterName(dst, last, r.origin)
		}
	case len(tokens) == 2 && rrtype == zone.TypeMX, len(tokens) == 4 && rrtype == zone.TypeSRV:
		for _, t := range tokens[:len(tokens)-1] {
			var ok bool
			dst, ok = appendUint16(dst, x.bytes(t))
			if !ok {
				return nil, errNotPlain
			}
		}
		return rdata.AppendMasterName(dst, last, r.origin)
	}
	return nil, errNotPlain
}

func appendUint16(dst, text []byte) ([]byte, bool) {
	if len(text) > 5 {
		return nil, false
	}
	number := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return nil, false
		}
		number = number*10 + int(c-'0')
	}
	return append(dst, byte(number>>8), byte(number)), number <= math.MaxUint16
}

// appendIPv4 reads four decimal numbers without leading zeros.
func appendIPv4(dst, text []byte) ([]byte, error) {
	number, digits, dots := 0, 0, 0
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9' && (digits == 0 || number > 0):
			number = number*10 + int(c-'0')
			digits++
		case c == '.' && digits > 0 && dots < 3:
			dst = append(dst, byte(number))
			number, digits = 0, 0
			dots++
		default:
			return nil, errNotPlain
		}
		if number > 255 {
			return nil, errNotPlain
		}
	}
	if dots != 3 || digits == 0 {
		return nil, errNotPlain
	}
	return append(dst, byte(number)), nil
}

func appendIPv6(dst, text []byte) ([]byte, error) {
	address, err := netip.ParseAddr(string(text))
	if err != nil || !address.Is6() || address.Zone() != "" {
		return nil, errNotPlain
	}
	bytes := address.As16()
	return append(dst, bytes[:]...), nil
}

// appendStrings reads the character strings of TXT data, of at most 255 bytes
// each.
func appendStrings(dst []byte, x *lexer, tokens []token) ([]byte, error) {
	if string(x.bytes(tokens[0])) == `\#` && !tokens[0].quoted {
		return nil, errNotPlain
	}
	for i, t := range tokens {
		if t.glued && (!t.quoted || !tokens[i-1].quoted) {
			return nil, errNotPlain
		}
		length := len(dst)
		dst = append(dst, 0)
		var err error
		dst, err = appendUnescaped(dst, x.bytes(t))
		if err != nil {
			return nil, err
		}
		size := len(dst) - length - 1
		if size > math.MaxUint8 {
			return nil, errNotPlain
		}
		dst[length] = byte(size)
	}
	return dst, nil
}

// appendUnescaped resolves \DDD and \X. The lexer has seen to it that no
// backslash is the last byte.
func appendUnescaped(dst, text []byte) ([]byte, error) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c != '\\' {
			dst = append(dst, c)
			continue
		}
		i++
		if text[i] < '0' || text[i] > '9' {
			dst = append(dst, text[i])
			continue
		}
		number := 0
		for j := i; j < i+3; j++ {
			if j >= len(text) || text[j] < '0' || text[j] > '9' {
				return nil, fmt.Errorf("escape %q is not of three decimal digits", text[i-1:min(i+3, len(text))])
			}
			number = number*10 + int(text[j]-'0')
		}
		if number > math.MaxUint8 {
			return nil, fmt.Errorf("escape %q is more than one byte", text[i-1:i+3])
		}
		dst = append(dst, byte(number))
		i += 2
	}
	return dst, nil
}

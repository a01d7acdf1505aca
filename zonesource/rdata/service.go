package rdata

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Keys of SVCB and HTTPS records that have a form of their own (RFC 9460 14.3.2).
const (
	keyMandatory     uint16 = 0
	keyALPN          uint16 = 1
	keyNoDefaultALPN uint16 = 2
	keyPort          uint16 = 3
	keyIPv4Hint      uint16 = 4
	keyECH           uint16 = 5
	keyIPv6Hint      uint16 = 6
)

// serviceKeyNames is not written to. The values of dohpath and ohttp are plain strings, as
// those of keys without a name are.
var serviceKeyNames = map[string]uint16{
	"mandatory": keyMandatory, "alpn": keyALPN, "no-default-alpn": keyNoDefaultALPN, "port": keyPort,
	"ipv4hint": keyIPv4Hint, "ech": keyECH, "ipv6hint": keyIPv6Hint, "dohpath": 7, "ohttp": 8,
}

// parameter is one parameter of a service, its value in wire form.
type parameter struct {
	key   uint16
	value []byte
}

// serviceParameters appends the parameters that are left, in the order of their keys
// (RFC 9460 2.1 and 2.2).
func (s *scanner) serviceParameters() {
	var all []parameter
	for s.more() {
		at := s.pos
		p, err := s.parameter()
		if err != nil {
			s.fail(at, "parameter: %w", err)
		}
		if s.err != nil {
			return
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b parameter) int { return int(a.key) - int(b.key) })
	err := checkParameters(all)
	if err != nil {
		s.fail(len(s.text), "parameters: %w, in the record that ends", err)
		return
	}
	for _, p := range all {
		s.out = binary.BigEndian.AppendUint16(s.out, p.key)
		s.out = binary.BigEndian.AppendUint16(s.out, uint16(len(p.value)))
		s.out = append(s.out, p.value...)
	}
}

// checkParameters finds keys that are there twice, or that are missing though they are
// mandatory (RFC 9460 8).
func checkParameters(all []parameter) error {
	for i := range all {
		if i > 0 && all[i].key == all[i-1].key {
			return fmt.Errorf("key%d is there twice", all[i].key)
		}
		if len(all[i].value) > math.MaxUint16 {
			return fmt.Errorf("the value of key%d is too long", all[i].key)
		}
	}
	if len(all) == 0 || all[0].key != keyMandatory {
		return nil
	}
	for rest := all[0].value; len(rest) >= 2; rest = rest[2:] {
		key := binary.BigEndian.Uint16(rest)
		if key == keyMandatory || !slices.ContainsFunc(all, func(p parameter) bool { return p.key == key }) {
			return fmt.Errorf("key%d is mandatory and not there", key)
		}
	}
	return nil
}

// parameter reads KEY, KEY=VALUE or KEY="VALUE".
func (s *scanner) parameter() (parameter, error) {
	start := s.pos
	for s.pos < len(s.text) && !isBlank(s.text[s.pos]) && s.text[s.pos] != '=' {
		s.pos++
	}
	name := s.text[start:s.pos]
	key, named, err := serviceKey(name)
	if err != nil {
		return parameter{}, err
	}
	given := s.pos < len(s.text) && s.text[s.pos] == '='
	var value []byte
	if given {
		s.pos++
		if s.pos < len(s.text) && !isBlank(s.text[s.pos]) {
			value = s.bytes(s.next("value"))
		}
		if s.err == nil && s.pos < len(s.text) && !isBlank(s.text[s.pos]) {
			return parameter{}, fmt.Errorf("no blank after the value of %s", name)
		}
	}
	if s.err == nil && named {
		value, err = serviceValue(key, value)
		if err != nil {
			return parameter{}, fmt.Errorf("%s: %w", name, err)
		}
	} else if s.err == nil {
		err = checkServiceValue(key, value)
	}
	return parameter{key, value}, err
}

// serviceKey returns the number of a key, and whether it was given by its name: the value
// of keyNNNNN is the wire form of the value, also of a key that has a name.
func serviceKey(name string) (key uint16, named bool, err error) {
	key, named = serviceKeyNames[name]
	if named {
		return key, key <= keyIPv6Hint, nil
	}
	digits, ok := strings.CutPrefix(name, "key")
	number, err := strconv.ParseUint(digits, 10, 16)
	if !ok || err != nil || strconv.FormatUint(number, 10) != digits {
		return 0, false, fmt.Errorf("%s is not a key", excerpt(name))
	}
	return uint16(number), false, nil
}

// serviceValue returns the wire form of the value of a key with a name.
func serviceValue(key uint16, value []byte) ([]byte, error) {
	if key == keyNoDefaultALPN {
		if len(value) > 0 {
			return nil, errors.New("it has no value")
		}
		return nil, nil
	}
	if len(value) == 0 {
		return nil, errors.New("no value")
	}
	switch key {
	case keyPort:
		number, err := strconv.ParseUint(string(value), 10, 16)
		if err != nil {
			return nil, fmt.Errorf("port %s is not a number from 0 to 65535", excerpt(value))
		}
		return binary.BigEndian.AppendUint16(nil, uint16(number)), nil
	case keyECH:
		out, err := base64.StdEncoding.DecodeString(string(value))
		if err != nil {
			return nil, fmt.Errorf("%s is not base64", excerpt(value))
		}
		return out, nil
	}
	items, err := splitList(value)
	if err != nil {
		return nil, err
	}
	if key == keyMandatory {
		return mandatoryKeys(items)
	}
	var out []byte
	for _, item := range items {
		switch key {
		case keyALPN:
			if len(item) == 0 || len(item) > math.MaxUint8 {
				return nil, fmt.Errorf("a protocol of %d bytes", len(item))
			}
			out = append(append(out, byte(len(item))), item...)
		case keyIPv4Hint, keyIPv6Hint:
			address, err := netip.ParseAddr(string(item))
			if err != nil || address.Is4() != (key == keyIPv4Hint) || address.Zone() != "" {
				return nil, fmt.Errorf("%s is not such an address", excerpt(item))
			}
			out = append(out, address.AsSlice()...)
		}
	}
	return out, nil
}

// mandatoryKeys returns keys by number, each once.
func mandatoryKeys(items [][]byte) ([]byte, error) {
	var keys []uint16
	for _, item := range items {
		key, _, err := serviceKey(string(item))
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var out []byte
	for i, key := range keys {
		if i > 0 && key == keys[i-1] {
			return nil, fmt.Errorf("key%d is there twice", key)
		}
		out = binary.BigEndian.AppendUint16(out, key)
	}
	return out, nil
}

// splitList splits a value at its commas; a backslash takes the meaning of a comma or a
// backslash (RFC 9460 A.1).
func splitList(value []byte) ([][]byte, error) {
	var items [][]byte
	item := []byte{}
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == ',':
			items = append(items, item)
			item = []byte{}
			continue
		case c == '\\':
			i++
			if i == len(value) || value[i] != '\\' && value[i] != ',' {
				return nil, errors.New("a backslash in a list comes before a comma or a backslash")
			}
		}
		item = append(item, value[i])
	}
	return append(items, item), nil
}

// checkServiceValue checks the wire form of a value.
func checkServiceValue(key uint16, value []byte) error {
	ok := true
	switch key {
	case keyMandatory:
		ok = len(value) > 0 && len(value)%2 == 0
		for i := 2; i < len(value); i += 2 {
			ok = ok && bytes.Compare(value[i-2:i], value[i:]) < 0
		}
	case keyALPN:
		ok = len(value) > 0
		for rest := value; ok && len(rest) > 0; {
			length := int(rest[0])
			ok = length > 0 && length < len(rest)
			if ok {
				rest = rest[1+length:]
			}
		}
	case keyNoDefaultALPN:
		ok = len(value) == 0
	case keyPort:
		ok = len(value) == 2
	case keyIPv4Hint:
		ok = len(value) > 0 && len(value)%4 == 0
	case keyIPv6Hint:
		ok = len(value) > 0 && len(value)%16 == 0
	}
	if !ok {
		return fmt.Errorf("the value of key%d is not in its wire form", key)
	}
	return nil
}

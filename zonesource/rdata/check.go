package rdata

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Check finds what is wrong with packed rdata. Rdata of types without a form of their own are
// right as they are.
func Check(rrtype uint16, rdata []byte) error {
	err := check(rrtype, rdata)
	if err != nil {
		return fmt.Errorf("rdata of type %s: %w", TypeText(rrtype), err)
	}
	return nil
}

// check finds what is wrong with packed rdata. Rdata of types without a form of their own
// are right as they are.
func check(rrtype uint16, rdata []byte) error {
	if len(rdata) > maxRdata {
		return fmt.Errorf("%d bytes, more than %d", len(rdata), maxRdata)
	}
	fields := layout(rrtype)
	if fields == nil {
		return nil
	}
	rest := rdata
	for _, f := range fields {
		length, err := fieldLength(f.kind, rest)
		if err != nil {
			return err
		}
		if length > len(rest) {
			return errShort
		}
		rest = rest[length:]
	}
	if len(rest) > 0 {
		return fmt.Errorf("%d bytes too many", len(rest))
	}
	return nil
}

// fieldLength returns how long a field at the start of rest is, perhaps longer than rest.
func fieldLength(k kind, rest []byte) (int, error) {
	switch k {
	case number8, algorithm, digestType, hashAlgorithm, keyProtocol, dsyncScheme:
		return 1, nil
	case number16, coveredType, certificateType, keyFlags:
		return 2, nil
	case number32, period, moment, ipv4:
		return 4, nil
	case eui48:
		return 6, nil
	case eui64, locator:
		return 8, nil
	case ipv6:
		return 16, nil
	case domain:
		return nameLength(rest)
	case text, propertyTag, salt, hashedName:
		return stringLength(k, rest)
	case optionalText:
		if len(rest) == 0 {
			return 0, nil
		}
		return stringLength(k, rest)
	case texts:
		return repeated(rest, true, func(b []byte) (int, error) { return stringLength(k, b) })
	case hexadecimal, dottedHex, base64Text:
		return max(len(rest), 1), nil
	case octets, base64Key:
		return len(rest), nil
	case typeBitmap, typeBitmapSome:
		return bitmapLength(rest, k == typeBitmapSome)
	}
	return specialLength(k, rest)
}

// specialLength is fieldLength of what only one or a few types have.
func specialLength(k kind, rest []byte) (int, error) {
	switch k {
	case typeBitmapOld:
		if len(rest) > 16 || len(rest) > 0 && rest[len(rest)-1] == 0 {
			return 0, errors.New("bitmap of types is not that of NXT")
		}
		return len(rest), nil
	case location:
		return 16, nil
	case prefixes:
		return repeated(rest, false, func(b []byte) (int, error) {
			if len(b) < 4 {
				return 4, nil
			}
			return 4 + int(b[3]&0x7f), nil
		})
	case gateway:
		if len(rest) < 2 {
			return 2, nil
		}
		length, err := gatewayLength(rest[0], rest[2:])
		return max(2+length, len(rest)), err
	case relay:
		if len(rest) < 1 {
			return 1, nil
		}
		if rest[0]&0x7f > 3 { // relays of types to come
			return len(rest), nil
		}
		length, err := gatewayLength(rest[0]&0x7f, rest[1:])
		return 1 + length, err
	case hostIdentity:
		if len(rest) < 4 {
			return 4, nil
		}
		length := 4 + int(rest[0]) + int(binary.BigEndian.Uint16(rest[2:]))
		if length > len(rest) {
			return length, nil
		}
		servers, err := repeated(rest[length:], false, nameLength)
		return length + servers, err
	case services:
		return max(len(rest), 5), nil
	case atmAddress:
		return max(len(rest), 2), nil
	case prefixedName:
		return prefixedLength(rest)
	case serviceKeys:
		return parametersLength(rest)
	}
	return 0, fmt.Errorf("a field of the unknown kind %d", k)
}

// nameLength returns how long an uncompressed name is.
func nameLength(b []byte) (int, error) {
	length := 0
	for {
		if length >= len(b) {
			return length + 1, nil
		}
		label := int(b[length])
		if label > maxLabel {
			return 0, fmt.Errorf("name with label of type 0x%02x", label&0xc0)
		}
		length += 1 + label
		if label == 0 {
			break
		}
	}
	if length > maxName {
		return 0, fmt.Errorf("name of %d bytes, more than %d", length, maxName)
	}
	return length, nil
}

func stringLength(k kind, b []byte) (int, error) {
	if len(b) == 0 {
		return 1, nil
	}
	if k == propertyTag && b[0] == 0 {
		return 0, errors.New("empty tag")
	}
	if k == hashedName && b[0] == 0 {
		return 0, errors.New("empty hash")
	}
	return 1 + int(b[0]), nil
}

// repeated returns how long what is repeated to the end is.
func repeated(b []byte, some bool, length func([]byte) (int, error)) (int, error) {
	total := 0
	for some || total < len(b) {
		some = false
		n, err := length(b[total:])
		if err != nil {
			return 0, err
		}
		total += n
		if total > len(b) {
			break
		}
	}
	return total, nil
}

func bitmapLength(b []byte, some bool) (int, error) {
	if some && len(b) == 0 {
		return 1, nil
	}
	last := -1
	return repeated(b, false, func(rest []byte) (int, error) {
		if len(rest) < 3 {
			return 3, nil
		}
		window, length := int(rest[0]), int(rest[1])
		if window <= last || length == 0 || length > 32 {
			return 0, errors.New("bitmap of types is out of order")
		}
		last = window
		if 2+length <= len(rest) && rest[1+length] == 0 {
			return 0, errors.New("bitmap of types is longer than it needs to be")
		}
		return 2 + length, nil
	})
}

func gatewayLength(kind byte, b []byte) (int, error) {
	switch kind {
	case 0:
		return 0, nil
	case 1:
		return 4, nil
	case 2:
		return 16, nil
	case 3:
		return nameLength(b)
	}
	return 0, fmt.Errorf("gateway of the unknown type %d", kind)
}

func prefixedLength(b []byte) (int, error) {
	if len(b) == 0 {
		return 1, nil
	}
	length := int(b[0])
	if length > 128 {
		return 0, fmt.Errorf("prefix length %d is more than 128", length)
	}
	end := 1 + 16 - length/8
	if length == 0 || end > len(b) {
		return end, nil
	}
	name, err := nameLength(b[end:])
	return end + name, err
}

func parametersLength(b []byte) (int, error) {
	last := -1
	return repeated(b, false, func(rest []byte) (int, error) {
		if len(rest) < 4 {
			return 4, nil
		}
		key, length := int(binary.BigEndian.Uint16(rest)), int(binary.BigEndian.Uint16(rest[2:]))
		if key <= last {
			return 0, errors.New("parameters are out of order")
		}
		last = key
		if 4+length > len(rest) {
			return 4 + length, nil
		}
		return 4 + length, checkServiceValue(uint16(key), rest[4:4+length])
	})
}

package awssim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// CBOR (RFC 8949) as far as CloudWatch and its clients speak it: maps with text keys, lists, text,
// integers, floating point numbers, truth, null, and times: seconds with tag 1.

// The major types.
const (
	cborUint     = 0
	cborNegative = 1
	cborBytes    = 2
	cborString   = 3
	cborList     = 4
	cborMap      = 5
	cborTag      = 6
	cborSimple   = 7
)

const (
	cborIndefinite = 31
	cborDepth      = 16  // nesting taken
	cborEpoch      = 1   // the tag of a time in seconds
	cborBreak      = 255 // ends what has no length
)

// epoch is a time to encode, in seconds.
type epoch int64

// appendCBOR appends one of our own values: string, float64, epoch, []any, map[string]any.
func appendCBOR(dst []byte, v any) []byte {
	switch x := v.(type) {
	case string:
		return append(appendHead(dst, cborString, uint64(len(x))), x...)
	case float64:
		return binary.BigEndian.AppendUint64(append(dst, cborSimple<<5|27), math.Float64bits(x))
	case epoch:
		return appendCBOR(appendHead(dst, cborTag, cborEpoch), float64(x))
	case []any:
		dst = appendHead(dst, cborList, uint64(len(x)))
		for _, item := range x {
			dst = appendCBOR(dst, item)
		}
		return dst
	case map[string]any:
		dst = appendHead(dst, cborMap, uint64(len(x)))
		for _, key := range sortedKeys(x) {
			dst = appendCBOR(appendCBOR(dst, key), x[key])
		}
		return dst
	}
	panic(fmt.Sprintf("awssim: no CBOR for %T", v))
}

func appendHead(dst []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(dst, major<<5|byte(n))
	case n <= math.MaxUint8:
		return append(dst, major<<5|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, major<<5|25), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, major<<5|26), uint32(n))
}

// readCBOR decodes one value and nothing after it: numbers and times as float64, the rest as appendCBOR
// has it, besides bool and nil.
func readCBOR(text []byte) (any, error) {
	r := &cborReader{text: text}
	v, err := r.value(0)
	if err == nil && len(r.text) > 0 {
		err = errors.New("more follows after the first value")
	}
	return v, err
}

type cborReader struct{ text []byte }

func (r *cborReader) next(n uint64) ([]byte, error) {
	if n > uint64(len(r.text)) {
		return nil, io.ErrUnexpectedEOF
	}
	taken := r.text[:n]
	r.text = r.text[n:]
	return taken, nil
}

// head reads the beginning of a value: its major type, the small number in it, and the number that this stands for.
func (r *cborReader) head() (major, small byte, n uint64, err error) {
	first, err := r.next(1)
	if err != nil {
		return 0, 0, 0, err
	}
	major, small = first[0]>>5, first[0]&31
	indefinite := small == cborIndefinite && major >= cborBytes && major <= cborMap
	if small < 24 || indefinite {
		return major, small, uint64(small), nil
	}
	if small > 27 {
		return 0, 0, 0, fmt.Errorf("%d is no length", small)
	}
	more, err := r.next(1 << (small - 24))
	for _, b := range more {
		n = n<<8 | uint64(b)
	}
	return major, small, n, err
}

func (r *cborReader) value(depth int) (any, error) {
	if depth > cborDepth {
		return nil, errors.New("nested too deeply")
	}
	major, small, n, err := r.head()
	if err != nil {
		return nil, err
	}
	switch major {
	case cborUint:
		return float64(n), nil
	case cborNegative:
		return -1 - float64(n), nil
	case cborBytes, cborString:
		return r.octets(major, small, n)
	case cborList:
		return r.list(small, n, depth)
	case cborMap:
		return r.object(small, n, depth)
	case cborTag:
		return r.value(depth + 1)
	}
	return simpleValue(small, n)
}

// simpleValue is truth, null, or a floating point number of 4 or 8 octets.
func simpleValue(small byte, n uint64) (any, error) {
	switch small {
	case 20, 21:
		return small == 21, nil
	case 22, 23:
		return nil, nil
	case 26:
		return float64(math.Float32frombits(uint32(n))), nil
	case 27:
		return math.Float64frombits(n), nil
	}
	return nil, fmt.Errorf("no rule for the simple value %d", small)
}

// ends reports whether what has no length ends here, and steps over the end.
func (r *cborReader) ends() bool {
	if len(r.text) == 0 || r.text[0] != cborBreak {
		return false
	}
	r.text = r.text[1:]
	return true
}

func (r *cborReader) octets(major, small byte, n uint64) (any, error) {
	if small != cborIndefinite {
		text, err := r.next(n)
		return string(text), err
	}
	var all []byte
	for !r.ends() {
		part, size, n, err := r.head()
		if err != nil {
			return nil, err
		}
		if part != major || size == cborIndefinite {
			return nil, errors.New("a text in parts has another value in it")
		}
		text, err := r.next(n)
		if err != nil {
			return nil, err
		}
		all = append(all, text...)
	}
	return string(all), nil
}

func (r *cborReader) list(small byte, n uint64, depth int) (any, error) {
	all := []any{}
	for i := uint64(0); small == cborIndefinite || i < n; i++ {
		if small == cborIndefinite && r.ends() {
			break
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

func (r *cborReader) object(small byte, n uint64, depth int) (any, error) {
	all := map[string]any{}
	for i := uint64(0); small == cborIndefinite || i < n; i++ {
		if small == cborIndefinite && r.ends() {
			break
		}
		key, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		name, isText := key.(string)
		if !isText {
			return nil, fmt.Errorf("%v is no key", key)
		}
		all[name], err = r.value(depth + 1)
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

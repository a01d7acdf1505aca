package zonefile

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// maxSteps bounds the records of one $GENERATE.
const maxSteps = 1 << 16

// generate reads $GENERATE START-STOP[/STEP] OWNER [TTL] [CLASS] TYPE DATA, BIND's
// directive: a record for each number of the range, the number in the place of
// each dollar sign. DATA in one pair of quotation marks are what stands between them.
func (r *reader) generate(arguments []token) error {
	if len(arguments) < 4 {
		return errors.New("$GENERATE takes a range and a record")
	}
	start, stop, step, err := parseRange(string(r.lexer.bytes(arguments[0])))
	if err != nil {
		return fmt.Errorf("$GENERATE: %w", err)
	}
	template, err := r.template(arguments[1:])
	if err != nil {
		return fmt.Errorf("$GENERATE: %w", err)
	}
	var x lexer
	var line []byte
	for number := start; number <= stop; number += step {
		line, err = appendGenerated(line[:0], template, number)
		if err != nil {
			return fmt.Errorf("$GENERATE: %w", err)
		}
		x.reset()
		x.text = line
		err = x.line(0)
		if err == nil && (x.depth > 0 || len(x.tokens) == 0) {
			err = errors.New("not one record")
		}
		if err == nil {
			err = r.record(&x)
		}
		if err != nil {
			return fmt.Errorf("$GENERATE, number %d: %w", number, err)
		}
	}
	return nil
}

// template returns the record of a directive as one line.
func (r *reader) template(record []token) ([]byte, error) {
	x := &r.lexer
	_, data, err := readHead(x, record[1:])
	if err != nil {
		return nil, err
	}
	if len(data) != 1 || !data[0].quoted {
		return x.appendJoined(nil, record), nil
	}
	template := append(x.appendJoined(nil, record[:len(record)-1]), ' ')
	return append(template, bytes.ReplaceAll(x.bytes(data[0]), []byte(`\"`), []byte(`"`))...), nil
}

// parseRange reads START-STOP or START-STOP/STEP.
func parseRange(text string) (start, stop, step int64, err error) {
	from, rest, ok := strings.Cut(text, "-")
	to, by, stepped := strings.Cut(rest, "/")
	if !stepped {
		by = "1"
	}
	var numbers [3]int64
	for i, digits := range []string{from, to, by} {
		number, err := strconv.ParseUint(digits, 10, 31)
		ok = ok && err == nil
		numbers[i] = int64(number)
	}
	start, stop, step = numbers[0], numbers[1], numbers[2]
	switch {
	case !ok || step == 0:
		return 0, 0, 0, fmt.Errorf("range %q is not START-STOP or START-STOP/STEP", text)
	case start > stop:
		return 0, 0, 0, fmt.Errorf("range %q ends before it starts", text)
	case (stop-start)/step >= maxSteps:
		return 0, 0, 0, fmt.Errorf("range %q has more than %d steps", text, maxSteps)
	}
	return start, stop, step, nil
}

// appendGenerated appends the template with number in the place of $ and of
// ${OFFSET,WIDTH,BASE}. $$ is a dollar sign, and an escaped one stays escaped.
func appendGenerated(dst, template []byte, number int64) ([]byte, error) {
	for i := 0; i < len(template); i++ {
		c := template[i]
		if c == '\\' && i+1 < len(template) {
			dst = append(dst, c, template[i+1])
			i++
			continue
		}
		if c != '$' {
			dst = append(dst, c)
			continue
		}
		rest := template[i+1:]
		switch {
		case len(rest) > 0 && rest[0] == '$':
			dst = append(dst, '\\', '$')
			i++
		case len(rest) > 0 && rest[0] == '{':
			modifier, _, ok := strings.Cut(string(rest[1:]), "}")
			if !ok {
				return nil, errors.New("${ without }")
			}
			var err error
			dst, err = appendModified(dst, modifier, number)
			if err != nil {
				return nil, fmt.Errorf("modifier %q: %w", modifier, err)
			}
			i += len(modifier) + 2
		default:
			dst = strconv.AppendInt(dst, number, 10)
		}
		if len(dst) > maxEntry {
			return nil, fmt.Errorf("entry of more than %d bytes", maxEntry)
		}
	}
	return dst, nil
}

// appendModified appends number as OFFSET[,WIDTH[,BASE]] says. BASE is d, o, x or
// X, or n or N: hexadecimal digits, the last first, with dots between, for
// ip6.arpa.
func appendModified(dst []byte, modifier string, number int64) ([]byte, error) {
	fields := strings.Split(modifier, ",")
	if len(fields) > 3 {
		return nil, errors.New("more than offset, width and base")
	}
	offset, err := strconv.ParseInt(fields[0], 10, 32)
	if err != nil {
		return nil, fmt.Errorf("offset %q is not a number", fields[0])
	}
	number += offset
	if number > math.MaxInt32 {
		return nil, fmt.Errorf("number %d is more than %d", number, math.MaxInt32)
	}
	width := uint64(0)
	if len(fields) > 1 {
		width, err = strconv.ParseUint(fields[1], 10, 8)
		if err != nil {
			return nil, fmt.Errorf("width %q is not a number from 0 to 255", fields[1])
		}
	}
	base := "d"
	if len(fields) > 2 {
		base = fields[2]
	}
	switch base {
	case "d":
		return fmt.Appendf(dst, "%0*d", int(width), number), nil
	case "o", "x", "X": // a negative number is that of 32 bits, as in C
		return fmt.Appendf(dst, "%0*"+base, int(width), uint32(number)), nil
	case "n", "N":
		return appendNibbles(dst, uint32(number), int(width), base == "N"), nil
	default:
		return nil, fmt.Errorf("base %q is none of d, o, x, X, n, N", base)
	}
}

// appendNibbles appends hexadecimal digits, the last first, up to width
// characters, the dots included.
func appendNibbles(dst []byte, number uint32, width int, upper bool) []byte {
	digits := "0123456789abcdef"
	if upper {
		digits = "0123456789ABCDEF"
	}
	for {
		dst = append(dst, digits[number&0xf])
		number >>= 4
		width--
		if number == 0 && width <= 0 {
			return dst
		}
		dst = append(dst, '.')
		width--
		if number == 0 && width <= 0 {
			return dst
		}
	}
}

package rdata

import "fmt"

// ParsePeriod reads a time as master files have it: seconds, or numbers with units such as
// 1h30m, at most as many seconds as most says.
func ParsePeriod(text []byte, most uint32) (uint32, error) {
	var total, number uint64
	for _, c := range text {
		var unit uint64
		switch c | 0x20 {
		case 's':
			unit = 1
		case 'm':
			unit = 60
		case 'h':
			unit = 60 * 60
		case 'd':
			unit = 24 * 60 * 60
		case 'w':
			unit = 7 * 24 * 60 * 60
		default:
			if c < '0' || c > '9' {
				return 0, fmt.Errorf("%q is not a TTL", text)
			}
			number = number*10 + uint64(c-'0')
		}
		if unit > 0 {
			total += number * unit
			number = 0
		}
		if total+number > uint64(most) {
			return 0, fmt.Errorf("TTL %s is more than %d seconds", text, most)
		}
	}
	if len(text) == 0 {
		return 0, fmt.Errorf("%q is not a TTL", text)
	}
	return uint32(total + number), nil
}

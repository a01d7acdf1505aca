package zone

import (
	"fmt"
	"strconv"
)

// OctalHint is a word for a name whose escape was read in decimal and looks like one that AWS
// prints, in octal: nobody escapes a letter, a digit or a hyphen. It is "" for other names.
func OctalHint(name string) string {
	for i := 0; i+3 < len(name); i++ {
		if name[i] != '\\' {
			continue
		}
		text := name[i+1 : i+4]
		decimal, decimalErr := strconv.ParseUint(text, 10, 8)
		octal, octalErr := strconv.ParseUint(text, 8, 8)
		if decimalErr == nil && octalErr == nil && isHostByte(byte(decimal)) && !isHostByte(byte(octal)) {
			return fmt.Sprintf("\\%s is read as dig does, in decimal: %q; AWS's \\%s is %s", text,
				string(rune(decimal)), text, printed(byte(octal)))
		}
		i++ // what is escaped
	}
	return ""
}

// isHostByte reports whether names of hosts have a byte as it is.
func isHostByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// printed is a byte for people.
func printed(c byte) string {
	if c <= ' ' || c >= 0x7f {
		return fmt.Sprintf("the byte 0x%02x", c)
	}
	return string(rune(c))
}

package rdata

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestParseName(t *testing.T) {
	long := strings.Repeat("a", 63)
	tests := []struct{ text, want string }{
		{".", "\x00"},
		{"example.com.", "\x07example\x03com\x00"},
		{"example.com", "\x07example\x03com\x00"},
		{"WWW.Example.COM", "\x03www\x07example\x03com\x00"},
		{`\052.example.com.`, "\x01*\x07example\x03com\x00"},
		{"*.example.com.", "\x01*\x07example\x03com\x00"},
		{`\100.example.com.`, "\x01@\x07example\x03com\x00"},
		{`a\056b.example.com.`, "\x03a.b\x07example\x03com\x00"},
		{`a\.b.example.com.`, "\x03a.b\x07example\x03com\x00"},
		{`a\\b.com.`, "\x03a\\b\x03com\x00"},
		{`\101.com.`, "\x01a\x03com\x00"}, // an escaped letter is folded too
		{`f\374bar.com.`, "\x05f\xfcbar\x03com\x00"},
		{`\000.\040.\177.\377.`, "\x01\x00\x01 \x01\x7f\x01\xff\x00"},
		{`_dmarc.x-y.`, "\x06_dmarc\x03x-y\x00"},
		{long + ".", "\x3f" + long + "\x00"},
		{strings.Repeat(long+".", 3) + long[:61] + ".", strings.Repeat("\x3f"+long, 3) + "\x3d" + long[:61] + "\x00"},
	}
	for _, test := range tests {
		got, err := ParseName(test.text)
		if err != nil || string(got) != test.want {
			t.Errorf("ParseName(%q) = %q, %v; want %q", test.text, got, err, test.want)
		}
	}
}

func TestParseNameErrors(t *testing.T) {
	long := strings.Repeat("a", 63)
	tests := []struct{ text, want string }{
		{"", "empty name"},
		{"a..b", "empty label at position 3"},
		{".a", "empty label at position 1"},
		{"..", "empty label at position 1"},
		{"a b.", "byte 0x20 at position 2 needs an escape"},
		{"a.ü.", "byte 0xc3 at position 3 needs an escape"},
		{"x\n.", "byte 0x0a at position 2"},
		{`ab\`, "backslash at the end at position 3"},
		{`ab\05`, `escape "\\05" is not of three octal digits at position 3`},
		{`ab\05x`, `escape "\\05x" is not of three octal digits at position 3`},
		{`\089.`, `escape "\\089" is not of three octal digits at position 1`},
		{`\400.`, `escape "\\400" is more than one byte at position 1`},
		{"a." + long + "a.", "label longer than 63 bytes at position 66"},
		{strings.Repeat(long+".", 3) + long[:62] + ".", "256 bytes long in wire form, more than 255"},
	}
	for _, test := range tests {
		got, err := ParseName(test.text)
		if err == nil || !strings.Contains(err.Error(), test.want) ||
			!strings.HasPrefix(err.Error(), fmt.Sprintf("name %s: ", excerpt(test.text))) {
			t.Errorf("ParseName(%q) = %q, %v; want error with %q", test.text, got, err, test.want)
		}
	}
}

func TestFormatName(t *testing.T) {
	tests := []struct{ wire, listed, master string }{
		{"\x00", ".", "."},
		{"\x01*\x07example\x03com\x00", `\052.example.com.`, "*.example.com."},
		{"\x01@\x03com\x00", `\100.com.`, `\@.com.`},
		{"\x03a.b\x03com\x00", `a\056b.com.`, `a\.b.com.`},
		{"\x03a\\b\x03com\x00", `a\134b.com.`, `a\\b.com.`},
		{"\x05f\xfcbar\x01 \x00", `f\374bar.\040.`, `f\252bar.\032.`},
		{"\x04_x-9\x01A\x00", `_x-9.\101.`, "_x-9.A."},
		{"\x03a/b\x00", `a\057b.`, "a/b."},
	}
	for _, test := range tests {
		if got := FormatName([]byte(test.wire)); got != test.listed {
			t.Errorf("FormatName(%q) = %q; want %q", test.wire, got, test.listed)
		}
		if got := FormatMasterName([]byte(test.wire)); got != test.master {
			t.Errorf("FormatMasterName(%q) = %q; want %q", test.wire, got, test.master)
		}
	}
}

// TestNameBytes takes each byte through both notations.
func TestNameBytes(t *testing.T) {
	for c := range 256 {
		wire := []byte{2, 'x', byte(c), 0}
		folded := bytes.ToLower([]byte{byte(c)})
		if c >= 0x80 {
			folded = []byte{byte(c)} // bytes, not runes
		}
		want := []byte{2, 'x', folded[0], 0}
		for _, text := range []string{fmt.Sprintf(`x\%03o.`, c), FormatName(wire)} {
			got, err := ParseName(text)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("ParseName(%q) = %q, %v; want %q", text, got, err, want)
			}
		}
		for _, text := range []string{fmt.Sprintf(`x\%03d.`, c), FormatMasterName(wire)} {
			got, err := ParseMasterName(text)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("ParseMasterName(%q) = %q, %v; want %q", text, got, err, want)
			}
		}
		plain := c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
		if escaped := FormatName(wire) != "x"+string(rune(c))+"."; escaped == plain {
			t.Errorf("FormatName of byte 0x%02x = %q", c, FormatName(wire))
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, seed := range []string{".", "example.com", `\052.a`, `a\056b.`, `\100`, "a..b", `\`,
		strings.Repeat("a.", 130)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		wire, err := ParseName(text)
		if err != nil {
			return
		}
		if len(wire) > maxName || !bytes.Equal(wire, bytes.Map(asciiLower, wire)) && isASCII(wire) {
			t.Fatalf("ParseName(%q) = %q", text, wire)
		}
		for _, parse := range []func() ([]byte, error){
			func() ([]byte, error) { return ParseName(FormatName(wire)) },
			func() ([]byte, error) { return ParseMasterName(FormatMasterName(wire)) },
		} {
			again, err := parse()
			if err != nil || !bytes.Equal(again, wire) {
				t.Fatalf("%q -> %q -> %q, %v", text, wire, again, err)
			}
		}
		packed := make([]byte, maxName+1)
		end, err := dns.PackDomainName(FormatMasterName(wire), packed, 0, nil, false)
		if err != nil || !bytes.Equal(packed[:end], wire) {
			t.Fatalf("the library packs %q as %q, %v; want %q", FormatMasterName(wire), packed[:end], err, wire)
		}
	})
}

func asciiLower(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

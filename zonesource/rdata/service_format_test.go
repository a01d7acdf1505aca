package rdata

import (
	"bytes"
	"testing"

	"github.com/miekg/dns"
)

// TestMappedHint: what the library doesn't read is text all the same, and leads back.
func TestMappedHint(t *testing.T) {
	const hint = "\x00\x06\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01"
	for _, tt := range []struct{ rdata, want string }{
		{"\x00\x01\x00" + hint, `1 . ipv6hint="::ffff:192.0.2.1"`},
		{"\x00\x01\x03web\x00\x00\x00\x00\x04\x00\x01\x00\x04" +
			"\x00\x01\x00\x06\x02h2\x02h3\x00\x02\x00\x00\x00\x03\x00\x02\x01\xbb\x00\x04\x00\x04\x0a\x00\x00\x01" + hint,
			`1 web. mandatory="alpn,ipv4hint" alpn="h2,h3" no-default-alpn port="443" ipv4hint="10.0.0.1"` +
				` ipv6hint="::ffff:192.0.2.1"`},
		{"\x00\x02\x00\x00\x01\x00\x04\x03a,b" + hint + "\xff\x00\x00\x02\"\x07",
			`2 . key1="\003a,b" ipv6hint="::ffff:192.0.2.1" key65280="\"\007"`},
	} {
		text, err := FormatValue(dns.TypeHTTPS, []byte(tt.rdata))
		if err != nil || text != tt.want {
			t.Errorf("%q, %v; want %q", text, err, tt.want)
		}
		for _, format := range []struct {
			format func(uint16, []byte) (string, error)
			parse  func(uint16, string) ([]byte, error)
		}{
			{FormatValue, ParseValue},
			{FormatMasterValue, func(t uint16, s string) ([]byte, error) { return ParseMasterValue(t, s, []byte{0}) }},
		} {
			text, err := format.format(dns.TypeSVCB, []byte(tt.rdata))
			if err != nil {
				t.Fatal(err)
			}
			again, err := format.parse(dns.TypeSVCB, text)
			if err != nil || !bytes.Equal(again, []byte(tt.rdata)) {
				t.Errorf("%s leads to %x, %v", text, again, err)
			}
		}
	}
}

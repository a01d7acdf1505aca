package awssim

import (
	"strings"
	"testing"
)

func TestValidateValue(t *testing.T) {
	long := `"` + strings.Repeat("x", 256) + `"`
	for _, c := range []struct {
		typ, value string
		ok         bool
	}{
		{"A", "192.0.2.1", true}, {"A", "2001:db8::1", false}, {"A", "192.0.2.01", false},
		{"AAAA", "2001:db8::1", true}, {"AAAA", "192.0.2.1", false}, {"AAAA", "fe80::1%eth0", false},
		{"CNAME", "a.example.com", true}, {"CNAME", "a b", false}, {"NS", `a\052.example.com`, true}, {"PTR", "a..b", false},
		{"MX", "10 mail.example.com", true}, {"MX", "mail.example.com", false}, {"MX", "65536 mail.example.com", false},
		{"SRV", "1 2 3 a.", true}, {"SRV", "1 2 a.", false},
		{"SOA", "a. b. 1 2 3 4 5", true}, {"SOA", "a. b. 1 2 3 4", false},
		{"TXT", `"a" "b"`, true}, {"TXT", `"a""b"`, true}, {"TXT", `a`, false}, {"TXT", `"a`, false}, {"TXT", ``, false},
		{"TXT", `"\"\\\303\251"`, true}, {"TXT", `"\q"`, false}, {"TXT", long, false}, {"TXT", long[:256] + `"`, true},
		{"TXT", strings.Repeat(`"`+strings.Repeat("x", 200)+`" `, 20), false}, {"SPF", `"v=spf1 -all"`, true},
		{"CAA", `0 issue "letsencrypt.org"`, true}, {"CAA", `0 issue`, false},
		{"DS", "12345 13 2 4F5E6D7C8B9A0F1E2D3C4B5A69788796A5B4C3D2E1F00F1E2D3C4B5A69788796", true}, {"DS", "x", false},
		{"TLSA", "3 1 1 0c72", true}, {"SSHFP", "4 2 9dd4", true}, {"HTTPS", `1 . alpn="h2"`, true}, {"SVCB", "x", false},
		{"NAPTR", `100 10 "S" "SIP+D2T" "" _sip._tcp.example.com.`, true}, {"NAPTR", "1", false},
	} {
		err := validateValue(c.typ, c.value)
		if (err == nil) != c.ok {
			t.Errorf("%s %q: %v, want ok %t", c.typ, c.value, err, c.ok)
		}
	}
}

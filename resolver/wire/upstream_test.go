package wire

import (
	"strings"
	"testing"
)

func TestParseUpstream(t *testing.T) {
	tests := []struct{ text, want, fault string }{
		{text: "10.0.0.2", want: "10.0.0.2:53"},
		{text: "10.0.0.2:5353", want: "10.0.0.2:5353"},
		{text: "::ffff:10.0.0.2", want: "10.0.0.2:53"},
		{text: "[::ffff:10.0.0.2]:54", want: "10.0.0.2:54"},
		{text: "2001:db8::1", want: "[2001:db8::1]:53"},
		{text: "[2001:db8::1]", want: "[2001:db8::1]:53"},
		{text: "[2001:db8::1]:54", want: "[2001:db8::1]:54"},
		{text: "fe80::1%eth0", want: "[fe80::1%eth0]:53"},
		{text: "tls://10.9.0.3", want: "tls://10.9.0.3:853"},
		{text: "tls://2001:db8::1", want: "tls://[2001:db8::1]:853"},
		{text: "tls://10.9.0.3:854#dns.example", want: "tls://10.9.0.3:854#dns.example"},
		{text: "tls://10.9.0.3#", fault: "no name after #"},
		{text: "tls://10.9.0.3#.", fault: "no name after #"},
		{text: "https://10.9.0.3", fault: "https:// is unknown"},
		{text: "10.0.0.2:0", fault: "port 0"},
		{text: "0.0.0.0", fault: "no address of a host"},
		{text: "224.0.0.1", fault: "no address of a host"},
		{text: "dns.example", fault: "no address"},
		{text: "[10.0.0.2", fault: "no address"},
		{text: "2001:db8::1]", fault: "no address"},
		{text: "10.0.0.2#name", fault: "without tls://"},
		{text: "", fault: "no address"},
	}
	for _, tt := range tests {
		u, err := ParseUpstream(tt.text)
		if tt.fault != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("%q: error %v, want %q", tt.text, err, tt.fault)
			}
			continue
		}
		if err != nil || u.String() != tt.want {
			t.Errorf("%q: %s, %v; want %s", tt.text, u, err, tt.want)
			continue
		}
		again, err := ParseUpstream(u.String())
		if err != nil || again != u {
			t.Errorf("%q, its text read again: %+v, %v", tt.text, again, err)
		}
	}
}

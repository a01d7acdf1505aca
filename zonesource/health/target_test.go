package health

import (
	"net/netip"
	"strings"
	"testing"
)

func TestTargets(t *testing.T) {
	tests := []struct {
		targets string
		allowed string
		refused string
	}{
		{"", "", "10.0.0.1 192.0.2.1 127.0.0.1 fd12::1 2001:db8::1"},
		{"private", "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.127.255.255 fd12::1 ::ffff:10.0.0.1",
			"192.0.2.1 172.32.0.1 100.128.0.1 2001:db8::1 127.0.0.1 ::1"},
		{"public", "192.0.2.1 2001:db8::1 172.32.0.1", "10.0.0.1 fd12::1 127.0.0.1 ::1"},
		{"any", "192.0.2.1 2001:db8::1 10.0.0.1 fd12::1", "127.0.0.1 ::1"},
		{"0.0.0.0/0 ::/0", "192.0.2.1 2001:db8::1 10.0.0.1 fd12::1", "127.0.0.1 ::1"},
		{"127.0.0.0/8", "127.0.0.1 127.9.9.9 ::ffff:127.0.0.1", "::1 10.0.0.1"},
		{"127.0.0.0/30", "127.0.0.1", "127.0.0.5"},
		{"::1/128", "::1", "127.0.0.1"},
		{"192.0.2.0/24 10.1.0.0/16", "192.0.2.9 10.1.2.3", "192.0.3.1 10.2.0.1"},
		{"any 127.0.0.0/8", "64:ff9b::10.0.0.1 2002:a00:1::1", ""},
	}
	// Nothing makes these targets.
	never := "169.254.169.254 169.254.0.1 ::ffff:169.254.169.254 fe80::1 fe80::1%eth0 10.0.0.1%x fd00:ec2::254 " +
		"fd00:ec2::253 224.0.0.1 239.1.1.1 ff02::1 0.0.0.0 :: 255.255.255.255 " +
		"64:ff9b::169.254.169.254 2002:a9fe:a9fe::1"
	for _, tt := range tests {
		targets, err := ParseTargets(strings.Fields(tt.targets))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range strings.Fields(tt.allowed) {
			why := targets.Refuses(netip.MustParseAddr(text))
			if why != "" {
				t.Errorf("[%s]: %s: %s", tt.targets, text, why)
			}
		}
		for _, text := range strings.Fields(tt.refused + " " + never) {
			a, err := netip.ParseAddr(text)
			if err != nil {
				continue // IPv4 has no zones
			}
			if targets.Refuses(a) == "" {
				t.Errorf("[%s]: %s is allowed", tt.targets, text)
			}
		}
		if targets.Refuses(netip.Addr{}) == "" {
			t.Errorf("[%s]: no address is allowed", tt.targets)
		}
	}
}

func TestParseTargetsRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"privat":             "none of private, public, any",
		"10.0.0.1":           "no prefix like 10.0.0.0/8",
		"10.0.0.1/8":         "did you mean 10.0.0.0/8?",
		"169.254.0.0/16":     "169.254.0.0/16 is never probed",
		"169.254.169.254/32": "never probed",
		"fe80::/10":          "never probed",
		"fd00:ec2::/64":      "never probed",
		"224.0.0.0/8":        "never probed",
	} {
		_, err := ParseTargets([]string{"private", text})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

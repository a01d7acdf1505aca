package wire

import (
	"net/netip"
	"testing"
)

func TestKindOfAddress(t *testing.T) {
	for text, want := range map[string]AddressKinds{
		"127.0.0.1": Loopback, "127.255.255.255": Loopback, "::1": Loopback,
		"169.254.169.254": LinkLocal, "fe80::1": LinkLocal, "febf::1": LinkLocal,
		"0.0.0.0": Unspecified, "0.1.2.3": Unspecified, "::": Unspecified,
		"10.0.0.1": Private, "172.16.0.1": Private, "172.31.255.255": Private, "192.168.1.1": Private,
		"100.64.0.1": Private, "100.127.255.255": Private, "fd00::1": Private, "fc00::1": Private, "fec0::1": Private,
		"::127.0.0.1": Loopback, "::ffff:0:127.0.0.1": Loopback, "64:ff9b::127.0.0.1": Loopback,
		"64:ff9b:1::127.0.0.1": Loopback,
		"64:ff9b::a9fe:a9fe":   LinkLocal, "64:ff9b::": Unspecified, "64:ff9b::10.0.0.1": Private,
		"128.0.0.1": 0, "169.253.0.1": 0, "1.0.0.0": 0, "172.32.0.1": 0, "172.15.0.1": 0, "192.169.0.1": 0, "100.128.0.1": 0,
		"2001:db8::1": 0, "::1:0:0:1": 0, "64:ff9b::192.0.2.1": 0, "64:ff9c::127.0.0.1": 0, "ff02::1": 0,
	} {
		if got := KindOfAddress(netip.MustParseAddr(text).AsSlice()); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
	mapped := netip.MustParseAddr("::ffff:169.254.169.254").As16()
	if KindOfAddress(mapped[:]) != LinkLocal || KindOfAddress(nil) != 0 || KindOfAddress(mapped[:5]) != 0 {
		t.Error("mapped, none, or half an address")
	}
}

func TestFindAddress(t *testing.T) {
	isLocal := func(addr []byte) bool { return KindOfAddress(addr) != 0 }
	for _, tt := range []struct {
		rrtype uint16
		rdata  string
		want   string
	}{
		{TypeA, "\x7f\x00\x00\x01", "\x7f\x00\x00\x01"},
		{TypeA, "\xc0\x00\x02\x01", ""},
		{TypeHTTPS, "\x00\x01\x00\x00\x04\x00\x08\xc0\x00\x02\x01\x0a\x00\x00\x01", "\x0a\x00\x00\x01"},
		{TypeSVCB, "\x00\x01\x01a\x00\x00\x01\x00\x03\x02h2\x00\x06\x00\x10" +
			"\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01",
			"\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"},
		{TypeHTTPS, "\x00\x00\x00", ""},
		{TypeHTTPS, "\x00\x01\x00\x00\x04\x00\x08\x7f", ""},
		{TypeTXT, "\x03\x7f\x00\x00", ""},
	} {
		if got := FindAddress(tt.rrtype, []byte(tt.rdata), isLocal); string(got) != tt.want {
			t.Errorf("type %d, %q: %q, want %q", tt.rrtype, tt.rdata, got, tt.want)
		}
	}
}

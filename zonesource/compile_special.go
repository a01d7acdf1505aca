package zonesource

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"inside53/resolver/zone"
)

// specialName is a name that never leaves where nothing of ours is concerned.
type specialName struct {
	name []byte
	what zone.Special
}

// specialNames lists the special names that every view has.
func specialNames() []specialName {
	var list []specialName
	add := func(what zone.Special, names ...string) {
		for _, n := range names {
			list = append(list, specialName{zone.MustName(n), what})
		}
	}
	add(zone.Localhost, "localhost.")        // RFC 6761 section 6.3
	add(zone.NoName, "invalid.", "test.")    // RFC 6761 sections 6.4 and 6.2
	add(zone.NoName, "onion.")               // RFC 7686 section 2
	add(zone.NoName, "service.arpa.")        // RFC 9665
	add(zone.NoData, "ready.inside53.")      // what isn't asked of this server itself is nobody else's
	add(zone.NoData, "resolver.arpa.")       // RFC 9462 section 6.4: who upgrades to another resolver leaves split horizon
	add(zone.Empty, "home.arpa.")            // RFC 8375 section 4
	add(zone.Empty, "10.in-addr.arpa.")      // RFC 6303 section 4.1
	add(zone.Empty, "168.192.in-addr.arpa.") // RFC 6303 section 4.1
	add(zone.Loopback, "127.in-addr.arpa.")  // RFC 6303 section 4.2
	add(zone.Empty, "0.in-addr.arpa.", "254.169.in-addr.arpa.", "2.0.192.in-addr.arpa.",
		"100.51.198.in-addr.arpa.", "113.0.203.in-addr.arpa.", "255.255.255.255.in-addr.arpa.") // RFC 6303 section 4.2
	for i := 16; i < 32; i++ {
		add(zone.Empty, fmt.Sprintf("%d.172.in-addr.arpa.", i)) // RFC 6303 section 4.1
	}
	for i := 64; i < 128; i++ {
		add(zone.Empty, fmt.Sprintf("%d.100.in-addr.arpa.", i)) // RFC 7793 section 2
	}
	zeros := strings.Repeat("0.", 31)
	add(zone.Empty, "0."+zeros+"ip6.arpa.") // RFC 6303 section 4.3: ::
	// RFC 6303 section 4.3: ::1
	add(zone.Loopback, "1."+zeros+"ip6.arpa.")
	add(zone.Empty, "d.f.ip6.arpa.")                                                            // RFC 6303 section 4.4
	add(zone.Empty, "8.e.f.ip6.arpa.", "9.e.f.ip6.arpa.", "a.e.f.ip6.arpa.", "b.e.f.ip6.arpa.") // RFC 6303 section 4.5
	add(zone.Empty, "8.b.d.0.1.0.0.2.ip6.arpa.")                                                // RFC 6303 section 4.6
	return list
}

// computedNames are the names at and below which EC2 names are computed from the
// inventory. AWS answers them in every VPC, above private zones.
func computedNames() [][]byte {
	return [][]byte{
		zone.MustName("ec2.internal."), zone.MustName("compute.internal."),
		zone.MustName("compute.amazonaws.com."), zone.MustName("compute-1.amazonaws.com."),
		zone.MustName("compute.amazonaws.com.cn."),
	}
}

// privatePrefixes are what allow's word "private" stands for.
func privatePrefixes() []netip.Prefix {
	return append(slices.Concat(loopbackPrefixes(), networkPrefixes()),
		netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fe80::/10")) // link-local
}

// networkPrefixes are the private ones of networks.
func networkPrefixes() []netip.Prefix {
	return []netip.Prefix{
		// RFC 1918
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
		netip.MustParsePrefix("100.64.0.0/10"), // RFC 6598
		netip.MustParsePrefix("fc00::/7"),      // RFC 4193
	}
}

// loopbackPrefixes are those of clients on this host.
func loopbackPrefixes() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// reverseZones returns the names of the reverse zones that make up a prefix: one
// where it ends at an octet (IPv6: a nibble), else all that it divides into (RFC
// 1035 section 3.5, RFC 3596 section 2.5).
func reverseZones(p netip.Prefix) [][]byte {
	p = p.Masked()
	unit, suffix, base := 8, "in-addr.arpa.", 10
	if p.Addr().Is6() {
		unit, suffix, base = 4, "ip6.arpa.", 16
	}
	whole := (p.Bits() + unit - 1) / unit // labels of a zone
	digits := addressDigits(p.Addr())
	count := 1 << (whole*unit - p.Bits())
	names := make([][]byte, 0, count)
	for i := range count {
		var b strings.Builder
		for at := whole - 1; at >= 0; at-- {
			d := int(digits[at])
			if at == whole-1 {
				d += i
			}
			b.WriteString(strconv.FormatInt(int64(d), base))
			b.WriteByte('.')
		}
		b.WriteString(suffix)
		names = append(names, zone.MustName(b.String()))
	}
	return names
}

// addressDigits returns the octets of an IPv4 address, the nibbles of an IPv6 one.
func addressDigits(a netip.Addr) []byte {
	if a.Is4() {
		b := a.As4()
		return b[:]
	}
	var out []byte
	for _, b := range a.As16() {
		out = append(out, b>>4, b&0xf)
	}
	return out
}

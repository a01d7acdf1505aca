package wire

import (
	"fmt"
	"net/netip"
	"strings"
)

// Ports of servers, where a text names none (RFC 1035 section 4.2, RFC 7858 section 3.1).
const (
	PortDNS = 53
	PortTLS = 853
)

// Upstream is a server that questions are forwarded to.
type Upstream struct {
	Addr netip.AddrPort
	TLS  bool // DNS over TLS (RFC 7858)
	// ServerName is the name that its certificate must have, as in the text; "" for its
	// address.
	ServerName string
}

// ParseUpstream reads "10.0.0.2", "10.0.0.2:53", "2001:db8::1", "[2001:db8::1]:53",
// "tls://10.9.0.3" or "tls://10.9.0.3:853#dns.example".
func ParseUpstream(text string) (Upstream, error) {
	const form = `write "10.9.0.2", "10.9.0.2:53", "[2001:db8::1]:53" or "tls://10.9.0.3:853#name"`
	rest, secure := strings.CutPrefix(text, "tls://")
	scheme, _, found := strings.Cut(rest, "://")
	if found {
		return Upstream{}, fmt.Errorf("%s:// is unknown; %s", scheme, form)
	}
	rest, name, named := strings.Cut(rest, "#")
	switch {
	case named && !secure:
		return Upstream{}, fmt.Errorf("%q has a #name without tls://; %s", text, form)
	case named && strings.Trim(name, ".") == "":
		return Upstream{}, fmt.Errorf("%q has no name after #; %s", text, form)
	}
	port := uint16(PortDNS)
	if secure {
		port = PortTLS
	}
	addr, ok := ParseHost(rest, port)
	switch host := addr.Addr(); {
	case !ok:
		return Upstream{}, fmt.Errorf("%q is no address; %s", text, form)
	case addr.Port() == 0:
		return Upstream{}, fmt.Errorf("%q has port 0; %s", text, form)
	case host.IsUnspecified(), host.IsMulticast():
		return Upstream{}, fmt.Errorf("%s is no address of a host", host)
	}
	return Upstream{Addr: addr, TLS: secure, ServerName: name}, nil
}

// ParseHost reads an address, IPv6 with or without brackets, or an address and a port. An
// IPv4 address that is written as IPv6 is IPv4.
func ParseHost(text string, port uint16) (addr netip.AddrPort, ok bool) {
	bare := text
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		bare = text[1 : len(text)-1]
	}
	host, err := netip.ParseAddr(bare)
	if err == nil {
		return netip.AddrPortFrom(host.Unmap(), port), true
	}
	addr, err = netip.ParseAddrPort(text)
	if err != nil {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()), true
}

// String returns the one form that equal upstreams share: 10.9.0.2:53,
// tls://10.9.0.3:853#dns.example.
func (u Upstream) String() string {
	text := u.Addr.String()
	if u.TLS {
		text = "tls://" + text
	}
	if u.ServerName != "" {
		text += "#" + u.ServerName
	}
	return text
}

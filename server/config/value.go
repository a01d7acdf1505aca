package config

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"inside53/resolver/wire"
)

// The typed values of the configuration. A scalar has parse(text), which fills
// it; one that is written as a list of words has add(text), called for each
// item after the value was set to zero. Their errors say what is wrong and what
// would be right; file, line and key are added by the decoder.

// oneOf returns the error for a text that is none of known.
func oneOf(text string, known ...string) error {
	if near := nearest(text, known); near != "" {
		return fmt.Errorf("%q is unknown; did you mean %q?", text, near)
	}
	return fmt.Errorf("%q is unknown; known are %s", text, strings.Join(known, ", "))
}

// parseWord sets to from text if known has it.
func parseWord[W ~string](to *W, text string, known ...W) error {
	if slices.Contains(known, W(text)) {
		*to = W(text)
		return nil
	}
	words := make([]string, len(known))
	for i, word := range known {
		words[i] = string(word)
	}
	return oneOf(text, words...)
}

// Allow is the value of allow: who may ask.
type Allow struct {
	Private  bool           // loopback, RFC 1918, RFC 6598, link-local, unique local
	VPCs     bool           // the prefixes of the inventory's VPCs
	Prefixes []netip.Prefix // others, masked
}

func (a *Allow) add(text string) error {
	switch text {
	case "private":
		a.Private = true
		return nil
	case "vpcs":
		a.VPCs = true
		return nil
	}
	if !strings.ContainsAny(text, ".:/") {
		return oneOf(text, "private", "vpcs", "prefixes like 10.0.0.0/8")
	}
	p, err := parsePrefix(text)
	if err != nil {
		return err
	}
	a.Prefixes = append(a.Prefixes, p)
	return nil
}

// DomainName is a name as text, in lower case and with its last dot: letters, digits, '-',
// '_', '/' (RFC 2317) and '*' in labels, all other octets as escapes, \DDD in decimal or
// \X (RFC 1035 section 5.1). "." is the root.
type DomainName string

func (n *DomainName) parse(text string) error {
	name, err := canonical(text, plainOctets+"*")
	if err != nil {
		return err
	}
	*n = DomainName(name)
	return nil
}

// plainOctets stand for themselves in names. An asterisk does in those that aren't patterns.
const plainOctets = "abcdefghijklmnopqrstuvwxyz0123456789-_/"

// canonicalName returns text in lower case and with its last dot.
func canonicalName(text string) (string, error) { return canonical(text, plainOctets) }

// canonical returns a name, in which plain octets may stand without an escape, as
// [DomainName] has it.
func canonical(text, plain string) (string, error) {
	if text == "" {
		return "", fmt.Errorf("is empty; write a name like example.com")
	}
	if text == "." {
		return text, nil
	}
	var out []byte
	label, size := 0, 0 // octets of the label under way, and of the name on the wire
	end := func() error {
		switch {
		case label == 0:
			return fmt.Errorf("%q has an empty label", text)
		case label > wire.MaxLabel:
			return fmt.Errorf("label %q is too long; %d bytes is the most", out[len(out)-label:], wire.MaxLabel)
		}
		size += 1 + label
		label = 0
		out = append(out, '.')
		return nil
	}
	for i := 0; i < len(text); {
		if text[i] >= 0x80 {
			first := strings.LastIndexByte(text[:i], '.') + 1
			label, _, _ := strings.Cut(text[first:], ".")
			return "", fmt.Errorf("%q is not ASCII; write the punycode form (xn--...) of %q", text, label)
		}
		c, width, err := octet(text[i:], plain)
		if err != nil {
			return "", fmt.Errorf("%q %w", text, err)
		}
		i += width
		if c == '.' && width == 1 {
			err = end()
			if err != nil {
				return "", err
			}
			continue
		}
		label++
		out = appendOctet(out, c, plain)
	}
	if label > 0 || len(out) == 0 {
		err := end()
		if err != nil {
			return "", err
		}
	}
	if size >= wire.MaxName {
		return "", fmt.Errorf("name of %d bytes is too long; %d is the most", size-1, wire.MaxName-2)
	}
	return string(out), nil
}

// octet reads the octet at the start of text, and how much of the text it takes.
func octet(text, plain string) (c byte, width int, err error) {
	c = text[0]
	switch {
	case c == '\\' && len(text) > 3 && isDigit(text[1]) && isDigit(text[2]) && isDigit(text[3]):
		number, err := strconv.ParseUint(text[1:4], 10, 8)
		if err != nil {
			return 0, 0, fmt.Errorf("has the escape %s, which is more than one byte", text[:4])
		}
		return wire.LowerByte(byte(number)), 4, nil
	case c == '\\' && len(text) > 1 && !isDigit(text[1]) && text[1] < 0x80:
		return wire.LowerByte(text[1]), 2, nil
	case c == '\\':
		return 0, 0, fmt.Errorf("has an escape that is not of three decimal digits")
	}
	c = wire.LowerByte(c)
	if c != '.' && strings.IndexByte(plain, c) < 0 {
		return 0, 0, fmt.Errorf("has a %q; labels are of letters, digits, '-' and '_'", c)
	}
	return c, 1, nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// appendOctet appends an octet of a label as the data model writes it.
func appendOctet(out []byte, c byte, plain string) []byte {
	switch {
	case strings.IndexByte(plain, c) >= 0:
		return append(out, c)
	case strings.IndexByte(`.\";()@$`, c) >= 0:
		return append(out, '\\', c)
	case c > ' ' && c < 0x7f:
		return append(out, c)
	}
	return append(out, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
}

// parsePrefix reads a CIDR whose bits beyond its length are zero.
func parsePrefix(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err == nil && addr.Zone() == "" {
			return p, fmt.Errorf("%q has no length; write %s/%d for the one address", text, addr, addr.BitLen())
		}
		return p, fmt.Errorf("%q is no prefix; write one like 10.0.0.0/16 or fd00::/8", text)
	}
	if p.Masked() != p {
		return p, fmt.Errorf("%s has bits beyond its length; did you mean %s?", p, p.Masked())
	}
	if p.Addr().Is4In6() {
		return p, fmt.Errorf("%s is IPv4 written as IPv6; write it as IPv4", p)
	}
	return p, nil
}

// parseAddrPort reads an address and port of this host.
func parseAddrPort(text string) (netip.AddrPort, error) {
	ap, err := netip.ParseAddrPort(text)
	if err == nil {
		return unmapped(ap), nil
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err == nil {
		return ap, fmt.Errorf("%q has no port; write %s", text, netip.AddrPortFrom(addr, 53))
	}
	if host, port, ok := strings.Cut(text, ":"); ok {
		_, err := strconv.ParseUint(port, 10, 16)
		switch {
		case err == nil && host == "":
			return ap, fmt.Errorf("%q has no address; write 0.0.0.0:%s for every IPv4 address, [::]:%s for every one", text,
				port, port)
		case err == nil && host == "localhost":
			return ap, fmt.Errorf("%q has a name; write 127.0.0.1:%s", text, port)
		}
	}
	return ap, fmt.Errorf("%q is no address and port; write one like 10.0.0.2:53 or [::]:53", text)
}

func unmapped(ap netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// HostPort is the address of a DNS server; without a port it is that of 53.
type HostPort struct{ netip.AddrPort }

func (h *HostPort) parse(text string) error {
	addr, ok := wire.ParseHost(text, wire.PortDNS)
	if !ok {
		return fmt.Errorf(`%q is no address; write "10.0.0.9", "10.0.0.9:5353" or "[2001:db8::9]:53"`, text)
	}
	h.AddrPort = addr
	switch a := h.Addr(); {
	case h.Port() == 0:
		return fmt.Errorf("%q has port 0; write that of the server", text)
	case a.IsUnspecified(), a.IsMulticast():
		return fmt.Errorf("%s is no address of a host", a)
	}
	return nil
}

// OptionalName is a [DomainName], or "".
type OptionalName string

func (n *OptionalName) parse(text string) error {
	if text == "" {
		*n = ""
		return nil
	}
	name, err := canonicalName(text)
	*n = OptionalName(name)
	return err
}

// ByteSize is a number of bytes: 64MiB, 512KiB, 1GiB, or a plain number.
type ByteSize int

func (b *ByteSize) parse(text string) error {
	digits, unit := text, 1
	for _, u := range [...]struct {
		suffix string
		size   int
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}} {
		rest, ok := strings.CutSuffix(text, u.suffix)
		if ok {
			digits, unit = strings.TrimSpace(rest), u.size
		}
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || int(n) > math.MaxInt/unit {
		return fmt.Errorf("%q is no size; write 64MiB, 512KiB or a number of bytes", text)
	}
	*b = ByteSize(int(n) * unit)
	return nil
}

// hosts checks addresses of servers.
func (v *validator) hosts(path string, hosts []HostPort) {
	for i, h := range hosts {
		if h.IsValid() && slices.Contains(hosts[:i], h) {
			v.fault(fmt.Sprintf("%s[%d]", path, i), "%s is here twice", h)
		}
	}
}

package health

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// Targets are the addresses that may be probed. The zero value holds none.
type Targets struct {
	private, public bool
	prefixes        []netip.Prefix
}

// The words of [ParseTargets].
const (
	PrivateTargets = "private" // RFC 1918, RFC 6598, ULA; neither loopback nor link-local
	PublicTargets  = "public"  // everything else
	AnyTargets     = "any"     // both
)

// ParseTargets reads words and prefixes (10.0.0.0/8). Loopback is held only by prefixes
// within 127.0.0.0/8 or ::1/128. The error joins all faults.
func ParseTargets(texts []string) (Targets, error) {
	var t Targets
	var errs []error
	for _, text := range texts {
		switch text {
		case PrivateTargets:
			t.private = true
			continue
		case PublicTargets:
			t.public = true
			continue
		case AnyTargets:
			t.private, t.public = true, true
			continue
		}
		p, err := netip.ParsePrefix(text)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%q is none of private, public, any and no prefix like 10.0.0.0/8", text))
		case p != p.Masked() || p.Addr().Is4In6():
			errs = append(errs, fmt.Errorf("%s is no prefix as it is written; did you mean %s?", p,
				netip.PrefixFrom(p.Addr().Unmap(), p.Bits()).Masked()))
		case within(p, refusedPrefixes()):
			errs = append(errs, fmt.Errorf("%s is never probed", p))
		default:
			t.prefixes = append(t.prefixes, p)
		}
	}
	return t, errors.Join(errs...)
}

// refusedPrefixes are never probed, whatever is configured.
func refusedPrefixes() []netip.Prefix {
	return prefixes(
		"0.0.0.0/8", "::/128", // unspecified, "this network"
		"169.254.0.0/16", "fe80::/10", // link-local: the metadata service, Amazon's resolver
		"fd00:ec2::/32",           // the same services by IPv6
		"224.0.0.0/4", "ff00::/8", // multicast
		"255.255.255.255/32", // broadcast
	)
}

func loopbackPrefixes() []netip.Prefix { return prefixes("127.0.0.0/8", "::1/128") }

func privatePrefixes() []netip.Prefix {
	return prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
}

// nat64 holds IPv4 addresses as IPv6 (RFC 6052 2.1); 6to4 does so too (RFC 3056 2).
func nat64() netip.Prefix     { return netip.MustParsePrefix("64:ff9b::/96") }
func sixToFour() netip.Prefix { return netip.MustParsePrefix("2002::/16") }

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// within reports whether p lies in one of all.
func within(p netip.Prefix, all []netip.Prefix) bool {
	return slices.ContainsFunc(all, func(q netip.Prefix) bool { return q.Bits() <= p.Bits() && q.Contains(p.Addr()) })
}

func holds(all []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Refuses returns why the address may not be probed, for people; "" when it may.
func (t Targets) Refuses(a netip.Addr) string {
	if a.Zone() != "" {
		return fmt.Sprintf("%s has a zone", a)
	}
	a = embedded(a.Unmap())
	switch {
	case !a.IsValid(), holds(refusedPrefixes(), a):
		return fmt.Sprintf("%s is never probed", a)
	case holds(loopbackPrefixes(), a):
		if t.namesLoopback(a) {
			return ""
		}
		return fmt.Sprintf("%s is loopback, which probe_targets don't name", a)
	case holds(t.prefixes, a):
		return ""
	}
	private := holds(privatePrefixes(), a)
	if private && t.private || !private && t.public {
		return ""
	}
	return fmt.Sprintf("%s is not among probe_targets", a)
}

// namesLoopback reports whether a prefix of loopback itself holds the address: 0.0.0.0/0
// doesn't mean it.
func (t Targets) namesLoopback(a netip.Addr) bool {
	return slices.ContainsFunc(t.prefixes,
		func(p netip.Prefix) bool { return p.Contains(a) && within(p, loopbackPrefixes()) })
}

// embedded returns the IPv4 address that an IPv6 address of a translator leads to.
func embedded(a netip.Addr) netip.Addr {
	bytes := a.As16()
	switch {
	case a.Is4():
	case nat64().Contains(a):
		return netip.AddrFrom4([4]byte(bytes[12:]))
	case sixToFour().Contains(a):
		return netip.AddrFrom4([4]byte(bytes[2:6]))
	}
	return a
}

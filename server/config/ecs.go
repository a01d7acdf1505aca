package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// ECS is the section ecs.
type ECS struct {
	// Trust lists the forwarders, by prefix or address, whose client subnets (RFC
	// 7871) are believed: routing policies of public zones then go by the client
	// behind the forwarder. Private zones never do. The subnets that others send
	// are ignored. Default [].
	Trust Forwarders `yaml:"trust"`
}

// Forwarders names resolvers that ask in the place of others.
type Forwarders []netip.Prefix

func (f *Forwarders) add(text string) error {
	var p netip.Prefix
	addr, err := netip.ParseAddr(text)
	switch {
	case err == nil && addr.Is4In6():
		return fmt.Errorf("%s is IPv4 written as IPv6; write %s", text, addr.Unmap())
	case err == nil && addr.Zone() == "":
		p = netip.PrefixFrom(addr, addr.BitLen())
	case strings.Contains(text, "/"):
		p, err = parsePrefix(text)
		if err != nil {
			return err
		}
	default:
		return fmt.Errorf("%q is neither a prefix nor an address; write one like 10.0.0.0/16, 10.0.0.53 or fd00::53", text)
	}
	if p.Bits() == 0 {
		return fmt.Errorf("%s is everybody; write the forwarders alone: whoever is trusted chooses the place that policies see", p)
	}
	if slices.Contains(*f, p) {
		return fmt.Errorf("%s is here twice", p)
	}
	*f = append(*f, p)
	return nil
}

package config

import (
	"fmt"
	"net/netip"
	"time"
)

// Listen is the section listen.
type Listen struct {
	// DNS lists addresses and ports for DNS, each by UDP and TCP. 0.0.0.0 is
	// every IPv4 address of the host, [::] every address. Port 0 is a free one.
	// Default ["127.0.0.1:5300"].
	DNS []netip.AddrPort `yaml:"dns"`
}

// TCP is the section tcp.
type TCP struct {
	// Connections is the most connections at a time. When there are more, the one goes that
	// idles longest, of whoever holds most. Default 10000.
	Connections int `yaml:"connections"`

	// PerClient is the most connections of one client: an IPv4 address, a /64 of IPv6.
	// Default 100.
	PerClient int `yaml:"per_client"`

	// Idle is how long a connection stays open without a query; less when few more may be
	// opened. Default 10s.
	Idle time.Duration `yaml:"idle"`
}

func (v *validator) sockets() {
	c := v.config
	if len(c.Listen.DNS) == 0 {
		v.fault("listen.dns", "is empty; write an address and port like 127.0.0.1:5300")
	}
	for i, a := range c.Listen.DNS {
		path := fmt.Sprintf("listen.dns[%d]", i)
		if a.Addr().IsMulticast() {
			v.fault(path, "%s is a multicast address; write one of this host", a.Addr())
		}
		for _, b := range c.Listen.DNS[:i] {
			// [::] leaves IPv4 to 0.0.0.0 where both are listed.
			pair := a.Addr() != b.Addr() && a.Addr().IsUnspecified() && b.Addr().IsUnspecified()
			if a.IsValid() && !pair && overlap(a, b) {
				v.fault(path, "%s is covered by %s; write one of them", a, b)
				break
			}
		}
	}
	if c.Admin.IsValid() && !c.Admin.Addr().IsLoopback() {
		v.fault("admin", `%s is not loopback; write 127.0.0.1:%d (and health for a load balancer), or "" for none`, c.Admin,
			c.Admin.Port())
	}
	web := []struct {
		key  string
		addr netip.AddrPort
	}{{"admin", c.Admin}, {"health", c.Health}, {"metrics", c.Metrics}}
	for i, a := range web {
		for _, b := range web[:i] {
			if a.addr.IsValid() && b.addr.IsValid() && overlap(a.addr, b.addr) {
				v.fault(a.key, "%s is taken by %s %s; write another port", a.addr, b.key, b.addr)
			}
		}
		for _, dns := range c.Listen.DNS {
			if a.addr.IsValid() && overlap(dns, a.addr) {
				v.fault(a.key, "%s is taken by listen.dns %s; write another port", a.addr, dns)
			}
		}
	}
	if c.Pprof && !c.Admin.IsValid() {
		v.fault("pprof", "needs admin, which is off; write an address there, or false here")
	}
}

// overlap reports whether two sockets on a and b can't be both: the same port,
// and the same address or one of them any address. An IPv6 socket on [::] takes
// IPv4 too.
func overlap(a, b netip.AddrPort) bool {
	if a.Port() != b.Port() || a.Port() == 0 {
		return false
	}
	covers := func(x, y netip.Addr) bool {
		return x == y || x == netip.IPv6Unspecified() || x == netip.IPv4Unspecified() && y.Is4()
	}
	return covers(a.Addr(), b.Addr()) || covers(b.Addr(), a.Addr())
}

package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"inside53/resolver/forward"
	"inside53/resolver/zone"
)

// vpcResolver is Amazon's resolver, at the same address in every VPC. It resolves
// the hosts of AWS where nothing else is configured to.
const vpcResolver = "169.254.169.253"

// resolveAWS returns how the hosts of AWS are resolved: by the default forwarder of
// the configuration. The host's own resolver may well be this very server, which
// hasn't any data yet.
func (a *App) resolveAWS(c *Config) func(context.Context, string) ([]netip.Addr, error) {
	upstreams := []string{vpcResolver}
	for _, f := range c.Forward {
		if f.Zone == "." {
			upstreams = upstreamTexts(f.Upstreams)
			if f.Views.All {
				break
			}
		}
	}
	return func(ctx context.Context, host string) ([]netip.Addr, error) {
		return a.lookupHost(ctx, upstreams, host)
	}
}

// lookupHost asks upstreams for the IPv4 addresses of a host. (All endpoints of AWS have
// some.)
func (a *App) lookupHost(ctx context.Context, upstreams []string, host string) ([]netip.Addr, error) {
	name, err := zone.ParseName(strings.ToLower(host))
	if err != nil {
		return nil, fmt.Errorf("%q: %w", host, err)
	}
	group, err := a.forwarder.Group(forward.GroupSpec{Upstreams: upstreams})
	if err != nil {
		return nil, err
	}
	defer a.forwarder.Release(group)
	message, err := a.forwarder.Resolve(ctx, group, &forward.Question{Name: name, Type: zone.TypeA})
	switch {
	case errors.Is(err, forward.ErrServFail), errors.Is(err, forward.ErrTimeout):
		// What an upstream says, or what stands for one that says nothing.
		return nil, fmt.Errorf("no usable answer for %s from the forwarder for \".\" (%w); is it reachable from here?",
			zone.String(name), err)
	case err != nil:
		return nil, err
	}
	var addrs []netip.Addr
	for _, rdata := range message.Data(zone.TypeA) {
		addrs = append(addrs, netip.AddrFrom4([4]byte(rdata)))
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("%s has no address, says %s", zone.String(name), group)
	}
	return addrs, nil
}

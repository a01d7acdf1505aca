package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"inside53/resolver/forward"
	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/transfer"
)

// vpcResolver is Amazon's resolver, at the same address in every VPC. It resolves
// the hosts of AWS where nothing else is configured to.
const vpcResolver = "169.254.169.253"

// hosts resolves the names that the program itself needs.
type hosts struct{ forwarder *forward.Forwarder }

// aws returns how the hosts of AWS are resolved: by the default forwarder of
// the configuration. The host's own resolver may well be this very server, which
// hasn't any data yet.
func (h hosts) aws(c *config.Config) func(context.Context, string) ([]netip.Addr, error) {
	upstreams := awsResolvers(c)
	return func(ctx context.Context, host string) ([]netip.Addr, error) { return h.addresses(ctx, upstreams, host) }
}

// awsResolvers returns who is asked for the hosts of AWS.
func awsResolvers(c *config.Config) []string {
	upstreams := []string{vpcResolver}
	for _, f := range c.Forward {
		if f.Zone == "." {
			upstreams = upstreamTexts(f.Upstreams)
			if f.Views.All {
				break
			}
		}
	}
	return upstreams
}

// addresses asks upstreams for the IPv4 addresses of a host. (All endpoints of AWS have
// some.)
func (h hosts) addresses(ctx context.Context, upstreams []string, host string) ([]netip.Addr, error) {
	name, err := zone.ParseName(strings.ToLower(host))
	if err != nil {
		return nil, fmt.Errorf("%q: %w", host, err)
	}
	group, err := h.forwarder.Group(forward.GroupSpec{Upstreams: upstreams})
	if err != nil {
		return nil, err
	}
	defer h.forwarder.Release(group)
	message, err := h.forwarder.Resolve(ctx, group, &forward.Question{Name: name, Type: zone.TypeA})
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

// alias asks upstreams for the records of one type of a name, at the end of CNAMEs. The
// zero RRset says that there are none.
func (h hosts) alias(ctx context.Context, upstreams []string, name []byte, rrtype uint16) (zone.RRset, error) {
	group, err := h.forwarder.Group(forward.GroupSpec{Upstreams: upstreams})
	if err != nil {
		return zone.RRset{}, err
	}
	defer h.forwarder.Release(group)
	message, err := h.forwarder.Resolve(ctx, group, &forward.Question{Name: name, Type: rrtype})
	if err != nil {
		return zone.RRset{}, fmt.Errorf("resolving %s: %w", zone.String(name), err)
	}
	var rdata [][]byte
	for _, data := range message.Data(rrtype) {
		rdata = append(rdata, slices.Clone(data))
	}
	if len(rdata) == 0 {
		return zone.RRset{}, nil
	}
	slices.SortFunc(rdata, slices.Compare)
	return zone.NewRecords(rrtype, transfer.TargetTTL, rdata...)
}

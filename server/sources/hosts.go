package sources

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"inside53/resolver/forward"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/server/config"
)

// vpcResolver is Amazon's resolver, at the same address in every VPC. It resolves
// the hosts of AWS where nothing else is configured to.
const vpcResolver = "169.254.169.253"

// Hosts resolves the names that the program itself needs.
type Hosts struct{ Forwarder *forward.Forwarder }

// aws returns how the hosts of AWS are resolved: by the default forwarder of
// the configuration. The host's own resolver may well be this very server, which
// hasn't any data yet.
func (h Hosts) aws(c *config.Config) func(context.Context, string) ([]netip.Addr, error) {
	upstreams := AWSResolvers(c)
	return func(ctx context.Context, host string) ([]netip.Addr, error) { return h.Addresses(ctx, upstreams, host) }
}

// AWSResolvers returns who is asked for the hosts of AWS.
func AWSResolvers(c *config.Config) []string {
	upstreams := rootUpstreams(c)
	if len(upstreams) == 0 {
		return []string{vpcResolver}
	}
	return upstreams
}

// Addresses asks upstreams for the IPv4 addresses of a host. (All endpoints of AWS have
// some.)
func (h Hosts) Addresses(ctx context.Context, upstreams []string, host string) ([]netip.Addr, error) {
	name, err := zone.ParseName(strings.ToLower(host))
	if err != nil {
		return nil, fmt.Errorf("%q: %w", host, err)
	}
	group, err := h.Forwarder.Group(forward.GroupSpec{Upstreams: upstreams})
	if err != nil {
		return nil, err
	}
	defer h.Forwarder.Release(group)
	message, err := h.Forwarder.Resolve(ctx, group, &forward.Question{Name: name, Type: zone.TypeA})
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

// Alias returns what asks upstreams for the records of one type of a name, at the end of CNAMEs. They
// get the given TTL. The zero RRset says that there are none.
func (h Hosts) Alias(ttl uint32) func(context.Context, []string, []byte, uint16) (zone.RRset, error) {
	return func(ctx context.Context, upstreams []string, name []byte, rrtype uint16) (zone.RRset, error) {
		message, err := h.ask(ctx, upstreams, name, rrtype)
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
		return zone.NewRecords(rrtype, ttl, rdata...)
	}
}

// ask asks upstreams.
func (h Hosts) ask(ctx context.Context, upstreams []string, name []byte, rrtype uint16) (*forward.Message, error) {
	group, err := h.Forwarder.Group(forward.GroupSpec{Upstreams: upstreams})
	if err != nil {
		return nil, err
	}
	defer h.Forwarder.Release(group)
	return h.Forwarder.Resolve(ctx, group, &forward.Question{Name: name, Type: rrtype})
}

// errNobodyToAsk says that nobody is asked for names outside.
var errNobodyToAsk = errors.New("no forwarder of \".\"")

// ExistsOutside asks the forwarder of "." of a configuration whether a name exists.
func (h Hosts) ExistsOutside(ctx context.Context, c *config.Config, name []byte) (bool, error) {
	upstreams := rootUpstreams(c)
	if len(upstreams) == 0 {
		return false, errNobodyToAsk
	}
	m, err := h.ask(ctx, upstreams, name, zone.TypeA)
	if err != nil {
		return false, err
	}
	return m.Rcode != wire.RcodeNXDomain, nil
}

// rootUpstreams returns whom the forwarder of "." asks: the first, or that of all views.
func rootUpstreams(c *config.Config) []string {
	var upstreams []string
	for _, f := range c.Forward {
		if f.Zone == "." && (len(upstreams) == 0 || f.Views.All) {
			upstreams = upstreamTexts(f.Upstreams)
		}
	}
	return upstreams
}

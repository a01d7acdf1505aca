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

	"github.com/miekg/dns"
)

// vpcResolver is Amazon's resolver, at the same address in every VPC. It resolves
// the hosts of AWS where nothing else is configured to.
const vpcResolver = "169.254.169.253"

// hosts resolves names of hosts that the program itself has to reach.
type hosts struct{ forwarder *forward.Forwarder }

// aws returns how the hosts of AWS are resolved: by the default forwarder of
// the configuration. The host's own resolver may well be this very server, which
// hasn't any data yet.
func (h hosts) aws(c *config.Config) func(context.Context, string) ([]netip.Addr, error) {
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
		name, err := zone.ParseName(strings.ToLower(host))
		if err != nil {
			return nil, fmt.Errorf("%q: %w", host, err)
		}
		return h.lookup(ctx, upstreams, name)
	}
}

// lookup asks upstreams for the IPv4 addresses of a host. (All endpoints of AWS have some.)
func (h hosts) lookup(ctx context.Context, upstreams []string, name []byte) ([]netip.Addr, error) {
	group, err := h.forwarder.Group(forward.GroupSpec{Upstreams: upstreams})
	if err != nil {
		return nil, err
	}
	type reply struct {
		message *forward.Message
		err     error
	}
	replies := make(chan reply, 1)
	question := forward.Question{Name: name, Type: zone.TypeA}
	err = h.forwarder.Ask(group, &question, netip.Addr{}, func(m *forward.Message, err error) { replies <- reply{m, err} })
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", group, err)
	}
	var r reply
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r = <-replies:
	}
	if r.message == nil {
		return nil, fmt.Errorf("asking %s: %w", group, r.err)
	}
	var addrs []netip.Addr
	for _, rr := range r.message.RRs[:r.message.Answers] {
		if rr.Type == zone.TypeA {
			addrs = append(addrs, netip.AddrFrom4([4]byte(r.message.Body[rr.TTLOff+6:])))
		}
	}
	if rcode := int(r.message.Rcode); rcode != dns.RcodeSuccess && rcode != dns.RcodeNameError {
		// What an upstream says, or what stands for one that says nothing.
		return nil, fmt.Errorf("no usable answer (%s) for %s from %s, the forwarder for \".\"; is it reachable from here?", dns.RcodeToString[rcode], zone.String(name), group)
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
	type reply struct {
		message *forward.Message
		err     error
	}
	replies := make(chan reply, 1)
	question := forward.Question{Name: name, Type: rrtype}
	err = h.forwarder.Ask(group, &question, netip.Addr{}, func(m *forward.Message, err error) { replies <- reply{m, err} })
	if err != nil {
		return zone.RRset{}, err
	}
	var r reply
	select {
	case <-ctx.Done():
		return zone.RRset{}, ctx.Err()
	case r = <-replies:
	}
	switch {
	case r.message == nil:
		return zone.RRset{}, fmt.Errorf("asking for %s: %w", zone.String(name), r.err)
	case r.message.Flags&forward.IsFailure != 0:
		return zone.RRset{}, errors.New("the upstream has no answer")
	}
	var rdata [][]byte
	for _, rr := range r.message.RRs[:r.message.Answers] {
		if rr.Type != rrtype {
			continue
		}
		at := int(rr.TTLOff) + 6
		size := int(r.message.Body[at-2])<<8 | int(r.message.Body[at-1])
		rdata = append(rdata, slices.Clone(r.message.Body[at:at+size]))
	}
	if len(rdata) == 0 {
		return zone.RRset{}, nil
	}
	slices.SortFunc(rdata, slices.Compare)
	return zone.NewRecords(rrtype, transfer.TargetTTL, rdata...)
}

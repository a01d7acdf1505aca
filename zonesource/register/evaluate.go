package register

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/update"
)

func refuse(format string, args ...any) update.Result {
	return update.Result{Rcode: update.Refused, Text: fmt.Sprintf(format, args...)}
}

// found is the instance of a client.
type found struct{ host *zonesource.Host }

// has reports whether an address is one of the instance's own.
func (f found) has(addr netip.Addr) bool {
	return addr == f.host.Private || addr == f.host.Public || slices.Contains(f.host.IPv6, addr)
}

// instance finds the one running instance of the client's view whose primary private address a
// client has.
func (s *Source) instance(client netip.Addr) (found, update.Result) {
	vpcs, all := s.options.VPCs(client)
	var hosts []*zonesource.Host
	within := false
	for _, r := range s.options.Regions() {
		for _, h := range r.Hosts {
			same := slices.ContainsFunc(hosts, func(o *zonesource.Host) bool { return o.Instance == h.Instance })
			if h.Private == client && (all || slices.Contains(vpcs, h.VPC)) && !same {
				hosts = append(hosts, h)
			}
		}
		for _, v := range r.VPCs {
			within = within || (all || slices.Contains(vpcs, v.ID)) &&
				slices.ContainsFunc(v.CIDRs, func(p netip.Prefix) bool { return p.Contains(client) })
		}
	}
	switch {
	case len(hosts) == 1:
		return found{hosts[0]}, update.Result{}
	case len(hosts) > 1:
		return found{}, refuse("%s is the address of %d instances; which one asks is not clear", client, len(hosts))
	case within:
		return found{}, update.Result{Rcode: update.ServFail,
			Text: fmt.Sprintf("no running instance with the primary address %s is known yet; try again", client)}
	}
	return found{}, refuse("%s is the primary private address of no instance of the view", client)
}

// evaluate holds a message against what is registered, and returns what there would be.
func (s *Source) evaluate(in found, r request) (map[string]entry, update.Result) {
	if isReverse(r.apex) {
		return s.names, s.reverse(in, r)
	}
	grants := slices.DeleteFunc(slices.Clone(s.options.Grants),
		func(g Grant) bool { return !bytes.Equal(g.Apex, r.apex) })
	if len(grants) == 0 {
		return nil, update.Result{Rcode: update.NotAuth, Text: "no names are registered in that zone without a key"}
	}
	result := s.prerequisites(in, r.message.Prerequisites)
	if result.Rcode != update.NoError {
		return nil, result
	}
	next := maps.Clone(s.names)
	for i := range r.message.Updates {
		u := &r.message.Updates[i]
		if !allows(grants, u.Name, in.host.Instance) {
			return nil, refuse("an instance may not have the name %s", zone.String(u.Name))
		}
		owners, taken := s.options.Taken(u.Name)
		owner, registered := next[string(u.Name)]
		switch {
		case registered && owner.Instance != in.host.Instance:
			return nil, refuse("%s is the name of %s", zone.String(u.Name), owner.Instance)
		case !registered && taken && !slices.Equal(owners, []string{in.host.Instance}):
			return nil, refuse("%s is the name of another", zone.String(u.Name))
		case u.Class != update.ClassIN:
			result = s.remove(in, next, u)
		default:
			result = s.add(in, r.apex, next, u)
		}
		if result.Rcode != update.NoError {
			return nil, result
		}
	}
	count := 0
	for _, e := range next {
		if e.Instance == in.host.Instance {
			count++
		}
	}
	if count > mostNames {
		return nil, refuse("an instance has at most %d names", mostNames)
	}
	return next, update.Result{}
}

// add gives the instance a name.
func (s *Source) add(in found, apex []byte, next map[string]entry, u *update.Record) update.Result {
	if u.Type != zone.TypeA && u.Type != zone.TypeAAAA {
		return refuse("without a key there are A and AAAA records alone")
	}
	addr, ok := netip.AddrFromSlice(u.Data)
	if !ok || !in.has(addr) {
		return refuse("%s is no address of %s", addr, in.host.Instance)
	}
	if _, stays := zonesource.RegisteredOwner(apex, u.Name); !stays {
		return refuse("%s is too long a name", zone.String(u.Name))
	}
	_, has := next[string(u.Name)]
	if !has {
		next[string(u.Name)] = entry{Apex: apex, Name: bytes.Clone(u.Name), Instance: in.host.Instance, At: time.Now()}
	}
	return update.Result{}
}

// remove takes a name from the instance: all of it, or with its last address. To take away the
// address of one family alone takes nothing: the name is of the instance. Nor does an address
// that the name doesn't have (RFC 2136 section 3.4.2.4).
func (s *Source) remove(in found, next map[string]entry, u *update.Record) update.Result {
	if u.Class == update.ClassNone {
		addr, ok := netip.AddrFromSlice(u.Data)
		if !ok || !in.has(addr) {
			return update.Result{}
		}
	}
	switch {
	case u.Class == update.ClassAny && u.Type == zone.TypeANY, u.Type == zone.TypeA:
		delete(next, string(u.Name))
	case u.Type == zone.TypeAAAA && !in.host.Private.Is4():
		delete(next, string(u.Name))
	}
	return update.Result{}
}

// prerequisites holds prerequisites against the names that there are (RFC 2136 section 3.2).
func (s *Source) prerequisites(in found, all []update.Record) update.Result {
	for i := range all {
		p := &all[i]
		owner, exists := s.names[string(p.Name)]
		_, taken := s.options.Taken(p.Name)
		exists = exists || taken
		if p.Type != zone.TypeANY && p.Type != zone.TypeA && p.Type != zone.TypeAAAA {
			exists = false // a registered name has nothing else
		}
		switch {
		case p.Class == update.ClassNone && exists && p.Type == zone.TypeANY:
			return update.Result{Rcode: update.YXDomain}
		case p.Class == update.ClassNone && exists:
			return update.Result{Rcode: update.YXRRset}
		case p.Class == update.ClassAny && !exists && p.Type == zone.TypeANY:
			return update.Result{Rcode: update.NXDomain}
		case p.Class == update.ClassAny && !exists:
			return update.Result{Rcode: update.NXRRset}
		case p.Class == update.ClassIN:
			addr, ok := netip.AddrFromSlice(p.Data)
			if !ok || owner.Instance != in.host.Instance || !in.has(addr) {
				return update.Result{Rcode: update.NXRRset}
			}
		}
	}
	return update.Result{}
}

// allows reports whether grants let an instance have a name.
func allows(grants []Grant, name []byte, instance string) bool {
	text := zone.String(name)
	for _, g := range grants {
		for _, p := range g.Names {
			suffix := "." + zone.String(g.Apex)
			pattern := strings.ReplaceAll(string(p), "{id}", strings.ToLower(instance)) + suffix
			below, wide := strings.CutPrefix(pattern, "*")
			if text == pattern && !wide || wide && strings.HasSuffix(text, below) && len(text) > len(below) {
				return true
			}
		}
	}
	return false
}

// isReverse reports whether a zone is one of reverse names.
func isReverse(apex []byte) bool {
	return zone.IsSubdomain(apex, zone.MustName("in-addr.arpa.")) || zone.IsSubdomain(apex, zone.MustName("ip6.arpa."))
}

// reverse answers an update of reverse names: those of instances come by themselves, so what
// would say the same has nothing to do.
func (s *Source) reverse(in found, r request) update.Result {
	for i := range r.message.Updates {
		u := &r.message.Updates[i]
		own := slices.ContainsFunc(append([]netip.Addr{in.host.Private, in.host.Public}, in.host.IPv6...),
			func(a netip.Addr) bool { return a.IsValid() && bytes.Equal(u.Name, zonesource.ReverseName(a)) })
		if !own {
			return refuse("%s is not the reverse name of %s", zone.String(u.Name), in.host.Instance)
		}
		if u.Class != update.ClassIN {
			continue
		}
		target := bytes.Clone(u.Data)
		zone.Lower(target)
		if u.Type != zone.TypePTR || s.names[string(target)].Instance != in.host.Instance {
			return refuse("a reverse name has a registered name of %s, which comes by itself", in.host.Instance)
		}
	}
	return update.Result{}
}

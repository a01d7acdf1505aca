package zonesource

import (
	"net/netip"
	"slices"
	"strings"

	"inside53/resolver/zone"
)

// amazonService is what the interfaces of a service come to.
type amazonService struct {
	kind   zone.ServiceKind
	id     string // for people
	of     string // what tells two of one name apart
	twice  bool   // they are: nobody knows which one is meant
	v4, v6 []zone.InstanceAddress
}

// services are the names of AWS services that the interfaces of all regions tell, by their
// keys: load balancers, and where availability zones matter file systems and endpoints
// besides.
func (c *Compiled) services() map[string]*zone.Service {
	cfg := &c.in.cfg
	vpcs := make(map[string]uint32, len(c.networks))
	for i := range c.networks {
		vpcs[c.networks[i].ID] = uint32(i)
	}
	found := map[string]*amazonService{}
	cross := map[string]bool{}
	for _, p := range c.in.regions {
		seen := map[string]bool{}
		for _, f := range p.Region.Interfaces {
			if f.Service == "" { // nearly all
				continue
			}
			key, one := serviceOf(p.Region, f)
			if one.kind == zone.NoService || cfg.Affinity == zone.NoAffinity && one.kind.Zonal() &&
				one.kind != zone.NetworkBalancer {
				continue
			}
			s := found[key]
			if s == nil {
				s = &one
				found[key] = s
			}
			s.twice = s.twice || s.of != one.of
			if seen[f.ID+f.Private.String()] {
				continue
			}
			seen[f.ID+f.Private.String()] = true
			m := zone.InstanceAddress{ID: []byte(f.ID), VPC: vpcs[f.VPC], Zone: c.places.of(f.Subnet),
				KeepsPublic: !cfg.LoadBalancers}
			s.add(f, m)
		}
		for _, id := range p.Region.CrossZone {
			cross[id] = true
		}
	}
	out := make(map[string]*zone.Service, len(found))
	for key, s := range found {
		if !s.twice {
			out[key] = s.make(seconds(cfg.TranslatedTTL), cross[s.id])
		}
	}
	return out
}

// serviceOf returns the key of the service that an interface is of, and what it is.
func serviceOf(r *Region, f *Interface) (string, amazonService) {
	kind, id, _ := strings.Cut(f.Service, " ")
	domain := "amazonaws.com."
	if strings.HasPrefix(r.Name, "cn-") {
		domain = "amazonaws.com.cn."
	}
	var s amazonService
	text := ""
	switch kind {
	case "efs":
		s, text = amazonService{kind: zone.FileSystem, id: id}, id+".efs."+r.Name+"."+domain
	case "nlb":
		s, text = amazonService{kind: zone.NetworkBalancer, id: id}, id+".elb."+r.Name+"."+domain
	case "vpce":
		s, text = amazonService{kind: zone.Endpoint, id: id}, id+"."+r.Name+".vpce."+domain
	case "alb", "clb":
		name, _, _ := strings.Cut(id, "/")
		s = amazonService{kind: zone.Balancer, id: name, of: r.AccountID + "/" + f.Service}
		text = name + "." + r.Name + ".elb." + domain
	}
	name, err := zone.ParseName(strings.ToLower(text))
	if err != nil || text == "" {
		return "", amazonService{}
	}
	return string(name), s
}

// add adds the addresses of an interface; m is it, without them.
func (s *amazonService) add(f *Interface, m zone.InstanceAddress) {
	for _, addr := range f.IPv6 {
		six := m
		six.Public = addr
		if addr.IsPrivate() {
			six.Private, six.Public = addr, netip.Addr{}
		}
		s.v6 = append(s.v6, six)
	}
	if f.Private.Is4() {
		m.Private, m.Public = f.Private, f.Public
		s.v4 = append(s.v4, m)
	}
}

// make packs the addresses. More than an answer has room for are none.
func (s *amazonService) make(ttl uint32, crossZone bool) *zone.Service {
	out := &zone.Service{Kind: s.kind, ID: s.id, CrossZone: crossZone}
	pack := func(rrtype uint16, members []zone.InstanceAddress) zone.RRset {
		if len(members) == 0 {
			return zone.RRset{}
		}
		set, err := zone.NewInstances(rrtype, ttl, members)
		if err != nil {
			return zone.RRset{}
		}
		return set
	}
	out.V4, out.V6 = pack(zone.TypeA, s.v4), pack(zone.TypeAAAA, s.v6)
	return out
}

// amazonNames are the names at and below which the names of AWS services are computed, where
// availability zones matter.
func (c *Compiled) amazonNames() [][]byte {
	var out [][]byte
	if c.in.cfg.Affinity == zone.NoAffinity {
		return nil
	}
	for _, p := range c.in.regions {
		domain := "amazonaws.com."
		if strings.HasPrefix(p.Region.Name, "cn-") {
			domain = "amazonaws.com.cn."
		}
		for _, under := range []string{"efs." + p.Region.Name, "elb." + p.Region.Name, p.Region.Name + ".vpce"} {
			name, err := zone.ParseName(under + "." + domain)
			if err == nil && !slices.ContainsFunc(out, func(n []byte) bool { return string(n) == string(name) }) {
				out = append(out, name)
			}
		}
	}
	return out
}

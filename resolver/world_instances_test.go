package resolver

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// placed is a subnet of a scenario.
type placed struct {
	vpc string
	zone.Subnet
}

// az returns the number of an availability zone, 0 for "".
func (w *world) az(name string) uint16 {
	if name == "" {
		return 0
	}
	i := slices.Index(w.azs, name)
	if i < 0 {
		i = len(w.azs)
		w.azs = append(w.azs, name)
	}
	return uint16(i + 1)
}

func (w *world) addSubnet(b *block) {
	w.Helper()
	for _, c := range list(b.option("cidrs")) {
		w.places = append(w.places, placed{b.option("vpc"),
			zone.Subnet{Prefix: netip.MustParsePrefix(c), Zone: w.az(b.option("zone"))}})
	}
}

func subnetsOf(all []placed, which func(placed) bool) []zone.Subnet {
	var out []zone.Subnet
	for _, p := range all {
		if which(p) {
			out = append(out, p.Subnet)
		}
	}
	return out
}

// member is the instance of an interface.
func (w *world) member(f *zone.Interface) zone.InstanceAddress {
	return zone.InstanceAddress{ID: []byte(f.OwnerID), VPC: f.VPC, Private: f.Private, Public: f.Public,
		Zone: w.in[f.ID], KeepsPublic: f.Owner == zone.OtherOwner}
}

// addService takes "service KIND NAME INTERFACE .. [cross]".
func (w *world) addService(b *block) {
	w.Helper()
	kinds := map[string]zone.ServiceKind{"efs": zone.FileSystem, "nlb": zone.NetworkBalancer, "vpce": zone.Endpoint,
		"balancer": zone.Balancer}
	s := &zone.Service{Kind: kinds[b.words[1]], ID: b.words[2]}
	var v4, v6 []zone.InstanceAddress
	for _, word := range b.words[3:] {
		if word == "cross" {
			s.CrossZone = true
			continue
		}
		i := slices.IndexFunc(w.ifaces, func(f zone.Interface) bool { return f.ID == word })
		if i < 0 {
			w.Fatalf("line %d: no interface %s", b.line, word)
		}
		m := w.member(&w.ifaces[i])
		m.ID, m.KeepsPublic = []byte(word), true
		v4 = append(v4, m)
		if six := w.ifaces[i].IPv6; six.IsValid() {
			m.Private, m.Public = netip.Addr{}, six
			v6 = append(v6, m)
		}
	}
	var err error
	s.V4, err = zone.NewInstances(dns.TypeA, 30, v4)
	if err == nil && len(v6) > 0 {
		s.V6, err = zone.NewInstances(dns.TypeAAAA, 30, v6)
	}
	if err != nil {
		w.Fatalf("line %d: %v", b.line, err)
	}
	w.services[string(zone.ServiceKey(nil, zone.MustName(b.words[2])))] = s
}

// putServers puts "srv OWNER PORT TARGET INTERFACE ..": instances that serve something.
func (w *world) putServers(z *zoneBuilder, words []string) {
	w.Helper()
	var members []zone.InstanceAddress
	for _, word := range words[4:] {
		i := slices.IndexFunc(w.ifaces, func(f zone.Interface) bool { return f.ID == word })
		m := w.member(&w.ifaces[i])
		m.Rdata = binary.BigEndian.AppendUint16(make([]byte, 4), uint16(number(w.TB, words[2])))
		m.Rdata = append(m.Rdata, zone.MustName(words[3])...)
		members = append(members, m)
	}
	s, err := zone.NewInstances(dns.TypeSRV, 30, members)
	z.check(err)
	z.put(words[1], s)
}

// clientZone is the zone of a client, from the words of the view: by the subnets of its VPCs,
// else by those of others that don't overlap with them; none where it isn't unique.
func (w *world) clientZone(view int, client netip.Addr) uint16 {
	own := list(w.views[view].option("vpcs"))
	best := func(all []placed) (zone.Subnet, bool) {
		var found zone.Subnet
		for _, p := range all {
			switch {
			case !p.Prefix.Contains(client) || found.Prefix.IsValid() && found.Prefix.Bits() > p.Prefix.Bits():
			case found.Prefix == p.Prefix && found.Zone != p.Zone:
				found.Zone = 0
			default:
				found = p.Subnet
			}
		}
		return found, found.Prefix.IsValid()
	}
	var ours, others []placed
	for _, p := range w.places {
		if slices.Contains(own, p.vpc) {
			ours = append(ours, p)
		}
	}
	for _, p := range w.places {
		overlaps := slices.ContainsFunc(ours, func(o placed) bool { return o.Prefix.Overlaps(p.Prefix) })
		if !slices.Contains(own, p.vpc) && !overlaps {
			others = append(others, p)
		}
	}
	found, ok := best(ours)
	if !ok {
		found, _ = best(others)
	}
	return found.Zone
}

// unwell takes "unwell INSTANCE=WHAT ..": what is wrong, with _ for blanks.
func (w *world) unwell(b *block) {
	sick := map[string]string{}
	for _, word := range b.words[1:] {
		id, what, _ := strings.Cut(word, "=")
		sick[id] = strings.ReplaceAll(what, "_", " ")
	}
	w.resolver.PublishSick(sick)
}

// narrowed says in words what health and zones leave of the members that a view reaches: the
// healthy ones, where some are, and of these those of the client's zone, where some are and
// others may be left out.
func narrowed[M any](all []M, isSick, isNear func(M) bool, alone bool) []M {
	keep := func(wants func(M) bool) {
		if slices.ContainsFunc(all, wants) {
			all = slices.DeleteFunc(slices.Clone(all), func(m M) bool { return !wants(m) })
		}
	}
	keep(func(m M) bool { return !isSick(m) })
	if alone {
		keep(isNear)
	}
	return all
}

// putInstances puts "tag NAME INTERFACE ..": the instances that have these interfaces. One
// that isn't in the inventory is VPC/ADDRESS.
func (w *world) putInstances(z *zoneBuilder, words []string) {
	w.Helper()
	sets := map[uint16][]zone.InstanceAddress{}
	for _, word := range words[2:] {
		var m zone.InstanceAddress
		i := slices.IndexFunc(w.ifaces, func(f zone.Interface) bool { return f.ID == word })
		vpc, addr, alone := strings.Cut(word, "/")
		switch {
		case i >= 0:
			f := &w.ifaces[i]
			m = w.member(f)
		case alone:
			m = zone.InstanceAddress{ID: []byte("i-" + addr), VPC: w.vpc(z.block, vpc), Private: netip.MustParseAddr(addr)}
			if !m.Private.IsPrivate() {
				m.Private, m.Public = netip.Addr{}, m.Private
			}
		default:
			w.Fatalf("zone at line %d: no interface %s", z.block.line, word)
		}
		rrtype := zone.TypeA
		if m.Private.Is6() || m.Public.Is6() {
			rrtype = zone.TypeAAAA
		}
		sets[rrtype] = append(sets[rrtype], m)
	}
	for rrtype, members := range sets {
		s, err := zone.NewInstances(rrtype, 30, members)
		z.check(err)
		z.put(words[1], s)
	}
}

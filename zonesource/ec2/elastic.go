package ec2

import (
	"bytes"
	"context"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"inside53/zonesource"
	"inside53/zonesource/breath"
)

// elasticIP is one, as it is written: where it is at an interface, or at an instance.
type elasticIP struct{ public, card, instance, private string }

// elasticOf returns the elastic IPs. A page of them is read as it stands, without being decoded, where it is what EC2
// writes.
func (l *listing) elasticOf(ctx context.Context, pages lazy[types.Address]) ([]elasticIP, error) {
	var all []elasticIP
	for i := range pages {
		p := &pages[i]
		before := len(all)
		if p.raw != nil && addressForm.eachItem(p.raw, func(from, to int) bool {
			e, ok := elasticIn(p.raw[from:to])
			all = append(all, e)
			return ok
		}) {
			continue
		}
		all = all[:before]
		some, err := p.get(ctx)
		if err != nil {
			return nil, err
		}
		for k := range some {
			a := &some[k]
			all = append(all, elasticIP{aws.ToString(a.PublicIp), aws.ToString(a.NetworkInterfaceId),
				aws.ToString(a.InstanceId), aws.ToString(a.PrivateIpAddress)})
		}
	}
	return all, nil
}

// elasticIn reads an item of a page. It isn't ok where an element is there and isn't written as EC2 writes it.
func elasticIn(item []byte) (e elasticIP, ok bool) {
	ok = true
	for _, one := range []struct {
		name string
		to   *string
	}{
		{"publicIp", &e.public}, {"networkInterfaceId", &e.card}, {"instanceId", &e.instance},
		{"privateIpAddress", &e.private},
	} {
		text, found := element(item, one.name)
		ok = ok && bytes.IndexByte(text, '&') < 0 && (found || !bytes.Contains(item, []byte("<"+one.name)))
		*one.to = string(text)
	}
	return e, ok && e.public != "" // a carrier address is read by others
}

// settled is what became of public addresses that an interface and others claim.
type settled struct {
	moved     map[int]netip.Addr // what interfaces, by their places, claim themselves, where others have it
	corrected map[string]bool    // the ids of these
}

// settle makes each public address belong to one interface. The elastic IPs have
// been listed after the interfaces, so what they say of an address is newer. Of
// other addresses that two interfaces claim, one of them listed before and one after
// the move, the later claim stays.
func settle(interfaces []*zonesource.Interface, elastic []elasticIP) settled {
	s := settled{moved: map[int]netip.Addr{}, corrected: map[string]bool{}}
	give := func(at int, public netip.Addr) {
		f := interfaces[at]
		if f.Public == public {
			return
		}
		if _, again := s.moved[at]; !again {
			s.moved[at] = f.Public
		}
		interfaces[at] = f.WithPublic(public)
	}
	owner, order := owners(interfaces, elastic)
	var pace breath.Pace
	for i, f := range interfaces {
		pace.Step()
		if !f.Public.IsValid() {
			continue
		}
		if at, isElastic := owner[f.Public]; isElastic && at != i {
			give(i, netip.Addr{})
		}
	}
	for _, public := range order {
		if owner[public] >= 0 {
			give(owner[public], public)
		}
	}
	claimed := map[netip.Addr]bool{}
	for i := len(interfaces) - 1; i >= 0; i-- {
		pace.Step()
		public := interfaces[i].Public
		if !public.IsValid() {
			continue
		}
		if claimed[public] {
			give(i, netip.Addr{})
		}
		claimed[public] = true
	}
	for at, claim := range s.moved {
		if interfaces[at].Public == claim {
			delete(s.moved, at)
			continue
		}
		s.corrected[interfaces[at].ID] = true
	}
	return s
}

// owners returns the place of the interface that each elastic IP is at, -1 for none, and their order.
func owners(interfaces []*zonesource.Interface, elastic []elasticIP) (owner map[netip.Addr]int, order []netip.Addr) {
	owner = make(map[netip.Addr]int, len(elastic))
	order = make([]netip.Addr, 0, len(elastic))
	var pace breath.Pace
	for i := range elastic {
		e := &elastic[i]
		pace.Step()
		public, err := netip.ParseAddr(e.public)
		if err != nil {
			continue // a carrier or customer-owned address: no public one
		}
		at := placeOf(interfaces, e.card, e.private)
		if at < 0 { // an instance that tells of no interface; see cardsOf
			at = placeOf(interfaces, e.instance, e.private)
		}
		owner[public] = at // -1 is free, or at an interface that is too new for us
		order = append(order, public)
	}
	return owner, order
}

// placeOf is the place of the interface of an id that has a private address, as it is written; "" is its first one. It
// is -1 for none.
func placeOf(interfaces []*zonesource.Interface, id, private string) int {
	from, to := zonesource.PlacesOf(interfaces, id, zonesource.InterfaceID)
	if private == "" && from < to {
		return from
	}
	for i := to - 1; i >= from; i-- {
		if interfaces[i].Private.String() == private {
			return i
		}
	}
	return -1
}

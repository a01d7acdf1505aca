package ec2

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"inside53/zonesource"
)

// interfaces takes each private address of each interface, primary first.
func (l *listing) interfaces(cards []types.NetworkInterface) []zonesource.Interface {
	all := make([]zonesource.Interface, 0, len(cards))
	for i := range cards {
		all = l.appendInterfaces(all, &cards[i])
	}
	slices.SortStableFunc(all, func(a, b zonesource.Interface) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

func (l *listing) appendInterfaces(all []zonesource.Interface, card *types.NetworkInterface) []zonesource.Interface {
	id := aws.ToString(card.NetworkInterfaceId)
	common := zonesource.Interface{
		ID:      id,
		VPC:     aws.ToString(card.VpcId),
		Subnet:  aws.ToString(card.SubnetId),
		Managed: aws.ToBool(card.RequesterManaged),
	}
	if card.Attachment != nil {
		common.Instance = aws.ToString(card.Attachment.InstanceId)
	}
	first := len(all)
	for i := range card.PrivateIpAddresses {
		a := &card.PrivateIpAddresses[i]
		f := common
		f.Private = l.addr(id, a.PrivateIpAddress)
		if !f.Private.IsValid() {
			continue
		}
		if a.Association != nil {
			f.Public = l.addr(id, a.Association.PublicIp)
		}
		f.Balancer = l.balancers.of(card, f.Private, f.Public)
		if aws.ToBool(a.Primary) {
			all = slices.Insert(all, first, f)
		} else {
			all = append(all, f)
		}
	}
	ipv6 := l.ipv6(card)
	if len(all) == first && len(ipv6) > 0 { // an interface of an IPv6-only subnet
		common.Balancer = l.balancers.of(card)
		all = append(all, common)
	}
	if len(ipv6) > 0 {
		all[first].IPv6 = ipv6
	}
	return all
}

func (l *listing) ipv6(card *types.NetworkInterface) []netip.Addr {
	var all []netip.Addr
	for _, a := range card.Ipv6Addresses {
		addr := l.addr(aws.ToString(card.NetworkInterfaceId), a.Ipv6Address)
		if addr.IsValid() {
			all = append(all, addr)
		}
	}
	return all
}

// settle makes each public address belong to one interface. The elastic IPs have
// been listed after the interfaces, so what they say of an address is newer. Of
// other addresses that two interfaces claim, one of them listed before and one after
// the move, the later claim stays.
func settle(interfaces []zonesource.Interface, elastic []types.Address) {
	type place struct {
		id      string
		private string
	}
	places := make(map[place]int, len(interfaces))
	for i := range interfaces {
		f := &interfaces[i]
		places[place{f.ID, f.Private.String()}] = i
		if _, taken := places[place{f.ID, ""}]; !taken {
			places[place{f.ID, ""}] = i // for an elastic IP without a private address
		}
	}
	owner := make(map[netip.Addr]int, len(elastic))
	for i := range elastic {
		public, err := netip.ParseAddr(aws.ToString(elastic[i].PublicIp))
		if err != nil {
			continue // a carrier or customer-owned address: no public one
		}
		at, here := places[place{aws.ToString(elastic[i].NetworkInterfaceId), aws.ToString(elastic[i].PrivateIpAddress)}]
		if !here {
			at = -1 // free, or at an interface that is too new for us
		}
		owner[public] = at
	}
	for i := range interfaces {
		public := interfaces[i].Public
		if at, isElastic := owner[public]; isElastic && at != i {
			interfaces[i].Public = netip.Addr{}
		}
	}
	for public, at := range owner {
		if at >= 0 {
			interfaces[at].Public = public
		}
	}
	claimed := map[netip.Addr]bool{}
	for i := len(interfaces) - 1; i >= 0; i-- {
		public := interfaces[i].Public
		if public.IsValid() && claimed[public] {
			interfaces[i].Public = netip.Addr{}
		}
		claimed[public] = true
	}
}

// balancers tells the load balancers of interfaces.
type balancers struct {
	byAddress map[netip.Addr]string // name by the static addresses
}

// of returns the name of the load balancer that an interface belongs to, "" for
// none. Descriptions are only believed of interfaces that AWS made: anybody may
// write into one's own.
func (b balancers) of(card *types.NetworkInterface, addresses ...netip.Addr) string {
	balancer := false
	switch card.InterfaceType {
	case types.NetworkInterfaceTypeLoadBalancer, types.NetworkInterfaceTypeNetworkLoadBalancer, types.NetworkInterfaceTypeGatewayLoadBalancer:
		balancer = true
	}
	if !balancer && !aws.ToBool(card.RequesterManaged) {
		return ""
	}
	name := describedBalancer(aws.ToString(card.Description))
	if name != "" {
		return name
	}
	for _, a := range addresses {
		if b.byAddress[a] != "" {
			return b.byAddress[a]
		}
	}
	if balancer {
		return aws.ToString(card.NetworkInterfaceId) // whichever it is, it is one
	}
	return ""
}

// describedBalancer takes the name out of "ELB app/NAME/ID", "ELB net/NAME/ID",
// "ELB gwy/NAME/ID" or "ELB NAME", the last of a classic load balancer.
func describedBalancer(description string) string {
	text, ok := strings.CutPrefix(description, "ELB ")
	if !ok {
		return ""
	}
	parts := strings.Split(text, "/")
	if len(parts) == 3 {
		return parts[1]
	}
	if len(parts) == 1 {
		return strings.TrimSpace(text)
	}
	return ""
}

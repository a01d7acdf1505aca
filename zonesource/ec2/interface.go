package ec2

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"inside53/zonesource"
)

// interfaces takes each private address of each interface, primary first.
func (l *listing) interfaces(cards []types.NetworkInterface) []*zonesource.Interface {
	all := make([]*zonesource.Interface, 0, len(cards))
	for i := range cards {
		all = l.appendInterfaces(all, &cards[i])
	}
	slices.SortStableFunc(all, func(a, b *zonesource.Interface) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

func (l *listing) appendInterfaces(all []*zonesource.Interface, card *types.NetworkInterface) []*zonesource.Interface {
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
	if isOfAWS(card) {
		common.Service = describedService(aws.ToString(card.Description))
	}
	first := len(all)
	addresses := card.PrivateIpAddresses
	if len(addresses) == 0 && card.PrivateIpAddress != nil { // told of the interface alone
		addresses = []types.NetworkInterfacePrivateIpAddress{
			{PrivateIpAddress: card.PrivateIpAddress, Association: card.Association}}
	}
	atTop := publicAtTop(card)
	for i := range addresses {
		a := &addresses[i]
		f := common
		f.Private = l.addr(id, a.PrivateIpAddress)
		if !f.Private.IsValid() {
			continue
		}
		if a.Association != nil {
			f.Public = l.addr(id, a.Association.PublicIp)
		} else if atTop != nil && aws.ToString(a.PrivateIpAddress) == aws.ToString(card.PrivateIpAddress) {
			f.Public = l.addr(id, atTop)
		}
		f.Balancer = l.balancers.of(card, f.Private, f.Public)
		if aws.ToBool(a.Primary) {
			all = slices.Insert(all, first, &f)
		} else {
			all = append(all, &f)
		}
	}
	ipv6 := l.ipv6(card)
	if len(all) == first && len(ipv6) > 0 { // an interface of an IPv6-only subnet
		common.Balancer = l.balancers.of(card)
		all = append(all, &common)
	}
	if len(ipv6) > 0 {
		all[first].IPv6 = ipv6
	}
	if len(all) > first {
		all[first].Primary = isPrimary(card)
	}
	return all
}

// publicAtTop is the public address of an interface's first private one where it stands at the
// interface alone, as other makers of the API have it; nil for none. AWS has it at both.
func publicAtTop(card *types.NetworkInterface) *string {
	if card.Association == nil {
		return nil
	}
	for i := range card.PrivateIpAddresses {
		if card.PrivateIpAddresses[i].Association != nil {
			return nil
		}
	}
	return card.Association.PublicIp
}

// isPrimary reports whether an interface is the first of its instance.
func isPrimary(card *types.NetworkInterface) bool {
	at := card.Attachment
	return at != nil && aws.ToString(at.InstanceId) != "" && aws.ToInt32(at.DeviceIndex) == 0 &&
		aws.ToInt32(at.NetworkCardIndex) == 0
}

// cardsOf returns the interfaces that the instances themselves tell of, for a region in
// which none is ever listed: exports of the instances alone, and other makers of the API,
// have it so. An instance that tells of none has one, by its own id and addresses.
func cardsOf(reservations []types.Reservation) []types.NetworkInterface {
	var cards []types.NetworkInterface
	for i := range reservations {
		for j := range reservations[i].Instances {
			cards = appendCards(cards, &reservations[i].Instances[j])
		}
	}
	return cards
}

func appendCards(cards []types.NetworkInterface, host *types.Instance) []types.NetworkInterface {
	at := &types.NetworkInterfaceAttachment{InstanceId: host.InstanceId}
	publicly := func(ip *string) *types.NetworkInterfaceAssociation {
		return &types.NetworkInterfaceAssociation{PublicIp: ip}
	}
	if len(host.NetworkInterfaces) == 0 && host.PrivateIpAddress != nil {
		return append(cards, types.NetworkInterface{
			NetworkInterfaceId: host.InstanceId, VpcId: host.VpcId, SubnetId: host.SubnetId, Attachment: at,
			PrivateIpAddress: host.PrivateIpAddress, Association: publicly(host.PublicIpAddress),
		})
	}
	for i := range host.NetworkInterfaces {
		n := &host.NetworkInterfaces[i]
		at := &types.NetworkInterfaceAttachment{InstanceId: host.InstanceId, DeviceIndex: aws.Int32(int32(i))}
		if n.Attachment != nil {
			at.DeviceIndex, at.NetworkCardIndex = n.Attachment.DeviceIndex, n.Attachment.NetworkCardIndex
		}
		card := types.NetworkInterface{
			NetworkInterfaceId: n.NetworkInterfaceId, VpcId: cmp.Or(n.VpcId, host.VpcId),
			SubnetId: cmp.Or(n.SubnetId, host.SubnetId), Attachment: at,
			PrivateIpAddress: n.PrivateIpAddress,
		}
		if n.Association != nil {
			card.Association = publicly(n.Association.PublicIp)
		}
		for _, a := range n.PrivateIpAddresses {
			address := types.NetworkInterfacePrivateIpAddress{PrivateIpAddress: a.PrivateIpAddress, Primary: a.Primary}
			if a.Association != nil {
				address.Association = publicly(a.Association.PublicIp)
			}
			card.PrivateIpAddresses = append(card.PrivateIpAddresses, address)
		}
		for _, a := range n.Ipv6Addresses {
			card.Ipv6Addresses = append(card.Ipv6Addresses, types.NetworkInterfaceIpv6Address{Ipv6Address: a.Ipv6Address})
		}
		cards = append(cards, card)
	}
	return cards
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

// balancers tells the load balancers of interfaces.
type balancers struct {
	byAddress map[netip.Addr]string // name by the static addresses
}

// same reports whether two know the same of every interface.
func (b balancers) same(o balancers) bool { return maps.Equal(b.byAddress, o.byAddress) }

// of returns the name of the load balancer that an interface belongs to, "" for
// none. Descriptions are only believed of interfaces that AWS made: anybody may
// write into one's own.
func (b balancers) of(card *types.NetworkInterface, addresses ...netip.Addr) string {
	if !isOfAWS(card) {
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
	if isOfBalancer(card) {
		return aws.ToString(card.NetworkInterfaceId) // whichever it is, it is one
	}
	return ""
}

// isOfBalancer reports whether an interface is one of a load balancer by its type.
func isOfBalancer(card *types.NetworkInterface) bool {
	switch card.InterfaceType {
	case types.NetworkInterfaceTypeLoadBalancer, types.NetworkInterfaceTypeNetworkLoadBalancer,
		types.NetworkInterfaceTypeGatewayLoadBalancer:
		return true
	}
	return false
}

// isOfAWS reports whether AWS made an interface, and its description with it.
func isOfAWS(card *types.NetworkInterface) bool {
	return isOfBalancer(card) || card.InterfaceType == types.NetworkInterfaceTypeVpcEndpoint ||
		aws.ToBool(card.RequesterManaged)
}

// describedService takes what an interface is of out of its description, in the form of
// zonesource.Interface.Service: "EFS mount target for fs-0123 (fsmt-0123)",
// "VPC Endpoint Interface vpce-0123", and those of load balancers.
func describedService(description string) string {
	if text, ok := strings.CutPrefix(description, "EFS mount target for "); ok {
		id, _, _ := strings.Cut(text, " ")
		return "efs " + id
	}
	if id, ok := strings.CutPrefix(description, "VPC Endpoint Interface "); ok {
		return "vpce " + strings.TrimSpace(id)
	}
	text, ok := strings.CutPrefix(description, "ELB ")
	if !ok {
		return ""
	}
	parts := strings.Split(text, "/")
	switch {
	case len(parts) == 3 && parts[0] == "net":
		return "nlb " + parts[1] + "-" + parts[2]
	case len(parts) == 3 && parts[0] == "app":
		return "alb " + parts[1] + "/" + parts[2]
	case len(parts) == 1:
		return "clb " + strings.TrimSpace(text)
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

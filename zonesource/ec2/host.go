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

// address is a private address of a VPC.
type address struct {
	vpc     string
	private netip.Addr
}

// hosts takes the running instances with their names. Their public addresses are
// what the interfaces have, which have been listed later.
func (l *listing) hosts(reservations []types.Reservation, interfaces []zonesource.Interface) []zonesource.Host {
	public := make(map[address]netip.Addr, len(interfaces))
	for i := range interfaces {
		f := &interfaces[i]
		public[address{f.VPC, f.Private}] = f.Public
	}
	var all []zonesource.Host
	for i := range reservations {
		for j := range reservations[i].Instances {
			host, ok := l.host(&reservations[i].Instances[j])
			if !ok {
				continue
			}
			now, listed := public[address{host.VPC, host.Private}]
			if listed {
				host.Public = now
			}
			all = append(all, host)
		}
	}
	slices.SortFunc(all, func(a, b zonesource.Host) int { return cmp.Compare(a.Instance, b.Instance) })
	return all
}

func (l *listing) host(in *types.Instance) (host zonesource.Host, ok bool) {
	if in.State == nil || in.State.Name != types.InstanceStateNameRunning {
		return zonesource.Host{}, false
	}
	id := aws.ToString(in.InstanceId)
	host = zonesource.Host{
		Instance: id,
		VPC:      aws.ToString(in.VpcId),
		Names:    l.names(in),
		Private:  l.addr(id, in.PrivateIpAddress),
		Public:   l.addr(id, in.PublicIpAddress),
	}
	for _, card := range in.NetworkInterfaces {
		if card.Attachment == nil || aws.ToInt32(card.Attachment.DeviceIndex) != 0 ||
			aws.ToInt32(card.Attachment.NetworkCardIndex) != 0 {
			continue
		}
		for _, a := range card.Ipv6Addresses {
			addr := l.addr(id, a.Ipv6Address)
			if addr.IsValid() {
				host.IPv6 = append(host.IPv6, addr)
			}
		}
	}
	if !host.Private.IsValid() && len(host.IPv6) == 0 {
		l.problem(id, "runs, but has no address yet")
		return zonesource.Host{}, false
	}
	return host, true
}

// names are the names of an instance: those of the tag, or else the tag Name; and
// those of its security groups. Sources that Options.Names doesn't hold give none.
func (l *listing) names(in *types.Instance) []zonesource.HostName {
	wants := func(kind string) bool { return slices.Contains(l.o.Names, kind) }
	var all []zonesource.HostName
	if wants(TagNames) {
		all = l.tagNames(in)
	}
	if wants(NameTagNames) && len(all) == 0 {
		text := strings.TrimSpace(tag(in.Tags, "Name"))
		if text != "" {
			all = append(all, zonesource.HostName{Text: text, From: "Name tag"})
		}
	}
	if wants(SecurityGroups) {
		for _, g := range in.SecurityGroups {
			text := strings.TrimSpace(aws.ToString(g.GroupName))
			if text != "" && text != "default" { // every VPC has that one: it names nothing
				all = append(all, zonesource.HostName{Text: text, From: "security group"})
			}
		}
	}
	return all
}

// tagNames splits the tag at its commas. An empty tag is no tag; an empty name
// among others is a slip that should be seen.
func (l *listing) tagNames(in *types.Instance) []zonesource.HostName {
	value := strings.TrimSpace(tag(in.Tags, l.o.NameTag))
	if value == "" {
		return nil
	}
	var all []zonesource.HostName
	for text := range strings.SplitSeq(value, ",") {
		name := zonesource.HostName{Text: strings.TrimSpace(text), From: l.o.NameTag + " tag"}
		if name.Text == "" {
			l.problem(aws.ToString(in.InstanceId), "an empty name in its tag %s: %q", l.o.NameTag, value)
			continue
		}
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

func tag(tags []types.Tag, key string) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

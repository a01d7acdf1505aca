package ec2

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"inside53/zonesource"
	"inside53/zonesource/breath"
	"inside53/zonesource/nametemplate"
)

// address is a private address of a VPC.
type address struct {
	vpc     string
	private netip.Addr
}

// candidate is a running instance on its way to a host.
type candidate struct {
	zonesource.Host
	of *types.Instance
}

// hosts takes the running instances with their names. Their public addresses are
// what the interfaces have, which have been listed later.
func (l *listing) hosts(reservations []types.Reservation, interfaces []*zonesource.Interface,
	account string) []*zonesource.Host {
	public := make(map[address]netip.Addr, len(interfaces))
	for _, f := range interfaces {
		public[address{f.VPC, f.Private}] = f.Public
	}
	found := l.candidates(reservations)
	for i := range found {
		now, listed := public[address{found[i].VPC, found[i].Private}]
		if listed {
			found[i].Public = now
		}
	}
	l.number(found, nil)
	return l.named(found, account)
}

// candidates takes the instances that run, by id. One that came twice, as it was when it came last.
func (l *listing) candidates(reservations []types.Reservation) []candidate {
	var found []candidate
	for i := range reservations {
		for j := range reservations[i].Instances {
			c, ok := l.candidate(&reservations[i].Instances[j])
			if ok {
				found = append(found, c)
			}
		}
	}
	slices.Reverse(found)
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.Instance, b.Instance) })
	return slices.CompactFunc(found, func(a, b candidate) bool { return a.Instance == b.Instance })
}

// named makes hosts of candidates; nil for none.
func (l *listing) named(found []candidate, account string) []*zonesource.Host {
	var all []*zonesource.Host
	for i := range found {
		found[i].Names = l.names(&found[i], account)
		is := found[i].Host // not a part of what was decoded, which would stay with it
		all = append(all, &is)
	}
	return all
}

// candidate takes an instance that runs and has an address.
func (l *listing) candidate(in *types.Instance) (c candidate, ok bool) {
	if in.State == nil || in.State.Name != types.InstanceStateNameRunning {
		return candidate{}, false
	}
	id := aws.ToString(in.InstanceId)
	c = candidate{of: in, Host: zonesource.Host{
		Instance: id,
		VPC:      aws.ToString(in.VpcId),
		Subnet:   aws.ToString(in.SubnetId),
		Group:    tag(in.Tags, groupTag),
		Check:    l.check(in),
		Services: l.services(in),
		Private:  l.addr(id, in.PrivateIpAddress),
		Public:   l.addr(id, in.PublicIpAddress),
	}}
	for _, card := range in.NetworkInterfaces {
		if card.Attachment == nil || aws.ToInt32(card.Attachment.DeviceIndex) != 0 ||
			aws.ToInt32(card.Attachment.NetworkCardIndex) != 0 {
			continue
		}
		for _, a := range card.Ipv6Addresses {
			addr := l.addr(id, a.Ipv6Address)
			if addr.IsValid() {
				c.IPv6 = append(c.IPv6, addr)
			}
		}
	}
	if !c.Private.IsValid() && len(c.IPv6) == 0 {
		l.problem(id, "runs, but has no address yet")
		return candidate{}, false
	}
	return c, true
}

// groupTag is the tag in which Amazon EC2 Auto Scaling names the group of an instance.
const groupTag = "aws:autoscaling:groupName"

// place is a number in an auto-scaling group.
type place struct {
	group string
	n     int
}

// number gives the instances of auto-scaling groups their numbers, if a template asks for
// them: those that have one keep it, and the others have the lowest that are free, those
// launched first before the others. Beside those found there are others, which keep what they have;
// it is false where they might not.
func (l *listing) number(found []candidate, others []*zonesource.Host) bool {
	if !slices.ContainsFunc(l.o.templates, func(t nametemplate.Template) bool { return t.Uses(nametemplate.Ordinal) }) {
		return true
	}
	kept := l.o.served(l.key())
	had := map[string]*zonesource.Host{}
	if kept.Region != nil {
		for _, h := range kept.Region.Hosts {
			had[h.Instance] = h
		}
	}
	taken := map[place]bool{}
	for id, h := range had {
		if l.read != nil && !slices.Contains(l.read, id) && h.Ordinal > 0 {
			taken[place{h.Group, h.Ordinal}] = true
		}
	}
	var pace breath.Pace
	for _, h := range others {
		was := had[h.Instance]
		pace.Step()
		if h.Group == "" {
			continue
		}
		if was == nil || was.Group != h.Group || was.Ordinal != h.Ordinal || h.Ordinal == 0 ||
			taken[place{h.Group, h.Ordinal}] {
			return false
		}
		taken[place{h.Group, h.Ordinal}] = true
	}
	var fresh []*candidate
	for i := range found {
		c := &found[i]
		was := had[c.Instance]
		switch {
		case c.Group == "":
		case was != nil && was.Group == c.Group && was.Ordinal > 0 && !taken[place{c.Group, was.Ordinal}]:
			c.Ordinal = was.Ordinal
			taken[place{c.Group, c.Ordinal}] = true
		case was != nil && was.Group == c.Group && was.Ordinal > 0 && len(others) > 0:
			return false // who has it goes by the ids of both
		default:
			fresh = append(fresh, c)
		}
	}
	slices.SortStableFunc(fresh, func(a, b *candidate) int {
		return aws.ToTime(a.of.LaunchTime).Compare(aws.ToTime(b.of.LaunchTime))
	})
	lowest := map[string]int{}
	for _, c := range fresh {
		n := lowest[c.Group] + 1
		for taken[place{c.Group, n}] {
			n++
		}
		c.Ordinal, lowest[c.Group] = n, n
	}
	return true
}

// names are the names that the templates give an instance, each once.
func (l *listing) names(c *candidate, account string) []zonesource.HostName {
	var all []zonesource.HostName
	for _, t := range l.o.templates {
		names, err := t.Names(func(p nametemplate.Placeholder) []string { return l.values(c, account, p) })
		if err != nil {
			l.problem(c.Instance, "%v", err)
		}
		for _, n := range names {
			name := zonesource.HostName{Text: n.Text, From: n.From}
			if !slices.ContainsFunc(all, func(h zonesource.HostName) bool { return h.Text == name.Text }) {
				all = append(all, name)
			}
		}
	}
	return all
}

// values are what an instance has for a placeholder.
func (l *listing) values(c *candidate, account string, p nametemplate.Placeholder) []string {
	one := ""
	switch p.Kind {
	case nametemplate.Tag:
		return l.tagNames(c.of, p.Key)
	case nametemplate.SecurityGroup:
		return groupNames(c.of)
	case nametemplate.Group:
		one = c.Group
	case nametemplate.Ordinal:
		if c.Ordinal > 0 {
			one = strconv.Itoa(c.Ordinal)
		}
	case nametemplate.ID:
		one = c.Instance
	case nametemplate.Region:
		one = l.name
	case nametemplate.Zone:
		if c.of.Placement != nil {
			one = aws.ToString(c.of.Placement.AvailabilityZone)
		}
	case nametemplate.VPC:
		one = c.VPC
	case nametemplate.Account:
		one = cmp.Or(account, l.account.Name)
	}
	if one == "" {
		return nil
	}
	return []string{one}
}

// groupNames are the names of the security groups of an instance, but for that one which
// every VPC has: it names nothing.
func groupNames(in *types.Instance) []string {
	var all []string
	for _, g := range in.SecurityGroups {
		text := strings.TrimSpace(aws.ToString(g.GroupName))
		if text != "" && text != "default" {
			all = append(all, text)
		}
	}
	return all
}

// tagNames splits a tag at its commas. An empty tag is no tag; an empty name among others
// is a slip that should be seen.
func (l *listing) tagNames(in *types.Instance, key string) []string {
	value := strings.TrimSpace(tag(in.Tags, key))
	if value == "" {
		return nil
	}
	var all []string
	for text := range strings.SplitSeq(value, ",") {
		text = strings.TrimSpace(text)
		if text == "" {
			l.problem(aws.ToString(in.InstanceId), "an empty name in its tag %s: %q", key, value)
			continue
		}
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// The tags beside those of names.
const (
	serviceTag = "dns-srv"   // "_http._tcp:8080,_metrics._tcp:9090"
	checkTag   = "dns-check" // "tcp:5432", "http:8080/path"
)

// serviceName is the form of the name of a service (RFC 6335 section 5.1, RFC 2782).
var serviceName = regexp.MustCompile(`^_[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?\._(tcp|udp|sctp|dccp)$`)

// checkText is the form of the tag of checks.
var checkText = regexp.MustCompile(`^(tcp:[0-9]{1,5}|https?:[0-9]{1,5}(/.*)?)$`)

// check reads the tag that says how an instance is probed.
func (l *listing) check(in *types.Instance) string {
	text := strings.TrimSpace(tag(in.Tags, checkTag))
	if text != "" && !checkText.MatchString(text) {
		l.problem(aws.ToString(in.InstanceId), "its tag %s is %q; want the like of tcp:5432 or http:8080/path", checkTag,
			text)
		return ""
	}
	return text
}

// services reads the tag of services.
func (l *listing) services(in *types.Instance) []zonesource.Service {
	value := strings.TrimSpace(tag(in.Tags, serviceTag))
	if value == "" {
		return nil
	}
	var all []zonesource.Service
	for text := range strings.SplitSeq(value, ",") {
		name, port, _ := strings.Cut(strings.ToLower(strings.TrimSpace(text)), ":")
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || !serviceName.MatchString(name) {
			l.problem(aws.ToString(in.InstanceId), "its tag %s has %q; want the like of _http._tcp:8080", serviceTag,
				strings.TrimSpace(text))
			continue
		}
		one := zonesource.Service{Name: name, Port: uint16(n)}
		if !slices.Contains(all, one) {
			all = append(all, one)
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

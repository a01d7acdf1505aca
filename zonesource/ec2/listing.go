package ec2

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"inside53/zonesource"
	"inside53/zonesource/breath"
)

// pageSize is the most items that EC2 puts on a page. Without a size it would put
// all on one, and give up on large accounts.
const pageSize = 1000

// listing is one listing of a region under way.
type listing struct {
	*region
	problems []zonesource.Problem
	pages    pages
	last     zonesource.Part // what the known pages have come to
	// came are the pages as they came, by their operations, and tallies the ids in them where these were counted.
	came    map[string]*remembered
	tallies map[string]*tally
	// read are the instances that are read where others of the region are not, and stay as they are; nil: all are.
	read []string
}

// listed is what was listed, as it came.
type listed struct {
	vpcs        lazy[types.Vpc]
	subnets     lazy[types.Subnet]
	peerings    lazy[types.VpcPeeringConnection]
	noPeerings  error // nil: they are there
	balancers   lazy[elbtypes.LoadBalancer]
	noBalancers error // likewise
	vitals      vitals
	instances   lazy[types.Reservation]
	cards       lazy[types.NetworkInterface]
	elastic     lazy[types.Address]
}

// list makes all calls, and the region of what came. It returns nil where all pages are those of
// the last listing: then nothing is decoded.
func (l *listing) list(ctx context.Context) (*zonesource.Region, error) {
	all, err := l.listPages(ctx)
	if err != nil {
		return nil, err
	}
	if l.pages.unchanged() && l.knowsCrossing() {
		if l.remembers {
			return nil, nil
		}
		return nil, l.refreshOptional(ctx, all)
	}
	found, err := l.patch(ctx, all)
	if err != nil || found != nil {
		return found, err
	}
	err = l.refreshOptional(ctx, all)
	if err != nil {
		return nil, err
	}
	found, err = l.join(ctx, all)
	if err != nil {
		return nil, err
	}
	found.CrossZone, err = l.crossZone(ctx, found)
	if err != nil {
		return nil, err
	}
	found.Vitals, err = l.vitalsOf(ctx, &all.vitals)
	return found, err
}

// listPages makes all calls, the fastest moving last.
func (l *listing) listPages(ctx context.Context) (*listed, error) {
	all := &listed{}
	var err error
	all.vpcs, err = l.listVPCs(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing VPCs: %w", err)
	}
	all.subnets, err = l.listSubnets(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing subnets: %w", err)
	}
	all.peerings, all.noPeerings = l.listPeerings(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	all.balancers, all.noBalancers = l.listBalancers(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	all.vitals = l.listVitals(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	l.pages.failed = all.noPeerings != nil || all.noBalancers != nil || all.vitals.err != nil
	all.instances, err = l.listInstances(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing instances: %w", err)
	}
	all.cards, err = l.listInterfaces(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing network interfaces: %w", err)
	}
	all.elastic, err = l.listAddresses(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing elastic IPs: %w", err)
	}
	return all, nil
}

// refreshOptional takes what later listings fall back on where it can't be listed.
func (l *listing) refreshOptional(ctx context.Context, all *listed) error {
	return errors.Join(l.refreshPeerings(ctx, all.peerings, all.noPeerings),
		l.refreshBalancers(ctx, all.balancers, all.noBalancers))
}

// decode decodes what isn't decoded yet.
func decode[Item any](ctx context.Context, pages lazy[Item], to *[]Item) error {
	var err error
	*to, err = pages.all(ctx)
	return err
}

// join makes the region of all that was listed.
func (l *listing) join(ctx context.Context, all *listed) (*zonesource.Region, error) {
	var vpcs []types.Vpc
	var subnets []types.Subnet
	var reservations []types.Reservation
	var cards []types.NetworkInterface
	elastic, err := l.elasticOf(ctx, all.elastic)
	err = errors.Join(err, decode(ctx, all.vpcs, &vpcs), decode(ctx, all.subnets, &subnets),
		decode(ctx, all.instances, &reservations), decode(ctx, all.cards, &cards))
	if err != nil {
		return nil, err
	}
	l.hasCards = l.hasCards || len(cards) > 0
	if !l.hasCards {
		cards = cardsOf(reservations)
	}
	interfaces := l.interfaces(cards)
	forget(l, &vpcForm, all.vpcs, twice(vpcs, vpcIDs, map[string]bool{}))
	forget(l, &subnetForm, all.subnets, twice(subnets, subnetIDs, map[string]bool{}))
	forget(l, &instanceForm, all.instances, twice(reservations, instanceIDs, map[string]bool{}))
	forget(l, &cardForm, all.cards, twice(cards, cardIDs, settle(interfaces, elastic).corrected))
	account := l.accountID(reservations, vpcs, cards)
	found := &zonesource.Region{
		Account:    l.account.Name,
		AccountID:  account,
		Name:       l.name,
		Subnets:    l.subnets(subnets),
		Peerings:   l.peerings,
		Interfaces: interfaces,
		Hosts:      l.hosts(reservations, interfaces, account),
	}
	found.VPCs = vpcsOf(l.described(vpcs), found)
	return found, nil
}

// problem notes a finding for the report.
func (l *listing) problem(name, format string, args ...any) {
	l.problems = append(l.problems, zonesource.Problem{Zone: l.title(), Name: name, Reason: fmt.Sprintf(format, args...)})
}

func (l *listing) listVPCs(ctx context.Context) (lazy[types.Vpc], error) {
	return listAll(ctx, l, l.api.vpcs, func(token *string) *ec2.DescribeVpcsInput {
		return &ec2.DescribeVpcsInput{MaxResults: aws.Int32(pageSize), NextToken: token}
	}, func(out *ec2.DescribeVpcsOutput) ([]types.Vpc, *string) { return out.Vpcs, out.NextToken })
}

func (l *listing) listSubnets(ctx context.Context) (lazy[types.Subnet], error) {
	return listAll(ctx, l, l.api.subnets, func(token *string) *ec2.DescribeSubnetsInput {
		return &ec2.DescribeSubnetsInput{MaxResults: aws.Int32(pageSize), NextToken: token}
	}, func(out *ec2.DescribeSubnetsOutput) ([]types.Subnet, *string) { return out.Subnets, out.NextToken })
}

func (l *listing) listInstances(ctx context.Context) (lazy[types.Reservation], error) {
	running := types.Filter{Name: aws.String("instance-state-name"),
		Values: []string{string(types.InstanceStateNameRunning)}}
	return listAll(ctx, l, l.api.instances, func(token *string) *ec2.DescribeInstancesInput {
		return &ec2.DescribeInstancesInput{Filters: []types.Filter{running}, MaxResults: aws.Int32(pageSize),
			NextToken: token}
	}, func(out *ec2.DescribeInstancesOutput) ([]types.Reservation, *string) {
		return out.Reservations, out.NextToken
	})
}

func (l *listing) listInterfaces(ctx context.Context) (lazy[types.NetworkInterface], error) {
	return listAll(ctx, l, l.api.interfaces, func(token *string) *ec2.DescribeNetworkInterfacesInput {
		return &ec2.DescribeNetworkInterfacesInput{MaxResults: aws.Int32(pageSize), NextToken: token}
	}, func(out *ec2.DescribeNetworkInterfacesOutput) ([]types.NetworkInterface, *string) {
		return out.NetworkInterfaces, out.NextToken
	})
}

// listAddresses is one call: EC2 has no pages of elastic IPs.
func (l *listing) listAddresses(ctx context.Context) (lazy[types.Address], error) {
	return listAll(ctx, l, l.api.addresses, func(*string) *ec2.DescribeAddressesInput {
		return &ec2.DescribeAddressesInput{}
	}, func(out *ec2.DescribeAddressesOutput) ([]types.Address, *string) { return out.Addresses, nil })
}

// accountID is the account as configured, or the owner of what nobody else can own
// here: an instance, the default VPC, and at last the first interface.
func (l *listing) accountID(reservations []types.Reservation, vpcs []types.Vpc, cards []types.NetworkInterface) string {
	if l.account.ID != "" {
		return l.account.ID
	}
	for _, r := range reservations {
		if aws.ToString(r.OwnerId) != "" {
			return *r.OwnerId
		}
	}
	for _, v := range vpcs {
		if aws.ToBool(v.IsDefault) && aws.ToString(v.OwnerId) != "" {
			return *v.OwnerId
		}
	}
	for _, c := range cards {
		if aws.ToString(c.OwnerId) != "" {
			return *c.OwnerId
		}
	}
	return ""
}

// described takes the VPCs that are told of.
func (l *listing) described(vpcs []types.Vpc) []zonesource.VPC {
	var all []zonesource.VPC
	for _, v := range vpcs {
		cidrs := l.vpcCIDRs(v)
		slices.SortFunc(cidrs, netip.Prefix.Compare)
		all = append(all, zonesource.VPC{ID: aws.ToString(v.VpcId), Default: aws.ToBool(v.IsDefault),
			CIDRs: slices.Compact(cidrs)})
	}
	return all
}

// vpcsOf makes the list of VPCs, by id: those described, those that have subnets for us,
// and those that something found names, each with the CIDRs that are known.
func vpcsOf(described []zonesource.VPC, found *zonesource.Region) []zonesource.VPC {
	byID, told := map[string]*zonesource.VPC{}, map[string]bool{}
	for i := range described {
		byID[described[i].ID], told[described[i].ID] = &described[i], true
	}
	missing := func(id string) {
		if byID[id] == nil {
			byID[id] = &zonesource.VPC{ID: id}
		}
	}
	for i := range found.Subnets {
		n := &found.Subnets[i]
		missing(n.VPC)
		if !told[n.VPC] {
			byID[n.VPC].CIDRs = append(byID[n.VPC].CIDRs, n.CIDRs...)
		}
	}
	var pace breath.Pace
	last := ""
	for i, f := range found.Interfaces {
		pace.Step()
		if f.VPC != last || i == 0 {
			missing(f.VPC)
			last = f.VPC
		}
	}
	for i, h := range found.Hosts {
		pace.Step()
		if h.VPC != last || i == 0 {
			missing(h.VPC)
			last = h.VPC
		}
	}
	all := make([]zonesource.VPC, 0, len(byID))
	for id, v := range byID {
		if !told[id] {
			slices.SortFunc(v.CIDRs, netip.Prefix.Compare)
			v.CIDRs = slices.Compact(v.CIDRs)
		}
		all = append(all, *v)
	}
	slices.SortFunc(all, func(a, b zonesource.VPC) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// vpcCIDRs are the blocks that are associated; a block on its way in or out is not
// routed. Where no association is told of there is the first block, and a block of
// which no state is told is associated.
func (l *listing) vpcCIDRs(v types.Vpc) []netip.Prefix {
	id := aws.ToString(v.VpcId)
	var all []netip.Prefix
	for _, c := range v.CidrBlockAssociationSet {
		if c.CidrBlockState == nil || c.CidrBlockState.State == types.VpcCidrBlockStateCodeAssociated {
			all = l.appendPrefix(all, id, c.CidrBlock)
		}
	}
	if len(v.CidrBlockAssociationSet) == 0 {
		all = l.appendPrefix(all, id, v.CidrBlock)
	}
	for _, c := range v.Ipv6CidrBlockAssociationSet {
		if c.Ipv6CidrBlockState != nil && c.Ipv6CidrBlockState.State == types.VpcCidrBlockStateCodeAssociated {
			all = l.appendPrefix(all, id, c.Ipv6CidrBlock)
		}
	}
	return all
}

// subnets takes the subnets, by id.
func (l *listing) subnets(listed []types.Subnet) []zonesource.Subnet {
	var all []zonesource.Subnet
	for _, n := range listed {
		all = append(all, zonesource.Subnet{
			ID: aws.ToString(n.SubnetId), VPC: aws.ToString(n.VpcId), CIDRs: l.subnetCIDRs(n),
			Zone: cmp.Or(aws.ToString(n.AvailabilityZoneId), aws.ToString(n.AvailabilityZone)),
		})
	}
	slices.SortStableFunc(all, func(a, b zonesource.Subnet) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

func (l *listing) subnetCIDRs(n types.Subnet) []netip.Prefix {
	id := aws.ToString(n.SubnetId)
	all := l.appendPrefix(nil, id, n.CidrBlock)
	for _, c := range n.Ipv6CidrBlockAssociationSet {
		if c.Ipv6CidrBlockState != nil && c.Ipv6CidrBlockState.State == types.SubnetCidrBlockStateCodeAssociated {
			all = l.appendPrefix(all, id, c.Ipv6CidrBlock)
		}
	}
	return all
}

// appendPrefix adds the CIDR that the item of this id gives, if it gives one.
func (l *listing) appendPrefix(all []netip.Prefix, id string, text *string) []netip.Prefix {
	if aws.ToString(text) == "" {
		return all
	}
	p, err := netip.ParsePrefix(*text)
	if err != nil {
		l.problem(id, "its CIDR block %q can't be read: %v", *text, err)
		return all
	}
	return append(all, p.Masked())
}

// addr reads an address of the item of this id; the zero address where there is none.
func (l *listing) addr(id string, text *string) netip.Addr {
	if aws.ToString(text) == "" {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(*text)
	if err != nil {
		l.problem(id, "its address %q can't be read: %v", *text, err)
		return netip.Addr{}
	}
	return a
}

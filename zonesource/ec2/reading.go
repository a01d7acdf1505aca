package ec2

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"inside53/zonesource"
)

// Named says what of a region is to be read.
type Named struct {
	Instances []string // i-...
	Cards     []string // eni-...
	Addresses bool     // the elastic IPs, all of them
}

// mostValues is how many values a filter of EC2 has at most.
const mostValues = 200

// ReadNamed reads some things of a region, out of turn, with all interfaces of the instances. It
// may be called beside Run. account is the configured name. Filters name the things: EC2
// would refuse all of a call for one id that isn't there any more.
func (s *Source) ReadNamed(ctx context.Context, account, region string, n Named) (*zonesource.RegionReading, error) {
	at := slices.IndexFunc(s.o.Accounts, func(a Account) bool { return a.Name == account })
	if at < 0 || !slices.Contains(s.o.Regions, region) {
		return nil, fmt.Errorf("reading instances of %s/%s: no such account or region", account, region)
	}
	r := s.newRegion(s.o.Accounts[at], region)
	l := &listing{region: r, read: append([]string{}, n.Instances...)}
	reading := &zonesource.RegionReading{Key: r.key(), Began: s.o.Now(), Instances: n.Instances, Cards: n.Cards}
	var reservations []types.Reservation
	var cards []types.NetworkInterface
	for ids := range slices.Chunk(n.Instances, mostValues) {
		some, err := l.instancesOf(ctx, ids)
		if err != nil {
			return nil, fmt.Errorf("reading instances of %s: %w", r.title(), err)
		}
		reservations = append(reservations, some...)
		more, err := l.cardsBy(ctx, "attachment.instance-id", ids)
		if err != nil {
			return nil, fmt.Errorf("reading network interfaces of %s: %w", r.title(), err)
		}
		cards = append(cards, more...)
	}
	for ids := range slices.Chunk(n.Cards, mostValues) {
		more, err := l.cardsBy(ctx, "network-interface-id", ids)
		if err != nil {
			return nil, fmt.Errorf("reading network interfaces of %s: %w", r.title(), err)
		}
		for _, c := range more {
			if !slices.ContainsFunc(cards, func(o types.NetworkInterface) bool { return sameCard(&c, &o) }) {
				cards = append(cards, c)
			}
		}
	}
	if n.Addresses {
		err := l.readAddresses(ctx, reading)
		if err != nil {
			return nil, fmt.Errorf("reading elastic IPs of %s: %w", r.title(), err)
		}
	}
	if len(cards) == 0 {
		cards = cardsOf(reservations)
	}
	reading.Interfaces = l.interfaces(cards)
	kept, _ := s.o.Kept(r.key())
	account = s.o.Accounts[at].ID
	if kept.Region != nil {
		account = kept.Region.AccountID
	}
	reading.Hosts = l.hosts(reservations, reading.Interfaces, account)
	return reading, nil
}

func sameCard(a, b *types.NetworkInterface) bool {
	return aws.ToString(a.NetworkInterfaceId) == aws.ToString(b.NetworkInterfaceId)
}

// instancesOf lists those of some instances that run.
func (l *listing) instancesOf(ctx context.Context, ids []string) ([]types.Reservation, error) {
	filters := []types.Filter{
		{Name: aws.String("instance-id"), Values: ids},
		{Name: aws.String("instance-state-name"), Values: []string{string(types.InstanceStateNameRunning)}},
	}
	pages, err := listAll(ctx, l, l.api.instances, func(token *string) *ec2.DescribeInstancesInput {
		return &ec2.DescribeInstancesInput{Filters: filters, MaxResults: aws.Int32(pageSize), NextToken: token}
	}, func(out *ec2.DescribeInstancesOutput) ([]types.Reservation, *string) {
		return out.Reservations, out.NextToken
	})
	if err != nil {
		return nil, err
	}
	return pages.all(ctx)
}

// cardsBy lists the network interfaces that a filter lets through.
func (l *listing) cardsBy(ctx context.Context, filter string, values []string) ([]types.NetworkInterface, error) {
	filters := []types.Filter{{Name: aws.String(filter), Values: values}}
	pages, err := listAll(ctx, l, l.api.interfaces, func(token *string) *ec2.DescribeNetworkInterfacesInput {
		return &ec2.DescribeNetworkInterfacesInput{Filters: filters, MaxResults: aws.Int32(pageSize), NextToken: token}
	}, func(out *ec2.DescribeNetworkInterfacesOutput) ([]types.NetworkInterface, *string) {
		return out.NetworkInterfaces, out.NextToken
	})
	if err != nil {
		return nil, err
	}
	return pages.all(ctx)
}

// readAddresses notes where each elastic IP of the region is.
func (l *listing) readAddresses(ctx context.Context, to *zonesource.RegionReading) error {
	pages, err := l.listAddresses(ctx)
	if err != nil {
		return err
	}
	all, err := pages.all(ctx)
	if err != nil {
		return err
	}
	to.HasAddresses = true
	for i := range all {
		public, err := netip.ParseAddr(aws.ToString(all[i].PublicIp))
		if err != nil {
			continue // a carrier or customer-owned address: no public one
		}
		to.Addresses = append(to.Addresses, zonesource.ElasticIP{
			Public: public, Card: aws.ToString(all[i].NetworkInterfaceId), Private: l.addr("", all[i].PrivateIpAddress),
		})
	}
	return nil
}

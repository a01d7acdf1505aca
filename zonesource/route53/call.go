package route53

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"

	"inside53/zonesource/awscall"
)

// api is what this package calls of Route 53.
type api interface {
	ListHostedZones(context.Context, *route53.ListHostedZonesInput) (*route53.ListHostedZonesOutput, error)
	ListHostedZonesByVPC(context.Context, *route53.ListHostedZonesByVPCInput) (*route53.ListHostedZonesByVPCOutput, error)
	GetHostedZone(context.Context, *route53.GetHostedZoneInput) (*route53.GetHostedZoneOutput, error)
	ListResourceRecordSets(context.Context, *route53.ListResourceRecordSetsInput) (*route53.ListResourceRecordSetsOutput, error)
	ListCidrCollections(context.Context, *route53.ListCidrCollectionsInput) (*route53.ListCidrCollectionsOutput, error)
	ListCidrBlocks(context.Context, *route53.ListCidrBlocksInput) (*route53.ListCidrBlocksOutput, error)
}

// Operations of the api, as metrics and IAM call them.
const (
	opListZones       = "ListHostedZones"
	opListByVPC       = "ListHostedZonesByVPC"
	opGetZone         = "GetHostedZone"
	opListRecords     = "ListResourceRecordSets"
	opListCollections = "ListCidrCollections"
	opListBlocks      = "ListCidrBlocks"
)

// Actions are the IAM actions that this package needs, in alphabetical order. AWS
// checks ec2:DescribeVpcs besides for ListHostedZonesByVPC.
func Actions() []string {
	return []string{action(opGetZone), action(opListBlocks), action(opListCollections), action(opListZones), action(opListByVPC), action(opListRecords)}
}

const service = "route53"

func action(operation string) string { return service + ":" + operation }

// sdk holds method values: were the client itself behind the interface, the linker
// would keep each of its operations.
type sdk struct {
	zones       func(context.Context, *route53.ListHostedZonesInput, ...func(*route53.Options)) (*route53.ListHostedZonesOutput, error)
	byVPC       func(context.Context, *route53.ListHostedZonesByVPCInput, ...func(*route53.Options)) (*route53.ListHostedZonesByVPCOutput, error)
	zone        func(context.Context, *route53.GetHostedZoneInput, ...func(*route53.Options)) (*route53.GetHostedZoneOutput, error)
	records     func(context.Context, *route53.ListResourceRecordSetsInput, ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error)
	collections func(context.Context, *route53.ListCidrCollectionsInput, ...func(*route53.Options)) (*route53.ListCidrCollectionsOutput, error)
	blocks      func(context.Context, *route53.ListCidrBlocksInput, ...func(*route53.Options)) (*route53.ListCidrBlocksOutput, error)
}

// newSDK makes the client. It never repeats a call by itself: each attempt has to be
// paid from the budget.
func newSDK(c aws.Config) api {
	client := route53.NewFromConfig(c, func(o *route53.Options) { o.Retryer = aws.NopRetryer{} })
	return &sdk{
		client.ListHostedZones, client.ListHostedZonesByVPC, client.GetHostedZone, client.ListResourceRecordSets,
		client.ListCidrCollections, client.ListCidrBlocks,
	}
}

func (s *sdk) ListHostedZones(ctx context.Context, in *route53.ListHostedZonesInput) (*route53.ListHostedZonesOutput, error) {
	return s.zones(ctx, in)
}

func (s *sdk) ListHostedZonesByVPC(ctx context.Context, in *route53.ListHostedZonesByVPCInput) (*route53.ListHostedZonesByVPCOutput, error) {
	return s.byVPC(ctx, in)
}

func (s *sdk) GetHostedZone(ctx context.Context, in *route53.GetHostedZoneInput) (*route53.GetHostedZoneOutput, error) {
	return s.zone(ctx, in)
}

func (s *sdk) ListResourceRecordSets(ctx context.Context, in *route53.ListResourceRecordSetsInput) (*route53.ListResourceRecordSetsOutput, error) {
	return s.records(ctx, in)
}

func (s *sdk) ListCidrCollections(ctx context.Context, in *route53.ListCidrCollectionsInput) (*route53.ListCidrCollectionsOutput, error) {
	return s.collections(ctx, in)
}

func (s *sdk) ListCidrBlocks(ctx context.Context, in *route53.ListCidrBlocksInput) (*route53.ListCidrBlocksOutput, error) {
	return s.blocks(ctx, in)
}

// call makes one call of an operation, again if it may help, each attempt paid from
// the budget and bounded in time. what says for people what it is about.
func call[In, Out any](ctx context.Context, l *lister, operation, what string, f func(context.Context, In) (Out, error), in In) (Out, error) {
	o := &l.source.options
	return awscall.Do(ctx, awscall.Call{
		Account: l.account.Name, Service: service, Operation: operation, What: what,
		Budgets: []*awscall.Budget{l.account.Budget}, Timeout: o.Timeout, OnCall: o.OnCall, Log: o.Log,
	}, func(ctx context.Context) (Out, error) { return f(ctx, in) })
}

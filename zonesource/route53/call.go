package route53

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"

	"inside53/zonesource/awscall"
)

// api is what this package calls of Route 53.
type api struct {
	zones       awscall.Op[route53.ListHostedZonesInput, route53.ListHostedZonesOutput]
	byVPC       awscall.Op[route53.ListHostedZonesByVPCInput, route53.ListHostedZonesByVPCOutput]
	zone        awscall.Op[route53.GetHostedZoneInput, route53.GetHostedZoneOutput]
	records     awscall.Op[route53.ListResourceRecordSetsInput, route53.ListResourceRecordSetsOutput]
	collections awscall.Op[route53.ListCidrCollectionsInput, route53.ListCidrCollectionsOutput]
	blocks      awscall.Op[route53.ListCidrBlocksInput, route53.ListCidrBlocksOutput]
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
	return []string{
		action(opGetZone), action(opListBlocks), action(opListCollections), action(opListZones), action(opListByVPC),
		action(opListRecords),
	}
}

const service = "route53"

func action(operation string) string { return service + ":" + operation }

// newAPI makes the client. It never repeats a call by itself: each attempt has to be
// paid from the budget.
func newAPI(c aws.Config) api {
	client := route53.NewFromConfig(c, func(o *route53.Options) { o.Retryer = aws.NopRetryer{} })
	return api{
		zones:       awscall.Bind(service, opListZones, client.ListHostedZones),
		byVPC:       awscall.Bind(service, opListByVPC, client.ListHostedZonesByVPC),
		zone:        awscall.Bind(service, opGetZone, client.GetHostedZone),
		records:     awscall.Bind(service, opListRecords, client.ListResourceRecordSets),
		collections: awscall.Bind(service, opListCollections, client.ListCidrCollections),
		blocks:      awscall.Bind(service, opListBlocks, client.ListCidrBlocks),
	}
}

// call makes one call of an operation, again if it may help, each attempt paid from
// the budget and bounded in time. what says for people what it is about.
func call[In, Out any](ctx context.Context, l *lister, op awscall.Op[In, Out], what string, in *In) (*Out, error) {
	o := &l.source.options
	return awscall.Do(ctx, awscall.Call{
		Account: l.account.Name, What: what, Budgets: l.budgets(),
		Timeout: o.Timeout, OnCall: o.OnCall, Log: o.Log,
	}, op, in)
}

// budgets are what a call is paid from: one of a listing from the account's, one of a reading of
// what an event names from its part of that, too.
func (l *lister) budgets() []*awscall.Budget {
	if l.hinted && l.account.Hints != nil {
		return []*awscall.Budget{l.account.Budget, l.account.Hints}
	}
	return []*awscall.Budget{l.account.Budget}
}

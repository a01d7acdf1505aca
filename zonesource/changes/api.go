package changes

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
)

// operation is one operation of the SDK's client. Were the client itself kept, the
// linker would keep each of its operations.
type operation[In, Out any] struct {
	name string
	call func(context.Context, *In, ...func(*route53.Options)) (*Out, error)
}

// opChange is the operation that AWS counts by itself.
const opChange = "ChangeResourceRecordSets"

// api is what this package calls of Route 53.
type api struct {
	zones       operation[route53.ListHostedZonesInput, route53.ListHostedZonesOutput]
	zonesByName operation[route53.ListHostedZonesByNameInput, route53.ListHostedZonesByNameOutput]
	zone        operation[route53.GetHostedZoneInput, route53.GetHostedZoneOutput]
	createZone  operation[route53.CreateHostedZoneInput, route53.CreateHostedZoneOutput]
	deleteZone  operation[route53.DeleteHostedZoneInput, route53.DeleteHostedZoneOutput]
	records     operation[route53.ListResourceRecordSetsInput, route53.ListResourceRecordSetsOutput]
	change      operation[route53.ChangeResourceRecordSetsInput, route53.ChangeResourceRecordSetsOutput]
	status      operation[route53.GetChangeInput, route53.GetChangeOutput]
}

// newAPI makes the client. It never repeats a call by itself: each attempt has to be
// paid from the budget.
func newAPI(c aws.Config) api {
	client := route53.NewFromConfig(c, func(o *route53.Options) { o.Retryer = aws.NopRetryer{} })
	return api{
		zones:       operation[route53.ListHostedZonesInput, route53.ListHostedZonesOutput]{"ListHostedZones", client.ListHostedZones},
		zonesByName: operation[route53.ListHostedZonesByNameInput, route53.ListHostedZonesByNameOutput]{"ListHostedZonesByName", client.ListHostedZonesByName},
		zone:        operation[route53.GetHostedZoneInput, route53.GetHostedZoneOutput]{"GetHostedZone", client.GetHostedZone},
		createZone:  operation[route53.CreateHostedZoneInput, route53.CreateHostedZoneOutput]{"CreateHostedZone", client.CreateHostedZone},
		deleteZone:  operation[route53.DeleteHostedZoneInput, route53.DeleteHostedZoneOutput]{"DeleteHostedZone", client.DeleteHostedZone},
		records:     operation[route53.ListResourceRecordSetsInput, route53.ListResourceRecordSetsOutput]{"ListResourceRecordSets", client.ListResourceRecordSets},
		change:      operation[route53.ChangeResourceRecordSetsInput, route53.ChangeResourceRecordSetsOutput]{opChange, client.ChangeResourceRecordSets},
		status:      operation[route53.GetChangeInput, route53.GetChangeOutput]{"GetChange", client.GetChange},
	}
}

// Actions are the IAM actions that this package needs, in alphabetical order. AWS
// checks ec2:DescribeVpcs besides where a private zone is created.
func Actions() []string {
	return []string{
		"route53:ChangeResourceRecordSets", "route53:CreateHostedZone", "route53:DeleteHostedZone", "route53:GetChange",
		"route53:GetHostedZone", "route53:ListHostedZones", "route53:ListHostedZonesByName", "route53:ListResourceRecordSets",
	}
}

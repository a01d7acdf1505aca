package changes

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"

	"inside53/zonesource/awscall"
)

const service = "route53"

// opChange is the operation that AWS counts by itself; opStatus asks for what has become of it.
const (
	opChange = "ChangeResourceRecordSets"
	opStatus = "GetChange"
)

// api is what this package calls of Route 53.
type api struct {
	zones       awscall.Op[route53.ListHostedZonesInput, route53.ListHostedZonesOutput]
	zonesByName awscall.Op[route53.ListHostedZonesByNameInput, route53.ListHostedZonesByNameOutput]
	zone        awscall.Op[route53.GetHostedZoneInput, route53.GetHostedZoneOutput]
	createZone  awscall.Op[route53.CreateHostedZoneInput, route53.CreateHostedZoneOutput]
	deleteZone  awscall.Op[route53.DeleteHostedZoneInput, route53.DeleteHostedZoneOutput]
	records     awscall.Op[route53.ListResourceRecordSetsInput, route53.ListResourceRecordSetsOutput]
	change      awscall.Op[route53.ChangeResourceRecordSetsInput, route53.ChangeResourceRecordSetsOutput]
	status      awscall.Op[route53.GetChangeInput, route53.GetChangeOutput]
}

// newAPI makes the client. It never repeats a call by itself: each attempt has to be
// paid from the budget.
func newAPI(c aws.Config) api {
	client := route53.NewFromConfig(c, func(o *route53.Options) { o.Retryer = aws.NopRetryer{} })
	return api{
		zones:       awscall.Bind(service, "ListHostedZones", client.ListHostedZones),
		zonesByName: awscall.Bind(service, "ListHostedZonesByName", client.ListHostedZonesByName),
		zone:        awscall.Bind(service, "GetHostedZone", client.GetHostedZone),
		createZone:  awscall.Bind(service, "CreateHostedZone", client.CreateHostedZone),
		deleteZone:  awscall.Bind(service, "DeleteHostedZone", client.DeleteHostedZone),
		records:     awscall.Bind(service, "ListResourceRecordSets", client.ListResourceRecordSets),
		change:      awscall.Bind(service, opChange, client.ChangeResourceRecordSets),
		status:      awscall.Bind(service, opStatus, client.GetChange),
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

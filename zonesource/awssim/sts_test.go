package awssim

import (
	"testing"
	"testing/fstest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// A role's credentials see its account's data where there is some, else the base data.
func TestAssumedRoles(t *testing.T) {
	files := zoneFiles()
	files["accounts/222222222222/route53/list-hosted-zones.json"] = &fstest.MapFile{Data: []byte(`{"HostedZones":[
		{"Id":"/hostedzone/Z2","Name":"two.example.","CallerReference":"r","ResourceRecordSetCount":0}]}`)}
	s := newSim(t, Options{Data: files, ExternalIDs: map[string]string{"222222222222": "secret-word"}})
	base := serve(t, s)
	ctx := t.Context()
	for _, c := range []struct{ role, external, code, account, arn, zone string }{
		{"", "", "", "123456789012", "arn:aws:iam::123456789012:user/awssim", "example.com."},
		{"arn:aws:iam::222222222222:role/path/reader", "secret-word", "", "222222222222",
			"arn:aws:sts::222222222222:assumed-role/reader/test", "two.example."},
		{"arn:aws:iam::222222222222:role/reader", "other", "AccessDenied", "", "", ""},
		{"arn:aws:iam::333333333333:role/reader", "", "", "333333333333",
			"arn:aws:sts::333333333333:assumed-role/reader/test", "example.com."},
		{"arn:aws:iam::333333333333:user/reader", "", "ValidationError", "", "", ""},
	} {
		client := base
		if c.role != "" {
			provider := stscreds.NewAssumeRoleProvider(base.sts, c.role, func(o *stscreds.AssumeRoleOptions) {
				o.RoleSessionName = "test"
				if c.external != "" {
					o.ExternalID = &c.external
				}
			})
			_, err := provider.Retrieve(ctx)
			wantCode(t, "assuming "+c.role, err, c.code)
			if err != nil {
				continue
			}
			client = clientAt("http://sim.invalid", inProcess{s}, aws.NewCredentialsCache(provider))
		}
		identity, err := client.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil || *identity.Account != c.account || *identity.Arn != c.arn {
			t.Errorf("%q: identity %+v, %v", c.role, identity, err)
		}
		zones, err := client.route53.ListHostedZones(ctx, &route53.ListHostedZonesInput{})
		if err != nil || len(zones.HostedZones) != 1 || *zones.HostedZones[0].Name != c.zone {
			t.Errorf("%q: zones %+v, %v", c.role, zones, err)
		}
	}
}

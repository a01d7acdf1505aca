package server

import (
	"testing"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"

	"github.com/google/go-cmp/cmp"
)

func TestSurveyVPCs(t *testing.T) {
	accounts := []*awsclient.Account{{}, {Name: "data"}}
	accounts[0].Config.Region = "eu-central-1"
	region := func(account, name string, vpcs ...string) *zonesource.Region {
		r := &zonesource.Region{Account: account, Name: name}
		for _, id := range vpcs {
			r.VPCs = append(r.VPCs, zonesource.VPC{ID: id})
		}
		return r
	}
	inventory := []*zonesource.Region{region("", "eu-west-1", "vpc-b", "vpc-a"), region("", "us-east-1", "vpc-u"),
		region("data", "eu-west-1", "vpc-d", "vpc-a")}
	for _, tt := range []struct {
		name, views, account string
		want                 []zone.VPC
	}{
		{"automatic views", "", "", []zone.VPC{{ID: "vpc-a", Region: "eu-west-1"}, {ID: "vpc-b", Region: "eu-west-1"},
			{ID: "vpc-u", Region: "us-east-1"}}},
		{"automatic views, a role", "", "data",
			[]zone.VPC{{ID: "vpc-a", Region: "eu-west-1"}, {ID: "vpc-d", Region: "eu-west-1"}}},
		{"those of views", "views: [{name: a, clients: [10.0.0.0/8], vpcs: [vpc-0b, vpc-d]}]", "data",
			[]zone.VPC{{ID: "vpc-d", Region: "eu-west-1"}}},
		{"unknown ones", "views: [{name: a, clients: [10.0.0.0/8], vpcs: [vpc-x, vpc-u]}, {name: b, clients: [10.0.0.0/9], " +
			"vpcs: [vpc-y], region: us-west-2}]", "",
			[]zone.VPC{{ID: "vpc-u", Region: "us-east-1"}, {ID: "vpc-x", Region: "eu-central-1"},
				{ID: "vpc-y", Region: "us-west-2"}}},
		{"all", `views: [{name: a, clients: [10.0.0.0/8], vpcs: ["*"]}, {name: b, clients: [10.0.0.0/9], vpcs: [vpc-y]}]`,
			"data",
			[]zone.VPC{{ID: "vpc-a", Region: "eu-west-1"}, {ID: "vpc-d", Region: "eu-west-1"}}},
		{"none", "views: [{name: a, clients: [10.0.0.0/8], vpcs: []}]", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			diff := cmp.Diff(tt.want, surveyVPCs(parseGood(t, "route53: {}\n"+tt.views), accounts, inventory, tt.account))
			if diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

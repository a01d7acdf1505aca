package awssim

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"inside53/examples"
)

func TestTargetGroups(t *testing.T) {
	s := newSim(t, Options{Data: examples.Demo(), PageSize: 1})
	c := direct(s)
	pages := elasticloadbalancingv2.NewDescribeTargetGroupsPaginator(c.elb,
		&elasticloadbalancingv2.DescribeTargetGroupsInput{})
	arns := map[string]*string{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page.TargetGroups {
			arns[*g.TargetGroupName] = g.TargetGroupArn
			if len(g.LoadBalancerArns) != 1 || *g.Port != 80 {
				t.Errorf("group %+v", g)
			}
		}
	}
	if len(arns) != 2 || s.Calls()["DescribeTargetGroups"] != 2 {
		t.Errorf("groups %v in %d calls", arns, s.Calls()["DescribeTargetGroups"])
	}
	states := func(group string) string {
		out, err := c.elb.DescribeTargetHealth(t.Context(),
			&elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: arns[group]})
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, d := range out.TargetHealthDescriptions {
			all = append(all, string(d.TargetHealth.State))
		}
		return strings.Join(all, " ")
	}
	if got := states("web"); got != "healthy healthy" {
		t.Errorf("targets of web: %s", got)
	}
	for _, want := range [][]string{{"unhealthy", "draining"}, {}, {"healthy"}} {
		err := s.SetTargets("eu-west-1", "web", want...)
		if got := states("web"); err != nil || got != strings.Join(want, " ") {
			t.Errorf("targets of web: %s, %v, want %v", got, err, want)
		}
	}
	if got := states("intranet"); got != "healthy healthy" {
		t.Errorf("targets of intranet: %s", got)
	}
	err := s.SetTargets("us-east-1", "web", "healthy")
	if err == nil {
		t.Error("SetTargets of no group: no error")
	}
	for _, in := range []*elasticloadbalancingv2.DescribeTargetGroupsInput{
		{Names: []string{"web"}}, {TargetGroupArns: []string{*arns["web"]}},
		{
			LoadBalancerArn: aws.String(
				"arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web-prod/50dc6c495c0c9188")},
	} {
		out, err := c.elb.DescribeTargetGroups(t.Context(), in)
		if err != nil || len(out.TargetGroups) != 1 || *out.TargetGroups[0].TargetGroupName != "web" {
			t.Errorf("%+v: %+v, %v", in, out, err)
		}
	}
	_, err = c.elb.DescribeTargetGroups(t.Context(),
		&elasticloadbalancingv2.DescribeTargetGroupsInput{Names: []string{"none"}})
	wantCode(t, "no such name", err, "TargetGroupNotFound")
	_, err = c.elb.DescribeTargetHealth(t.Context(),
		&elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: aws.String("none")})
	wantCode(t, "no such ARN", err, "TargetGroupNotFound")
}

func TestTargetHealthFiles(t *testing.T) {
	groups := `{"TargetGroups":[{"TargetGroupName":"web","TargetGroupArn":"arn"}]}`
	for _, tt := range []struct{ file, text, want string }{
		{"eu-west-1/web/describe-target-health.json", `{"TargetHealthDescriptions":[{"TargetHealth":{"State":"healthy"}}]}`,
			""},
		{"eu-west-1/api/describe-target-health.json", `{"TargetHealthDescriptions":[]}`,
			"api is not in describe-target-groups.json"},
		{"eu-west-1/web/describe-targets.json", `{}`, "no such file"},
		{"eu-west-1/web/describe-target-health.json", `{"TargetHealthDescriptions":[{"Health":""}]}`, "no such member"},
		{"eu-west-1/web/describe-target-health.json", `{"NextToken":"x"}`, `has "NextToken"`},
	} {
		_, err := New(Options{Data: fstest.MapFS{
			"eu-west-1/describe-target-groups.json": &fstest.MapFile{Data: []byte(groups)},
			tt.file:                                 &fstest.MapFile{Data: []byte(tt.text)},
		}})
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.file, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) ||
			!strings.Contains(err.Error(), tt.file)):
			t.Errorf("%s %s: error %v, want %q", tt.file, tt.text, err, tt.want)
		}
	}
	if !slices.Contains(operationNames(), "DescribeTargetHealth") {
		t.Error("no fault can be armed for DescribeTargetHealth")
	}
}

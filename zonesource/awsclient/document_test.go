package awsclient

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/route53"
)

// TestDocument has AWS answered for by something else: its answer is never one without
// items.
func TestDocument(t *testing.T) {
	body := ""
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, body) // a client that is gone fails its own test
	}))
	environment(t, server.URL)
	accounts, err := Load(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := accounts[0].Config
	zones, instances, balancers := route53.NewFromConfig(c), ec2.NewFromConfig(c), elb.NewFromConfig(c)
	calls := map[string]func(context.Context) (int, error){
		"ListHostedZones": func(ctx context.Context) (int, error) {
			out, err := zones.ListHostedZones(ctx, &route53.ListHostedZonesInput{})
			if err != nil {
				return 0, err
			}
			return len(out.HostedZones), nil
		},
		"DescribeVpcs": func(ctx context.Context) (int, error) {
			out, err := instances.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
			if err != nil {
				return 0, err
			}
			return len(out.Vpcs), nil
		},
		"DescribeLoadBalancers": func(ctx context.Context) (int, error) {
			out, err := balancers.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{})
			if err != nil {
				return 0, err
			}
			return len(out.LoadBalancers), nil
		},
	}
	whole := map[string]string{
		"ListHostedZones": "<HostedZones>" +
			strings.Repeat("<HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name></HostedZone>", 100) + "</HostedZones>",
		"DescribeVpcs": "<vpcSet>" + strings.Repeat("<item><vpcId>vpc-1</vpcId></item>", 100) + "</vpcSet>",
		"DescribeLoadBalancers": "<DescribeLoadBalancersResult><LoadBalancers>" + strings.Repeat("<member/>", 100) +
			"</LoadBalancers></DescribeLoadBalancersResult>",
	}
	for name, call := range calls {
		bad := []struct{ body, want string }{
			{"", "the answer is empty"},
			{" \r\n", "the answer is empty"},
			{`<?xml version="1.0"?>`, "the answer is empty"},
			{"{}", "the answer is empty"},
			{"<!DOCTYPE html><html><body>Sign in</body></html>", `the document "html"`},
			{"<DescribeSubnetsResponse/>", `the document "DescribeSubnetsResponse"`},
			{"<" + name, "unexpected EOF"},
			{"\x00\x01", "illegal character"},
		}
		for _, b := range bad {
			body = b.body
			_, err := call(t.Context())
			if err == nil || !strings.Contains(err.Error(), b.want) {
				t.Errorf("%s answered with %q: %v, want an error with %q", name, b.body, err, b.want)
			}
		}
		body = "<?xml version=\"1.0\"?>\n<" + name + "Response xmlns=\"https://aws.example/\">" + whole[name] + "</" + name +
			"Response>"
		n, err := call(t.Context())
		if err != nil || n != 100 {
			t.Errorf("%s: %d items, %v", name, n, err)
		}
		body = body[:len(body)/2]
		_, err = call(t.Context())
		if err == nil {
			t.Errorf("%s: half a document is taken", name)
		}
	}
}

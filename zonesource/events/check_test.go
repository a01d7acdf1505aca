package events

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"inside53/zonesource/awssim"
)

const (
	queueARN = "arn:aws:sqs:eu-west-1:123456789012:inside53"
	open     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},` +
		`"Action":"sqs:SendMessage","Resource":"` + queueARN + `"}]}`
)

// TestCheck sets the way of events up step by step, and has each step that is missing named.
func TestCheck(t *testing.T) {
	sim, err := awssim.New(awssim.Options{Inventory: awssim.Unlimited()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = sim.CreateQueue("eu-west-1", "inside53", nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	defer server.Close()
	config := func(region string) aws.Config {
		return aws.Config{Region: region, BaseEndpoint: aws.String(server.URL),
			Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
			Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", "")}
	}
	url := server.URL + "/123456789012/inside53"
	check := func() string {
		t.Helper()
		found, err := Check(t.Context(), CheckOptions{Queue: url, Config: config("eu-west-1"), Zones: true,
			Regions: []string{"eu-west-1"}})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(found, "\n")
	}
	rule := func(region, name, pattern, target string) {
		t.Helper()
		client := eventbridge.NewFromConfig(config(region))
		_, err := client.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: &name, EventPattern: &pattern})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: &name,
			Targets: []ebtypes.Target{{Id: aws.String("1"), Arn: &target}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	has := func(when, text string, want bool) {
		t.Helper()
		if got := check(); strings.Contains(got, text) != want {
			t.Errorf("%s: %q is there: %t, want %t, in\n%s", when, text, !want, want, got)
		}
	}
	const policy, route53, ec2, trail = "queue's policy", "events of Route 53", "events of EC2", "no trail of CloudTrail"
	for _, text := range []string{policy, route53, ec2, trail} {
		has("nothing is set up", text, true)
	}
	queues := sqs.NewFromConfig(config("eu-west-1"))
	_, err = queues.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &url,
		Attributes: map[string]string{"Policy": open}})
	if err != nil {
		t.Fatal(err)
	}
	has("with a policy", policy, false)
	rule("eu-west-1", "ec2", `{"source":["aws.ec2","aws.elasticloadbalancing","aws.route53"]}`, queueARN)
	has("with a rule", ec2, false)
	has("with a rule of one region", route53, true)
	rule("us-east-1", "route53", `{"source":["aws.route53"],"detail":{"eventName":["ChangeResourceRecordSets"]}}`,
		"arn:aws:events:eu-west-1:123456789012:event-bus/default")
	has("with a rule of one call", "AssociateVPCWithHostedZone, CreateHostedZone", true)
	rule("us-east-1", "route53", `{"source":["aws.route53"],"detail":{"eventName":[{"anything-but":["GetChange"]}]}}`,
		"arn:aws:events:eu-west-1:123456789012:event-bus/default")
	has("with a rule of all calls", route53, false)
	trails := cloudtrail.NewFromConfig(config("eu-west-1"))
	_, err = trails.CreateTrail(t.Context(), &cloudtrail.CreateTrailInput{Name: aws.String("t"),
		S3BucketName: aws.String("b"), IsMultiRegionTrail: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	has("a trail that doesn't log", trail, true)
	_, err = trails.StartLogging(t.Context(), &cloudtrail.StartLoggingInput{Name: aws.String("t")})
	if err != nil {
		t.Fatal(err)
	}
	if got := check(); got != "" {
		t.Errorf("all is set up, and found is\n%s", got)
	}
	err = sim.AddFaults(awssim.Fault{Operation: "ListRules", Fault: "access-denied"})
	if err != nil {
		t.Fatal(err)
	}
	has("rules may not be looked at", "needs the IAM action events:ListRules", true)
	has("rules may not be looked at", route53, false)
	err = sim.AddFaults(awssim.Fault{Operation: "GetQueueAttributes", Fault: "access-denied"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Check(t.Context(), CheckOptions{Queue: url, Config: config("eu-west-1")})
	if err == nil || !strings.Contains(err.Error(), "sqs:GetQueueAttributes") {
		t.Errorf("the queue may not be looked at: %v", err)
	}
}

func TestLetsEventsIn(t *testing.T) {
	for policy, want := range map[string]bool{
		"": false, "{}": false, open: true,
		strings.Replace(open, `"sqs:SendMessage"`, `["sqs:SendMessage","sqs:ReceiveMessage"]`, 1): true,
		strings.Replace(open, `{"Service":"events.amazonaws.com"}`, `"*"`, 1):                     true,
		strings.Replace(open, `events.amazonaws.com`, `sns.amazonaws.com`, 1):                     false,
		strings.Replace(open, `Allow`, `Deny`, 1):                                                 false,
		strings.Replace(open, queueARN, queueARN+"-other", 1):                                     false,
		strings.Replace(strings.Replace(open, `[{`, `{`, 1), `}]`, `}`, 1):                        true,
		strings.Replace(open, `sqs:SendMessage`, `sqs:ReceiveMessage`, 1):                         false,
	} {
		if got := letsEventsIn(policy, queueARN); got != want {
			t.Errorf("%s: %t", policy, got)
		}
	}
}

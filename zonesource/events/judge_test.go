//go:build judge

package events

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"inside53/resolver/freeport"
	"inside53/zonesource/awsclient"
)

// startMoto runs an AWS that others wrote until the test ends.
func startMoto(t *testing.T) aws.Config {
	t.Helper()
	port, err := freeport.Find()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("python3", "-m", "moto.server", "-H", "127.0.0.1", "-p", fmt.Sprint(port))
	err = c.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait() // killed
	})
	endpoint := fmt.Sprintf("http://127.0.0.1:%d", port)
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		response, err := http.Get(endpoint + "/moto-api/data.json")
		if err == nil {
			_ = response.Body.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal("moto doesn't answer")
		}
	}
	return aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(endpoint),
		Credentials: credentials.NewStaticCredentialsProvider("judge", "judge", "")}
}

// TestJudgeQueue reads a queue of an AWS that others wrote, until it is empty, and has what keeps
// events from it named.
func TestJudgeQueue(t *testing.T) {
	config := startMoto(t)
	queues := sqs.NewFromConfig(config)
	made, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("inside53")})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 12 {
		_, err = queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: made.QueueUrl, MessageBody: aws.String(
			call("route53", "ChangeResourceRecordSets", fmt.Sprintf(`{"hostedZoneId":"Z%d"}`, n), `{}`))})
		if err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	var results []string
	r, err := New(Options{Queue: *made.QueueUrl, Accounts: []*awsclient.Account{{Config: config}}, Keeper: noKeeper{},
		OnEvent: func(result string, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			results = append(results, result)
			if took <= 0 || took > time.Minute {
				t.Errorf("an event took %v", took)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, nil) }()
	left := func() string {
		out, err := queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: made.QueueUrl,
			AttributeNames: []types.QueueAttributeName{"ApproximateNumberOfMessages",
				"ApproximateNumberOfMessagesNotVisible"}})
		if err != nil {
			t.Fatal(err)
		}
		return out.Attributes["ApproximateNumberOfMessages"] + " " + out.Attributes["ApproximateNumberOfMessagesNotVisible"]
	}
	for end := time.Now().Add(30 * time.Second); left() != "0 0" && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	cancel()
	<-ended
	isOther := func(r string) bool { return r != Ignored }
	if got := left(); got != "0 0" || len(results) != 12 || slices.ContainsFunc(results, isOther) {
		t.Errorf("left are %s, results %v", got, results)
	}

	o := CheckOptions{Queue: *made.QueueUrl, Config: config, Zones: true, Regions: []string{"eu-west-1"}}
	found, err := Check(t.Context(), o)
	if err != nil || len(found) != 5 {
		t.Errorf("nothing is set up, and found is %q, %v", found, err)
	}
	setUp(t, config, *made.QueueUrl)
	found, err = Check(t.Context(), o)
	if err != nil || len(found) != 0 {
		t.Errorf("all is set up, and found is\n%s\n%v", strings.Join(found, "\n"), err)
	}
}

// setUp makes the way of events to a queue.
func setUp(t *testing.T, config aws.Config, url string) {
	t.Helper()
	queues := sqs.NewFromConfig(config)
	out, err := queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url,
		AttributeNames: []types.QueueAttributeName{"QueueArn"}})
	if err != nil {
		t.Fatal(err)
	}
	arn := out.Attributes["QueueArn"]
	_, err = queues.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &url,
		Attributes: map[string]string{"Policy": strings.ReplaceAll(open, queueARN, arn)}})
	if err != nil {
		t.Fatal(err)
	}
	bus := strings.Replace(strings.Replace(arn, ":sqs:", ":events:", 1), ":inside53", ":event-bus/default", 1)
	for region, target := range map[string]string{"eu-west-1": arn, "us-east-1": bus} {
		there := config.Copy()
		there.Region = region
		client := eventbridge.NewFromConfig(there)
		_, err = client.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("inside53"),
			EventPattern: aws.String(`{"source":["aws.route53","aws.ec2","aws.elasticloadbalancing"]}`)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("inside53"),
			Targets: []ebtypes.Target{{Id: aws.String("1"), Arn: &target}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	buckets := s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
	_, err = buckets.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("trail"),
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}})
	if err != nil {
		t.Fatal(err)
	}
	trails := cloudtrail.NewFromConfig(config)
	_, err = trails.CreateTrail(t.Context(), &cloudtrail.CreateTrailInput{Name: aws.String("trail"),
		S3BucketName: aws.String("trail"), IsMultiRegionTrail: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = trails.StartLogging(t.Context(), &cloudtrail.StartLoggingInput{Name: aws.String("trail")})
	if err != nil {
		t.Fatal(err)
	}
}

package awssim

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// newQueues returns a client of a simulator, and the URL of a queue called q with attributes.
func newQueues(t *testing.T, s *Sim, attributes map[string]string) (*sqs.Client, *string) {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	path, err := s.CreateQueue("eu-west-1", "q", attributes)
	if err != nil {
		t.Fatal(err)
	}
	return sqs.New(sqs.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(server.URL), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", ""),
	}), aws.String(server.URL + path)
}

func receive(t *testing.T, c *sqs.Client, in *sqs.ReceiveMessageInput) []types.Message {
	t.Helper()
	out, err := c.ReceiveMessage(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out.Messages
}

func send(t *testing.T, c *sqs.Client, url *string, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		_, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String(body)})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestQueueGivesOutAndTakesBack(t *testing.T) {
	c, url := newQueues(t, newSim(t, Options{}), map[string]string{"VisibilityTimeout": "1"})
	send(t, c, url, "one", "two")
	in := &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 5,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"ApproximateReceiveCount", "SentTimestamp"}}
	first := receive(t, c, in)
	if len(first) != 2 || *first[0].Body != "one" || first[0].Attributes["ApproximateReceiveCount"] != "1" ||
		first[0].Attributes["SentTimestamp"] == "" || len(first[0].Attributes) != 2 {
		t.Fatalf("received %+v", first)
	}
	_, err := c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: first[1].ReceiptHandle})
	if err != nil {
		t.Fatal(err)
	}
	again := receive(t, c, in) // it waits for the visibility to end
	if len(again) != 1 || *again[0].Body != "one" || again[0].Attributes["ApproximateReceiveCount"] != "2" {
		t.Fatalf("received again %+v", again)
	}
	// The handle of the first receipt is over.
	out, err := c.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: url,
		Entries: []types.DeleteMessageBatchRequestEntry{
			{Id: aws.String("a"), ReceiptHandle: first[0].ReceiptHandle}, {Id: aws.String("b"), ReceiptHandle: aws.String("x")},
		}})
	if err != nil || len(out.Successful) != 1 || len(out.Failed) != 1 || *out.Failed[0].Id != "b" {
		t.Fatalf("deleting: %+v, %v", out, err)
	}
	_, err = c.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: url,
		ReceiptHandle: again[0].ReceiptHandle, VisibilityTimeout: 0})
	if err != nil {
		t.Fatal(err)
	}
	in.WaitTimeSeconds = 0
	third := receive(t, c, in)
	if len(third) != 1 || third[0].Attributes["ApproximateReceiveCount"] != "3" {
		t.Errorf("after its visibility was ended: %+v", third)
	}
}

func TestQueueWaits(t *testing.T) {
	s := newSim(t, Options{})
	c, url := newQueues(t, s, nil)
	began := time.Now()
	timer := time.AfterFunc(200*time.Millisecond, func() { _ = s.Send("q", "late") })
	defer timer.Stop()
	got := receive(t, c, &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 10})
	if took := time.Since(began); len(got) != 1 || took < 200*time.Millisecond || took > 5*time.Second {
		t.Errorf("after %v: %+v", took, got)
	}
	began = time.Now()
	none := receive(t, c, &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 1})
	if took := time.Since(began); len(none) != 0 || took < time.Second {
		t.Errorf("an empty queue was waited for for %v: %+v", took, none)
	}
}

func TestQueueOfDeadLetters(t *testing.T) {
	s := newSim(t, Options{})
	_, err := s.CreateQueue("eu-west-1", "dead", nil)
	if err != nil {
		t.Fatal(err)
	}
	c, url := newQueues(t, s, map[string]string{
		"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:123456789012:dead","maxReceiveCount":"2"}`,
	})
	send(t, c, url, "poison")
	in := &sqs.ReceiveMessageInput{QueueUrl: url, VisibilityTimeout: 0}
	for range 2 {
		got := receive(t, c, in)
		if len(got) != 1 {
			t.Fatalf("received %+v", got)
		}
		_, err = c.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: url,
			ReceiptHandle: got[0].ReceiptHandle, VisibilityTimeout: 0})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := receive(t, c, in); len(got) != 0 {
		t.Errorf("received a third time: %+v", got)
	}
	visible, _, _ := s.Queued("dead")
	if visible != 1 {
		t.Errorf("%d dead letters", visible)
	}
}

func TestQueueAttributesAndFaults(t *testing.T) {
	s := newSim(t, Options{})
	c, url := newQueues(t, s, map[string]string{"Policy": `{"Statement":[]}`})
	out, err := c.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: url,
		AttributeNames: []types.QueueAttributeName{"Policy", "QueueArn", "ApproximateNumberOfMessages"}})
	if err != nil || len(out.Attributes) != 3 || out.Attributes["Policy"] != `{"Statement":[]}` ||
		out.Attributes["QueueArn"] != "arn:aws:sqs:eu-west-1:123456789012:q" {
		t.Errorf("attributes %v, %v", out, err)
	}
	_, err = c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String("http://127.0.0.1/1/none")})
	if got := verdict(err); !strings.Contains(got, "NonExistentQueue") && !strings.Contains(got, "QueueDoesNotExist") {
		t.Errorf("a queue that isn't there: %v", err)
	}
	_, err = c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 11})
	if verdict(err) != "400 InvalidParameterValue" {
		t.Errorf("11 messages: %v", err)
	}
	for fault, want := range map[string]string{"500": "500 InternalFailure", "access-denied": "403 AccessDenied",
		"throttle": "400 Throttling", "lost": "no answer"} {
		err = s.AddFaults(Fault{Operation: "ReceiveMessage", Fault: fault, Count: 1})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url})
		if verdict(err) != want {
			t.Errorf("%s: %v, want %s", fault, err, want)
		}
	}
}

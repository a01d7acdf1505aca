package events

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"inside53/zonesource/awscall"
)

const service = "sqs"

// api is what this package calls of SQS.
type api struct {
	receive    awscall.Op[sqs.ReceiveMessageInput, sqs.ReceiveMessageOutput]
	remove     awscall.Op[sqs.DeleteMessageBatchInput, sqs.DeleteMessageBatchOutput]
	attributes awscall.Op[sqs.GetQueueAttributesInput, sqs.GetQueueAttributesOutput]
}

// Actions are the IAM actions that reading the queue needs, in alphabetical order: IAM has one
// for messages that are deleted together, and that is the one for each.
func Actions() []string {
	return []string{"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
}

// newAPI makes the client of a queue: of the region that its URL names, if it names one.
func newAPI(c aws.Config, queue string) api {
	client := sqs.NewFromConfig(c, func(o *sqs.Options) {
		o.Retryer = aws.NopRetryer{}
		region := regionOf(queue)
		if region != "" {
			o.Region = region
		}
	})
	return api{
		receive:    awscall.Bind(service, "ReceiveMessage", client.ReceiveMessage),
		remove:     awscall.Bind(service, "DeleteMessageBatch", client.DeleteMessageBatch),
		attributes: awscall.Bind(service, "GetQueueAttributes", client.GetQueueAttributes),
	}
}

// regionOf is the region in the URL of a queue: https://sqs.REGION.amazonaws.com/...; "" where it
// is another host.
func regionOf(queue string) string {
	u, err := url.Parse(queue)
	if err != nil {
		return ""
	}
	rest, is := strings.CutPrefix(u.Hostname(), "sqs.")
	region, domain, _ := strings.Cut(rest, ".")
	if !is || !strings.HasPrefix(domain, "amazonaws.com") {
		return ""
	}
	return region
}

// How messages are received.
const (
	pollTime   = 10 * time.Second // of one question; less than the SDK waits for an answer's header
	visibility = 60 * time.Second // for which a message is nobody else's
	mostAtOnce = 10               // SQS's own bound, for receiving and deleting
	// lastReceipt is the one at which a message goes, whatever became of it.
	lastReceipt = 5
)

// message is one that was received.
type message struct {
	id, handle string
	sent       time.Time // when it arrived in the queue; zero where that isn't known
	receipts   int
	hint       *hint
}

// receive waits for messages, and returns them with their bodies.
func (r *Reader) receive(ctx context.Context) ([]*message, []string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*pollTime)
	defer cancel()
	out, err := r.api.receive.Call(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(r.o.Queue), MaxNumberOfMessages: mostAtOnce, WaitTimeSeconds: int32(pollTime / time.Second),
		VisibilityTimeout: int32(visibility / time.Second),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameApproximateReceiveCount, types.MessageSystemAttributeNameSentTimestamp,
		},
	})
	r.o.OnCall(r.api.receive.Name, awscall.Result(err))
	if err != nil {
		return nil, nil, fmt.Errorf("receiving events of %s: %w", r.o.Queue, awscall.WithCure(err))
	}
	all, bodies := make([]*message, len(out.Messages)), make([]string, len(out.Messages))
	for i, m := range out.Messages {
		all[i] = &message{id: aws.ToString(m.MessageId), handle: aws.ToString(m.ReceiptHandle)}
		all[i].receipts, _ = strconv.Atoi(m.Attributes["ApproximateReceiveCount"]) // 0 where nothing says so
		sent, err := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64)
		if err == nil {
			all[i].sent = time.UnixMilli(sent)
		}
		bodies[i] = aws.ToString(m.Body)
	}
	return all, bodies, nil
}

// removeTime bounds the deletion of messages.
const removeTime = 10 * time.Second

// remove deletes messages. One that isn't deleted comes again, and is found unchanged.
func (r *Reader) remove(ctx context.Context, handles []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
	defer cancel()
	for some := range slices.Chunk(handles, mostAtOnce) {
		in := &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(r.o.Queue)}
		for i, handle := range some {
			in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(handle),
			})
		}
		_, err := r.api.remove.Call(ctx, in)
		r.o.OnCall(r.api.remove.Name, awscall.Result(err))
		if err != nil {
			r.log.Debug("events not deleted from their queue; they come again", "queue", r.o.Queue, "error", err)
		}
	}
}

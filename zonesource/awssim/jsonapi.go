package awssim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// jsonService is a service that speaks AWS's JSON protocol: the operation stands in the header
// X-Amz-Target, input and output are JSON objects.
type jsonService struct {
	target  string // before the operation
	version string // of the protocol: 1.0 or 1.1
}

// jsonServices are by the name that signatures have for them.
func jsonServices() map[string]jsonService {
	return map[string]jsonService{
		queueService:  {"AmazonSQS.", "1.0"},
		busService:    {"AWSEvents.", "1.1"},
		trailsService: {"CloudTrail_20131101.", "1.1"},
	}
}

// jsonOperation is an operation of such a service.
type jsonOperation struct {
	service, name string
	handle        handler
}

func jsonOperations() []jsonOperation {
	return []jsonOperation{
		{queueService, "CreateQueue", createQueue},
		{queueService, "GetQueueUrl", getQueueURL},
		{queueService, "GetQueueAttributes", getQueueAttributes},
		{queueService, "SetQueueAttributes", setQueueAttributes},
		{queueService, "PurgeQueue", purgeQueue},
		{queueService, "SendMessage", sendMessage},
		{queueService, "ReceiveMessage", receiveMessage},
		{queueService, "DeleteMessage", deleteMessage},
		{queueService, "DeleteMessageBatch", deleteMessageBatch},
		{queueService, "ChangeMessageVisibility", changeMessageVisibility},
		{busService, "PutRule", putRule},
		{busService, "PutTargets", putTargets},
		{busService, "DescribeRule", describeRule},
		{busService, "ListRules", listRules},
		{busService, "ListTargetsByRule", listTargetsByRule},
		{trailsService, "CreateTrail", createTrail},
		{trailsService, "StartLogging", startLogging},
		{trailsService, "StopLogging", stopLogging},
		{trailsService, "DescribeTrails", describeTrails},
		{trailsService, "GetTrailStatus", getTrailStatus},
	}
}

// routeJSON finds the operation of a service of the JSON protocol.
func (c *call) routeJSON(r *http.Request) (handler, bool, error) {
	target := r.Header.Get("X-Amz-Target")
	end := strings.LastIndexByte(target, '.') + 1
	name := target[end:]
	ours := strings.HasSuffix(target[:end], jsonServices()[c.service].target) // the CLI's may have more before it
	for _, o := range jsonOperations() {
		if ours && o.service == c.service && o.name == name {
			c.operation = name
			return o.handle, false, nil
		}
	}
	return nil, false, &apiError{http.StatusBadRequest, "InvalidAction",
		fmt.Sprintf("The simulator has no operation %q of %s.", r.Header.Get("X-Amz-Target"), c.service)}
}

// decodeJSON reads the input. Members that the simulator doesn't know are left alone: none of them
// changes an answer that it gives.
func (c *call) decodeJSON(v any) error {
	err := json.Unmarshal(c.body, v)
	if err != nil {
		return &apiError{http.StatusBadRequest, "SerializationException",
			fmt.Sprintf("The request body is not the JSON object expected: %v", err)}
	}
	return nil
}

// operate reads the input of an operation, finds what that is about, and serves it, all with mu held.
func operate[Of any](c *call, in any, find func() (*Of, error), serve func(*Of) (any, error)) ([]byte, error) {
	err := c.decodeJSON(in)
	if err != nil {
		return nil, err
	}
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	of, err := find()
	if err != nil {
		return nil, err
	}
	out, err := serve(of)
	if err != nil {
		return nil, err
	}
	return jsonAnswer(out), nil
}

// jsonAnswer encodes an output: one of our own, which always can be.
func jsonAnswer(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("awssim: encoding an answer: %v", err))
	}
	return text
}

// jsonError is an error in that protocol. SDKs read SQS's older codes from the header.
func (c *call) jsonError(e *apiError) []byte {
	fault := "Sender"
	if e.status >= http.StatusInternalServerError {
		fault = "Receiver"
	}
	if c.service == queueService {
		code := e.code
		if code == noQueue {
			code = "AWS.SimpleQueueService.NonExistentQueue"
		}
		c.header.Set("X-Amzn-Query-Error", code+";"+fault)
	}
	return jsonAnswer(map[string]string{"__type": e.code, "message": e.message})
}

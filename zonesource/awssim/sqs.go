package awssim

import (
	"crypto/md5"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SQS, by the name that signatures have for it.
const (
	queueService = "sqs"
	noQueue      = "QueueDoesNotExist"
)

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

func queueFault(code, format string, args ...any) error {
	return &apiError{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

// queueURL is where a queue is, for whoever reached the simulator by a host.
func queueURL(host string, q *queue) string {
	return fmt.Sprintf("http://%s/%s/%s", host, q.account, q.name)
}

// queueKey is the place of a queue among all.
func queueKey(account, name string) string { return account + "/" + name }

// queueAt finds the queue of a URL: its path names account and queue. Call it with mu held.
func (s *Sim) queueAt(text string) *queue {
	u, err := url.Parse(text)
	if err != nil {
		return nil
	}
	return s.queues[strings.Trim(u.Path, "/")]
}

// queue finds the queue of a request. Call it with mu held.
func (c *call) queue(text string) (*queue, error) {
	q := c.sim.queueAt(text)
	if q == nil {
		return nil, queueFault(noQueue, "The specified queue does not exist.")
	}
	return q, nil
}

func createQueue(c *call) ([]byte, error) {
	var in struct {
		QueueName  string
		Attributes map[string]string
	}
	err := c.decodeJSON(&in)
	if err != nil {
		return nil, err
	}
	if !queueName.MatchString(in.QueueName) {
		return nil, queueFault("InvalidParameterValue", "Can only include alphanumeric characters, hyphens, or underscores. "+
			"1 to 80 in length")
	}
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	key := queueKey(c.account, in.QueueName)
	q := c.sim.queues[key]
	if q != nil && !maps.Equal(q.attributes, in.Attributes) && len(in.Attributes) > 0 {
		return nil, queueFault("QueueNameExists", "A queue already exists with the same name and a different value for an "+
			"attribute")
	}
	if q == nil {
		c.sim.queues[key] = newQueue(c.account, c.region, in.QueueName, in.Attributes)
	}
	return jsonAnswer(map[string]string{"QueueUrl": queueURL(c.host, c.sim.queues[key])}), nil
}

// CreateQueue makes a queue of the base account and returns the path of its URL, which begins with the
// simulator's own. Attributes are SQS's; nil for none.
func (s *Sim) CreateQueue(region, name string, attributes map[string]string) (path string, err error) {
	if !queueName.MatchString(name) {
		return "", fmt.Errorf("creating queue %q: want letters, digits, hyphens and underscores", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := queueKey(s.options.Account, name)
	if s.queues[key] != nil {
		return "", fmt.Errorf("creating queue %s: it is there", name)
	}
	s.queues[key] = newQueue(s.options.Account, region, name, attributes)
	return "/" + key, nil
}

// Send puts a message into a queue of the base account.
func (s *Sim) Send(name, body string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[queueKey(s.options.Account, name)]
	if q == nil {
		return fmt.Errorf("sending to queue %s: there is none", name)
	}
	s.ids++
	q.put(messageID(s.ids), body, 0)
	return nil
}

// Queued returns how many messages of a queue of the base account can be received, have been received
// and not been deleted, and are yet to arrive.
func (s *Sim) Queued(name string) (visible, inFlight, delayed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[queueKey(s.options.Account, name)]
	if q == nil {
		return 0, 0, 0
	}
	return q.counts()
}

func messageID(n uint64) string {
	return fmt.Sprintf("%08x-0000-4000-9000-%012x", uint32(n*2654435761), n)
}

func getQueueURL(c *call) ([]byte, error) {
	var in struct{ QueueName, QueueOwnerAWSAccountId string }
	err := c.decodeJSON(&in)
	if err != nil {
		return nil, err
	}
	account := c.account
	if in.QueueOwnerAWSAccountId != "" {
		account = in.QueueOwnerAWSAccountId
	}
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	q := c.sim.queues[queueKey(account, in.QueueName)]
	if q == nil {
		return nil, queueFault(noQueue, "The specified queue does not exist.")
	}
	return jsonAnswer(map[string]string{"QueueUrl": queueURL(c.host, q)}), nil
}

func getQueueAttributes(c *call) ([]byte, error) {
	var in struct {
		QueueUrl       string
		AttributeNames []string
	}
	return operate(c, &in, func() (*queue, error) { return c.queue(in.QueueUrl) }, func(q *queue) (any, error) {
		all := maps.Clone(q.attributes)
		maps.Copy(all, q.measured())
		maps.DeleteFunc(all, func(name, _ string) bool {
			return !slices.Contains(in.AttributeNames, name) && !slices.Contains(in.AttributeNames, "All")
		})
		return map[string]any{"Attributes": all}, nil
	})
}

func setQueueAttributes(c *call) ([]byte, error) {
	var in struct {
		QueueUrl   string
		Attributes map[string]string
	}
	return operate(c, &in, func() (*queue, error) { return c.queue(in.QueueUrl) }, func(q *queue) (any, error) {
		q.set(in.Attributes)
		return struct{}{}, nil
	})
}

func purgeQueue(c *call) ([]byte, error) {
	var in struct{ QueueUrl string }
	return operate(c, &in, func() (*queue, error) { return c.queue(in.QueueUrl) }, func(q *queue) (any, error) {
		q.messages = nil
		return struct{}{}, nil
	})
}

func sendMessage(c *call) ([]byte, error) {
	var in struct {
		QueueUrl, MessageBody string
		DelaySeconds          *int
	}
	err := c.decodeJSON(&in)
	if err != nil {
		return nil, err
	}
	switch {
	case in.MessageBody == "":
		return nil, queueFault("MissingParameter", "The request must contain the parameter MessageBody.")
	case len(in.MessageBody) > mostBody:
		return nil, queueFault("InvalidParameterValue",
			"One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", mostBody)
	case in.DelaySeconds != nil && (*in.DelaySeconds < 0 || *in.DelaySeconds > 900):
		return nil, queueFault("InvalidParameterValue",
			"Value %d for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.", *in.DelaySeconds)
	}
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	q, err := c.queue(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	delay := q.seconds("DelaySeconds", 0)
	if in.DelaySeconds != nil {
		delay = time.Duration(*in.DelaySeconds) * time.Second
	}
	c.sim.ids++
	id := messageID(c.sim.ids)
	q.put(id, in.MessageBody, delay)
	return jsonAnswer(map[string]string{"MessageId": id, "MD5OfMessageBody": bodySum(in.MessageBody)}), nil
}

func bodySum(body string) string { return fmt.Sprintf("%x", md5.Sum([]byte(body))) }

type receiveRequest struct {
	QueueUrl                    string
	MaxNumberOfMessages         *int
	VisibilityTimeout           *int
	WaitTimeSeconds             *int
	AttributeNames              []string
	MessageSystemAttributeNames []string
}

func (in *receiveRequest) validate() error {
	const invalid = "Value %d for parameter %s is invalid. Reason: Must be between %d and %d, if provided."
	for _, p := range []struct {
		name        string
		value       *int
		least, most int
	}{
		{"MaxNumberOfMessages", in.MaxNumberOfMessages, 1, mostReceived},
		{"WaitTimeSeconds", in.WaitTimeSeconds, 0, int(mostWait / time.Second)},
		{"VisibilityTimeout", in.VisibilityTimeout, 0, int(mostVisibility / time.Second)},
	} {
		if p.value != nil && (*p.value < p.least || *p.value > p.most) {
			return queueFault("InvalidParameterValue", invalid, *p.value, p.name, p.least, p.most)
		}
	}
	return nil
}

// receiveMessage waits for messages as long as it is asked to.
func receiveMessage(c *call) ([]byte, error) {
	var in receiveRequest
	err := c.decodeJSON(&in)
	if err == nil {
		err = in.validate()
	}
	if err != nil {
		return nil, err
	}
	var deadline time.Time
	for {
		c.sim.mu.Lock()
		q, err := c.queue(in.QueueUrl)
		if err != nil {
			c.sim.mu.Unlock()
			return nil, err
		}
		_, inFlight, _ := q.counts()
		if inFlight >= mostInFlight {
			c.sim.mu.Unlock()
			return nil, queueFault("OverLimit", "The maximum number of in flight messages is reached.")
		}
		if deadline.IsZero() {
			deadline = time.Now().Add(secondsOr(in.WaitTimeSeconds, q.seconds("ReceiveMessageWaitTimeSeconds", 0)))
		}
		most := 1
		if in.MaxNumberOfMessages != nil {
			most = *in.MaxNumberOfMessages
		}
		visibility := secondsOr(in.VisibilityTimeout, q.seconds("VisibilityTimeout", defaultVisibility))
		got, next := c.sim.receive(q, most, visibility)
		changed := q.changed
		body := in.answer(got)
		c.sim.mu.Unlock()
		left := time.Until(deadline)
		if len(got) > 0 || left <= 0 {
			return body, nil
		}
		if !next.IsZero() {
			left = min(left, time.Until(next))
		}
		err = c.waitFor(changed, left)
		if err != nil {
			return nil, err
		}
	}
}

// waitFor waits for a queue to change, or so long. The error is the client's going.
func (c *call) waitFor(changed <-chan struct{}, most time.Duration) error {
	timer := time.NewTimer(max(most, 0))
	defer timer.Stop()
	select {
	case <-c.ctx.Done():
		return c.ctx.Err()
	case <-changed:
	case <-timer.C:
	}
	return nil
}

func secondsOr(n *int, otherwise time.Duration) time.Duration {
	if n == nil {
		return otherwise
	}
	return time.Duration(*n) * time.Second
}

// answer describes messages, with those of their attributes that were asked for.
func (in *receiveRequest) answer(got []*message) []byte {
	type received struct {
		MessageId, ReceiptHandle, MD5OfBody, Body string
		Attributes                                map[string]string `json:",omitempty"`
	}
	var out struct {
		Messages []received `json:",omitempty"`
	}
	names := append(slices.Clone(in.AttributeNames), in.MessageSystemAttributeNames...)
	for _, m := range got {
		all := map[string]string{
			"SenderId": "AIDAIT2UOQQY3AUEKVGXU", "SentTimestamp": strconv.FormatInt(m.sent.UnixMilli(), 10),
			"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.first.UnixMilli(), 10),
			"ApproximateReceiveCount":          strconv.Itoa(m.receipts),
		}
		maps.DeleteFunc(all, func(name, _ string) bool {
			return !slices.Contains(names, name) && !slices.Contains(names, "All")
		})
		out.Messages = append(out.Messages, received{m.id, m.handle, bodySum(m.body), m.body, all})
	}
	return jsonAnswer(out)
}

func deleteMessage(c *call) ([]byte, error) {
	var in struct{ QueueUrl, ReceiptHandle string }
	return operate(c, &in, func() (*queue, error) { return c.queue(in.QueueUrl) }, func(q *queue) (any, error) {
		if !strings.HasPrefix(in.ReceiptHandle, "AQEB") {
			return nil, invalidHandle(in.ReceiptHandle)
		}
		q.remove(in.ReceiptHandle)
		return struct{}{}, nil
	})
}

func invalidHandle(handle string) error {
	return queueFault("ReceiptHandleIsInvalid", "The input receipt handle %q is not a valid receipt handle.", handle)
}

func deleteMessageBatch(c *call) ([]byte, error) {
	var in struct {
		QueueUrl string
		Entries  []struct{ Id, ReceiptHandle string }
	}
	err := c.decodeJSON(&in)
	if err != nil {
		return nil, err
	}
	switch {
	case len(in.Entries) == 0:
		return nil, queueFault("EmptyBatchRequest", "There should be at least one DeleteMessageBatchRequestEntry in the "+
			"request.")
	case len(in.Entries) > mostReceived:
		return nil, queueFault("TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent "+
			"%d.", len(in.Entries))
	}
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	q, err := c.queue(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	type failure struct {
		Id, Code, Message string
		SenderFault       bool
	}
	out := struct {
		Successful []map[string]string
		Failed     []failure
	}{[]map[string]string{}, []failure{}}
	for _, e := range in.Entries {
		if !strings.HasPrefix(e.ReceiptHandle, "AQEB") {
			out.Failed = append(out.Failed,
				failure{e.Id, "ReceiptHandleIsInvalid", "The input receipt handle is invalid.", true})
			continue
		}
		q.remove(e.ReceiptHandle)
		out.Successful = append(out.Successful, map[string]string{"Id": e.Id})
	}
	return jsonAnswer(out), nil
}

func changeMessageVisibility(c *call) ([]byte, error) {
	var in struct {
		QueueUrl, ReceiptHandle string
		VisibilityTimeout       *int
	}
	err := c.decodeJSON(&in)
	if err != nil {
		return nil, err
	}
	if in.VisibilityTimeout == nil {
		return nil, queueFault("MissingParameter", "The request must contain the parameter VisibilityTimeout.")
	}
	err = (&receiveRequest{VisibilityTimeout: in.VisibilityTimeout}).validate()
	if err != nil {
		return nil, err
	}
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	q, err := c.queue(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(q.messages, func(m *message) bool { return m.handle == in.ReceiptHandle })
	switch {
	case i < 0:
		return nil, invalidHandle(in.ReceiptHandle)
	case !q.messages[i].visible.After(time.Now()):
		return nil, queueFault("MessageNotInflight", "The message referred to isn't in flight.")
	}
	q.messages[i].visible = time.Now().Add(secondsOr(in.VisibilityTimeout, 0))
	q.wake()
	return jsonAnswer(struct{}{}), nil
}

package awssim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// queue is one standard queue of SQS. Sim.mu guards it.
type queue struct {
	account, region, name string
	attributes            map[string]string
	messages              []*message // in the order of arrival, but for those that arrive later
	changed               chan struct{}
}

// message is one that is in a queue.
type message struct {
	id       string
	body     string
	sent     time.Time // when it arrived, or will
	visible  time.Time // nobody receives it before
	first    time.Time // received, zero for never
	receipts int
	handle   string // of the last receipt
}

// The defaults of SQS's attributes that matter here, and its bounds.
const (
	defaultVisibility = 30 * time.Second
	mostVisibility    = 12 * time.Hour
	mostWait          = 20 * time.Second
	mostReceived      = 10
	mostInFlight      = 120000
	mostBody          = 1 << 20
)

func newQueue(account, region, name string, attributes map[string]string) *queue {
	q := &queue{account: account, region: region, name: name, attributes: map[string]string{},
		changed: make(chan struct{})}
	q.set(attributes)
	return q
}

func (q *queue) arn() string { return fmt.Sprintf("arn:aws:sqs:%s:%s:%s", q.region, q.account, q.name) }

// set changes attributes; an empty value removes one.
func (q *queue) set(attributes map[string]string) {
	for name, value := range attributes {
		if value == "" {
			delete(q.attributes, name)
			continue
		}
		q.attributes[name] = value
	}
}

// seconds is an attribute that is a number of them.
func (q *queue) seconds(name string, otherwise time.Duration) time.Duration {
	n, err := strconv.Atoi(q.attributes[name])
	if err != nil {
		return otherwise
	}
	return time.Duration(n) * time.Second
}

// put adds a message that arrives after a delay, and wakes who waits.
func (q *queue) put(id, body string, delay time.Duration) {
	at := time.Now().Add(delay)
	q.messages = append(q.messages, &message{id: id, body: body, sent: at, visible: at})
	q.wake()
}

// wake has everybody look who waits for messages.
func (q *queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// redrive is the attribute RedrivePolicy.
type redrive struct {
	Target string          `json:"deadLetterTargetArn"`
	Most   json.RawMessage `json:"maxReceiveCount"` // a number, or one in quotes
}

// deadLetters returns the ARN of the dead-letter queue and after how many receipts messages go there;
// "" without one.
func (q *queue) deadLetters() (target string, most int) {
	var policy redrive
	err := json.Unmarshal([]byte(q.attributes["RedrivePolicy"]), &policy)
	if err != nil {
		return "", 0
	}
	text := string(policy.Most)
	unquoted, err := strconv.Unquote(text)
	if err == nil {
		text = unquoted
	}
	most, err = strconv.Atoi(text)
	if err != nil || most < 1 {
		return "", 0
	}
	return policy.Target, most
}

// receive gives out at most so many visible messages, the oldest arrivals first. Those that were received
// too often go to the dead-letter queue. next is when another one gets visible by itself; zero for none.
func (s *Sim) receive(q *queue, most int, visibility time.Duration) (out []*message, next time.Time) {
	now := time.Now()
	target, limit := q.deadLetters()
	slices.SortStableFunc(q.messages, func(a, b *message) int { return a.sent.Compare(b.sent) })
	left := q.messages[:0]
	for _, m := range q.messages {
		switch {
		case m.visible.After(now):
			if next.IsZero() || m.visible.Before(next) {
				next = m.visible
			}
		case target != "" && m.receipts >= limit:
			dead := s.queueOfARN(target)
			if dead != nil {
				m.visible, m.receipts = now, 0
				dead.messages = append(dead.messages, m)
				dead.wake()
				continue
			}
		case len(out) < most:
			m.receipts++
			if m.first.IsZero() {
				m.first = now
			}
			s.ids++
			m.visible, m.handle = now.Add(visibility), awsID("AQEB", m.id, s.ids, 40)
			out = append(out, m)
		}
		left = append(left, m)
	}
	clear(q.messages[len(left):])
	q.messages = left
	return out, next
}

// queueOfARN finds a queue; nil for none. Call it with mu held.
func (s *Sim) queueOfARN(arn string) *queue {
	for _, q := range s.queues {
		if q.arn() == arn {
			return q
		}
	}
	return nil
}

// remove deletes the message of a receipt handle. One that has been received again since has another
// handle: the older one removes nothing, and is no error, as with SQS's standard queues.
func (q *queue) remove(handle string) {
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool { return m.handle == handle && handle != "" })
}

// counts are the numbers of messages that are visible, received and not deleted, and not there yet.
func (q *queue) counts() (visible, inFlight, delayed int) {
	now := time.Now()
	for _, m := range q.messages {
		switch {
		case m.sent.After(now):
			delayed++
		case m.visible.After(now):
			inFlight++
		default:
			visible++
		}
	}
	return visible, inFlight, delayed
}

// measured are the attributes that SQS computes or has a default of.
func (q *queue) measured() map[string]string {
	visible, inFlight, delayed := q.counts()
	return map[string]string{
		"QueueArn":                              q.arn(),
		"ApproximateNumberOfMessages":           strconv.Itoa(visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(inFlight),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(delayed),
		"VisibilityTimeout":                     cmp.Or(q.attributes["VisibilityTimeout"], "30"),
		"ReceiveMessageWaitTimeSeconds":         cmp.Or(q.attributes["ReceiveMessageWaitTimeSeconds"], "0"),
		"DelaySeconds":                          cmp.Or(q.attributes["DelaySeconds"], "0"),
		"MessageRetentionPeriod":                cmp.Or(q.attributes["MessageRetentionPeriod"], "345600"),
	}
}

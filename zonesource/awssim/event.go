package awssim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// EventSwitch says what becomes of the events of changes. The zero value has none sent.
type EventSwitch struct {
	// Queue is the name of the queue of the base account that they go to; a URL or an ARN of it does as
	// well. Empty: they go nowhere.
	Queue string `json:"queue"`
	// DelayMS is how long one is on its way, in milliseconds.
	DelayMS int `json:"delay_ms"`
	// Loss, Double and Reorder are shares of the events, from 0 to 1: those that are lost, that come
	// twice, and that are overtaken by later ones.
	Loss    float64 `json:"loss"`
	Double  float64 `json:"double"`
	Reorder float64 `json:"reorder"`
}

func (e *EventSwitch) validate() error {
	var errs []error
	if e.DelayMS < 0 {
		errs = append(errs, errors.New("delay_ms cannot be negative"))
	}
	for name, share := range map[string]float64{"loss": e.Loss, "double": e.Double, "reorder": e.Reorder} {
		if !(share >= 0 && share <= 1) {
			errs = append(errs, fmt.Errorf("%s: %v is no share from 0 to 1", name, share))
		}
	}
	return errors.Join(errs...)
}

// EventCounts count events since the start.
type EventCounts struct {
	Sent    int `json:"sent"` // those that came twice count once
	Lost    int `json:"lost"`
	Doubled int `json:"doubled"`
	// Waiting is how many messages of the queue have arrived and weren't deleted.
	Waiting int `json:"waiting"`
}

// SetEvents has the events of changes sent, or no longer.
func (s *Sim) SetEvents(e EventSwitch) error {
	err := e.validate()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Queue != "" && s.eventQueue(e.Queue) == nil {
		return fmt.Errorf("queue %q: there is none of this name, URL or ARN", e.Queue)
	}
	s.events = e
	return nil
}

// eventQueue finds the queue that a switch names. Call it with mu held.
func (s *Sim) eventQueue(text string) *queue {
	q := s.queues[queueKey(s.options.Account, text)]
	if q == nil {
		q = s.queueAt(text)
	}
	if q == nil {
		q = s.queueOfARN(text)
	}
	return q
}

// Events returns the switch and the counts.
func (s *Sim) Events() (EventSwitch, EventCounts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := s.eventCounts
	q := s.eventQueue(s.events.Queue)
	if q != nil {
		visible, inFlight, _ := q.counts()
		counts.Waiting = visible + inFlight
	}
	return s.events, counts
}

// eventState is what GET /_sim/events answers.
type eventState struct {
	EventSwitch
	EventCounts
}

func (s *Sim) eventState() eventState {
	e, counts := s.Events()
	return eventState{e, counts}
}

// putEvents takes a switch as a whole.
func (s *Sim) putEvents(body io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(body, 1<<16))
	if err != nil {
		return fmt.Errorf("reading the switch of events: %w", err)
	}
	var e EventSwitch
	err = decodeStrict(text, &e)
	if err != nil {
		return fmt.Errorf("reading the switch of events: %w", err)
	}
	return s.SetEvents(e)
}

// overtaken is by how much an event comes later that is to be overtaken.
const overtaken = 200 * time.Millisecond

// emit sends an event as EventBridge does: the detail in its envelope. Call it with mu held.
func (s *Sim) emit(o origin, kind, source string, resources []string, detail any) {
	q := s.eventQueue(s.events.Queue)
	if q == nil {
		return
	}
	s.ids++
	text, err := json.Marshal(envelope{
		Version: "0", ID: messageID(s.ids), Kind: kind, Source: source, Account: o.account,
		Time: time.Now().UTC().Format(time.RFC3339), Region: o.region, Resources: append([]string{}, resources...),
		Detail: detail,
	})
	if err != nil {
		panic(fmt.Sprintf("awssim: encoding an event: %v", err))
	}
	e := &s.events
	if rand.Float64() < e.Loss {
		s.eventCounts.Lost++
		return
	}
	s.eventCounts.Sent++
	delay := time.Duration(e.DelayMS) * time.Millisecond
	if rand.Float64() < e.Reorder {
		delay += time.Duration(e.DelayMS)*time.Millisecond + rand.N(overtaken)
	}
	s.ids++
	q.put(messageID(s.ids), string(text), delay)
	if rand.Float64() < e.Double {
		s.eventCounts.Doubled++
		s.ids++
		q.put(messageID(s.ids), string(text), delay+rand.N(overtaken))
	}
}

// envelope is EventBridge's.
type envelope struct {
	Version   string   `json:"version"`
	ID        string   `json:"id"`
	Kind      string   `json:"detail-type"`
	Source    string   `json:"source"`
	Account   string   `json:"account"`
	Time      string   `json:"time"`
	Region    string   `json:"region"`
	Resources []string `json:"resources"`
	Detail    any      `json:"detail"`
}

// origin is who makes a change, and where.
type origin struct {
	account, region string
	key             string // access key
	user            string // ARN
	request         string // id
}

// origin is who makes a call. Route 53's events are those of us-east-1, wherever the call came from.
func (c *call) origin() origin {
	o := origin{account: c.account, region: c.region, key: c.key, user: c.sim.callerARN(c.key, c.account), request: c.id}
	if c.service == "route53" {
		o.region = globalRegion
	}
	return o
}

// ownOrigin is who makes the changes of the simulator's own methods. Call it with mu held.
func (s *Sim) ownOrigin(account, region string) origin {
	s.ids++
	return origin{account: account, region: region, key: "AKIAAWSSIM0000000000",
		user: "arn:aws:iam::" + account + ":user/awssim", request: messageID(s.ids)}
}

// globalRegion has the events of global services.
const globalRegion = "us-east-1"

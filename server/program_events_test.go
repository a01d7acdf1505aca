package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"inside53/zonesource/awssim"
)

// eventful makes a queue in the cloud that the events of changes go to, and returns the configuration
// of a member of a fleet that reads it, with listings so rare that none comes within a test.
func (c *cloud) eventful(t *testing.T) func(name string) string {
	t.Helper()
	_, err := c.CreateQueue("eu-west-1", "events", nil)
	if err != nil {
		t.Fatal(err)
	}
	err = c.SetEvents(awssim.EventSwitch{Queue: "events"})
	if err != nil {
		t.Fatal(err)
	}
	rare := strings.NewReplacer("refresh: 200ms", "refresh: 1h", "refresh: 100ms", "refresh: 1h").Replace(c.config())
	return func(name string) string {
		fleet := strings.Replace(fleetSection(name), "keys: [fleet.]}\n",
			"keys: [fleet.], events: \""+c.url+"/123456789012/events\"}\n", 1)
		return rare + fleet
	}
}

// TestEventsAreServed has changes of records and instances answered by all members within a second of
// their events' arrival, with the identity that these name in the history.
func TestEventsAreServed(t *testing.T) {
	c := newCloud(t, nil)
	err := c.CreateBucket("fleet")
	if err != nil {
		t.Fatal(err)
	}
	config := c.eventful(t)
	var all []*program
	for i := range 5 {
		all = append(all, newSite(t).start(t, config(fmt.Sprintf("m%d", i+1))))
	}
	for _, p := range all {
		p.await(t, "ready", func() bool { return p.readiness(t).Ready })
	}
	leader := all[leaderOf(t, all)]
	listed := c.Calls()["ListHostedZones"]
	var took []time.Duration
	for n := range 20 {
		began := time.Now()
		address := netip.AddrFrom4([4]byte{10, 7, 0, byte(n + 1)}).String()
		c.change(t, privateZone, fmt.Sprintf("CREATE event-%d.example.com A %s", n, address))
		for _, p := range all {
			p.await(t, "the change at each member", func() bool {
				return p.answers(t, asks(dublin, fmt.Sprintf("event-%d.example.com A", n), address))
			})
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("from the change to the answer of the last of %d members: p50 %v, worst %v", len(all), took[len(took)/2],
		took[len(took)-1])
	if took[len(took)/2] > time.Second {
		t.Errorf("half of the changes took longer than %v", took[len(took)/2])
	}
	if now := c.Calls()["ListHostedZones"]; now != listed {
		t.Errorf("zones were listed %d times meanwhile", now-listed)
	}
	value, ok := leader.metric(t, `inside53_events_total{result="changed"}`)
	if !ok || value == "0" {
		t.Errorf("counted %q of events", value)
	}
	_, text := leader.get(t, "GET", "/history?name=event-1.example.com")
	if !strings.Contains(text, `"cause": "event"`) || !strings.Contains(text, "arn:aws:iam::123456789012:user/awssim") {
		t.Errorf("the history has %s", text)
	}
	leader.await(t, "no event is left", func() bool {
		visible, inFlight, _ := c.Queued("events")
		return visible+inFlight == 0
	})
	for operation := range c.Calls() {
		if strings.Contains(operation, "Message") && operation != "ReceiveMessage" && operation != "DeleteMessageBatch" {
			t.Errorf("the queue was asked for %s, which examples/iam-policy-events.json doesn't allow", operation)
		}
	}
}

// TestEventsGoWithTheLead has another member read the queue when the leader ends; the queue alone is asked
// at AWS_ENDPOINT_URL_SQS.
func TestEventsGoWithTheLead(t *testing.T) {
	c := newCloud(t, nil)
	var asked, others atomic.Int64
	relay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.") {
			asked.Add(1)
		} else {
			others.Add(1)
		}
		c.serve(w, r)
	}))
	defer relay.Close()
	defer relay.CloseClientConnections()
	t.Setenv("AWS_ENDPOINT_URL_SQS", relay.URL)
	err := c.CreateBucket("fleet")
	if err != nil {
		t.Fatal(err)
	}
	config := c.eventful(t)
	var all []*program
	for i := range 2 {
		all = append(all, newSite(t).start(t, config(fmt.Sprintf("m%d", i+1))))
	}
	for _, p := range all {
		p.await(t, "ready", func() bool { return p.readiness(t).Ready })
	}
	leader := leaderOf(t, all)
	all[leader].end(t)
	left := all[1-leader]
	left.await(t, "another one leads", func() bool { return left.app.fleet.Member.Standing().Leads })
	c.change(t, privateZone, "CREATE later.example.com A 10.7.0.9")
	left.await(t, "the change", func() bool { return left.answers(t, asks(dublin, "later.example.com A", "10.7.0.9")) })
	if asked.Load() == 0 || others.Load() != 0 {
		t.Errorf("at AWS_ENDPOINT_URL_SQS the queue was asked %d times, and others %d times", asked.Load(), others.Load())
	}
	left.end(t)
}

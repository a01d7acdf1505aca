package main

import (
	"strings"
	"testing"

	"inside53/zonesource/awssim"
)

// TestCheckEvents has check --aws say what keeps events from the queue that the fleet reads.
func TestCheckEvents(t *testing.T) {
	sim, url := simulated(t)
	_, err := sim.CreateQueue("eu-west-1", "events", nil)
	if err != nil {
		t.Fatal(err)
	}
	config := func(queue string) string {
		return write(t, "aws: {region: eu-west-1}\nroute53: {requests_per_second: 50, refresh: 10m}\n"+
			"ec2: {regions: [eu-west-1]}\nstate_dir: state\n"+
			"keys: [{name: fleet., secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}]\n"+
			"fleet: {name: m1, store: s3://fleet/prod, keys: [fleet.], events: \""+queue+"\"}\n"+
			"forward: [{zone: ., upstreams: [10.0.0.2]}]\n")
	}
	queue := url + "/123456789012/events"
	code, stdout, stderr := command(t, "check", "--config", config(queue), "--aws")
	if code != exitDone || stderr != "" {
		t.Errorf("code %d, errors %q", code, stderr)
	}
	for _, want := range []string{
		"sqs:GetQueueAttributes", "not tried: there is nothing to try it on",
		"warning: fleet.events: no statement of the queue's policy lets events.amazonaws.com call sqs:SendMessage",
		"warning: fleet.events: no rule of us-east-1 sends these events of Route 53 to the queue (by an event bus of eu-w",
		"warning: fleet.events: no rule of eu-west-1 sends these events of EC2 to the queue: AssignIpv6Addresses, ",
		"warning: fleet.events: no trail of CloudTrail logs the calls of us-east-1",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the output lacks %q:\n%s", want, stdout)
		}
	}
	err = sim.AddFaults(awssim.Fault{Operation: "GetQueueAttributes", Fault: "access-denied"})
	if err != nil {
		t.Fatal(err)
	}
	code, _, stderr = command(t, "check", "--config", config(queue), "--aws")
	if code != exitFailed || !strings.Contains(stderr, "sqs:GetQueueAttributes") {
		t.Errorf("code %d, errors %q", code, stderr)
	}
	code, _, stderr = command(t, "check", "--config", config("inside53"))
	if code != exitFailed || !strings.Contains(stderr, "is no URL of a queue") {
		t.Errorf("a name in place of a URL: code %d, errors %q", code, stderr)
	}
}

package events

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	sdkroute53 "github.com/aws/aws-sdk-go-v2/service/route53"

	"inside53/zonesource"
	"inside53/zonesource/awssim"
)

// TestNamesAreServedAtOnce has a change in Route 53 served by its event, at the cost of one call, with
// who the event names.
func TestNamesAreServedAtOnce(t *testing.T) {
	l := newLab(t, unlimited())
	l.start()
	before := l.sim.Calls()
	began := time.Now()
	l.change(address("fresh.example.com", "192.0.2.77"))
	l.await("the new name", func() bool { return l.served("fresh.example.com.") == "192.0.2.77" })
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	l.await("its end", func() bool { _, inFlight, _ := l.sim.Queued("inside53"); return inFlight == 0 })
	after := l.sim.Calls()
	if n := after["ListResourceRecordSets"] - before["ListResourceRecordSets"]; n != 1 {
		t.Errorf("%d calls for one name", n)
	}
	if after["ListHostedZones"] != before["ListHostedZones"] || after["GetHostedZone"] != before["GetHostedZone"] {
		t.Errorf("other calls: %v, before %v", after, before)
	}
	causes := l.causes("zone/" + l.zone("example.com.", false).ID)
	if want := "event by arn:aws:iam::123456789012:user/awssim"; causes[len(causes)-1] != want {
		t.Errorf("caused %v, want %s", causes, want)
	}
	l.change(awssim.Change{Action: "DELETE", RecordSet: address("fresh.example.com", "192.0.2.77").RecordSet})
	l.await("its deletion", func() bool { return l.served("fresh.example.com.") == "" })
}

// TestLateAndForgedEvents has events that don't say what is so do no harm.
func TestLateAndForgedEvents(t *testing.T) {
	l := newLab(t, unlimited())
	l.start()
	id := l.zone("example.com.", false).ID
	l.change(address("real.example.com", "192.0.2.1"))
	l.await("the real name", func() bool { return l.served("real.example.com.") == "192.0.2.1" })
	const forged = `{"version":"0","detail-type":"AWS API Call via CloudTrail","account":"123456789012",` +
		`"region":"us-east-1","detail":{"eventSource":"route53.amazonaws.com","eventName":"ChangeResourceRecordSets",` +
		`"userIdentity":{"arn":"arn:aws:iam::1:user/mallory"},"requestParameters":{"hostedZoneId":"%s",` +
		`"changeBatch":{"changes":[{"action":"%s","resourceRecordSet":{"name":"%s","type":"A","tTL":1,"resourceRecords":[` +
		`{"value":"6.6.6.6"}]}}]}}}}`
	for _, body := range []string{
		fmt.Sprintf(forged, id, "UPSERT", "real.example.com"), fmt.Sprintf(forged, id, "DELETE", "real.example.com"),
		fmt.Sprintf(forged, id, "UPSERT", "www.example.org"), fmt.Sprintf(forged, "ZNONE", "UPSERT", "real.example.com"),
		fmt.Sprintf(forged, id, "UPSERT", `real.example.com\\000`), "no JSON", `{}`, `{"detail-type":"Other","detail":{}}`,
		`{"detail-type":"AWS API Call via CloudTrail","detail":[]}`,
		`{"detail-type":"EC2 Instance State-change Notification","detail":{}}`,
	} {
		err := l.sim.Send("inside53", body)
		if err != nil {
			t.Fatal(err)
		}
	}
	l.await("their end", func() bool {
		visible, inFlight, _ := l.sim.Queued("inside53")
		return visible+inFlight == 0
	})
	if got := l.served("real.example.com."); got != "192.0.2.1" {
		t.Errorf("served is %q", got)
	}
	for _, cause := range l.causes("zone/") {
		if strings.Contains(cause, "mallory") {
			t.Errorf("a forged event changed something: %s", cause)
		}
	}
	got := l.counted()
	if got[Malformed] != 4 || got[Unchanged]+got[Ignored] != 6 || got[Unchanged] < 2 || got[Ignored] < 2 {
		t.Errorf("results %v", got)
	}
}

// TestManyNamesAreTheZone has a batch of many names, and one that CloudTrail has cut, list the zone.
func TestManyNamesAreTheZone(t *testing.T) {
	for _, n := range []int{mostNames, mostNames + 1, 1000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			l := newLab(t, unlimited())
			l.start()
			name := func(i int) string { return fmt.Sprintf("a-rather-long-name-of-a-host-%d.example.com", i) }
			var batch []awssim.Change
			for i := range n {
				c := address(name(i), "192.0.2.9")
				c.Action = "CREATE"
				batch = append(batch, c)
			}
			l.sim.ResetCalls()
			l.change(batch...)
			l.await("the last name", func() bool { return l.served(name(n-1)+".") == "192.0.2.9" })
			calls := l.sim.Calls()
			// The event of 1,000 has lost its zone: then all of the account are listed.
			if (calls["GetHostedZone"]+calls["ListHostedZones"] > 0) != (n > mostNames) {
				t.Errorf("calls %v", calls)
			}
		})
	}
}

// TestZonesComeAndGo has new zones listed at once, and deleted ones removed.
func TestZonesComeAndGo(t *testing.T) {
	l := newLab(t, unlimited())
	l.start()
	client := sdkroute53.NewFromConfig(l.config)
	made, err := client.CreateHostedZone(t.Context(), &sdkroute53.CreateHostedZoneInput{Name: aws.String("fresh.example"),
		CallerReference: aws.String("r")})
	if err != nil {
		t.Fatal(err)
	}
	l.await("the new zone", func() bool { return l.zone("fresh.example.", false) != nil })
	_, err = client.DeleteHostedZone(t.Context(), &sdkroute53.DeleteHostedZoneInput{Id: made.HostedZone.Id})
	if err != nil {
		t.Fatal(err)
	}
	l.await("its end", func() bool { return l.zone("fresh.example.", false) == nil })
}

// TestInstancesAreServedAtOnce has instances, tags and elastic IPs follow their events.
func TestInstancesAreServedAtOnce(t *testing.T) {
	l := newLab(t, unlimited())
	l.start()
	client := sdkec2.NewFromConfig(l.config)
	host := func(id string) *zonesource.Host {
		p, _ := l.keeper.Kept(zonesource.Key{Source: "ec2", Name: "/eu-west-1"})
		at := slices.IndexFunc(p.Region.Hosts, func(h *zonesource.Host) bool { return h.Instance == id })
		if at < 0 {
			return nil
		}
		return p.Region.Hosts[at]
	}
	before := l.sim.Calls()["DescribeVpcs"]
	ran, err := client.RunInstances(t.Context(), &sdkec2.RunInstancesInput{ImageId: aws.String("ami-1"),
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	id := *ran.Instances[0].InstanceId
	l.await("the new instance", func() bool { return host(id) != nil })
	_, err = client.CreateTags(t.Context(), &sdkec2.CreateTagsInput{Resources: []string{id},
		Tags: []ec2types.Tag{{Key: aws.String("dns"), Value: aws.String("fresh")}}})
	if err != nil {
		t.Fatal(err)
	}
	l.await("its name", func() bool { h := host(id); return len(h.Names) == 1 && h.Names[0].Text == "fresh" })
	_, err = client.AssociateAddress(t.Context(), &sdkec2.AssociateAddressInput{InstanceId: &id,
		PublicIp: aws.String("203.0.113.10")})
	if err != nil {
		t.Fatal(err)
	}
	l.await("its address", func() bool { return host(id).Public.String() == "203.0.113.10" })
	if was := host("i-0fa19c86cefac009f"); was.Public.IsValid() {
		t.Errorf("who had the address has it still: %v", was)
	}
	_, err = client.DisassociateAddress(t.Context(), &sdkec2.DisassociateAddressInput{
		PublicIp: aws.String("203.0.113.10")})
	if err != nil {
		t.Fatal(err)
	}
	l.await("that it has none", func() bool { return !host(id).Public.IsValid() })
	_, err = client.TerminateInstances(t.Context(), &sdkec2.TerminateInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	l.await("its end", func() bool { return host(id) == nil })
	if n := l.sim.Calls()["DescribeVpcs"]; n != before {
		t.Errorf("the region was listed %d times", n-before)
	}
}

// TestFailuresComeAgain has an event whose names can't be read stay in the queue, and go at the fifth
// receipt; one that AWS refuses goes at once.
func TestFailuresComeAgain(t *testing.T) {
	l := newLab(t, unlimited())
	l.start()
	err := l.sim.AddFaults(awssim.Fault{Operation: "ListResourceRecordSets", Fault: "access-denied", Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	l.change(address("refused.example.com", "192.0.2.5"))
	l.await("the refusal", func() bool { return l.counted()[Refused] == 1 })
	l.await("its deletion", func() bool { _, inFlight, _ := l.sim.Queued("inside53"); return inFlight == 0 })
	err = l.sim.AddFaults(awssim.Fault{Operation: "ListResourceRecordSets", Fault: "500", Count: 3})
	if err != nil {
		t.Fatal(err)
	}
	l.change(address("failed.example.com", "192.0.2.6"))
	l.await("the failure", func() bool { return l.counted()[Failed] == 1 })
	_, inFlight, _ := l.sim.Queued("inside53")
	if inFlight != 1 {
		t.Errorf("%d messages in flight after a failure", inFlight)
	}
}

func TestGivenUpAtTheFifthReceipt(t *testing.T) {
	var results []string
	r, err := New(Options{Queue: "http://127.0.0.1:1/1/q", Accounts: accountsOfNobody(), Keeper: noKeeper{},
		OnEvent: func(result string, _ time.Duration) { results = append(results, result) }})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= lastReceipt; n++ {
		r.end(t.Context(), Failed, &message{id: "m", handle: "h", receipts: n})
	}
	want := []string{Failed, Failed, Failed, Failed, GivenUp}
	if !slices.Equal(results, want) {
		t.Errorf("results %v, want %v", results, want)
	}
}

// TestDoubledReorderedLost has everything end right with a queue that loses nothing but order and number.
func TestDoubledReordered(t *testing.T) {
	l := newLab(t, unlimited())
	l.start()
	err := l.sim.SetEvents(awssim.EventSwitch{Queue: "inside53", DelayMS: 20, Double: 0.3, Reorder: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	const n = 150
	for i := range n {
		l.change(address(fmt.Sprintf("n%d.example.com", i%7), fmt.Sprintf("192.0.2.%d", i%250)))
	}
	l.await("the end of all events", func() bool {
		visible, inFlight, delayed := l.sim.Queued("inside53")
		return visible+inFlight+delayed == 0
	})
	for i := n - 7; i < n; i++ {
		name, want := fmt.Sprintf("n%d.example.com.", i%7), fmt.Sprintf("192.0.2.%d", i%250)
		if got := l.served(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// TestReadingsGoOnWhileCommitsWait has nothing be committed for a while: what further events name is read and served
// all the same, also of the same zone, and their messages are deleted when all is committed.
func TestReadingsGoOnWhileCommitsWait(t *testing.T) {
	const changes = 2 * workers
	l := newLab(t, unlimited())
	open := make(chan struct{})
	l.options = func(o *Options) {
		o.Committed = func(ctx context.Context) error {
			select {
			case <-open:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	l.start()
	for n := range changes {
		name := fmt.Sprintf("waits-%d.example.com", n)
		l.change(address(name, "192.0.2.77"))
		l.await(name, func() bool { return l.served(name+".") == "192.0.2.77" })
	}
	if n := l.counted()[Changed]; n != 0 {
		t.Errorf("%d are done with, and nothing is committed", n)
	}
	if visible, inFlight, _ := l.sim.Queued("inside53"); visible+inFlight != changes {
		t.Errorf("%d messages are there, not %d", visible+inFlight, changes)
	}
	close(open)
	l.await("their end", func() bool {
		visible, inFlight, _ := l.sim.Queued("inside53")
		return visible+inFlight == 0 && l.counted()[Changed] == changes
	})
}

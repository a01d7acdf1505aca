package awssim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// eventful is a simulator of the demo whose events go to a queue.
type eventful struct {
	*Sim
	t       *testing.T
	url     *string
	config  aws.Config
	queues  *sqs.Client
	ec2     *ec2.Client
	elb     *elb.Client
	route53 *route53.Client
}

func newEventful(t *testing.T, e EventSwitch) *eventful {
	t.Helper()
	s := newSim(t, Options{Data: os.DirFS("../../examples/demo"), Reads: Unlimited(), Changes: Unlimited(),
		Inventory: Unlimited()})
	queues, url := newQueues(t, s, nil)
	e.Queue = "q"
	err := s.SetEvents(e)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c := aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(server.URL),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", "")}
	return &eventful{Sim: s, t: t, url: url, config: c, queues: queues, ec2: ec2.NewFromConfig(c),
		elb: elb.NewFromConfig(c), route53: route53.NewFromConfig(c)}
}

// drain receives and deletes all events that come within a moment.
func (e *eventful) drain() []map[string]any {
	e.t.Helper()
	var all []map[string]any
	for {
		out, err := e.queues.ReceiveMessage(e.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: e.url, MaxNumberOfMessages: 10})
		if err != nil {
			e.t.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return all
		}
		for _, m := range out.Messages {
			var event map[string]any
			err = json.Unmarshal([]byte(*m.Body), &event)
			if err != nil {
				e.t.Fatal(err)
			}
			all = append(all, event)
			in := &sqs.DeleteMessageInput{QueueUrl: e.url, ReceiptHandle: m.ReceiptHandle}
			_, err = e.queues.DeleteMessage(e.t.Context(), in)
			if err != nil {
				e.t.Fatal(err)
			}
		}
	}
}

// brief says of events what they are: the name of the call, or the state, and all ids that they name.
func brief(events []map[string]any) []string {
	var out []string
	for _, e := range events {
		detail, _ := e["detail"].(map[string]any)
		if e["detail-type"] == "EC2 Instance State-change Notification" {
			out = append(out, fmt.Sprint(detail["state"]))
			continue
		}
		out = append(out, fmt.Sprint(detail["eventName"]))
	}
	return out
}

// walk walks through objects and lists ("0") of JSON.
func walk(v any, steps ...string) any {
	for _, step := range steps {
		switch x := v.(type) {
		case map[string]any:
			v = x[step]
		case []any:
			v = nil
			if step == "0" && len(x) > 0 {
				v = x[0]
			}
		default:
			return nil
		}
	}
	return v
}

func zoneOf(t *testing.T, s *Sim, name string) string {
	t.Helper()
	for _, z := range s.base.zones {
		if z.info.Name == name {
			return z.id
		}
	}
	t.Fatalf("no zone %s", name)
	return ""
}

func TestEventOfRecords(t *testing.T) {
	e := newEventful(t, EventSwitch{})
	id := zoneOf(t, e.Sim, "example.com.")
	change := func(n int, name string) {
		t.Helper()
		batch := &types.ChangeBatch{Comment: aws.String("why")}
		for i := range n {
			batch.Changes = append(batch.Changes, types.Change{Action: types.ChangeActionCreate,
				ResourceRecordSet: &types.ResourceRecordSet{Name: aws.String(fmt.Sprintf("%s%d.Example.com", name, i)),
					Type: types.RRTypeA, TTL: aws.Int64(60),
					ResourceRecords: []types.ResourceRecord{{Value: aws.String("192.0.2.1")}}}})
		}
		_, err := e.route53.ChangeResourceRecordSets(t.Context(), &route53.ChangeResourceRecordSetsInput{
			HostedZoneId: aws.String(id), ChangeBatch: batch})
		if err != nil {
			t.Fatal(err)
		}
	}
	change(1, "one")
	got := e.drain()
	if len(got) != 1 {
		t.Fatalf("%d events", len(got))
	}
	event := got[0]
	detail := event["detail"]
	for want, steps := range map[string][]string{
		"ChangeResourceRecordSets":              {"eventName"},
		"route53.amazonaws.com":                 {"eventSource"},
		"us-east-1":                             {"awsRegion"},
		"arn:aws:iam::123456789012:user/awssim": {"userIdentity", "arn"},
		id:                                      {"requestParameters", "hostedZoneId"},
		"why":                                   {"requestParameters", "changeBatch", "comment"},
		"CREATE":                                {"requestParameters", "changeBatch", "changes", "0", "action"},
		"one0.Example.com": {"requestParameters", "changeBatch", "changes", "0", "resourceRecordSet",
			"name"},
		"PENDING": {"responseElements", "changeInfo", "status"},
	} {
		if have := walk(detail, steps...); have != want {
			t.Errorf("%v is %v, want %s", steps, have, want)
		}
	}
	if event["source"] != "aws.route53" || event["region"] != "us-east-1" || event["account"] != "123456789012" ||
		event["detail-type"] != "AWS API Call via CloudTrail" {
		t.Errorf("the envelope %v", event)
	}
	change(200, "many")
	got = e.drain()
	changes, _ := walk(got[0]["detail"], "requestParameters", "changeBatch", "changes").([]any)
	if len(changes) != 200 {
		t.Errorf("%d changes in the event of 200", len(changes))
	}
	change(1000, strings.Repeat("long", 12))
	got = e.drain()
	if len(got) != 1 || walk(got[0]["detail"], "requestParameters", "omitted") != true {
		t.Errorf("the event of 1,000 changes isn't cut: %.300v", got)
	}
	// A change that is refused has no event.
	_, err := e.Change(id, Change{Action: "DELETE", RecordSet: RecordSet{Name: "none.example.com", Type: "A",
		TTL:             aws.Int64(1),
		ResourceRecords: []ResourceRecord{{"192.0.2.1"}}}})
	if err == nil || len(e.drain()) != 0 {
		t.Errorf("a refused change: %v", err)
	}
}

func TestEventsOfZones(t *testing.T) {
	e := newEventful(t, EventSwitch{})
	made, err := e.route53.CreateHostedZone(t.Context(), &route53.CreateHostedZoneInput{Name: aws.String("new.example"),
		CallerReference: aws.String("r"), VPC: &types.VPC{VPCId: aws.String("vpc-1"), VPCRegion: "eu-west-1"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"vpc-2", "vpc-2"} {
		in := &types.VPC{VPCId: aws.String(v), VPCRegion: "eu-west-1"}
		if len(e.Calls()) > 0 && e.Calls()["AssociateVPCWithHostedZone"] == 0 {
			_, err = e.route53.AssociateVPCWithHostedZone(t.Context(), &route53.AssociateVPCWithHostedZoneInput{
				HostedZoneId: made.HostedZone.Id, VPC: in})
		} else {
			_, err = e.route53.DisassociateVPCFromHostedZone(t.Context(), &route53.DisassociateVPCFromHostedZoneInput{
				HostedZoneId: made.HostedZone.Id, VPC: in})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = e.route53.DeleteHostedZone(t.Context(), &route53.DeleteHostedZoneInput{Id: made.HostedZone.Id})
	if err != nil {
		t.Fatal(err)
	}
	got := e.drain()
	want := []string{"CreateHostedZone", "AssociateVPCWithHostedZone", "DisassociateVPCFromHostedZone", "DeleteHostedZone"}
	if !slices.Equal(brief(got), want) {
		t.Fatalf("events %v, want %v", brief(got), want)
	}
	if walk(got[0]["detail"], "responseElements", "hostedZone", "id") != *made.HostedZone.Id {
		t.Errorf("the new zone's event: %v", got[0])
	}
}

func TestEventsOfInstances(t *testing.T) {
	e := newEventful(t, EventSwitch{})
	ran, err := e.ec2.RunInstances(t.Context(), &ec2.RunInstancesInput{ImageId: aws.String("ami-1"),
		MinCount: aws.Int32(1), MaxCount: aws.Int32(2),
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: "instance",
			Tags: []ec2types.Tag{{Key: aws.String("dns"), Value: aws.String("fresh")}}}}})
	if err != nil || len(ran.Instances) != 2 || len(ran.Instances[0].NetworkInterfaces) != 1 {
		t.Fatalf("running: %v, %+v", err, ran)
	}
	id := *ran.Instances[0].InstanceId
	got := e.drain()
	if want := []string{"RunInstances", "pending", "running", "pending", "running"}; !slices.Equal(brief(got), want) {
		t.Errorf("events %v, want %v", brief(got), want)
	}
	if walk(got[0]["detail"], "responseElements", "instancesSet", "items", "0", "instanceId") != id {
		t.Errorf("the event: %v", got[0])
	}
	described, err := e.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	now := described.Reservations[0].Instances[0]
	if now.State.Name != "running" || *now.PrivateIpAddress == "" || *now.Tags[0].Value != "fresh" {
		t.Errorf("described %+v", now)
	}
	steps := []struct {
		name string
		call func() error
		want []string
	}{
		{"tags", func() error {
			_, err := e.ec2.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: []string{id},
				Tags: []ec2types.Tag{{Key: aws.String("Name"), Value: aws.String("n")}}})
			return err
		}, []string{"CreateTags"}},
		{"no tags", func() error {
			_, err := e.ec2.DeleteTags(t.Context(), &ec2.DeleteTagsInput{Resources: []string{id},
				Tags: []ec2types.Tag{{Key: aws.String("dns")}}})
			return err
		}, []string{"DeleteTags"}},
		{"stop", func() error {
			_, err := e.ec2.StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: []string{id}})
			return err
		}, []string{"StopInstances", "stopping", "stopped"}},
		{"start", func() error {
			_, err := e.ec2.StartInstances(t.Context(), &ec2.StartInstancesInput{InstanceIds: []string{id}})
			return err
		}, []string{"StartInstances", "pending", "running"}},
		{"address", func() error {
			_, err := e.ec2.AssociateAddress(t.Context(), &ec2.AssociateAddressInput{InstanceId: &id,
				PublicIp: aws.String("203.0.113.10")})
			return err
		}, []string{"AssociateAddress"}},
		{"no address", func() error {
			_, err := e.ec2.DisassociateAddress(t.Context(), &ec2.DisassociateAddressInput{PublicIp: aws.String("203.0.113.10")})
			return err
		}, []string{"DisassociateAddress"}},
		{"end", func() error {
			_, err := e.ec2.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
			return err
		}, []string{"TerminateInstances", "shutting-down", "terminated"}},
	}
	for _, step := range steps {
		err := step.call()
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := brief(e.drain()); !slices.Equal(got, step.want) {
			t.Errorf("%s: events %v, want %v", step.name, got, step.want)
		}
	}
	cards, err := e.ec2.DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{
		Filters: []ec2types.Filter{{Name: aws.String("attachment.instance-id"), Values: []string{id}}}})
	if err != nil || len(cards.NetworkInterfaces) != 0 {
		t.Errorf("the interfaces of a terminated instance: %v, %v", cards, err)
	}
}

func TestEventsOfInterfacesAndTargets(t *testing.T) {
	e := newEventful(t, EventSwitch{})
	subnet := text(e.base.regions["eu-west-1"]["DescribeSubnets"][0], "SubnetId")
	made, err := e.ec2.CreateNetworkInterface(t.Context(), &ec2.CreateNetworkInterfaceInput{SubnetId: &subnet})
	if err != nil || made.NetworkInterface.NetworkInterfaceId == nil {
		t.Fatalf("creating: %v, %+v", err, made)
	}
	card := made.NetworkInterface.NetworkInterfaceId
	attached, err := e.ec2.AttachNetworkInterface(t.Context(), &ec2.AttachNetworkInterfaceInput{NetworkInterfaceId: card,
		DeviceIndex: aws.Int32(1), InstanceId: aws.String("i-0fa19c86cefac009f")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.ec2.DetachNetworkInterface(t.Context(), &ec2.DetachNetworkInterfaceInput{
		AttachmentId: attached.AttachmentId})
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.ec2.DeleteNetworkInterface(t.Context(), &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: card})
	if err != nil {
		t.Fatal(err)
	}
	groups, err := e.elb.DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{})
	if err != nil {
		t.Fatal(err)
	}
	arn := groups.TargetGroups[0].TargetGroupArn
	targets := []elbtypes.TargetDescription{{Id: aws.String("i-1"), Port: aws.Int32(8080)}}
	_, err = e.elb.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: arn, Targets: targets})
	if err != nil {
		t.Fatal(err)
	}
	health, err := e.elb.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: arn})
	n := len(health.TargetHealthDescriptions)
	if err != nil || n == 0 || *health.TargetHealthDescriptions[n-1].Target.Id != "i-1" {
		t.Errorf("registered: %v, %v", health, err)
	}
	_, err = e.elb.DeregisterTargets(t.Context(), &elb.DeregisterTargetsInput{TargetGroupArn: arn, Targets: targets})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"CreateNetworkInterface", "AttachNetworkInterface", "DetachNetworkInterface",
		"DeleteNetworkInterface", "RegisterTargets", "DeregisterTargets"}
	if got := brief(e.drain()); !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

// What the switch says is what becomes of events.
func TestEventSwitch(t *testing.T) {
	const n = 200
	for name, tt := range map[string]struct {
		events      EventSwitch
		least, most int
		inOrder     bool
	}{
		"plain":   {EventSwitch{}, n, n, true},
		"lost":    {EventSwitch{Loss: 0.5}, n / 4, 3 * n / 4, true},
		"all":     {EventSwitch{Loss: 1}, 0, 0, true},
		"double":  {EventSwitch{Double: 1}, 2 * n, 2 * n, false},
		"reorder": {EventSwitch{Reorder: 0.5}, n, n, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEventful(t, tt.events)
			id := zoneOf(t, e.Sim, "example.com.")
			for i := range n {
				_, err := e.Change(id, Change{Action: "UPSERT", RecordSet: RecordSet{Name: "switch.example.com", Type: "A",
					TTL: aws.Int64(int64(i)), ResourceRecords: []ResourceRecord{{"192.0.2.1"}}}})
				if err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(2 * overtaken)
			got := e.drain()
			var order []float64
			for _, event := range got {
				ttl, _ := walk(event["detail"], "requestParameters", "changeBatch", "changes", "0", "resourceRecordSet",
					"tTL").(float64)
				order = append(order, ttl)
			}
			if len(got) < tt.least || len(got) > tt.most || slices.IsSorted(order) != tt.inOrder {
				t.Errorf("%d events, in order %t", len(got), slices.IsSorted(order))
			}
			_, counts := e.Events()
			if counts.Sent+counts.Lost != n || counts.Sent+counts.Doubled != len(got) || counts.Waiting != 0 {
				t.Errorf("counted %+v of %d", counts, len(got))
			}
		})
	}
}

func TestControlEvents(t *testing.T) {
	s := newSim(t, Options{})
	_, err := s.CreateQueue("eu-west-1", "q", nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	defer server.Close()
	for body, want := range map[string]int{
		`{"queue":"q","delay_ms":5,"loss":0.1,"double":0.1,"reorder":0.1}`: http.StatusOK,
		`{"queue":"` + server.URL + `/123456789012/q"}`:                    http.StatusOK,
		`{"queue":"arn:aws:sqs:eu-west-1:123456789012:q"}`:                 http.StatusOK,
		`{"queue":"none"}`:            http.StatusBadRequest,
		`{"queue":"q","loss":2}`:      http.StatusBadRequest,
		`{"queue":"q","delay_ms":-1}`: http.StatusBadRequest,
		`{"queue":"q","lost":1}`:      http.StatusBadRequest,
		`{}`:                          http.StatusOK,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+"/_sim/events",
			bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %d, want %d", body, response.StatusCode, want)
		}
	}
	response, err := http.Get(server.URL + "/_sim/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var state map[string]any
	err = json.NewDecoder(response.Body).Decode(&state)
	want := []string{"delay_ms", "double", "doubled", "loss", "lost", "queue", "reorder", "sent", "waiting"}
	if err != nil || !slices.Equal(slices.Sorted(maps.Keys(state)), want) {
		t.Errorf("the state %v, %v", state, err)
	}
}

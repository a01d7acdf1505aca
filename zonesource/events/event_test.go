package events

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
)

// noKeeper serves nothing.
type noKeeper struct{}

func (noKeeper) Parts(string) []zonesource.Part                   { return nil }
func (noKeeper) Kept(zonesource.Key) (zonesource.Part, bool)      { return zonesource.Part{}, false }
func (noKeeper) Read(*zonesource.Reading) ([][]byte, bool, error) { panic("nothing is served") }
func (noKeeper) ReadRegion(*zonesource.RegionReading) (bool, bool, error) {
	panic("nothing is served")
}
func (noKeeper) Observe(zonesource.Part, zonesource.Cause) (bool, error) { panic("nothing is served") }

func accountsOfNobody() []*awsclient.Account { return []*awsclient.Account{{}} }

// call is the event of a call.
func call(source, name, request, response string) string {
	return `{"detail-type":"AWS API Call via CloudTrail","account":"1","region":"r","detail":{"eventSource":"` + source +
		`.amazonaws.com","eventName":"` + name + `","userIdentity":{"principalId":"P:me\n"},"requestParameters":` + request +
		`,"responseElements":` + response + `}}`
}

func TestParse(t *testing.T) {
	name := func(text string) []byte { return zone.MustName(text) }
	const omitted, none = `{"omitted":true}`, `null`
	tests := []struct {
		name, source, call, request, response string
		want                                  hint
	}{
		{"records", "route53", "ChangeResourceRecordSets", `{"hostedZoneId":"/hostedzone/Z1","changeBatch":{"changes":[` +
			`{"resourceRecordSet":{"name":"A.example"}},{"resourceRecordSet":{"name":"a.example."}},{"resourceRecordSet":` +
			`{"name":"\\052.example"}}]}}`, `{"changeInfo":{"id":"/change/C1"}}`,
			hint{zone: "Z1", change: "C1", names: [][]byte{name("a.example."), name("*.example.")}}},
		{"cut", "route53", "ChangeResourceRecordSets", omitted, none, hint{whole: true}},
		{"cut batch", "route53", "ChangeResourceRecordSets", `{"hostedZoneId":"Z1","changeBatch":{"omitted":true}}`, none,
			hint{zone: "Z1", whole: true}},
		{"cut list", "route53", "ChangeResourceRecordSets", `{"hostedZoneId":"Z1","changeBatch":{"changes":[{}]}}`, none,
			hint{zone: "Z1", whole: true}},
		{"no request", "route53", "ChangeResourceRecordSets", none, none, hint{whole: true}},
		{"hidden", "route53", "ChangeResourceRecordSets", `"HIDDEN_DUE_TO_SECURITY_REASONS"`, none, hint{whole: true}},
		{"associated", "route53", "AssociateVPCWithHostedZone", `{"hostedZoneId":"Z1"}`, `{}`, hint{zone: "Z1", whole: true}},
		{"a zone", "route53", "CreateHostedZone", `{"name":"a"}`, `{}`, hint{zoneNew: true}},
		{"no zone", "route53", "DeleteHostedZone", `{"id":"Z1"}`, `{}`, hint{zoneGone: true}},
		{"other", "route53", "ChangeTagsForResource", `{}`, `{}`, hint{}},
		{"tags", "ec2", "CreateTags",
			`{"resourcesSet":{"items":[{"resourceId":"i-1"},{"resourceId":"vol-1"},{"resourceId":"eni-1"}]}}`, `{}`,
			hint{instances: []string{"i-1"}, cards: []string{"eni-1"}}},
		{"run", "ec2", "RunInstances", `{}`, `{"instancesSet":{"items":[{"instanceId":"i-1"},{"instanceId":"i-2"}]}}`,
			hint{instances: []string{"i-1", "i-2"}}},
		{"run cut", "ec2", "RunInstances", `{}`, omitted, hint{wholeRegion: true}},
		{"stop", "ec2", "StopInstances", `{"instancesSet":{"items":[{"instanceId":"i-1"}]}}`, `{}`,
			hint{instances: []string{"i-1"}}},
		{"address", "ec2", "AssociateAddress", `{"instanceId":"i-1","publicIp":"192.0.2.1"}`, `{}`,
			hint{instances: []string{"i-1"}, addresses: true}},
		{"no address", "ec2", "DisassociateAddress", `{"associationId":"eipassoc-1"}`, `{}`, hint{addresses: true}},
		{"card", "ec2", "CreateNetworkInterface", `{}`, `{"networkInterface":{"networkInterfaceId":"eni-1"}}`,
			hint{cards: []string{"eni-1"}}},
		{"attach", "ec2", "AttachNetworkInterface", `{"networkInterfaceId":"eni-1","instanceId":"i-1"}`, `{}`,
			hint{instances: []string{"i-1"}, cards: []string{"eni-1"}}},
		{"detach", "ec2", "DetachNetworkInterface", `{"attachmentId":"a"}`, `{}`, hint{wholeRegion: true}},
		{"tags cut", "ec2", "CreateTags", omitted, `{}`, hint{wholeRegion: true}},
		{"reading", "ec2", "DescribeInstances", omitted, none, hint{}},
		{"targets", "elasticloadbalancing", "RegisterTargets", `{"targetGroupArn":"arn"}`, none, hint{group: "arn"}},
		{"another", "iam", "CreateUser", `{}`, `{}`, hint{}},
	}
	for _, tt := range tests {
		text := tt.name
		got, err := parse(call(tt.source, tt.call, tt.request, tt.response))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		tt.want.account, tt.want.region, tt.want.actor = "1", "r", "P:me"
		if diff := cmp.Diff(tt.want, *got, cmp.AllowUnexported(hint{})); diff != "" {
			t.Errorf("%s: -want +got\n%s", text, diff)
		}
	}
	failed := `{"detail-type":"AWS API Call via CloudTrail","detail":{"eventSource":"ec2.amazonaws.com","eventName":` +
		`"StopInstances","errorCode":"Client.UnauthorizedOperation","requestParameters":{"instancesSet":{"items":[` +
		`{"instanceId":"i-1"}]}}}}`
	got, err := parse(failed)
	if err != nil || !cmp.Equal(*got, hint{}, cmp.AllowUnexported(hint{})) {
		t.Errorf("a call that failed: %+v, %v", got, err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, queue := range []string{"", "inside53", "arn:aws:sqs:r:1:q", "https://", "https://sqs.example.com", "%"} {
		_, err := New(Options{Queue: queue, Accounts: accountsOfNobody(), Keeper: noKeeper{}})
		if err == nil {
			t.Errorf("a queue %q was taken", queue)
		}
	}
	_, err := New(Options{Queue: "https://sqs.eu-west-1.amazonaws.com/1/q"})
	if err == nil {
		t.Error("nobody's queue was taken")
	}
	for queue, want := range map[string]string{
		"https://sqs.eu-west-1.amazonaws.com/1/q":     "eu-west-1",
		"https://sqs.cn-north-1.amazonaws.com.cn/1/q": "cn-north-1",
		"http://127.0.0.1:1/1/q":                      "", "https://sqs.example.com/1/q": "", "%": "",
	} {
		if got := regionOf(queue); got != want {
			t.Errorf("the region of %s is %q, want %q", queue, got, want)
		}
	}
}

// TestReaderEndsWithItsContext has a queue that can't be read stop nothing.
func TestReaderEndsWithItsContext(t *testing.T) {
	r, err := New(Options{Queue: "http://127.0.0.1:1/1/q", Accounts: accountsOfNobody(), Keeper: noKeeper{}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, nil) }()
	cancel()
	if err := <-ended; err == nil {
		t.Error("ended without an error")
	}
}

func TestBound(t *testing.T) {
	h := hint{zone: "Z1"}
	for i := range mostNames + 1 {
		h.names = append(h.names, zone.MustName(fmt.Sprintf("n%d.example.", i)))
	}
	h.bound()
	if h.names != nil || !h.whole {
		t.Errorf("many names are %+v", h)
	}
	h = hint{}
	for i := range mostThings + 1 {
		h.add(fmt.Sprintf("i-%d", i))
	}
	h.bound()
	if h.instances != nil || !h.wholeRegion {
		t.Errorf("many instances are %d and %t", len(h.instances), h.wholeRegion)
	}
}

// TestCalls has the event of each call that is said to be read name something.
func TestCalls(t *testing.T) {
	const request = `{"resourcesSet":{"items":[{"resourceId":"i-1"}]},"instancesSet":{"items":[{"instanceId":"i-1"}]},` +
		`"networkInterfaceId":"eni-1","instanceId":"i-1","targetGroupArn":"arn"}`
	const response = `{"instancesSet":{"items":[{"instanceId":"i-1"}]},"networkInterface":{"networkInterfaceId":"eni-1"}}`
	for _, name := range Calls() {
		ec2, err := parse(call("ec2", name, request, response))
		if err != nil {
			t.Fatal(err)
		}
		balancing, err := parse(call("elasticloadbalancing", name, request, response))
		if err != nil {
			t.Fatal(err)
		}
		if !ec2.isOfRegion() && balancing.group == "" {
			t.Errorf("%s names nothing", name)
		}
	}
}

package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"inside53/zonesource/rdata"
)

// hint is what an event says of what to read. Nothing in it is believed.
type hint struct {
	account, region string // id of the account; region of instances
	actor           string // who the event names
	change          string // id of a change of Route 53

	zone     string   // id, "" for none
	names    [][]byte // of the zone, lower-case wire form
	whole    bool     // all of the zone, or of the account's zones where none is named
	zoneGone bool     // the list of zones, and one may be missing
	zoneNew  bool     // the list of zones

	instances, cards []string
	addresses        bool // the elastic IPs of the region
	wholeRegion      bool
	group            string // ARN of a target group
}

// isOfRegion reports whether it is about instances.
func (h *hint) isOfRegion() bool {
	return len(h.instances) > 0 || len(h.cards) > 0 || h.addresses || h.wholeRegion
}

// envelope is the part of EventBridge's that matters.
type envelope struct {
	Kind    string          `json:"detail-type"`
	Account string          `json:"account"`
	Region  string          `json:"region"`
	Detail  json.RawMessage `json:"detail"`
}

// trailed is the part of CloudTrail's record that matters.
type trailed struct {
	Source   string `json:"eventSource"`
	Name     string `json:"eventName"`
	Region   string `json:"awsRegion"`
	Error    string `json:"errorCode"`
	ReadOnly bool   `json:"readOnly"`
	Account  string `json:"recipientAccountId"`
	Identity struct {
		Type      string `json:"type"`
		ARN       string `json:"arn"`
		Principal string `json:"principalId"`
		InvokedBy string `json:"invokedBy"`
	} `json:"userIdentity"`
	Request  json.RawMessage `json:"requestParameters"`
	Response json.RawMessage `json:"responseElements"`
}

// errMalformed says that a message is no event.
var errMalformed = errors.New("no event of EventBridge")

// parse reads a message.
func parse(body string) (*hint, error) {
	var e envelope
	err := json.Unmarshal([]byte(body), &e)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	h := &hint{account: e.Account, region: e.Region}
	switch e.Kind {
	case "EC2 Instance State-change Notification":
		var state struct {
			ID string `json:"instance-id"`
		}
		err = json.Unmarshal(e.Detail, &state)
		if err != nil || state.ID == "" {
			return nil, fmt.Errorf("%w: a state without an instance: %w", errMalformed, err)
		}
		h.actor, h.instances = "EC2", []string{state.ID}
		return h, nil
	case "AWS API Call via CloudTrail":
		var t trailed
		err = json.Unmarshal(e.Detail, &t)
		if err != nil || t.Name == "" {
			return nil, fmt.Errorf("%w: a call without a name: %w", errMalformed, err)
		}
		h.readCall(&t)
		return h, nil
	case "":
		return nil, errMalformed
	}
	return h, nil // of something else
}

// readCall reads the record of a call. One that failed, or only read, is about nothing.
func (h *hint) readCall(t *trailed) {
	if t.Error != "" || t.ReadOnly {
		return
	}
	if t.Account != "" {
		h.account = t.Account
	}
	if t.Region != "" {
		h.region = t.Region
	}
	h.actor = actorOf(t)
	switch t.Source {
	case "route53.amazonaws.com":
		h.readRoute53(t)
	case "ec2.amazonaws.com":
		h.readEC2(t)
	case "elasticloadbalancing.amazonaws.com":
		h.readBalancing(t)
	}
}

// longestActor is how many octets of an identity are kept.
const longestActor = 200

// actorOf is who made a call, as the event names them: printable text of a bounded length, since
// nobody vouches for it.
func actorOf(t *trailed) string {
	for _, text := range []string{t.Identity.ARN, t.Identity.Principal, t.Identity.InvokedBy, t.Identity.Type} {
		if text != "" {
			return printable(text, longestActor)
		}
	}
	return "AWS"
}

func printable(text string, most int) string {
	text = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, text)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}

// bareID is the id of a hosted zone or change without what stands before it.
func bareID(text string) string { return text[strings.LastIndexByte(text, '/')+1:] }

// readRoute53 reads a call of Route 53. A field that CloudTrail has cut says so by "omitted", or isn't there.
func (h *hint) readRoute53(t *trailed) {
	var in struct {
		ID      string `json:"id"`
		Zone    string `json:"hostedZoneId"`
		Omitted bool   `json:"omitted"`
		Batch   struct {
			Omitted bool `json:"omitted"`
			Changes []struct {
				Set *struct {
					Name string `json:"name"`
				} `json:"resourceRecordSet"`
			} `json:"changes"`
		} `json:"changeBatch"`
	}
	malformed := json.Unmarshal(t.Request, &in) != nil
	var out struct {
		Change struct {
			ID string `json:"id"`
		} `json:"changeInfo"`
	}
	if json.Unmarshal(t.Response, &out) == nil {
		h.change = printable(bareID(out.Change.ID), 64)
	}
	h.zone = bareID(in.Zone)
	switch t.Name {
	case "ChangeResourceRecordSets":
		h.whole = malformed || in.Omitted || in.Batch.Omitted || len(in.Batch.Changes) == 0 || h.zone == ""
		for _, c := range in.Batch.Changes {
			if c.Set == nil || c.Set.Name == "" {
				h.whole = true
				continue
			}
			name, err := rdata.ParseName(c.Set.Name)
			if err != nil {
				continue // Route 53 took no such name
			}
			if !slices.ContainsFunc(h.names, func(n []byte) bool { return string(n) == string(name) }) {
				h.names = append(h.names, name)
			}
		}
	case "AssociateVPCWithHostedZone", "DisassociateVPCFromHostedZone":
		h.whole = true
	case "CreateHostedZone":
		h.zone, h.zoneNew = "", true
	case "DeleteHostedZone":
		h.zone, h.zoneGone = "", true
	default:
		h.zone = ""
	}
}

// mostThings is how many instances and interfaces of one event are read by their ids.
const mostThings = 1000

// bound keeps what many names stand for in place of them: messages wait, and anybody may have sent them.
func (h *hint) bound() {
	if len(h.names) > mostNames {
		h.names, h.whole = nil, true
	}
	if len(h.instances)+len(h.cards) > mostThings {
		h.instances, h.cards, h.wholeRegion = nil, nil, true
	}
}

// Calls are the calls of EC2 and of the load balancers whose events are read, in alphabetical order.
func Calls() []string {
	return []string{
		"AssignIpv6Addresses", "AssignPrivateIpAddresses", "AssociateAddress", "AttachNetworkInterface",
		"CreateNetworkInterface", "CreateTags", "DeleteNetworkInterface", "DeleteTags", "DeregisterTargets",
		"DetachNetworkInterface", "DisassociateAddress", "ModifyNetworkInterfaceAttribute", "RegisterTargets",
		"ReleaseAddress", "RunInstances", "StartInstances", "StopInstances", "TerminateInstances",
		"UnassignIpv6Addresses", "UnassignPrivateIpAddresses",
	}
}

// items is a list as CloudTrail has EC2's.
type items struct {
	Items []struct {
		Resource string `json:"resourceId"`
		Instance string `json:"instanceId"`
	} `json:"items"`
}

// readEC2 reads a call of EC2.
func (h *hint) readEC2(t *trailed) {
	var in struct {
		Omitted   bool   `json:"omitted"`
		Resources items  `json:"resourcesSet"`
		Instances items  `json:"instancesSet"`
		Instance  string `json:"instanceId"`
		Card      string `json:"networkInterfaceId"`
	}
	malformed := json.Unmarshal(t.Request, &in) != nil
	var out struct {
		Omitted   bool  `json:"omitted"`
		Instances items `json:"instancesSet"`
		Card      struct {
			ID string `json:"networkInterfaceId"`
		} `json:"networkInterface"`
	}
	_ = json.Unmarshal(t.Response, &out) // null where there is none
	h.wholeRegion = malformed || in.Omitted
	switch t.Name {
	case "CreateTags", "DeleteTags":
		for _, i := range in.Resources.Items {
			h.add(i.Resource)
		}
	case "RunInstances":
		h.wholeRegion = out.Omitted
		for _, i := range out.Instances.Items {
			h.add(i.Instance)
		}
	case "StartInstances", "StopInstances", "TerminateInstances":
		for _, i := range in.Instances.Items {
			h.add(i.Instance)
		}
	case "AssociateAddress", "DisassociateAddress", "ReleaseAddress":
		h.addresses = true
		h.add(in.Instance)
		h.add(in.Card)
	case "CreateNetworkInterface":
		h.add(out.Card.ID)
	case "AttachNetworkInterface", "DeleteNetworkInterface", "ModifyNetworkInterfaceAttribute", "AssignPrivateIpAddresses",
		"UnassignPrivateIpAddresses", "AssignIpv6Addresses", "UnassignIpv6Addresses":
		h.add(in.Instance)
		h.add(in.Card)
	case "DetachNetworkInterface":
		h.wholeRegion = true // it names the attachment alone, and that is gone
	default:
		h.wholeRegion = false
	}
}

// add notes an id of an instance or a network interface; others are about nothing.
func (h *hint) add(id string) {
	switch {
	case strings.HasPrefix(id, "i-") && !slices.Contains(h.instances, id):
		h.instances = append(h.instances, printable(id, 64))
	case strings.HasPrefix(id, "eni-") && !slices.Contains(h.cards, id):
		h.cards = append(h.cards, printable(id, 64))
	}
}

// readBalancing reads a call of the load balancers.
func (h *hint) readBalancing(t *trailed) {
	if t.Name != "RegisterTargets" && t.Name != "DeregisterTargets" {
		return
	}
	var in struct {
		Group string `json:"targetGroupArn"`
	}
	if json.Unmarshal(t.Request, &in) == nil {
		h.group = in.Group
	}
}

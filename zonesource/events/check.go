package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"inside53/zonesource/awscall"
)

// CheckOptions say what is looked at.
type CheckOptions struct {
	Queue   string // its URL
	Config  aws.Config
	Zones   bool     // hosted zones are served
	Regions []string // whose instances are served
	OnCall  func(operation, code string)
}

// TriedAction is the IAM action that Check tries.
const TriedAction = "sqs:GetQueueAttributes"

// globalRegion has the events of Route 53, and nothing else has.
const globalRegion = "us-east-1"

// checker looks at one queue.
type checker struct {
	CheckOptions
	arn    string
	region string
	out    []string
}

// Check says, for people, what keeps events from the queue: its policy, rules of EventBridge that
// are missing, and trails of CloudTrail. It asks for the attributes of the queue first; the error is of that
// alone. The rest is for people only: the server itself never asks for rules and trails, and where
// that is forbidden it is said. It looks at the account of the credentials.
func Check(ctx context.Context, o CheckOptions) ([]string, error) {
	if o.OnCall == nil {
		o.OnCall = func(string, string) {}
	}
	c := &checker{CheckOptions: o}
	err := c.queue(ctx)
	if err != nil {
		return nil, err
	}
	c.rules(ctx)
	c.trails(ctx)
	return c.out, nil
}

func (c *checker) say(format string, args ...any) {
	c.out = append(c.out, fmt.Sprintf(format, args...))
}

// ask makes one call.
func ask[In, Out any](ctx context.Context, c *checker, op awscall.Op[In, Out], in *In) (*Out, error) {
	ctx, cancel := context.WithTimeout(ctx, removeTime)
	defer cancel()
	out, err := op.Call(ctx, in)
	c.OnCall(op.Name, awscall.Result(err))
	if err != nil && awscall.IsDenied(err) {
		return nil, fmt.Errorf("needs the IAM action %s: %w", op.Action(), err)
	}
	return out, awscall.WithCure(err)
}

// queue looks at the queue itself.
func (c *checker) queue(ctx context.Context) error {
	out, err := ask(ctx, c, newAPI(c.Config, c.Queue).attributes, &sqs.GetQueueAttributesInput{
		QueueUrl:       aws.String(c.Queue),
		AttributeNames: []types.QueueAttributeName{types.QueueAttributeNamePolicy, types.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return fmt.Errorf("asking for the attributes of %s: %w", c.Queue, err)
	}
	c.arn = out.Attributes[string(types.QueueAttributeNameQueueArn)]
	parts := strings.Split(c.arn, ":")
	if len(parts) < 6 {
		return fmt.Errorf("asking for the attributes of %s: its ARN is %q", c.Queue, c.arn)
	}
	c.region = parts[3]
	if !letsEventsIn(out.Attributes[string(types.QueueAttributeNamePolicy)], c.arn) {
		c.say("no statement of the queue's policy lets events.amazonaws.com call sqs:SendMessage: no event comes")
	}
	return nil
}

// texts is a string of a policy, or a list of them.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(t))
}

func (t texts) has(all ...string) bool {
	return slices.ContainsFunc(t, func(one string) bool {
		return slices.ContainsFunc(all, func(want string) bool { return strings.EqualFold(one, want) })
	})
}

// letsEventsIn reports whether a policy lets EventBridge send to a queue. Conditions aren't judged.
func letsEventsIn(policy, arn string) bool {
	type statement struct {
		Effect           string
		Principal        json.RawMessage
		Action, Resource texts
	}
	var document struct{ Statement json.RawMessage }
	var all []statement
	if json.Unmarshal([]byte(policy), &document) != nil {
		return false
	}
	if json.Unmarshal(document.Statement, &all) != nil {
		all = make([]statement, 1)
		if json.Unmarshal(document.Statement, &all[0]) != nil {
			return false
		}
	}
	return slices.ContainsFunc(all, func(s statement) bool {
		var anybody string
		var by struct{ Service, AWS texts }
		_ = json.Unmarshal(s.Principal, &anybody) // one of the two it is
		_ = json.Unmarshal(s.Principal, &by)
		return s.Effect == "Allow" && (anybody == "*" || by.AWS.has("*") || by.Service.has("events.amazonaws.com")) &&
			s.Action.has("sqs:SendMessage", "sqs:*", "*") && s.Resource.has(arn, "*")
	})
}

// busRule is a rule that is on, with its targets.
type busRule struct {
	pattern any
	targets []string
}

// kind is a kind of events that this server reads, with samples.
type kind struct {
	what    string
	region  string
	samples map[string]map[string]any // by what people call them
}

// kinds are all that are read.
func (c *checker) kinds() []kind {
	call := func(service, name, region string) map[string]any {
		return map[string]any{"source": "aws." + service, "detail-type": "AWS API Call via CloudTrail", "region": region,
			"detail": map[string]any{"eventSource": service + ".amazonaws.com", "eventName": name, "awsRegion": region}}
	}
	var all []kind
	if c.Zones {
		k := kind{"Route 53", globalRegion, map[string]map[string]any{}}
		for _, name := range []string{"ChangeResourceRecordSets", "CreateHostedZone", "DeleteHostedZone",
			"AssociateVPCWithHostedZone", "DisassociateVPCFromHostedZone"} {
			k.samples[name] = call("route53", name, globalRegion)
		}
		all = append(all, k)
	}
	for _, region := range c.Regions {
		k := kind{"EC2", region, map[string]map[string]any{}}
		for _, name := range Calls() {
			switch {
			case strings.HasSuffix(name, "Instances"): // their states say the same
			case strings.HasSuffix(name, "Targets"):
				k.samples[name] = call("elasticloadbalancing", name, region)
			default:
				k.samples[name] = call("ec2", name, region)
			}
		}
		const states = "EC2 Instance State-change Notification"
		k.samples[states] = map[string]any{"source": "aws.ec2", "detail-type": states, "region": region,
			"detail": map[string]any{"state": "running", "instance-id": "i-0123456789abcdef0"}}
		all = append(all, k)
	}
	return all
}

// rules looks for rules that send what is read to the queue: those of its region, and those of others that
// send it to an event bus of its region.
func (c *checker) rules(ctx context.Context) {
	known := map[string][]busRule{}
	for _, region := range append(slices.Clone(c.Regions), globalRegion, c.region) {
		if _, there := known[region]; there {
			continue
		}
		rules, err := c.rulesOf(ctx, region)
		if err != nil {
			c.say("the rules of %s can't be looked at: %v", region, err)
		}
		known[region] = rules
		if err != nil {
			known[region] = nil
			c.Regions = slices.DeleteFunc(slices.Clone(c.Regions), func(r string) bool { return r == region })
			c.Zones = c.Zones && region != globalRegion && region != c.region
		}
	}
	for _, k := range c.kinds() {
		var missing []string
		for name, sample := range k.samples {
			if !c.arrives(known, k.region, sample) {
				missing = append(missing, name)
			}
		}
		slices.Sort(missing)
		if len(missing) > 0 {
			c.say("no rule of %s sends these events of %s to the queue%s: %s", k.region, k.what, c.overBus(k.region),
				strings.Join(missing, ", "))
		}
	}
}

// overBus says that events of another region need two rules.
func (c *checker) overBus(region string) string {
	if region == c.region {
		return ""
	}
	return fmt.Sprintf(" (by an event bus of %s, and a rule there)", c.region)
}

// arrives reports whether rules send an event of a region to the queue.
func (c *checker) arrives(known map[string][]busRule, region string, event map[string]any) bool {
	reaches := func(in string, isTarget func(string) bool) bool {
		return slices.ContainsFunc(known[in], func(r busRule) bool {
			return slices.ContainsFunc(r.targets, isTarget) && matches(r.pattern, event)
		})
	}
	isQueue := func(arn string) bool { return arn == c.arn }
	if region == c.region {
		return reaches(region, isQueue)
	}
	isBus := func(arn string) bool {
		return strings.Contains(arn, ":events:"+c.region+":") && strings.Contains(arn, ":event-bus/")
	}
	return reaches(region, isBus) && reaches(c.region, isQueue)
}

// rulesOf lists the rules of the default bus of a region that are on and have a pattern.
func (c *checker) rulesOf(ctx context.Context, region string) ([]busRule, error) {
	client := eventbridge.NewFromConfig(c.Config, func(o *eventbridge.Options) { o.Region = region })
	list := awscall.Bind("events", "ListRules", client.ListRules)
	targetsOf := awscall.Bind("events", "ListTargetsByRule", client.ListTargetsByRule)
	var all []busRule
	err := awscall.Pages("listing the rules of "+region, func(token string) (string, error) {
		out, err := ask(ctx, c, list, &eventbridge.ListRulesInput{NextToken: awscall.Token(token)})
		if err != nil {
			return "", err
		}
		for _, r := range out.Rules {
			var one busRule
			err := json.Unmarshal([]byte(aws.ToString(r.EventPattern)), &one.pattern)
			if err != nil || !strings.HasPrefix(string(r.State), "ENABLED") {
				continue
			}
			targets, err := ask(ctx, c, targetsOf, &eventbridge.ListTargetsByRuleInput{Rule: r.Name})
			if err != nil {
				return "", err
			}
			for _, t := range targets.Targets {
				one.targets = append(one.targets, aws.ToString(t.Arn))
			}
			all = append(all, one)
		}
		return aws.ToString(out.NextToken), nil
	})
	return all, err
}

// matches reports whether an event fits a pattern of EventBridge. What it doesn't know of patterns fits: who
// writes such knows what they do.
func matches(pattern, event any) bool {
	fields, is := pattern.(map[string]any)
	if !is {
		return matchesOne(pattern, event)
	}
	has, _ := event.(map[string]any)
	for name, want := range fields {
		if strings.HasPrefix(name, "$") {
			continue
		}
		if !matches(want, has[name]) {
			return false
		}
	}
	return true
}

// matchesOne reports whether a value is among those of a list.
func matchesOne(pattern, value any) bool {
	list, is := pattern.([]any)
	if !is {
		return true
	}
	text, _ := value.(string)
	return slices.ContainsFunc(list, func(one any) bool {
		switch one := one.(type) {
		case string:
			return one == text
		case map[string]any:
			prefix, isPrefix := one["prefix"].(string)
			exists, isExists := one["exists"].(bool)
			but, isBut := one["anything-but"]
			switch {
			case isPrefix:
				return strings.HasPrefix(text, prefix)
			case isExists:
				return exists == (value != nil)
			case isBut:
				others, many := but.([]any)
				if !many {
					others = []any{but}
				}
				return !slices.Contains(others, any(text))
			}
			return true
		}
		return one == value
	})
}

// trails looks for trails that log what is read: without one no call has an event.
func (c *checker) trails(ctx context.Context) {
	regions := slices.Clone(c.Regions)
	if c.Zones {
		regions = append(regions, globalRegion)
	}
	slices.Sort(regions)
	for _, region := range slices.Compact(regions) {
		logs, err := c.isLogged(ctx, region)
		switch {
		case err != nil:
			c.say("the trails of %s can't be looked at: %v", region, err)
		case !logs:
			c.say("no trail of CloudTrail logs the calls of %s: only the states of instances have events there", region)
		}
	}
}

// isLogged reports whether a trail is on in a region.
func (c *checker) isLogged(ctx context.Context, region string) (bool, error) {
	client := cloudtrail.NewFromConfig(c.Config, func(o *cloudtrail.Options) { o.Region = region })
	list := awscall.Bind("cloudtrail", "DescribeTrails", client.DescribeTrails)
	statusOf := awscall.Bind("cloudtrail", "GetTrailStatus", client.GetTrailStatus)
	out, err := ask(ctx, c, list, &cloudtrail.DescribeTrailsInput{})
	if err != nil {
		return false, err
	}
	var faults []error
	for _, t := range out.TrailList {
		if !aws.ToBool(t.IsMultiRegionTrail) && aws.ToString(t.HomeRegion) != region {
			continue
		}
		status, err := ask(ctx, c, statusOf, &cloudtrail.GetTrailStatusInput{Name: t.TrailARN})
		if err != nil && awscall.Status(err) != http.StatusNotFound {
			faults = append(faults, err)
			continue
		}
		if status != nil && aws.ToBool(status.IsLogging) {
			return true, nil
		}
	}
	return false, errors.Join(faults...)
}

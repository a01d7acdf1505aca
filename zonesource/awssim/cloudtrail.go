package awssim

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// trailEvent is what CloudTrail notes of a call, as EventBridge hands it on.
type trailEvent struct {
	EventVersion       string         `json:"eventVersion"`
	UserIdentity       map[string]any `json:"userIdentity"`
	EventTime          string         `json:"eventTime"`
	EventSource        string         `json:"eventSource"`
	EventName          string         `json:"eventName"`
	AWSRegion          string         `json:"awsRegion"`
	SourceIPAddress    string         `json:"sourceIPAddress"`
	UserAgent          string         `json:"userAgent"`
	RequestParameters  any            `json:"requestParameters"`
	ResponseElements   any            `json:"responseElements"`
	RequestID          string         `json:"requestID"`
	EventID            string         `json:"eventID"`
	ReadOnly           bool           `json:"readOnly"`
	EventType          string         `json:"eventType"`
	APIVersion         string         `json:"apiVersion,omitempty"`
	ManagementEvent    bool           `json:"managementEvent"`
	RecipientAccountID string         `json:"recipientAccountId"`
	EventCategory      string         `json:"eventCategory"`
}

// mostField is how long CloudTrail lets requestParameters and responseElements be, in octets of JSON.
// What is longer is left out, with a word that it is.
const mostField = 100 << 10

// cut is a field as CloudTrail notes it.
func cut(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("awssim: encoding an event: %v", err))
	}
	if len(text) <= mostField {
		return v
	}
	return map[string]any{"omitted": true, "originalSize": len(text),
		"reason": "The field is longer than CloudTrail allows"}
}

// trail sends the event of a call that changed something. service is that of eventSource. Call it with
// mu held.
func (s *Sim) trail(o origin, service, name string, request, response any) {
	if s.events.Queue == "" {
		return
	}
	s.ids++
	version := map[string]string{"route53": "2013-04-01", "elasticloadbalancing": "2015-12-01"}[service]
	s.emit(o, "AWS API Call via CloudTrail", "aws."+service, nil, trailEvent{
		EventVersion: "1.11", UserIdentity: o.identity(), EventTime: time.Now().UTC().Format(time.RFC3339),
		EventSource: service + ".amazonaws.com", EventName: name, AWSRegion: o.region, SourceIPAddress: "192.0.2.1",
		UserAgent: "awssim", RequestParameters: cut(request), ResponseElements: cut(response), RequestID: o.request,
		EventID: messageID(s.ids), EventType: "AwsApiCall", APIVersion: version, ManagementEvent: true,
		RecipientAccountID: o.account, EventCategory: "Management",
	})
}

// identity is CloudTrail's userIdentity: of a user, or of a session of a role.
func (o origin) identity() map[string]any {
	id := map[string]any{
		"type": "IAMUser", "principalId": awsID("AIDA", "user "+o.account, 0, 21), "arn": o.user, "accountId": o.account,
		"accessKeyId": o.key,
	}
	session, assumed := strings.CutPrefix(o.user, "arn:aws:sts::"+o.account+":assumed-role/")
	if !assumed {
		id["userName"] = o.user[strings.LastIndex(o.user, "/")+1:]
		return id
	}
	role, name, _ := strings.Cut(session, "/")
	issuer := "arn:aws:iam::" + o.account + ":role/" + role
	principal := awsID("AROA", "role "+issuer, 0, 21)
	id["type"], id["principalId"] = "AssumedRole", principal+":"+name
	id["sessionContext"] = map[string]any{"sessionIssuer": map[string]any{
		"type": "Role", "principalId": principal, "arn": issuer, "accountId": o.account, "userName": role,
	}}
	return id
}

// trailChange notes a batch of changes to records. Names stand as the caller wrote them. Call it with mu held.
func (s *Sim) trailChange(o origin, zoneID string, b changeBatch, info changeInfo) {
	changes := make([]any, len(b.Changes))
	for i, c := range b.Changes {
		changes[i] = map[string]any{"action": c.Action, "resourceRecordSet": c.RecordSet.trailed()}
	}
	batch := map[string]any{"changes": changes}
	if b.Comment != "" {
		batch["comment"] = b.Comment
	}
	s.trail(o, "route53", "ChangeResourceRecordSets",
		map[string]any{"hostedZoneId": zoneID, "changeBatch": batch}, map[string]any{"changeInfo": info.trailed()})
}

// trailed is a change as CloudTrail has it.
func (i changeInfo) trailed() map[string]any {
	out := map[string]any{"id": i.ID, "status": i.Status}
	at, err := time.Parse(time.RFC3339, i.SubmittedAt)
	if err == nil {
		out["submittedAt"] = at.UTC().Format("Jan 2, 2006 3:04:05 PM")
	}
	if i.Comment != "" {
		out["comment"] = i.Comment
	}
	return out
}

// trailed is a record set as CloudTrail has it: members begin in lower case, TTL as tTL.
func (s *RecordSet) trailed() map[string]any {
	out := map[string]any{"name": s.Name, "type": s.Type}
	if s.TTL != nil {
		out["tTL"] = *s.TTL
	}
	if len(s.ResourceRecords) > 0 {
		records := make([]any, len(s.ResourceRecords))
		for i, r := range s.ResourceRecords {
			records[i] = map[string]any{"value": r.Value}
		}
		out["resourceRecords"] = records
	}
	if a := s.AliasTarget; a != nil {
		out["aliasTarget"] = map[string]any{"hostedZoneId": a.HostedZoneID, "dNSName": a.DNSName,
			"evaluateTargetHealth": a.EvaluateTargetHealth}
	}
	if s.Weight != nil {
		out["weight"] = *s.Weight
	}
	for member, text := range map[string]string{"setIdentifier": s.SetIdentifier, "region": s.Region,
		"failover": s.Failover, "healthCheckId": s.HealthCheckID} {
		if text != "" {
			out[member] = text
		}
	}
	return out
}

// trailZone notes that a zone was made. Call it with mu held.
func (s *Sim) trailZone(o origin, request createRequest, z *zone, info changeInfo) {
	in := map[string]any{"name": request.Name, "callerReference": request.CallerReference}
	config := map[string]any{"privateZone": z.private()}
	if z.info.Config != nil && z.info.Config.Comment != "" {
		config["comment"] = z.info.Config.Comment
	}
	in["hostedZoneConfig"] = config
	out := map[string]any{
		"hostedZone": map[string]any{"id": z.info.ID, "name": z.info.Name, "callerReference": request.CallerReference,
			"config": config, "resourceRecordSetCount": len(z.records)},
		"changeInfo": info.trailed(), "location": route53Namespace + "hostedzone/" + z.id,
	}
	if request.VPC != nil {
		in["vPC"] = request.VPC.trailed()
		out["vPC"] = request.VPC.trailed()
	}
	s.trail(o, "route53", "CreateHostedZone", in, out)
}

func (v vpc) trailed() map[string]any {
	return map[string]any{"vPCId": v.VPCID, "vPCRegion": v.VPCRegion}
}

// trailState sends EC2's own word that an instance has another state. Call it with mu held.
func (s *Sim) trailState(o origin, instance, state string) {
	arn := fmt.Sprintf("arn:aws:ec2:%s:%s:instance/%s", o.region, o.account, instance)
	s.emit(o, "EC2 Instance State-change Notification", "aws.ec2", []string{arn},
		map[string]string{"instance-id": instance, "state": state})
}

// trailedItems is a list as CloudTrail has EC2's.
func trailedItems(member string, ids []string) map[string]any {
	items := make([]any, len(ids))
	for i, id := range ids {
		items[i] = map[string]any{member: id}
	}
	return map[string]any{"items": items}
}

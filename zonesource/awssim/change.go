package awssim

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Change is one element of a change batch. Action is CREATE, DELETE or UPSERT.
type Change struct {
	Action    string
	RecordSet RecordSet `xml:"ResourceRecordSet"`
}

type changeBatch struct {
	Comment string
	Changes []Change `xml:"Changes>Change"`
}

// change is what GetChange reports on.
type change struct {
	info   changeInfo
	insync time.Time
}

type changeInfo struct {
	ID          string `xml:"Id"`
	Status      string
	SubmittedAt string
	Comment     string `xml:",omitempty"`
}

type changeOnly struct{ ChangeInfo changeInfo }

// The limits of one batch; an UPSERT counts twice for both.
const (
	maxBatchRecords    = 1000
	maxBatchCharacters = 32000
)

// changeRecordSets applies a batch whole or not at all.
func changeRecordSets(c *call) ([]byte, error) {
	var request struct {
		XMLName     xml.Name    `xml:"ChangeResourceRecordSetsRequest"`
		ChangeBatch changeBatch `xml:"ChangeBatch"`
	}
	err := c.decode(&request)
	if err != nil {
		return nil, err
	}
	info, err := c.sim.change(c.origin(), c.vars[0], request.ChangeBatch)
	if err != nil {
		return nil, err
	}
	return answer("ChangeResourceRecordSetsResponse", changeOnly{info}), nil
}

func errPriorRequest() error {
	return &apiError{http.StatusBadRequest, "PriorRequestNotComplete",
		"The request was rejected because Route 53 was still processing a prior request."}
}

// change validates and applies a batch to a zone, and sends its event.
func (s *Sim) change(o origin, zoneID string, b changeBatch) (changeInfo, error) {
	err := b.validate()
	if err != nil {
		return changeInfo{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.data(o.account)
	z := d.zone(zoneID)
	if z == nil {
		return changeInfo{}, noSuchZone(zoneID)
	}
	now := time.Now()
	if now.Before(z.busyUntil) {
		return changeInfo{}, errPriorRequest()
	}
	e := &edit{data: d, zone: z, records: slices.Clone(z.records)}
	for _, c := range b.Changes {
		err = e.apply(c)
		if err != nil {
			return changeInfo{}, err
		}
	}
	e.checkWhole()
	if len(e.faults) > 0 {
		return changeInfo{}, &apiError{http.StatusBadRequest, "InvalidChangeBatch", "[" + strings.Join(e.faults, ", ") + "]"}
	}
	z.records = e.records
	z.busyUntil = now.Add(s.options.ChangeWork)
	info := s.newChange(d, b.Comment)
	s.trailChange(o, zoneID, b, info)
	return info, nil
}

// newChange numbers a change that was accepted. Call it with mu held.
func (s *Sim) newChange(d *dataSet, comment string) changeInfo {
	s.ids++
	now := time.Now()
	id := awsID("C", "change", s.ids, 20)
	info := changeInfo{ID: "/change/" + id, Status: "PENDING", SubmittedAt: timestamp(now), Comment: comment}
	d.changes[id] = &change{info, now.Add(s.options.SyncDelay)}
	return info
}

// Comment is what stood at the batch of a change, by its id without the path; "" is none.
func (s *Sim) Comment(changeID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range append([]*dataSet{s.base}, slices.Collect(maps.Values(s.accounts))...) {
		ch := d.changes[changeID]
		if ch != nil {
			return ch.info.Comment
		}
	}
	return ""
}

func getChange(c *call) ([]byte, error) {
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	ch := c.sim.data(c.account).changes[c.vars[0]]
	if ch == nil {
		return nil, &apiError{http.StatusNotFound, "NoSuchChange", "Could not find resource with ID: " + c.vars[0]}
	}
	info := ch.info
	if !time.Now().Before(ch.insync) {
		info.Status = "INSYNC"
	}
	return answer("GetChangeResponse", changeOnly{info}), nil
}

// validate checks what needs no zone: the form of every change, and the limits of the batch.
func (b *changeBatch) validate() error {
	if len(b.Changes) == 0 {
		return invalidInput("1 validation error detected: Value '[]' at 'changeBatch.changes' failed to satisfy " +
			"constraint: Member must have length greater than or equal to 1")
	}
	records, characters := 0, 0
	for _, c := range b.Changes {
		weight := 1
		switch c.Action {
		case "UPSERT":
			weight = 2
		case "CREATE", "DELETE":
		default:
			return invalidInput(
				"Invalid XML ; Value '%s' with length %d is not facet-valid with respect to enumeration '[CREATE, DELETE, "+
					"UPSERT]'.", c.Action, len(c.Action))
		}
		records += weight * len(c.RecordSet.ResourceRecords)
		for _, r := range c.RecordSet.ResourceRecords {
			characters += weight * len(r.Value)
		}
		err := c.validate()
		if err != nil {
			return err
		}
	}
	if records > maxBatchRecords {
		return &apiError{http.StatusBadRequest, "InvalidChangeBatch",
			fmt.Sprintf("Number of records limit of %d exceeded.", maxBatchRecords)}
	}
	if characters > maxBatchCharacters {
		return &apiError{http.StatusBadRequest, "InvalidChangeBatch",
			fmt.Sprintf("Number of characters limit of %d exceeded.", maxBatchCharacters)}
	}
	return nil
}

// validate checks the form of one change: faults here are InvalidInput, and end the batch at once.
func (c *Change) validate() error {
	set := &c.RecordSet
	identifier := set.SetIdentifier
	if identifier == "" {
		identifier = "null"
	}
	in := fmt.Sprintf("in Change with [Action=%s, Name=%s, Type=%s, SetIdentifier=%s]", c.Action, set.Name, set.Type,
		identifier)
	if !slices.Contains(recordTypes(), set.Type) {
		return invalidInput("Invalid XML ; Value '%s' is not facet-valid with respect to enumeration '%v'.", set.Type,
			recordTypes())
	}
	var data []string
	if set.AliasTarget != nil {
		data = append(data, "AliasTarget")
	}
	if set.TTL != nil || len(set.ResourceRecords) > 0 {
		data = append(data, "TTL", "ResourceRecords")
	}
	const one = "AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId"
	switch policies := set.policies(); {
	case len(data) == 0:
		return invalidInput("Invalid request: Expected exactly one of [%s], but found none %s", one, in)
	case len(data) == 3:
		return invalidInput("Invalid request: Expected exactly one of [%s], but found more than one %s", one, in)
	case set.AliasTarget == nil && set.TTL == nil:
		return invalidInput("Invalid request: Missing field 'TTL' %s", in)
	case set.AliasTarget == nil && len(set.ResourceRecords) == 0:
		return invalidInput("Invalid request: Missing field 'ResourceRecords' %s", in)
	case len(policies) > 1:
		return invalidInput("Invalid request: Expected exactly one of [%s], but found more than one %s", policyFields, in)
	case len(policies) == 0 && set.SetIdentifier != "":
		return invalidInput("Invalid request: Expected exactly one of [%s], but found none %s", policyFields, in)
	case len(policies) == 1 && set.SetIdentifier == "":
		return invalidInput("Invalid request: Missing field 'SetIdentifier' %s", in)
	}
	return set.validateFields()
}

const policyFields = "Weight, Region, Failover, GeoLocation, MultiValueAnswer, GeoProximityLocation, or " +
	"CidrRoutingConfig"

// validateFields checks the ranges that the API's own schema has.
func (s *RecordSet) validateFields() error {
	switch {
	case s.Weight != nil && (*s.Weight < 0 || *s.Weight > 255):
		return invalidInput("Invalid weight %d: want 0 to 255", *s.Weight)
	case s.TTL != nil && (*s.TTL < 0 || *s.TTL > 1<<31-1):
		return invalidInput("Invalid TTL %d: want 0 to 2147483647", *s.TTL)
	case s.Failover != "" && s.Failover != "PRIMARY" && s.Failover != "SECONDARY":
		return invalidInput("Invalid XML ; Value '%s' is not facet-valid with respect to enumeration '[PRIMARY, SECONDARY]'.",
			s.Failover)
	case len(s.SetIdentifier) > 128:
		return invalidInput("Invalid SetIdentifier: longer than 128 characters")
	case len(s.ResourceRecords) > 400:
		return invalidInput("Invalid ResourceRecords: more than 400")
	case s.GeoLocation != nil && *s.GeoLocation == (GeoLocation{}):
		return invalidInput("Invalid GeoLocation: names no place")
	case s.MultiValueAnswer != nil && s.AliasTarget != nil:
		return invalidInput("Invalid request: multivalue answer records cannot be alias records")
	}
	return nil
}

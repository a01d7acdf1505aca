package awssim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// edit is a batch being applied to a copy of a zone's records, change after change as AWS does: a
// CREATE sees what the DELETE before it has left.
type edit struct {
	data    *dataSet
	zone    *zone
	records []*record
	created []*record
	faults  []string // messages of InvalidChangeBatch
}

func (e *edit) fault(format string, args ...any) {
	e.faults = append(e.faults, fmt.Sprintf(format, args...))
}

// apply notes what is wrong with the change in faults. The error is a fault of another code.
func (e *edit) apply(c Change) error {
	r, err := normalise(c.RecordSet)
	if err != nil {
		e.fault("FATAL problem: %v", err)
		return nil
	}
	if r.HealthCheckID != "" && c.Action != "DELETE" && e.data.check(r.HealthCheckID) == nil {
		return &apiError{http.StatusNotFound, "NoSuchHealthCheck", "No health check found with ID: " + r.HealthCheckID}
	}
	i, found := slices.BinarySearchFunc(e.records, r.position(),
		func(r *record, p position) int { return r.position().compare(p) })
	switch {
	case c.Action == "DELETE":
		e.remove(r, i, found)
	case c.Action == "CREATE" && found:
		e.fault("Tried to create resource record set %s but it already exists", label(r))
	default:
		e.put(r, i, found)
	}
	return nil
}

// label names a set as the messages do.
func label(r *record) string {
	if r.SetIdentifier != "" {
		return fmt.Sprintf("[name='%s', type='%s', set-identifier='%s']", r.Name, r.Type, r.SetIdentifier)
	}
	return fmt.Sprintf("[name='%s', type='%s']", r.Name, r.Type)
}

func (e *edit) remove(r *record, i int, found bool) {
	switch {
	case !found:
		e.fault("Tried to delete resource record set %s but it was not found", label(r))
	case !r.equal(e.records[i]):
		e.fault("Tried to delete resource record set %s but the values provided do not match the current values", label(r))
	default:
		e.records = slices.Delete(e.records, i, i+1)
	}
}

// equal compares all that a DELETE has to give: values in any order, everything else exactly.
func (r *record) equal(o *record) bool {
	return same(r.TTL, o.TTL) && same(r.Weight, o.Weight) && same(r.MultiValueAnswer, o.MultiValueAnswer) &&
		r.Region == o.Region && r.Failover == o.Failover && r.HealthCheckID == o.HealthCheckID &&
		same(r.GeoLocation, o.GeoLocation) && same(r.AliasTarget, o.AliasTarget) &&
		same(r.CIDRRoutingConfig, o.CIDRRoutingConfig) &&
		r.GeoProximityLocation.equal(o.GeoProximityLocation) && slices.Equal(r.values(), o.values())
}

func (g *GeoProximityLocation) equal(o *GeoProximityLocation) bool {
	if g == nil || o == nil {
		return g == o
	}
	return g.AWSRegion == o.AWSRegion && g.LocalZoneGroup == o.LocalZoneGroup && same(g.Coordinates, o.Coordinates) &&
		same(g.Bias, o.Bias)
}

func same[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

func (e *edit) put(r *record, i int, replace bool) {
	before := len(e.faults)
	e.checkName(r)
	e.checkValues(r)
	e.checkNeighbours(r)
	if len(e.faults) > before {
		return
	}
	if replace {
		e.records[i] = r
	} else {
		e.records = slices.Insert(e.records, i, r)
	}
	e.created = append(e.created, r)
	if r.Weight != nil && r.TTL != nil {
		e.shareTTL(r)
	}
}

// checkName refuses what may not stand at the name, whatever else is there.
func (e *edit) checkName(r *record) {
	apex := e.zone.apex.text
	name, err := parseName(r.Name)
	switch {
	case err != nil || !name.within(e.zone.apex):
		e.fault("RRSet with DNS name %s is not permitted in zone %s", r.Name, apex)
	case r.Type == "CNAME" && r.Name == apex:
		e.fault("RRSet of type CNAME with DNS name %s is not permitted at apex in zone %s", r.Name, apex)
	case r.Type == "SOA" && r.Name != apex:
		e.fault("RRSet of type SOA with DNS name %s is not permitted in zone %s: it belongs at the apex", r.Name, apex)
	case r.Type == "DS" && r.Name == apex:
		e.fault("RRSet of type DS with DNS name %s is not permitted at apex in zone %s", r.Name, apex)
	case r.Type == "NS" && strings.HasPrefix(r.Name, `\052.`):
		e.fault("RRSet of type NS with DNS name %s is not permitted: NS records cannot be wildcards", r.Name)
	case (r.Type == "SOA" || r.Type == "NS") && (len(r.policies()) > 0 || r.AliasTarget != nil):
		e.fault("RRSet of type %s with DNS name %s cannot be an alias or have a routing policy", r.Type, r.Name)
	case (r.Type == "CNAME" || r.Type == "DS") && r.MultiValueAnswer != nil:
		e.fault("RRSet of type %s with DNS name %s cannot be a multivalue answer record", r.Type, r.Name)
	case e.zone.private() && r.CIDRRoutingConfig != nil:
		e.fault("RRSet with DNS name %s, type %s: CIDR routing is not supported in private hosted zones", r.Name, r.Type)
	}
}

func (e *edit) checkValues(r *record) {
	single := r.Type == "CNAME" || r.Type == "SOA"
	if single && len(r.ResourceRecords) > 1 {
		e.fault("RRSet of type %s with DNS name %s must have exactly one resource record", r.Type, r.Name)
	}
	seen := map[string]bool{}
	for _, v := range r.ResourceRecords {
		if seen[v.Value] {
			e.fault("Duplicate Resource Record: '%s'", v.Value)
		}
		seen[v.Value] = true
		err := validateValue(r.Type, v.Value)
		if err != nil {
			e.fault("Invalid Resource Record: 'FATAL problem: %v encountered with '%s''", err, v.Value)
		}
	}
}

// checkNeighbours holds the set against the others of its name.
func (e *edit) checkNeighbours(r *record) {
	for _, o := range e.at(r.sort) {
		switch {
		case o.Type != r.Type && r.Type == "CNAME":
			e.fault("RRSet of type CNAME with DNS name %s is not permitted as it conflicts with other records with the same "+
				"DNS name in zone %s", r.Name, e.zone.apex.text)
			return
		case o.Type != r.Type && o.Type == "CNAME":
			e.fault("RRSet of type %s with DNS name %s is not permitted because a conflicting RRSet of type CNAME with the "+
				"same DNS name already exists in zone %s", r.Type, r.Name, e.zone.apex.text)
			return
		case o.Type != r.Type || o.SetIdentifier == r.SetIdentifier:
			continue
		case o.policy() != r.policy():
			e.fault("RRSet with DNS name %s, type %s, SetIdentifier %s cannot be created because a non %s rrset exists with "+
				"the same name and type", r.Name, r.Type, r.SetIdentifier, r.policy())
			return
		case r.samePlace(o):
			e.fault("RRSet with DNS name %s, type %s, SetIdentifier %s cannot be created because a %s rrset with the same %s "+
				"exists as SetIdentifier %s", r.Name, r.Type, r.SetIdentifier, r.policy(), r.policy(), o.SetIdentifier)
			return
		case r.CIDRRoutingConfig != nil && r.CIDRRoutingConfig.CollectionID != o.CIDRRoutingConfig.CollectionID:
			e.fault(
				"RRSet with DNS name %s, type %s, SetIdentifier %s cannot be created because its group uses another CIDR "+
					"collection", r.Name, r.Type, r.SetIdentifier)
			return
		}
	}
}

// samePlace says whether two members of a group answer for the very same clients.
func (r *record) samePlace(o *record) bool {
	switch r.policy() {
	case "failover":
		return r.Failover == o.Failover
	case "latency":
		return r.Region == o.Region
	case "geolocation":
		return *r.GeoLocation == *o.GeoLocation
	case "cidr":
		return *r.CIDRRoutingConfig == *o.CIDRRoutingConfig
	case "geoproximity":
		a, b := *r.GeoProximityLocation, *o.GeoProximityLocation
		a.Bias, b.Bias = nil, nil
		return a.equal(&b)
	}
	return false
}

// at is the records of one name.
func (e *edit) at(name string) []*record {
	from, _ := slices.BinarySearchFunc(e.records, position{name: name},
		func(r *record, p position) int { return r.position().compare(p) })
	to := from
	for to < len(e.records) && e.records[to].sort == name {
		to++
	}
	return e.records[from:to]
}

// shareTTL gives a weighted group the TTL of the member last written, as Route 53 does.
func (e *edit) shareTTL(r *record) {
	for i, o := range e.records {
		if o.sort == r.sort && o.Type == r.Type && o.TTL != nil && *o.TTL != *r.TTL {
			o = &record{o.RecordSet, o.sort}
			o.TTL = r.TTL
			e.records[i] = o
		}
	}
}

// checkWhole checks what must hold after all changes.
func (e *edit) checkWhole() {
	apex := map[string]int{}
	for _, r := range e.at(e.zone.apex.sort) {
		apex[r.Type] += len(r.ResourceRecords)
	}
	if apex["SOA"] != 1 {
		e.fault("A HostedZone must contain exactly one SOA record.")
	}
	if apex["NS"] == 0 {
		e.fault("A HostedZone must contain at least one NS record for the zone itself.")
	}
	for _, r := range e.created {
		if r.AliasTarget != nil {
			e.checkAlias(r)
		}
	}
}

// checkAlias refuses aliases to what is not there. Zones that are not of this account belong to AWS's
// own services, whose names nobody checks.
func (e *edit) checkAlias(r *record) {
	t := r.AliasTarget
	what := fmt.Sprintf("Tried to create an alias that targets %s, type %s in zone %s", t.DNSName, r.Type, t.HostedZoneID)
	if t.HostedZoneID != e.zone.id {
		if e.data.zone(t.HostedZoneID) != nil {
			e.fault("%s, but the alias target must be in the hosted zone of the record or belong to an AWS service", what)
		}
		return
	}
	name, err := parseName(t.DNSName)
	if err != nil || !name.within(e.zone.apex) {
		e.fault("%s, but the alias target name does not lie within the target zone", what)
		return
	}
	for _, o := range e.at(name.sort) {
		if o.Type == r.Type && (o.sort != r.sort || o.SetIdentifier != r.SetIdentifier) {
			return
		}
	}
	e.fault("%s, but that target was not found", what)
}

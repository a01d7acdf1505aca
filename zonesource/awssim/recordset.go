package awssim

import (
	"cmp"
	"encoding/xml"
	"slices"
	"strings"
)

// RecordSet is one ResourceRecordSet in the shape the API and the CLI give it. Pointers are nil where
// the API has no element. Values of RecordSet handed in are copied shallowly: do not change what they point to.
type RecordSet struct {
	Name             string       `json:"Name" xml:"Name"`
	Type             string       `json:"Type" xml:"Type"`
	SetIdentifier    string       `json:"SetIdentifier,omitempty" xml:"SetIdentifier,omitempty"`
	Weight           *int64       `json:"Weight,omitempty" xml:"Weight,omitempty"`
	Region           string       `json:"Region,omitempty" xml:"Region,omitempty"`
	GeoLocation      *GeoLocation `json:"GeoLocation,omitempty" xml:"GeoLocation,omitempty"`
	Failover         string       `json:"Failover,omitempty" xml:"Failover,omitempty"`
	MultiValueAnswer *bool        `json:"MultiValueAnswer,omitempty" xml:"MultiValueAnswer,omitempty"`
	TTL              *int64       `json:"TTL,omitempty" xml:"TTL,omitempty"` // seconds

	ResourceRecords []ResourceRecord `json:"ResourceRecords,omitempty" xml:"ResourceRecords>ResourceRecord,omitempty"`
	AliasTarget     *AliasTarget     `json:"AliasTarget,omitempty" xml:"AliasTarget,omitempty"`
	HealthCheckID   string           `json:"HealthCheckId,omitempty" xml:"HealthCheckId,omitempty"`

	TrafficPolicyInstanceID string `json:"TrafficPolicyInstanceId,omitempty" xml:"TrafficPolicyInstanceId,omitempty"`

	CIDRRoutingConfig    *CIDRRoutingConfig    `json:"CidrRoutingConfig,omitempty" xml:"CidrRoutingConfig,omitempty"`
	GeoProximityLocation *GeoProximityLocation `json:"GeoProximityLocation,omitempty" xml:"GeoProximityLocation,omitempty"`
}

// MarshalXML leaves ResourceRecords out where there are none, as AWS does for aliases.
func (s RecordSet) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	type plain RecordSet
	type values struct{ ResourceRecord []ResourceRecord }
	set := struct {
		plain
		ResourceRecords *values
	}{plain: plain(s)}
	if len(s.ResourceRecords) > 0 {
		set.ResourceRecords = &values{s.ResourceRecords}
	}
	return e.EncodeElement(set, start)
}

// ResourceRecord is one value, in Route 53's own text form.
type ResourceRecord struct {
	Value string `json:"Value" xml:"Value"`
}

// AliasTarget names what an alias answers for.
type AliasTarget struct {
	HostedZoneID         string `json:"HostedZoneId" xml:"HostedZoneId"`
	DNSName              string `json:"DNSName" xml:"DNSName"`
	EvaluateTargetHealth bool   `json:"EvaluateTargetHealth" xml:"EvaluateTargetHealth"`
}

// GeoLocation is the place of a geolocation record.
type GeoLocation struct {
	ContinentCode   string `json:"ContinentCode,omitempty" xml:"ContinentCode,omitempty"`
	CountryCode     string `json:"CountryCode,omitempty" xml:"CountryCode,omitempty"`
	SubdivisionCode string `json:"SubdivisionCode,omitempty" xml:"SubdivisionCode,omitempty"`
}

// CIDRRoutingConfig is the place of an IP-based record.
type CIDRRoutingConfig struct {
	CollectionID string `json:"CollectionId" xml:"CollectionId"`
	LocationName string `json:"LocationName" xml:"LocationName"`
}

// GeoProximityLocation is the place of a geoproximity record.
type GeoProximityLocation struct {
	AWSRegion      string       `json:"AWSRegion,omitempty" xml:"AWSRegion,omitempty"`
	LocalZoneGroup string       `json:"LocalZoneGroup,omitempty" xml:"LocalZoneGroup,omitempty"`
	Coordinates    *Coordinates `json:"Coordinates,omitempty" xml:"Coordinates,omitempty"`
	Bias           *int64       `json:"Bias,omitempty" xml:"Bias,omitempty"`
}

// Coordinates are decimal degrees as text.
type Coordinates struct {
	Latitude  string `json:"Latitude" xml:"Latitude"`
	Longitude string `json:"Longitude" xml:"Longitude"`
}

// record is a RecordSet in its zone: normalised, with its place in the listing. It never changes.
type record struct {
	RecordSet
	sort string
}

// position orders records as ListResourceRecordSets does: by the name with its labels reversed and a
// final dot, compared as text, then by type, then by set identifier.
type position struct{ name, typ, id string }

func (r *record) position() position { return position{r.sort, r.Type, r.SetIdentifier} }

func (p position) compare(q position) int {
	return cmp.Or(strings.Compare(p.name, q.name), strings.Compare(p.typ, q.typ), strings.Compare(p.id, q.id))
}

// normalise gives set the API's own form of its names.
func normalise(set RecordSet) (*record, error) {
	name, err := parseName(set.Name)
	if err != nil {
		return nil, err
	}
	set.Name = name.text
	if set.AliasTarget != nil {
		target := *set.AliasTarget
		n, err := parseName(target.DNSName)
		if err != nil {
			return nil, err
		}
		target.DNSName = n.text
		set.AliasTarget = &target
	}
	return &record{RecordSet: set, sort: name.sort}, nil
}

// policy names the routing policy of the set, as error messages spell it.
func (s *RecordSet) policy() string {
	names := s.policies()
	if len(names) == 0 {
		return "simple"
	}
	return names[0]
}

// policies lists every policy the set has elements of; a valid one has at most one.
func (s *RecordSet) policies() []string {
	var names []string
	for _, p := range []struct {
		name string
		set  bool
	}{
		{"weighted", s.Weight != nil},
		{"latency", s.Region != ""},
		{"failover", s.Failover != ""},
		{"geolocation", s.GeoLocation != nil},
		{"multivalue", s.MultiValueAnswer != nil},
		{"geoproximity", s.GeoProximityLocation != nil},
		{"cidr", s.CIDRRoutingConfig != nil},
	} {
		if p.set {
			names = append(names, p.name)
		}
	}
	return names
}

// values are the set's values in a fixed order: the API does not heed the order given.
func (s *RecordSet) values() []string {
	vs := make([]string, 0, len(s.ResourceRecords))
	for _, r := range s.ResourceRecords {
		vs = append(vs, r.Value)
	}
	slices.Sort(vs)
	return vs
}

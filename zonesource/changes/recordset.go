package changes

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/resolver/zone"
	"inside53/zonesource/rdata"
)

// RecordSet is one resource record set as the API has it: names lower case, escaped in
// octal and with a final dot, values as text.
type RecordSet = types.ResourceRecordSet

// Value is one value of a RecordSet.
type Value = types.ResourceRecord

// AliasTarget is what an alias stands for.
type AliasTarget = types.AliasTarget

// GeoLocation is the place of a geolocation record.
type GeoLocation = types.GeoLocation

// GeoProximity is the place of a geoproximity record.
type GeoProximity = types.GeoProximityLocation

// CIDR is the place of an IP-based record.
type CIDR = types.CidrRoutingConfig

// The record types that a zone can't be without at its apex.
const (
	typeSOA   = "SOA"
	typeNS    = "NS"
	typeCNAME = "CNAME"
)

// key identifies a record set inside a zone.
type key struct{ name, kind, id string }

func keyOf(r *RecordSet) key {
	return key{CanonicalName(aws.ToString(r.Name)), string(r.Type), aws.ToString(r.SetIdentifier)}
}

// CanonicalName returns a name of the API as ListResourceRecordSets writes it. What is
// no name comes back as it is.
func CanonicalName(name string) string {
	wire, err := rdata.ParseName(name)
	if err != nil {
		return name
	}
	return rdata.FormatName(wire)
}

// ReadableName returns a name of the API as people read and type it on a command line:
// printing characters as they are, all others escaped in octal as AWS has it. What is no
// name comes back as it is.
func ReadableName(name string) string {
	wire, err := rdata.ParseName(name)
	if err != nil {
		return name
	}
	if wire[0] == 0 {
		return "."
	}
	var out []byte
	for wire[0] != 0 {
		end := 1 + int(wire[0])
		for _, c := range wire[1:end] {
			if c <= ' ' || c >= 0x7f || c == '.' || c == '\\' {
				out = fmt.Appendf(out, `\%03o`, c)
				continue
			}
			out = append(out, c)
		}
		out = append(out, '.')
		wire = wire[end:]
	}
	return string(out)
}

// MasterName returns a name of the API as master files have it. What is no name comes back
// as it is.
func MasterName(name string) string {
	wire, err := rdata.ParseName(name)
	if err != nil {
		return name
	}
	return zone.String(wire)
}

// Equal reports whether two record sets say the same: values in any order and
// spelling, everything else alike. The TTL of an alias, which some other implementations
// of the API list, says nothing.
func Equal(a, b *RecordSet) bool {
	return keyOf(a) == keyOf(b) && (same(a.TTL, b.TTL) || a.AliasTarget != nil && b.AliasTarget != nil) &&
		same(a.Weight, b.Weight) &&
		a.Region == b.Region && a.Failover == b.Failover &&
		aws.ToBool(a.MultiValueAnswer) == aws.ToBool(b.MultiValueAnswer) &&
		aws.ToString(a.HealthCheckId) == aws.ToString(b.HealthCheckId) &&
		aws.ToString(a.TrafficPolicyInstanceId) == aws.ToString(b.TrafficPolicyInstanceId) &&
		placeOf(a) == placeOf(b) && sameTarget(a.AliasTarget, b.AliasTarget) &&
		slices.EqualFunc(packedValues(a), packedValues(b), bytes.Equal)
}

func same[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

func sameTarget(a, b *AliasTarget) bool {
	if a == nil || b == nil {
		return a == b
	}
	return zoneID(a.HostedZoneId) == zoneID(b.HostedZoneId) && a.EvaluateTargetHealth == b.EvaluateTargetHealth &&
		CanonicalName(aws.ToString(a.DNSName)) == CanonicalName(aws.ToString(b.DNSName))
}

// place is where the clients of a member of a group are.
type place struct {
	continent, country, subdivision string
	collection, location            string
	region, group                   string
	latitude, longitude             string
	bias                            int32
	kinds                           int
}

func placeOf(r *RecordSet) place {
	var p place
	if g := r.GeoLocation; g != nil {
		p.continent, p.country, p.subdivision = aws.ToString(g.ContinentCode),
			aws.ToString(g.CountryCode), aws.ToString(g.SubdivisionCode)
		p.kinds |= 1
	}
	if c := r.CidrRoutingConfig; c != nil {
		p.collection, p.location = aws.ToString(c.CollectionId), aws.ToString(c.LocationName)
		p.kinds |= 2
	}
	if g := r.GeoProximityLocation; g != nil {
		p.region, p.group, p.bias = aws.ToString(g.AWSRegion), aws.ToString(g.LocalZoneGroup), aws.ToInt32(g.Bias)
		if c := g.Coordinates; c != nil {
			p.latitude, p.longitude = aws.ToString(c.Latitude), aws.ToString(c.Longitude)
		}
		p.kinds |= 4
	}
	return p
}

// packedValues are the values in wire form, sorted and each once. What can't be packed
// stands for itself.
func packedValues(r *RecordSet) [][]byte {
	rrtype, known := rdata.Type(string(r.Type))
	all := make([][]byte, 0, len(r.ResourceRecords))
	for _, v := range r.ResourceRecords {
		text := aws.ToString(v.Value)
		packed, err := rdata.ParseValue(rrtype, text)
		if !known || err != nil {
			packed = []byte(text)
		}
		all = append(all, packed)
	}
	slices.SortFunc(all, bytes.Compare)
	return slices.CompactFunc(all, bytes.Equal)
}

// Policy names the routing policy of a record set: simple, weighted, latency, failover,
// geolocation, multivalue, geoproximity or cidr.
func Policy(r *RecordSet) string {
	switch {
	case r.Weight != nil:
		return "weighted"
	case r.Region != "":
		return "latency"
	case r.Failover != "":
		return "failover"
	case r.GeoLocation != nil:
		return "geolocation"
	case aws.ToBool(r.MultiValueAnswer):
		return "multivalue"
	case r.GeoProximityLocation != nil:
		return "geoproximity"
	case r.CidrRoutingConfig != nil:
		return "cidr"
	}
	return "simple"
}

// Compare orders record sets as ListResourceRecordSets does: by the labels of the name
// from the last to the first, then type, then set identifier.
func Compare(a, b *RecordSet) int {
	return cmp.Or(
		strings.Compare(reversed(aws.ToString(a.Name)), reversed(aws.ToString(b.Name))),
		strings.Compare(string(a.Type), string(b.Type)),
		strings.Compare(aws.ToString(a.SetIdentifier), aws.ToString(b.SetIdentifier)),
	)
}

// reversed is a name with its labels from the last to the first, as it sorts.
func reversed(name string) string {
	wire, err := rdata.ParseName(name)
	if err != nil {
		return name
	}
	var labels []string
	for len(wire) > 1 {
		labels = append(labels, string(wire[1:1+int(wire[0])]))
		wire = wire[1+int(wire[0]):]
	}
	slices.Reverse(labels)
	return strings.Join(labels, ".") + "."
}

// Localise returns sets as they are in a zone of another id: aliases inside the zone
// from stay inside the zone to.
func Localise(sets []RecordSet, from, to string) []RecordSet {
	out := slices.Clone(sets)
	for i := range out {
		target := out[i].AliasTarget
		if target != nil && zoneID(target.HostedZoneId) == from {
			moved := *target
			moved.HostedZoneId = aws.String(to)
			out[i].AliasTarget = &moved
		}
	}
	return out
}

// zoneID is an id without its path.
func zoneID(id *string) string { return strings.TrimPrefix(aws.ToString(id), "/hostedzone/") }

// RecordType, LatencyRegion and Failover are the API's types for what RecordSet has as
// an enumeration.
type (
	RecordType    = types.RRType
	LatencyRegion = types.ResourceRecordSetRegion
	Failover      = types.ResourceRecordSetFailover
)

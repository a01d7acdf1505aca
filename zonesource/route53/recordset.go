package route53

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"

	"inside53/zonesource"
)

// sum recognises a listing that is the same as the last one.
type sum [sha256.Size]byte

// sumOf is a hash of all that a listing says.
func sumOf(sets []recordSet) sum {
	h := sha256.New()
	var buf []byte
	for i := range sets {
		buf = appendSet(buf[:0], &sets[i])
		_, _ = h.Write(buf) // a hash never fails
	}
	return sum(h.Sum(nil))
}

// program is the hash of the running program.
func program() sum { return sum(zonesource.Program()) }

// appendSet appends all fields of a record set, each with its length, so that no two
// record sets give the same bytes.
func appendSet(dst []byte, r *recordSet) []byte {
	dst = appendText(dst, r.Name)
	dst = appendText(dst, (*string)(&r.Type))
	dst = appendText(dst, r.SetIdentifier)
	dst = appendNumber(dst, r.TTL)
	dst = binary.AppendUvarint(dst, uint64(len(r.ResourceRecords)))
	for i := range r.ResourceRecords {
		dst = appendText(dst, r.ResourceRecords[i].Value)
	}
	a := r.AliasTarget
	dst = appendFlag(dst, a != nil)
	if a != nil {
		dst = appendText(dst, a.HostedZoneId)
		dst = appendText(dst, a.DNSName)
		dst = appendFlag(dst, a.EvaluateTargetHealth)
	}
	return appendPolicy(dst, r)
}

func appendPolicy(dst []byte, r *recordSet) []byte {
	dst = appendText(dst, r.HealthCheckId)
	dst = appendNumber(dst, r.Weight)
	dst = appendText(dst, (*string)(&r.Region))
	dst = appendText(dst, (*string)(&r.Failover))
	dst = appendFlag(dst, r.MultiValueAnswer != nil)
	dst = appendFlag(dst, aws.ToBool(r.MultiValueAnswer))
	g := r.GeoLocation
	dst = appendFlag(dst, g != nil)
	if g != nil {
		dst = appendText(appendText(appendText(dst, g.ContinentCode), g.CountryCode), g.SubdivisionCode)
	}
	p := r.GeoProximityLocation
	dst = appendFlag(dst, p != nil)
	if p != nil {
		dst = appendText(appendText(dst, p.AWSRegion), p.LocalZoneGroup)
		dst = binary.AppendVarint(dst, int64(aws.ToInt32(p.Bias)))
		dst = appendFlag(dst, p.Coordinates != nil)
		if p.Coordinates != nil {
			dst = appendText(appendText(dst, p.Coordinates.Latitude), p.Coordinates.Longitude)
		}
	}
	c := r.CidrRoutingConfig
	dst = appendFlag(dst, c != nil)
	if c != nil {
		dst = appendText(appendText(dst, c.CollectionId), c.LocationName)
	}
	return appendText(dst, r.TrafficPolicyInstanceId)
}

func appendText(dst []byte, s *string) []byte {
	if s == nil {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(*s))+1)
	return append(dst, *s...)
}

func appendNumber(dst []byte, n *int64) []byte {
	dst = appendFlag(dst, n != nil)
	if n == nil {
		return dst
	}
	return binary.AppendVarint(dst, *n)
}

func appendFlag(dst []byte, set bool) []byte {
	if set {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// rawOf is a record set in the JSON of the AWS CLI.
func rawOf(r *recordSet) []byte {
	full, err := json.Marshal(r)
	if err != nil {
		return nil // a structure of texts and numbers always can be written
	}
	var fields map[string]any
	err = json.Unmarshal(full, &fields)
	if err != nil {
		return full
	}
	dropEmpty(fields)
	short, err := json.Marshal(fields)
	if err != nil {
		return full
	}
	return short
}

// dropEmpty takes out what the SDK's structure has and the record set doesn't.
func dropEmpty(fields map[string]any) {
	for key, v := range fields {
		inner, nested := v.(map[string]any)
		switch {
		case v == nil || v == "":
			delete(fields, key)
		case nested:
			dropEmpty(inner)
		}
	}
}

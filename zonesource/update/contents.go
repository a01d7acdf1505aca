package update

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/resolver/zone"
	"inside53/zonesource/changes"
	"inside53/zonesource/rdata"
)

// rrset is what a name has of one type. It is not modified.
type rrset struct {
	ttl  uint32
	data [][]byte
	// foreign says why updates may not change it; "" when they may.
	foreign string
	// listed is the record set as Route 53 has it, nil where that isn't known to the
	// letter.
	listed *changes.RecordSet
}

// has reports whether a record is among those of s, which may be nil. Names in data
// are the same in any case (RFC 2136 section 1.1.1 and 1.1.2).
func (s *rrset) has(rrtype uint16, data []byte) bool { return s.index(rrtype, data) >= 0 }

func (s *rrset) index(rrtype uint16, data []byte) int {
	if s == nil {
		return -1
	}
	return slices.IndexFunc(s.data, func(d []byte) bool { return sameData(rrtype, d, data) })
}

// sameData compares rdata, names in it without regard to case (RFC 4034 section 6.2
// lists the types that have some).
func sameData(rrtype uint16, a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	skip := 0
	switch rrtype {
	case zone.TypeNS, zone.TypeCNAME, zone.TypePTR, zone.TypeDNAME:
	case zone.TypeMX:
		skip = 2
	case zone.TypeSRV:
		skip = 6
	default:
		return false
	}
	return len(a) == len(b) && len(a) >= skip && bytes.Equal(a[:skip], b[:skip]) &&
		bytes.Equal(lower(a[skip:]), lower(b[skip:]))
}

func lower(name []byte) []byte {
	name = bytes.Clone(name)
	zone.Lower(name)
	return name
}

// same reports whether two sets, nil for none, say the same.
func (s *rrset) same(o *rrset) bool {
	if s == nil || o == nil {
		return s == o
	}
	if s.foreign != o.foreign || s.ttl != o.ttl || len(s.data) != len(o.data) {
		return false
	}
	for _, d := range s.data {
		if !slices.ContainsFunc(o.data, func(e []byte) bool { return bytes.Equal(d, e) }) {
			return false
		}
	}
	return true
}

// owner is what a name owns, by type. It is not modified.
type owner struct {
	sets map[uint16]*rrset
	// fresh says that it was read from Route 53 for the messages at hand. Otherwise it
	// is what we serve, which may be old.
	fresh bool
}

// with returns the owner with another set of a type; nil takes it away.
func (o *owner) with(rrtype uint16, s *rrset) *owner {
	sets := maps.Clone(o.sets)
	if s == nil {
		delete(sets, rrtype)
	} else {
		sets[rrtype] = s
	}
	return &owner{sets, o.fresh}
}

// servedOwner is what a name owns in the records that we serve.
func servedOwner(z *zone.Zone, name []byte) *owner {
	o := &owner{sets: map[uint16]*rrset{}}
	if z == nil {
		return o
	}
	z.Tree.Lookup(name).RRsets(func(s zone.RRset) bool {
		set := &rrset{ttl: s.TTL()}
		switch s.Kind {
		case zone.Records:
			for d := range s.Rdata() {
				set.data = append(set.data, d)
			}
		case zone.Aliased:
			set.foreign = "is an alias"
		case zone.Group:
			set.foreign = "has a routing policy or a health check"
		default:
			set.foreign = "can't be expressed in DNS"
		}
		o.sets[s.Type] = set
		return true
	})
	return o
}

// listedOwner is what a name owns by a fresh listing.
func listedOwner(listed []changes.RecordSet) *owner {
	o := &owner{sets: map[uint16]*rrset{}, fresh: true}
	for i := range listed {
		r := &listed[i]
		rrtype, _ := rdata.Type(string(r.Type)) // 0 is a type of its own: it exists
		o.sets[rrtype] = listedSet(rrtype, r)
	}
	return o
}

func listedSet(rrtype uint16, r *changes.RecordSet) *rrset {
	switch {
	case r.AliasTarget != nil:
		return &rrset{foreign: "is an alias"}
	case r.TrafficPolicyInstanceId != nil:
		return &rrset{foreign: "is of a traffic policy"}
	case r.SetIdentifier != nil || changes.Policy(r) != "simple":
		return &rrset{foreign: "has a routing policy"}
	case r.HealthCheckId != nil:
		return &rrset{foreign: "has a health check"}
	}
	set := &rrset{ttl: uint32(aws.ToInt64(r.TTL)), listed: r}
	for _, v := range r.ResourceRecords {
		d, err := rdata.ParseValue(rrtype, aws.ToString(v.Value))
		if err != nil {
			return &rrset{foreign: "can't be expressed in DNS"}
		}
		set.data = append(set.data, d)
	}
	return set
}

// recordSet is s as Route 53 has it, or shall have it.
func (s *rrset) recordSet(name []byte, rrtype uint16) (*changes.RecordSet, error) {
	if s.listed != nil {
		return s.listed, nil
	}
	r := &changes.RecordSet{
		Name: aws.String(rdata.FormatName(name)), Type: types.RRType(rdata.TypeText(rrtype)), TTL: aws.Int64(int64(s.ttl)),
	}
	for _, d := range s.data {
		text, err := rdata.FormatValue(rrtype, d)
		if err != nil {
			return nil, err
		}
		r.ResourceRecords = append(r.ResourceRecords, changes.Value{Value: aws.String(text)})
	}
	return r, nil
}

// maxValues is the most that Route 53 has in one record set.
const maxValues = 400

// storable says why Route 53 can't have a set; the good Result when it can.
func (s *rrset) storable(name []byte, rrtype uint16) Result {
	kind := rdata.TypeText(rrtype)
	what := zone.String(name) + " " + kind
	switch {
	case !slices.Contains(types.RRType("").Values(), types.RRType(kind)):
		return refuse("Route 53 has no records of type %s", kind)
	case s.ttl > math.MaxInt32:
		return refuse("%s: a TTL of %d", what, s.ttl)
	case len(s.data) > maxValues:
		return refuse("%s: %d records, Route 53 has %d at most", what, len(s.data), maxValues)
	}
	_, err := s.recordSet(name, rrtype)
	if err != nil {
		return refuse("%s: %v", what, err)
	}
	_, err = s.served(rrtype)
	if err != nil {
		return refuse("%s: %v", what, err)
	}
	return Result{}
}

// served is s as it is served; of no kind for nil.
func (s *rrset) served(rrtype uint16) (zone.RRset, error) {
	if s == nil {
		return zone.RRset{}, nil
	}
	set, err := zone.NewRecords(rrtype, s.ttl, s.data...)
	if err != nil {
		return zone.RRset{}, fmt.Errorf("packing records: %w", err)
	}
	return set, nil
}

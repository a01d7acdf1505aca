package changes

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// The bounds of one record set.
const (
	maxValues     = 400  // ResourceRecord elements
	maxText       = 4000 // characters of a value of TXT and SPF
	maxIdentifier = 128  // characters of a set identifier
)

// Impossible returns what Route 53 never has, of the record sets that are wanted in a
// zone, with the reasons: whoever sends several batches has to know before the first. With
// remove, the wanted will be all that there is.
func Impossible(z Zone, current, wanted []RecordSet, remove bool) []Note {
	c := impossible{zone: z, kinds: map[string]map[string]bool{}, first: map[key]*RecordSet{}}
	for i := range wanted {
		c.add(&wanted[i])
	}
	there := map[string]map[string]bool{}
	for i := range current {
		if !remove || z.Own(&current[i]) {
			k := keyOf(&current[i])
			if there[k.name] == nil {
				there[k.name] = map[string]bool{}
			}
			there[k.name][k.kind] = true
		}
	}
	var notes []Note
	for i := range wanted {
		set := &wanted[i]
		if z.Own(set) {
			continue // it stays as it is
		}
		reason := c.atName(set)
		if reason == "" {
			reason = c.content(set)
		}
		if reason == "" {
			reason = c.group(set)
		}
		if reason == "" {
			reason = c.target(set, there)
		}
		if reason != "" {
			notes = append(notes, Note{*set, reason})
		}
	}
	return notes
}

// impossible holds record sets against each other.
type impossible struct {
	zone  Zone
	kinds map[string]map[string]bool // the wanted types of each name
	first map[key]*RecordSet         // the first member of each wanted group, without identifier
}

func (c *impossible) add(r *RecordSet) {
	k := keyOf(r)
	if c.kinds[k.name] == nil {
		c.kinds[k.name] = map[string]bool{}
	}
	c.kinds[k.name][k.kind] = true
	k.id = ""
	if c.first[k] == nil {
		c.first[k] = r
	}
}

// atName says why a set can't be where it is.
func (c *impossible) atName(r *RecordSet) string {
	k := keyOf(r)
	apex := k.name == c.zone.Name
	switch {
	case apex && k.kind == typeCNAME:
		return "no CNAME record can be at the apex; an alias can"
	case apex && k.kind == "DS":
		return "a DS record belongs into the parent zone, not at the apex"
	case !apex && k.kind == typeSOA:
		return "an SOA record can be at the apex alone"
	case k.kind == typeNS && strings.HasPrefix(k.name, `\052.`):
		return "NS records can't be wildcards"
	case k.kind == typeCNAME && len(c.kinds[k.name]) > 1:
		return "no CNAME record can be beside other records of its name"
	}
	return ""
}

// content says what a set can't hold.
func (c *impossible) content(r *RecordSet) string {
	routed := Policy(r) != "simple"
	switch kind := string(r.Type); {
	case kind == typeNS && (routed || r.AliasTarget != nil):
		return "NS records can be neither aliases nor have a routing policy"
	case kind == typeCNAME && len(r.ResourceRecords) > 1:
		return fmt.Sprintf("a CNAME record has one target, not %d", len(r.ResourceRecords))
	case (kind == typeCNAME || kind == "DS") && aws.ToBool(r.MultiValueAnswer):
		return kind + " records can't be multivalue answers"
	case aws.ToBool(r.MultiValueAnswer) && r.AliasTarget != nil:
		return "an alias can't be a multivalue answer"
	case r.CidrRoutingConfig != nil && c.zone.Private:
		return "private zones have no IP-based routing"
	case len(r.ResourceRecords) > maxValues:
		return fmt.Sprintf("%d values; a record set has at most %d", len(r.ResourceRecords), maxValues)
	case len(aws.ToString(r.SetIdentifier)) > maxIdentifier:
		return fmt.Sprintf("its identifier is longer than %d characters", maxIdentifier)
	case kind == "TXT" || kind == "SPF":
		for _, v := range r.ResourceRecords {
			if n := len(aws.ToString(v.Value)); n > maxText {
				return fmt.Sprintf("a value of %d characters; the most is %d", n, maxText)
			}
		}
	}
	return ""
}

// group says why a set can't stand beside the others of its name and type.
func (c *impossible) group(r *RecordSet) string {
	k := keyOf(r)
	k.id = ""
	first := c.first[k]
	if Policy(first) != Policy(r) {
		return fmt.Sprintf("it is %s and another of its name and type is %s", Policy(r), Policy(first))
	}
	return ""
}

// target says what an alias inside the zone lacks; there are the types of each name beside
// the wanted ones.
func (c *impossible) target(r *RecordSet, there map[string]map[string]bool) string {
	t := r.AliasTarget
	if t == nil || zoneID(t.HostedZoneId) != c.zone.ID {
		return ""
	}
	name := CanonicalName(aws.ToString(t.DNSName))
	if !c.kinds[name][string(r.Type)] && !there[name][string(r.Type)] {
		return fmt.Sprintf("an alias for %s, which has no %s records", ReadableName(name), r.Type)
	}
	return ""
}

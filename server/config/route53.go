package config

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Route53 is the section route53.
type Route53 struct {
	// Zones lists the hosted zones to serve, by name (all zones of that name) or
	// by id. "*" is every zone. Default ["*"].
	Zones ZoneSet `yaml:"zones"`

	// Visibility lists the kinds of zones to serve. Default [public, private].
	Visibility Visibility `yaml:"visibility"`

	// Overlap says what a client sees where a private and a public zone have the
	// same name: overlay, the records of both, a name's private ones first; or
	// shadow, only the private zone, as Amazon's resolver does. Default overlay.
	Overlap Overlap `yaml:"overlap"`

	// Refresh is the time from the start of one reading of all zones to the
	// next. A reading that takes longer is followed by the next at once.
	// Default 60s.
	Refresh time.Duration `yaml:"refresh"`

	// RequestsPerSecond bounds the calls to Route 53, a process and account. It
	// is halved while AWS throttles. AWS allows an account 10 a second, shared
	// by everything that uses the account. Default 2.
	RequestsPerSecond float64 `yaml:"requests_per_second"`

	// MaxShrink is the share of its records, 0 to 1, that a zone may lose from
	// one reading to the next. A zone that loses more, and more than 10 records,
	// is only believed when a second reading says the same. 1 believes all.
	// Default 0.5.
	MaxShrink float64 `yaml:"max_shrink"`
}

// DefaultMaxShrink guards the regions of ec2 too, where there is no route53.
const DefaultMaxShrink = 0.5

func (s *Route53) setDefaults() {
	*s = Route53{
		Zones:             ZoneSet{All: true},
		Visibility:        Visibility{Public: true, Private: true},
		Overlap:           Overlay,
		Refresh:           time.Minute,
		RequestsPerSecond: 2,
		MaxShrink:         DefaultMaxShrink,
	}
}

// Overlap is a value of route53.overlap.
type Overlap string

// The values of [Overlap].
const (
	Overlay Overlap = "overlay" // records of both zones, those of the upper one first
	Shadow  Overlap = "shadow"  // the upper zone only
)

func (o *Overlap) parse(text string) error { return parseWord(o, text, Overlay, Shadow) }

// Visibility is the value of route53.visibility.
type Visibility struct{ Public, Private bool }

func (v *Visibility) add(text string) error {
	switch text {
	case "public":
		v.Public = true
	case "private":
		v.Private = true
	default:
		return oneOf(text, "public", "private")
	}
	return nil
}

// ZoneSet names hosted zones.
type ZoneSet struct {
	All   bool         // "*"
	Names []DomainName // every zone of these names
	IDs   []string     // these, by id without /hostedzone/
}

// hostedZoneID is what Route 53 gives out. Names are told from ids by their
// case and by having dots.
var hostedZoneID = regexp.MustCompile(`^Z[A-Z0-9]{1,31}$`)

func (s *ZoneSet) add(text string) error {
	if text == "*" {
		s.All = true
		return nil
	}
	id := strings.TrimPrefix(text, "/hostedzone/")
	if hostedZoneID.MatchString(id) {
		if slices.Contains(s.IDs, id) {
			return fmt.Errorf("hosted zone %s is here twice", id)
		}
		s.IDs = append(s.IDs, id)
		return nil
	}
	var name DomainName
	err := name.parse(text)
	if err != nil {
		return fmt.Errorf("%w; a hosted zone id is like Z0123456789ABC", err)
	}
	if slices.Contains(s.Names, name) {
		return fmt.Errorf("zone %s is here twice", name)
	}
	s.Names = append(s.Names, name)
	return nil
}

// Texts returns the zones as people write them.
func (s ZoneSet) Texts() []string {
	if s.All {
		return []string{"*"}
	}
	out := slices.Clone(s.IDs)
	for _, n := range s.Names {
		out = append(out, string(n))
	}
	return out
}

func (v *validator) route53(c *Route53) {
	z := c.Zones
	switch {
	case v.broken["route53.zones"]:
	case z.All && len(z.Names)+len(z.IDs) > 0:
		v.fault("route53.zones", `has "*" and others; "*" is every zone already`)
	case !z.All && len(z.Names)+len(z.IDs) == 0:
		v.fault("route53.zones", `is empty; write names or ids of hosted zones, or "*"`)
	}
	if !c.Visibility.Public && !c.Visibility.Private && !v.broken["route53.visibility"] {
		v.fault("route53.visibility", "is empty; write public, private or both")
	}
	v.duration("route53.refresh", c.Refresh, false)
	if !(c.RequestsPerSecond > 0) || math.IsInf(c.RequestsPerSecond, 0) {
		v.fault("route53.requests_per_second", "%v is not above 0; write 2, say", c.RequestsPerSecond)
	}
	if !(c.MaxShrink >= 0 && c.MaxShrink <= 1) {
		v.fault("route53.max_shrink", "%v is out of bounds; write 0 to 1", c.MaxShrink)
	}
}

package main

import (
	"errors"
	"fmt"
	"strings"

	"inside53/resolver/zone"
	"inside53/zonesource/changes"
	"inside53/zonesource/rdata"

	"github.com/spf13/cobra"
)

// setFlags say what a record set is besides its name, type and values.
type setFlags struct {
	ttl         int64
	id          string
	weight      int64
	failover    string
	region      string
	geo         string
	multivalue  bool
	bias        int32
	cidr        string
	alias       string
	aliasZone   string
	evaluate    bool
	healthCheck string
}

// given tells which flags stand on the command line.
type given interface{ Changed(name string) bool }

// The flags that are a routing policy. --region is one by itself, and the place of --bias.
var routingFlags = []string{"weight", "failover", "region", "geo", "multivalue", "cidr"}

func (f *setFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.Int64Var(&f.ttl, "ttl", 300, "time to live, in `seconds`")
	flags.Int64Var(&f.weight, "weight", 0, "weighted: `share` from 0 to 255")
	flags.StringVar(&f.failover, "failover", "", "failover `role`, PRIMARY or SECONDARY")
	flags.StringVar(&f.region, "region", "", "latency: AWS `region`; with --bias geoproximity")
	flags.StringVar(&f.geo, "geo", "", "geolocation `place`: DE, US-WA, continent:EU, or * for everybody else")
	flags.BoolVar(&f.multivalue, "multivalue", false, "multivalue answer")
	flags.Int32Var(&f.bias, "bias", 0, "geoproximity: `bias` from -99 to 99 of --region")
	flags.StringVar(&f.cidr, "cidr", "",
		"IP-based: `COLLECTION/LOCATION`, the id of a CIDR collection and a location in it")
	flags.StringVar(&f.alias, "alias", "", "an alias for this `name`, instead of values")
	flags.StringVar(&f.aliasZone, "alias-zone", "", "hosted zone `id` of the alias target (default: the zone itself)")
	flags.BoolVar(&f.evaluate, "evaluate-target-health", false, "the alias has the health of its target")
	flags.StringVar(&f.healthCheck, "health-check", "", "`id` of a health check")
	exclusive(c, routingFlags...)
	for _, other := range routingFlags {
		if other != "region" {
			exclusive(c, "bias", other)
		}
	}
	exclusive(c, "alias", "ttl")
}

// suffix names the member of a group.
func (f *setFlags) suffix() string {
	if f.id == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", f.id)
}

// fresh is a record set with nothing but its name, type and identifier.
func (f *setFlags) fresh(at recordName) changes.RecordSet {
	set := changes.RecordSet{Name: &at.name}
	set.Type = changes.RecordType(at.kind)
	if f.id != "" {
		set.SetIdentifier = &f.id
	}
	return set
}

// apply gives a record set what the flags and values say, and checks that it is whole.
func (f *setFlags) apply(flags given, z changes.Zone, set *changes.RecordSet, values []string) error {
	err := f.content(flags, z, set, values)
	if err != nil {
		return err
	}
	err = f.routing(flags, set)
	if err != nil {
		return err
	}
	if flags.Changed("health-check") {
		set.HealthCheckId = nil
		if f.healthCheck != "" {
			set.HealthCheckId = &f.healthCheck
		}
	}
	routed := changes.Policy(set) != "simple"
	switch {
	case routed && set.SetIdentifier == nil:
		return errors.New("a routing policy needs --set-id, which tells the members of a group apart")
	case !routed && set.SetIdentifier != nil:
		return errors.New("--set-id needs a routing policy: --weight, --failover, --region, --geo, --multivalue, --bias " +
			"or --cidr")
	}
	return nil
}

// content sets values and TTL, or the alias.
func (f *setFlags) content(flags given, z changes.Zone, set *changes.RecordSet, values []string) error {
	switch {
	case f.alias != "" && len(values) > 0:
		return errors.New("a record set has values or is an --alias, not both")
	case f.alias == "" && (flags.Changed("alias-zone") || flags.Changed("evaluate-target-health")) &&
		set.AliasTarget == nil:
		return errors.New("--alias-zone and --evaluate-target-health need --alias")
	case f.alias != "":
		return f.aliasTo(flags, z, set)
	case len(values) > 0:
		set.AliasTarget, set.ResourceRecords = nil, nil
		for i := range values {
			set.ResourceRecords = append(set.ResourceRecords, changes.Value{Value: &values[i]})
		}
	case set.AliasTarget != nil:
		if flags.Changed("ttl") {
			return errors.New("an alias has the TTL of its target")
		}
		target := *set.AliasTarget
		if flags.Changed("evaluate-target-health") {
			target.EvaluateTargetHealth = f.evaluate
		}
		if flags.Changed("alias-zone") {
			target.HostedZoneId = &f.aliasZone
		}
		set.AliasTarget = &target
		return nil
	}
	if len(set.ResourceRecords) == 0 {
		return errors.New("no value, and no --alias")
	}
	if flags.Changed("ttl") || set.TTL == nil {
		if f.ttl < 0 || f.ttl > 1<<31-1 { // RFC 2181 8
			return fmt.Errorf("--ttl %d is not from 0 to %d", f.ttl, 1<<31-1)
		}
		set.TTL = &f.ttl
	}
	return nil
}

func (f *setFlags) aliasTo(flags given, z changes.Zone, set *changes.RecordSet) error {
	target, err := recordOwner(z, f.alias, f.aliasZone == "" || f.aliasZone == z.ID)
	if err != nil {
		return fmt.Errorf("--alias: %w", err)
	}
	id := f.aliasZone
	if id == "" {
		id = z.ID
	}
	evaluate := f.evaluate
	if !flags.Changed("evaluate-target-health") && set.AliasTarget != nil {
		evaluate = set.AliasTarget.EvaluateTargetHealth
	}
	set.AliasTarget = &changes.AliasTarget{DNSName: &target, HostedZoneId: &id, EvaluateTargetHealth: evaluate}
	set.TTL, set.ResourceRecords = nil, nil
	return nil
}

// routing sets the policy that a flag names, in place of the one there was.
func (f *setFlags) routing(flags given, set *changes.RecordSet) error {
	routed := flags.Changed("bias")
	for _, name := range routingFlags {
		routed = routed || flags.Changed(name)
	}
	if !routed {
		return nil
	}
	set.Weight, set.GeoLocation, set.MultiValueAnswer, set.CidrRoutingConfig = nil, nil, nil, nil
	set.Region, set.Failover = "", ""
	near := set.GeoProximityLocation
	set.GeoProximityLocation = nil
	switch {
	case flags.Changed("weight"):
		set.Weight = &f.weight
		if f.weight < 0 || f.weight > 255 {
			return fmt.Errorf("--weight %d is not from 0 to 255", f.weight)
		}
	case flags.Changed("failover"):
		role := strings.ToUpper(f.failover)
		if role != "PRIMARY" && role != "SECONDARY" {
			return fmt.Errorf("--failover %s is neither PRIMARY nor SECONDARY", f.failover)
		}
		set.Failover = changes.Failover(role)
	case flags.Changed("bias"):
		return f.proximity(flags, set, near)
	case flags.Changed("region"):
		set.Region = changes.LatencyRegion(f.region)
	case flags.Changed("geo"):
		place, err := parsePlace(f.geo)
		set.GeoLocation = place
		return err
	case flags.Changed("multivalue"):
		set.MultiValueAnswer = &f.multivalue
	case flags.Changed("cidr"):
		collection, location, found := strings.Cut(f.cidr, "/")
		if !found || collection == "" || location == "" {
			return fmt.Errorf("--cidr %s is not of the form COLLECTION/LOCATION", f.cidr)
		}
		set.CidrRoutingConfig = &changes.CIDR{CollectionId: &collection, LocationName: &location}
	}
	return nil
}

// proximity sets a geoproximity policy: the place is --region, or that which was there.
func (f *setFlags) proximity(flags given, set *changes.RecordSet, near *changes.GeoProximity) error {
	var place changes.GeoProximity
	switch {
	case flags.Changed("region"):
		place.AWSRegion = &f.region
	case near != nil:
		place = *near
	default:
		return errors.New("--bias needs --region")
	}
	if f.bias < -99 || f.bias > 99 {
		return fmt.Errorf("--bias %d is not from -99 to 99", f.bias)
	}
	place.Bias = &f.bias
	set.GeoProximityLocation = &place
	return nil
}

// parsePlace reads a country, a country with a subdivision, continent:CODE, or * for the
// default. Codes of countries and continents overlap: NA is Namibia, continent:NA North
// America.
func parsePlace(text string) (*changes.GeoLocation, error) {
	continent, isContinent := strings.CutPrefix(text, "continent:")
	country, subdivision, divided := strings.Cut(text, "-")
	switch {
	case isContinent:
		continent = strings.ToUpper(continent)
		for _, known := range []string{"AF", "AN", "AS", "EU", "OC", "NA", "SA"} {
			if continent == known {
				return &changes.GeoLocation{ContinentCode: &continent}, nil
			}
		}
	case country == "*" && !divided:
		return &changes.GeoLocation{CountryCode: &country}, nil
	case len(country) == 2 && (!divided || subdivision != "" && len(subdivision) <= 3):
		country, subdivision = strings.ToUpper(country), strings.ToUpper(subdivision)
		if !divided {
			return &changes.GeoLocation{CountryCode: &country}, nil
		}
		return &changes.GeoLocation{CountryCode: &country, SubdivisionCode: &subdivision}, nil
	}
	return nil, fmt.Errorf("--geo %s is no place: write DE, US-WA, continent:EU, or *", text)
}

func parseRecordName(z changes.Zone, name, kind string) (recordName, error) {
	owner, err := recordOwner(z, name, true)
	if err != nil {
		return recordName{}, err
	}
	kind = strings.ToUpper(kind)
	if !changes.KnownType(kind) {
		return recordName{}, fmt.Errorf("records of type %q are not known to Route 53", kind)
	}
	return recordName{owner, kind}, nil
}

// recordOwner returns the API's form of a name that people wrote, escapes in octal as AWS
// has them: in the zone, where inside is true, else as it is.
func recordOwner(z changes.Zone, text string, inside bool) (string, error) {
	apex, err := rdata.ParseName(z.Name)
	if err != nil {
		return "", err
	}
	if text == "@" {
		return z.Name, nil
	}
	name, err := rdata.ParseName(text)
	if err != nil {
		return "", err
	}
	absolute := strings.HasSuffix(text, ".") && !strings.HasSuffix(text, `\.`)
	if inside && !absolute && !zone.IsSubdomain(name, apex) {
		name, err = rdata.ParseName(text + "." + strings.TrimPrefix(z.Name, "."))
		if err != nil {
			return "", err
		}
	}
	if inside && !zone.IsSubdomain(name, apex) {
		return "", fmt.Errorf("%s is not in %s", changes.ReadableName(rdata.FormatName(name)), z)
	}
	return rdata.FormatName(name), nil
}

// parseValues checks values and returns them as Route 53 lists them. Text without
// quotation marks is quoted, and cut into strings as long as they may be.
func parseValues(kind string, args []string) ([]string, error) {
	values := make([]string, 0, len(args))
	rrtype, _ := rdata.Type(kind) // which Route 53 has
	for _, text := range args {
		if (kind == "TXT" || kind == "SPF") && !strings.HasPrefix(text, `"`) {
			text = quoted(text)
		}
		packed, err := rdata.ParseValue(rrtype, text)
		if err != nil {
			return nil, err
		}
		value, err := rdata.FormatValue(rrtype, packed)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

// quoted is plain text as the value of a TXT record.
func quoted(text string) string {
	const most = 255 // bytes of a string, RFC 1035 3.3
	var parts []string
	for first := true; first || text != ""; first = false {
		part := text[:min(len(text), most)]
		text = text[len(part):]
		part = strings.ReplaceAll(strings.ReplaceAll(part, `\`, `\\`), `"`, `\"`)
		parts = append(parts, `"`+part+`"`)
	}
	return strings.Join(parts, " ")
}

// sameValue reports whether two values of a type are the same record.
func sameValue(kind, a, b string) bool {
	return changes.Equal(
		&changes.RecordSet{Type: changes.RecordType(kind), ResourceRecords: []changes.Value{{Value: &a}}},
		&changes.RecordSet{Type: changes.RecordType(kind), ResourceRecords: []changes.Value{{Value: &b}}},
	)
}

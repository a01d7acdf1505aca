package changes

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// Extension writes what a master file can't say of a record set in the form of cli53,
// which stands in a comment: `routing="WEIGHTED" weight=10 identifier="a"`. It is "" for
// a record set without any of it. cli53 knows FAILOVER, GEOLOCATION, LATENCY, WEIGHTED
// and MULTIVALUE; GEOPROXIMITY, CIDR and SIMPLE are ours.
func Extension(r *RecordSet) string {
	var w words
	switch Policy(r) {
	case "weighted":
		w.text("routing", "WEIGHTED")
		w.number("weight", *r.Weight)
	case "latency":
		w.text("routing", "LATENCY")
		w.text("region", string(r.Region))
	case "failover":
		w.text("routing", "FAILOVER")
		w.text("failover", string(r.Failover))
	case "geolocation":
		w.text("routing", "GEOLOCATION")
		w.optional("continentCode", r.GeoLocation.ContinentCode)
		w.optional("countryCode", r.GeoLocation.CountryCode)
		w.optional("subdivisionCode", r.GeoLocation.SubdivisionCode)
	case "multivalue":
		w.text("routing", "MULTIVALUE")
	case "geoproximity":
		g := r.GeoProximityLocation
		w.text("routing", "GEOPROXIMITY")
		w.optional("region", g.AWSRegion)
		w.optional("localZoneGroup", g.LocalZoneGroup)
		if g.Coordinates != nil {
			w.optional("latitude", g.Coordinates.Latitude)
			w.optional("longitude", g.Coordinates.Longitude)
		}
		if g.Bias != nil {
			w.number("bias", int64(*g.Bias))
		}
	case "cidr":
		w.text("routing", "CIDR")
		w.optional("collectionId", r.CidrRoutingConfig.CollectionId)
		w.optional("locationName", r.CidrRoutingConfig.LocationName)
	default:
		if r.HealthCheckId == nil && r.SetIdentifier == nil && r.TrafficPolicyInstanceId == nil {
			return ""
		}
		w.text("routing", "SIMPLE")
	}
	w.optional("healthCheckId", r.HealthCheckId)
	w.optional("trafficPolicyInstanceId", r.TrafficPolicyInstanceId)
	w.optional("identifier", r.SetIdentifier)
	return strings.Join(w, " ")
}

type words []string

func (w *words) text(key, value string) {
	out := []byte(key + `="`)
	for _, c := range []byte(value) {
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c < ' ' || c == 0x7f: // a line feed would end the comment
			out = fmt.Appendf(out, `\%03d`, c)
		default:
			out = append(out, c)
		}
	}
	*w = append(*w, string(append(out, '"')))
}

func (w *words) number(key string, value int64) {
	*w = append(*w, key+"="+strconv.FormatInt(value, 10))
}

func (w *words) optional(key string, value *string) {
	if value != nil {
		w.text(key, *value)
	}
}

// extend gives a record set what an extension says.
func extend(r *RecordSet, text string) error {
	said, err := parseWords(text)
	if err != nil {
		return err
	}
	err = said.apply(r)
	if err != nil {
		return err
	}
	for _, key := range said.keys() {
		if !slices.Contains(said.used, key) {
			return fmt.Errorf("%s has no meaning with routing=%q", key, said.values["routing"])
		}
	}
	return nil
}

// extension is the words of one comment.
type extension struct {
	values map[string]string
	used   []string
}

func (e *extension) keys() []string {
	var out []string
	for key := range e.values {
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}

// value returns a value and notes that it was used; nil when it isn't there.
func (e *extension) value(key string) *string {
	e.used = append(e.used, key)
	value, there := e.values[key]
	if !there {
		return nil
	}
	return &value
}

func (e *extension) required(key string) (string, error) {
	value := e.value(key)
	if value == nil {
		return "", fmt.Errorf("routing=%q needs %s", e.values["routing"], key)
	}
	return *value, nil
}

func (e *extension) integer(key string, least, most int64) (*int64, error) {
	text := e.value(key)
	if text == nil {
		return nil, nil
	}
	n, err := strconv.ParseInt(*text, 10, 64)
	if err != nil || n < least || n > most {
		return nil, fmt.Errorf("%s is %q and has to be a number from %d to %d", key, *text, least, most)
	}
	return &n, nil
}

func (e *extension) apply(r *RecordSet) error {
	routing, err := e.required("routing")
	if err != nil {
		return err
	}
	switch routing {
	case "SIMPLE":
	case "WEIGHTED":
		r.Weight, err = e.integer("weight", 0, 255)
		if err == nil && r.Weight == nil {
			err = errors.New(`routing="WEIGHTED" needs weight`)
		}
	case "LATENCY":
		var region string
		region, err = e.required("region")
		r.Region = types.ResourceRecordSetRegion(region)
	case "FAILOVER":
		var failover string
		failover, err = e.required("failover")
		r.Failover = types.ResourceRecordSetFailover(failover)
		if err == nil && failover != "PRIMARY" && failover != "SECONDARY" {
			err = fmt.Errorf("failover is %q and has to be PRIMARY or SECONDARY", failover)
		}
	case "GEOLOCATION":
		g := &GeoLocation{ContinentCode: e.value("continentCode"), CountryCode: e.value("countryCode"),
			SubdivisionCode: e.value("subdivisionCode")}
		if g.SubdivisionCode == nil {
			g.SubdivisionCode = e.value("subdivisonCode") // as cli53 reads it
		}
		r.GeoLocation = g
		if g.ContinentCode == nil && g.CountryCode == nil {
			err = errors.New(`routing="GEOLOCATION" needs continentCode or countryCode`)
		}
	case "MULTIVALUE":
		r.MultiValueAnswer = aws.Bool(true)
	case "GEOPROXIMITY":
		err = e.proximity(r)
	case "CIDR":
		r.CidrRoutingConfig = &CIDR{CollectionId: e.value("collectionId"), LocationName: e.value("locationName")}
		if r.CidrRoutingConfig.CollectionId == nil || r.CidrRoutingConfig.LocationName == nil {
			err = errors.New(`routing="CIDR" needs collectionId and locationName`)
		}
	default:
		err = fmt.Errorf(
			"routing is %q and has to be WEIGHTED, LATENCY, FAILOVER, GEOLOCATION, MULTIVALUE, GEOPROXIMITY, CIDR or SIMPLE",
			routing)
	}
	if err != nil {
		return err
	}
	r.HealthCheckId, r.TrafficPolicyInstanceId, r.SetIdentifier = e.value("healthCheckId"),
		e.value("trafficPolicyInstanceId"), e.value("identifier")
	if r.SetIdentifier == nil && routing != "SIMPLE" {
		return fmt.Errorf("routing=%q needs identifier", routing)
	}
	return nil
}

func (e *extension) proximity(r *RecordSet) error {
	g := &GeoProximity{AWSRegion: e.value("region"), LocalZoneGroup: e.value("localZoneGroup")}
	latitude, longitude := e.value("latitude"), e.value("longitude")
	if latitude != nil || longitude != nil {
		g.Coordinates = &types.Coordinates{Latitude: latitude, Longitude: longitude}
	}
	bias, err := e.integer("bias", -99, 99)
	if err != nil {
		return err
	}
	if bias != nil {
		g.Bias = aws.Int32(int32(*bias))
	}
	if g.AWSRegion == nil && g.LocalZoneGroup == nil && (latitude == nil || longitude == nil) {
		return errors.New(`routing="GEOPROXIMITY" needs region, localZoneGroup, or latitude and longitude`)
	}
	r.GeoProximityLocation = g
	return nil
}

// isCode reports whether a text is three decimal digits of one byte.
func isCode(text string) bool {
	n, err := strconv.ParseUint(text, 10, 8)
	return err == nil && n <= 255
}

// parseWords cuts key=value and key="value" at the blanks. In quotation marks a
// backslash stands before three decimal digits of a byte, or takes the next byte as it
// is.
func parseWords(text string) (*extension, error) {
	e := &extension{values: map[string]string{}}
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimLeft(rest, " \t") {
		key, after, found := strings.Cut(rest, "=")
		if !found || key == "" || strings.ContainsAny(key, " \t\"") {
			return nil, fmt.Errorf("%q is not of the form key=value", rest)
		}
		_, twice := e.values[key]
		if twice {
			return nil, fmt.Errorf("%s stands twice", key)
		}
		value, left, err := cutValue(after)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		e.values[key], rest = value, left
	}
	return e, nil
}

func cutValue(text string) (value, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, " \t")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], nil
	}
	var out []byte
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return string(out), text[i+1:], nil
		case '\\':
			if i+3 < len(text) && isCode(text[i+1:i+4]) {
				n, _ := strconv.Atoi(text[i+1 : i+4])
				out = append(out, byte(n))
				i += 3
				continue
			}
			i++
		}
		if i < len(text) {
			out = append(out, text[i])
		}
	}
	return "", "", errors.New("no closing quotation mark")
}

package changes

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"inside53/resolver/zone"
	"inside53/zonesource/rdata"
)

// Doubts says what of a record set is allowed and most likely not meant: a name that ends
// in the zone's twice, which a forgotten dot makes, and a target of a single label, which a
// relative name makes where names are absolute.
func Doubts(z Zone, r *RecordSet) []string {
	var found []string
	doubled := "ends in the name of the zone twice: is a dot missing at its end?"
	if isDoubled(z, aws.ToString(r.Name)) {
		found = append(found, "the name "+doubled)
	}
	names := targets(r)
	if r.AliasTarget != nil {
		names = append(names, aws.ToString(r.AliasTarget.DNSName))
	}
	for _, name := range names {
		wire, err := rdata.ParseName(name)
		if err != nil {
			continue
		}
		readable := ReadableName(name)
		switch single := wire[0] != 0 && wire[1+int(wire[0])] == 0; {
		case isDoubled(z, name):
			found = append(found, fmt.Sprintf("the target %s %s", readable, doubled))
		case single && CanonicalName(name) != z.Name:
			found = append(found, fmt.Sprintf("the target %s has a single label: is %s%s meant?", readable, readable,
				ReadableName(z.Name)))
		}
	}
	return found
}

// isDoubled reports whether a name ends in that of a zone twice.
func isDoubled(z Zone, name string) bool {
	if z.Name == "." {
		return false
	}
	twice, err := rdata.ParseName(z.Name + z.Name)
	if err != nil {
		return false // too long for any name
	}
	wire, err := rdata.ParseName(name)
	return err == nil && zone.IsSubdomain(wire, twice)
}

// targets are the names in the values of a record set, for the types in which they are
// hosts or zones.
func targets(r *RecordSet) []string {
	var out []string
	for _, v := range r.ResourceRecords {
		fields := strings.Fields(aws.ToString(v.Value))
		at := len(fields) - 1
		switch r.Type {
		case "CNAME", "NS", "PTR", "MX", "SRV", "NAPTR":
		case "HTTPS", "SVCB":
			at = 1
		default:
			return nil
		}
		if at >= 0 && at < len(fields) {
			out = append(out, fields[at])
		}
	}
	return out
}

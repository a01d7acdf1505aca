package changes

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/resolver/zone"
	"inside53/zonesource/rdata"
	"inside53/zonesource/zonefile"
)

// The comments that mean something in a master file.
const (
	// extensionMark begins the extension of a record.
	extensionMark = "AWS "
	// StandIn marks a record that stands for an alias or a group, which the file has
	// in a comment besides. It is not read.
	StandIn = "AWS stand-in"
)

// self is the zone id of an alias inside its own zone, as cli53 writes it.
const self = "$self"

// recordTypes are the types that Route 53 has.
var recordTypes = []string{"A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV",
	"SSHFP", "SVCB", "TLSA", "TXT"}

// KnownType reports whether Route 53 has records of a type.
func KnownType(kind string) bool { return slices.Contains(recordTypes, kind) }

// File is what a master file has for a zone.
type File struct {
	Sets []RecordSet // in the order of Route 53
	// Notes name what Route 53 can't have and is left out, and what is most likely not
	// meant, by file and line.
	Notes  []string
	places map[key]string
}

// Place is the file and line of the first record of a set, "" where it isn't of the file.
func (f *File) Place(r *RecordSet) string { return f.places[keyOf(r)] }

// ReadFile reads record sets for a zone from a master file: BIND's, with the
// extensions of cli53 in comments (see Extension) and its ALIAS records of the class
// AWS, or one that inside53 has exported. The error joins the faults of the file, each with
// its line.
func ReadFile(ctx context.Context, z Zone, path string) (*File, error) {
	origin, err := rdata.ParseName(z.Name)
	if err != nil {
		return nil, err
	}
	r := fileReader{zone: z, apex: origin, at: map[key]int{}, places: map[key]string{}}
	err = zonefile.Entries(ctx, origin, path, r.add)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(r.sets, func(a, b RecordSet) int { return Compare(&a, &b) })
	f := &File{r.sets, r.notes, r.places}
	for i := range f.Sets {
		for _, text := range Doubts(z, &f.Sets[i]) {
			name := ReadableName(aws.ToString(f.Sets[i].Name))
			f.Notes = append(f.Notes, fmt.Sprintf("%s: %s %s: %s", f.Place(&f.Sets[i]), name, f.Sets[i].Type, text))
		}
	}
	return f, nil
}

// fileReader brings the records of a file together.
type fileReader struct {
	zone   Zone
	apex   []byte
	sets   []RecordSet
	at     map[key]int // where in sets
	places map[key]string
	notes  []string
}

func (f *fileReader) note(e zonefile.Entry, kind, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	f.notes = append(f.notes, fmt.Sprintf("%s: %s %s: %s", e.Place, zone.String(e.Owner), kind, text))
}

// add adds one record of the file.
func (f *fileReader) add(e zonefile.Entry) error {
	if e.Comment == StandIn {
		return nil
	}
	kind := rdata.TypeText(e.Type)
	if e.Alias != nil {
		kind = e.Alias.Type
	}
	switch {
	case !KnownType(kind) && e.Alias != nil:
		return fmt.Errorf("an alias of type %s: Route 53 has no such records", kind)
	case !KnownType(kind):
		f.note(e, kind, "left out: Route 53 has no records of this type")
		return nil
	case !zone.IsSubdomain(e.Owner, f.apex):
		f.note(e, kind, "left out: not in %s", ReadableName(f.zone.Name))
		return nil
	}
	if e.Hint != "" {
		f.note(e, kind, "%s", e.Hint)
	}
	set := RecordSet{Name: aws.String(rdata.FormatName(e.Owner)), Type: types.RRType(kind)}
	words, marked := strings.CutPrefix(e.Comment, extensionMark)
	first, _, _ := strings.Cut(strings.TrimSpace(words), " ")
	if marked && strings.Contains(first, "=") { // else it is somebody's remark
		err := extend(&set, words)
		if err != nil {
			return fmt.Errorf("extension %q: %w", e.Comment, err)
		}
	}
	if e.Alias != nil {
		return f.alias(e, set)
	}
	value, err := rdata.FormatValue(e.Type, e.Data)
	if err != nil {
		return err
	}
	return f.value(e, set, value)
}

func (f *fileReader) alias(e zonefile.Entry, set RecordSet) error {
	id := e.Alias.ZoneID
	if id == self {
		id = f.zone.ID
	}
	set.AliasTarget = &AliasTarget{
		DNSName: aws.String(rdata.FormatName(e.Alias.Target)), HostedZoneId: aws.String(id),
		EvaluateTargetHealth: e.Alias.Evaluate,
	}
	_, twice := f.at[keyOf(&set)]
	if twice {
		return fmt.Errorf("%s %s stands twice in the file", zone.String(e.Owner), set.Type)
	}
	f.begin(e, set)
	return nil
}

// begin adds a set whose first record an entry is.
func (f *fileReader) begin(e zonefile.Entry, set RecordSet) {
	f.at[keyOf(&set)], f.places[keyOf(&set)] = len(f.sets), e.Place
	f.sets = append(f.sets, set)
}

// value adds a value to its set.
func (f *fileReader) value(e zonefile.Entry, set RecordSet, value string) error {
	set.TTL = aws.Int64(int64(e.TTL))
	i, known := f.at[keyOf(&set)]
	if !known {
		set.ResourceRecords = []Value{{Value: aws.String(value)}}
		f.begin(e, set)
		return nil
	}
	have := &f.sets[i]
	if have.AliasTarget != nil {
		return fmt.Errorf("%s %s is an alias before", zone.String(e.Owner), set.Type)
	}
	if Extension(have) != Extension(&set) {
		return fmt.Errorf("%s %s with identifier %q has another routing before", zone.String(e.Owner), set.Type,
			aws.ToString(set.SetIdentifier))
	}
	if *have.TTL != *set.TTL {
		f.note(e, string(set.Type), "TTLs differ inside the record set, the least holds (RFC 2181 5.2)")
		have.TTL = aws.Int64(min(*have.TTL, *set.TTL))
	}
	for _, v := range have.ResourceRecords {
		if aws.ToString(v.Value) == value {
			return nil
		}
	}
	have.ResourceRecords = append(have.ResourceRecords, Value{Value: aws.String(value)})
	return nil
}

// AliasLine writes an alias as ReadFile and cli53 read it, without its extension. id is
// that of the zone it is in.
func AliasLine(r *RecordSet, id string) string {
	t := r.AliasTarget
	target := zoneID(t.HostedZoneId)
	if target == id {
		target = self
	}
	return fmt.Sprintf("%s\t86400\tAWS\tALIAS\t%s %s %s %t", MasterName(aws.ToString(r.Name)), r.Type,
		MasterName(aws.ToString(t.DNSName)), target, t.EvaluateTargetHealth)
}

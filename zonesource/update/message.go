package update

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource/rdata"
)

// Classes of the records of an update (RFC 2136 section 2.4 and 2.5).
const (
	ClassIN   uint16 = 1
	ClassNone uint16 = 254
	ClassAny  uint16 = 255
)

// Record is one record of the prerequisite or update section.
type Record struct {
	Name  []byte // lower-case wire form
	Type  uint16
	Class uint16
	TTL   uint32
	Data  []byte // rdata without compression; empty for none
}

// Message is one update, of which it is known that its sender may make it.
type Message struct {
	Prerequisites []Record
	Updates       []Record
	Key           string     // name of the key that signed it
	Client        netip.Addr // where it came from
	// ID is what it is known by in a fleet, and Signed when it was signed.
	ID     MessageID
	Signed time.Time
}

// Response codes (RFC 2136 section 2.2).
const (
	NoError  = 0
	FormErr  = 1
	ServFail = 2
	NXDomain = 3
	Refused  = 5
	YXDomain = 6
	YXRRset  = 7
	NXRRset  = 8
	NotAuth  = 9
	NotZone  = 10
)

// Result is what became of an update.
type Result struct {
	Rcode int
	// Text says why, for people (RFC 8914); "" where the code says it all.
	Text string
}

func (r Result) good() bool { return r.Rcode == NoError }

func refuse(format string, args ...any) Result {
	return Result{Refused, fmt.Sprintf(format, args...)}
}

// Check looks for what no zone could take (RFC 2136 section 3.2 and 3.4.1): records
// that are no prerequisites or changes, and names out of the zone.
func (m *Message) Check(apex []byte) Result {
	for i := range m.Prerequisites {
		r := &m.Prerequisites[i]
		switch {
		case !zone.IsSubdomain(r.Name, apex):
			return Result{NotZone, fmt.Sprintf("%s is not in the zone", zone.String(r.Name))}
		case r.TTL != 0:
			return Result{FormErr, "a prerequisite with a TTL"}
		case r.Class != ClassIN && r.Class != ClassAny && r.Class != ClassNone:
			return Result{FormErr, "a prerequisite of another class"}
		case r.Class != ClassIN && len(r.Data) > 0:
			return Result{FormErr, "a prerequisite of class ANY or NONE with data"}
		case isMeta(r.Type) && (r.Type != zone.TypeANY || r.Class == ClassIN):
			return Result{FormErr, "a prerequisite of a type that is none of data"}
		case r.Class == ClassIN && len(r.Data) == 0:
			return Result{FormErr, "a prerequisite of a record without data"}
		}
	}
	for i := range m.Updates {
		r := &m.Updates[i]
		switch {
		case !zone.IsSubdomain(r.Name, apex):
			return Result{NotZone, fmt.Sprintf("%s is not in the zone", zone.String(r.Name))}
		case r.Class == ClassIN && isMeta(r.Type):
			return Result{FormErr, "an addition of a type that is none of data"}
		case r.Class == ClassIN && len(r.Data) == 0:
			return Result{FormErr, "an addition without data"}
		case r.Class == ClassAny && (r.TTL != 0 || len(r.Data) > 0 || isMeta(r.Type) && r.Type != zone.TypeANY):
			return Result{FormErr, "a deletion of class ANY with TTL, data or such a type"}
		case r.Class == ClassNone && (r.TTL != 0 || isMeta(r.Type) || len(r.Data) == 0):
			return Result{FormErr, "a deletion of class NONE with TTL, without data or of such a type"}
		case r.Class != ClassIN && r.Class != ClassAny && r.Class != ClassNone:
			return Result{FormErr, "a change of another class"}
		}
	}
	return Result{}
}

// isMeta reports whether a type is none of data (RFC 6895 section 3.1).
func isMeta(t uint16) bool { return t >= 128 && t <= zone.TypeANY || t == 41 || t == 0 }

// describe says for people what a message changes, at most so many records of it.
func (m *Message) describe() string {
	const most = 20
	var words []string
	for i := range m.Updates {
		if i == most {
			words = append(words, fmt.Sprintf("and %d more", len(m.Updates)-most))
			break
		}
		words = append(words, m.Updates[i].describe())
	}
	return strings.Join(words, "; ")
}

func (r *Record) describe() string {
	name, kind := zone.String(r.Name), rdata.TypeText(r.Type)
	text, err := rdata.FormatValue(r.Type, r.Data)
	if err != nil {
		text = fmt.Sprintf(`\# %d`, len(r.Data))
	}
	switch {
	case r.Class == ClassIN:
		return fmt.Sprintf("add %s %d %s %s", name, r.TTL, kind, text)
	case r.Class == ClassNone:
		return fmt.Sprintf("delete %s %s %s", name, kind, text)
	case r.Type == zone.TypeANY:
		return "delete " + name
	}
	return fmt.Sprintf("delete %s %s", name, kind)
}

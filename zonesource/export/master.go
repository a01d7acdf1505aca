package export

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/miekg/dns"

	"inside53/zonesource"
	"inside53/zonesource/changes"
	"inside53/zonesource/rdata"
)

// MasterOptions say what a master file stands for.
type MasterOptions struct {
	// Region is the region whose latency and geoproximity records stand in.
	Region string
	// Serial replaces that of the SOA record, which Route 53 never changes.
	Serial uint32
}

// group is the record sets of one name and type.
type group struct {
	name, kind string // as the API has them
	sets       []changes.RecordSet
}

// policied reports whether the group needs more than plain records.
func (g *group) policied() bool {
	return len(g.sets) > 1 || g.sets[0].AliasTarget != nil || changes.Extension(&g.sets[0]) != ""
}

// master writes the master file of one zone.
type master struct {
	zone     changes.Zone
	options  MasterOptions
	groups   []group
	at       map[[2]string]*group
	out      bytes.Buffer
	problems []zonesource.Problem
}

// Master returns the master file of a hosted zone, and what it can't show to a name
// server. The same record sets, whatever their order, give the same text.
func Master(z changes.Zone, sets []changes.RecordSet, o MasterOptions) ([]byte, []zonesource.Problem) {
	m := &master{zone: z, options: o, at: map[[2]string]*group{}}
	m.gather(sets)
	fmt.Fprintf(&m.out, "; %s, exported from Route 53 by inside53.\n; Lines that begin with \";AWS:\" are what Route 53 "+
		"has; records marked \"%s\" serve in their place.\n",
		z, changes.StandIn)
	for start := 0; start < len(m.groups); {
		end := start + 1
		for end < len(m.groups) && m.groups[end].name == m.groups[start].name {
			end++
		}
		m.name(m.groups[start:end])
		start = end
	}
	return m.out.Bytes(), m.problems
}

// gather brings the record sets of a name and type together. The SOA record leads, as
// RFC 1035 5.2 has it, then come the other records of the apex.
func (m *master) gather(sets []changes.RecordSet) {
	sets = slices.Clone(sets)
	rank := func(r *changes.RecordSet) int {
		switch {
		case m.zone.Own(r) && r.Type == "SOA":
			return 0
		case changes.CanonicalName(aws.ToString(r.Name)) == m.zone.Name:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(sets, func(a, b changes.RecordSet) int {
		if ra, rb := rank(&a), rank(&b); ra != rb {
			return ra - rb
		}
		return changes.Compare(&a, &b)
	})
	for _, set := range sets {
		name, kind := changes.CanonicalName(aws.ToString(set.Name)), string(set.Type)
		last := len(m.groups) - 1
		if last >= 0 && m.groups[last].name == name && m.groups[last].kind == kind {
			m.groups[last].sets = append(m.groups[last].sets, set)
			continue
		}
		m.groups = append(m.groups, group{name, kind, []changes.RecordSet{set}})
	}
	for i := range m.groups {
		m.at[[2]string{m.groups[i].name, m.groups[i].kind}] = &m.groups[i]
	}
}

func (m *master) problem(g *group, format string, args ...any) {
	m.problems = append(m.problems, zonesource.Problem{
		Zone: m.zone.String(), Name: changes.MasterName(g.name), Type: g.kind, Reason: fmt.Sprintf(format, args...),
	})
}

// name writes all groups of one name.
func (m *master) name(groups []group) {
	outside := map[string]*group{} // targets elsewhere
	others := false                // something that can't stand beside a CNAME
	for i := range groups {
		g := &groups[i]
		if !g.policied() {
			m.plain(g)
			others = true
			continue
		}
		m.comments(g)
		s := m.standIn(g)
		m.values(g, s)
		if s.target != "" {
			outside[s.target] = g
			continue
		}
		others = others || len(s.values) > 0
	}
	m.outside(outside, others)
}

// outside writes a CNAME record for the aliases of a name to elsewhere, where there can
// be one.
func (m *master) outside(targets map[string]*group, others bool) {
	for _, target := range slices.Sorted(maps.Keys(targets)) {
		g := targets[target]
		reason := ""
		switch {
		case g.name == m.zone.Name:
			reason = "no CNAME record can be at the apex"
		case others:
			reason = "no CNAME record can be beside its other records"
		case len(targets) > 1:
			reason = "its types lead to different names"
		}
		if reason != "" {
			m.problem(g, "an alias to %s has no stand-in: %s", changes.MasterName(target), reason)
			continue
		}
		fmt.Fprintf(&m.out, "%s\t%d\tIN\tCNAME\t%s ; %s\n", changes.MasterName(g.name), outsideTTL,
			changes.MasterName(target), changes.StandIn)
		m.problem(g, "an alias to %s: a CNAME record stands in", changes.MasterName(target))
	}
}

// outsideTTL is what aliases to AWS resources mostly have, in seconds.
const outsideTTL = 60

// plain writes the record set of a group that has one without policy.
func (m *master) plain(g *group) {
	set := &g.sets[0]
	for _, v := range set.ResourceRecords {
		text, err := m.value(set, aws.ToString(v.Value))
		if err != nil {
			m.unreadable(g, set, err)
			continue
		}
		m.record(set, aws.ToInt64(set.TTL), text, "")
	}
}

func (m *master) unreadable(g *group, set *changes.RecordSet, err error) {
	fmt.Fprintf(&m.out, "; %s %s can't be written: %v\n", changes.MasterName(g.name), g.kind,
		strings.Join(strings.Fields(err.Error()), " "))
	m.problem(g, "left out%s: %v", identifier(set), err)
}

func identifier(set *changes.RecordSet) string {
	if set.SetIdentifier == nil {
		return ""
	}
	return fmt.Sprintf(" (%s)", *set.SetIdentifier)
}

// record writes one record; prefix hides it in a comment.
func (m *master) record(set *changes.RecordSet, ttl int64, value, comment string) {
	fmt.Fprintf(&m.out, "%s\t%d\tIN\t%s\t%s", changes.MasterName(aws.ToString(set.Name)), ttl, set.Type, value)
	if comment != "" {
		m.out.WriteString(" ; " + comment)
	}
	m.out.WriteByte('\n')
}

// comments writes all members of a group as Route 53 has them.
func (m *master) comments(g *group) {
	for i := range g.sets {
		set := &g.sets[i]
		words := changes.Extension(set)
		if words != "" {
			words = "AWS " + words
		}
		if set.AliasTarget != nil {
			m.out.WriteString(";AWS: " + changes.AliasLine(set, m.zone.ID))
			if words != "" {
				m.out.WriteString(" ; " + words)
			}
			m.out.WriteByte('\n')
			continue
		}
		for _, v := range set.ResourceRecords {
			text, err := m.value(set, aws.ToString(v.Value))
			if err != nil {
				m.unreadable(g, set, err)
				continue
			}
			m.out.WriteString(";AWS: ")
			m.record(set, aws.ToInt64(set.TTL), text, words)
		}
	}
}

// values writes the stand-ins of a group.
func (m *master) values(g *group, s standIn) {
	if s.missing != "" {
		m.problem(g, "has no stand-in: %s", s.missing)
	}
	for _, v := range s.values {
		text, err := m.value(&g.sets[0], v)
		if err == nil { // the fault was named where the value stands
			m.record(&g.sets[0], s.ttl, text, changes.StandIn)
		}
	}
	if len(s.values) > 0 && s.chosen != "" {
		m.problem(g, "%s: %s stands in", changes.Policy(&g.sets[0]), s.chosen)
	}
}

// value returns a value of a record set as a master file has it.
func (m *master) value(set *changes.RecordSet, text string) (string, error) {
	rrtype, known := rdata.Type(string(set.Type))
	if !known {
		return "", fmt.Errorf("type %q is not known", set.Type)
	}
	packed, err := rdata.ParseValue(rrtype, text)
	if err != nil {
		return "", err
	}
	if rrtype == dns.TypeSOA && m.options.Serial != 0 && len(packed) > 20 {
		serial := packed[len(packed)-20:]
		serial[0], serial[1], serial[2], serial[3] = byte(m.options.Serial>>24), byte(m.options.Serial>>16),
			byte(m.options.Serial>>8), byte(m.options.Serial)
	}
	return rdata.FormatMasterValue(rrtype, packed)
}

package served

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"weak"

	"inside53/resolver/zone"
	"inside53/server/admin"
	"inside53/zonesource"
	"inside53/zonesource/rdata"
	"inside53/zonesource/recorder"
)

// Records are what zones hold, for people who look at them. They keep the order of the zone
// that was looked at last for as long as the collector leaves it: a page after the other is
// asked for.
type Records struct {
	Keeper *zonesource.Keeper
	mu     sync.Mutex // guards last, and is held while a zone is ordered: one at a time
	last   weak.Pointer[ordered]
}

// ordered is the lines of a zone in the order of DNSSEC (RFC 4034 section 6.1), which has
// what is below a name behind it.
type ordered struct {
	trees []*zone.Tree
	lines []line
}

// line is one record set, or one member of a routing policy.
type line struct {
	name   []byte // wire form
	key    []byte // what it is ordered by
	rrtype uint16
	member uint16
	fails  bool // it can't be served
	routed bool // it is a member of a routing policy
}

// errNoSuchZone says that a zone isn't served.
var errNoSuchZone = errors.New("no zone of that name or id is served")

// Records implements [admin.Records].
func (r *Records) Records(q admin.RecordQuery) ([]admin.Record, int, error) {
	trees := r.find(q)
	if len(trees) == 0 {
		return nil, 0, &admin.Refusal{Status: http.StatusNotFound, Err: fmt.Errorf("%s: %w", q.Zone, errNoSuchZone)}
	}
	if !q.Merged {
		trees = trees[:1]
	}
	lines := r.order(trees).lines
	if q.Merged {
		lines = slices.CompactFunc(slices.Clone(lines), func(a, b line) bool {
			return a.rrtype == b.rrtype && bytes.Equal(a.name, b.name)
		})
	}
	if q.Text != "" || q.Type != "" || q.Unservable || q.Policies {
		lines = wantedLines(lines, q)
	}
	total := len(lines)
	lines = lines[min(q.Offset, total):min(q.Offset+q.Limit, total)]
	out := make([]admin.Record, len(lines))
	for i := range lines {
		if q.Merged {
			out[i] = admin.Record{Name: zone.String(lines[i].name), Type: rdata.TypeText(lines[i].rrtype), Values: []string{}}
			continue
		}
		out[i] = describeLine(trees[0], &lines[i])
	}
	return out, total, nil
}

// find returns the trees of the zones that are asked for, of those that are served.
func (r *Records) find(q admin.RecordQuery) (trees []*zone.Tree) {
	report := r.Keeper.Report()
	page, apex := admin.Page{Zone: q.Zone}, admin.Page{Zone: q.Apex}
	for _, summary := range report.Zones() {
		z := summary.Zone
		if page.IsZone(zone.String(z.Apex), z.ID) && apex.IsZone(zone.String(z.Apex), "") {
			trees = append(trees, z.Tree)
		}
	}
	return trees
}

// order returns the lines of trees.
func (r *Records) order(trees []*zone.Tree) *ordered {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.last.Value()
	if o != nil && slices.Equal(o.trees, trees) {
		return o
	}
	o = &ordered{trees: trees}
	for _, tree := range trees {
		o.add(tree)
	}
	slices.SortFunc(o.lines, func(a, b line) int {
		return cmp.Or(bytes.Compare(a.key, b.key), cmp.Compare(a.rrtype, b.rrtype), cmp.Compare(a.member, b.member))
	})
	r.last = weak.Make(o)
	return o
}

// add adds the lines of a tree.
func (o *ordered) add(tree *zone.Tree) {
	for name, n := range tree.All {
		name = bytes.Clone(name)
		key := orderKey(name)
		for set := range n.RRsets {
			l := line{name: name, key: key, rrtype: set.Type, fails: set.Kind == zone.Unservable, routed: set.Kind == zone.Group}
			if set.Kind != zone.Group {
				o.lines = append(o.lines, l)
				continue
			}
			var m zone.Member
			for w := set.Members(); w.Next(&m); l.member++ {
				l.fails = m.Set.Kind == zone.Unservable
				o.lines = append(o.lines, l)
			}
		}
	}
}

// orderKey is the labels of a name from the root on, each before an octet that is less than
// all that labels have here: an escape keeps the two apart.
func orderKey(name []byte) []byte {
	var starts []int
	for at := 0; name[at] != 0; at += 1 + int(name[at]) {
		starts = append(starts, at)
	}
	key := make([]byte, 0, len(name))
	for _, at := range slices.Backward(starts) {
		for _, c := range name[at+1 : at+1+int(name[at])] {
			if c <= 1 {
				key = append(key, 1)
			}
			key = append(key, c)
		}
		key = append(key, 0)
	}
	return key
}

// wantedLines returns the lines that are asked for.
func wantedLines(lines []line, q admin.RecordQuery) []line {
	text, rrtype := strings.ToLower(q.Text), strings.ToUpper(q.Type)
	var out []line
	for _, l := range lines {
		if (rrtype == "" || rdata.TypeText(l.rrtype) == rrtype) && (!q.Unservable || l.fails) &&
			(!q.Policies || l.routed) &&
			(text == "" || strings.Contains(zone.String(l.name), text)) {
			out = append(out, l)
		}
	}
	return out
}

// describeLine says what a line is.
func describeLine(tree *zone.Tree, l *line) admin.Record {
	out := admin.Record{Name: zone.String(l.name), Type: rdata.TypeText(l.rrtype), Values: []string{}}
	set := tree.Lookup(l.name).RRset(l.rrtype)
	if set.Kind == zone.Group {
		var m zone.Member
		policy := set.Policy()
		for w, n := set.Members(), uint16(0); w.Next(&m); n++ {
			if n == l.member {
				out.Set, set = recorder.Routing(policy, &m), m.Set
				break
			}
		}
	}
	switch set.Kind {
	case zone.Unservable:
		out.Reason, _ = set.Unservable()
	case zone.Aliased:
	default:
		out.TTL = set.TTL()
	}
	if set.Kind == zone.Instances {
		out.Values = instanceValues(set)
	} else {
		out.Values = append(out.Values, recorder.Values(set)...)
	}
	return out
}

// instanceValues are the addresses of instances that have a name, with their ids.
func instanceValues(set zone.RRset) []string {
	var out []string
	var m zone.InstanceAddress
	for w := set.Instances(); w.Next(&m); {
		var words []string
		if m.Private.IsValid() {
			words = append(words, m.Private.String())
		}
		if m.Public.IsValid() {
			words = append(words, m.Public.String())
		}
		out = append(out, strings.Join(words, " or ")+" "+string(m.ID))
	}
	return out
}

package recorder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/breath"
	"inside53/zonesource/ledger"
	"inside53/zonesource/rdata"
)

// itemTypes are what people call the items of a catalog or a region.
func itemTypes() map[string]string {
	return map[string]string{
		"z": "zone", "u": "unlisted zone", "c": "CIDR collection", "v": "VPC", "p": "peering", "i": "interface",
		"h": "instance", "n": "subnet", "w": "health of an instance",
	}
}

// cutKind parts a key of an item into its kind and its name.
func cutKind(key string) (kind, name string, isItem bool) { return strings.Cut(key, "/") }

// words says what differs in words, at most ledger.MaxChanges; omitted counts the others. apex
// is that of a zone, nil for other parts. of, when it isn't nil, says about which keys. Of what a
// hosted zone is made to be there are none: the hosted zone's part has them.
func words(key string, apex []byte, all []ledger.Difference, of func(name []byte) bool) ([]ledger.Change, int) {
	if ParseKey(key).IsMirror() {
		return nil, 0
	}
	w := writer{part: key, apex: apex}
	omitted := 0
	var pace breath.Pace
	for _, d := range all {
		if len(w.changes) >= ledger.MaxChanges {
			omitted++
			continue
		}
		pace.Step()
		if apex == nil || !bytes.HasPrefix(d.Key, []byte(setKey)) {
			w.item(d)
			continue
		}
		name, was, err := decodeSet(apex, ledger.Record{Key: d.Key, Value: orNone(d.Was)})
		if err != nil || of != nil && !of(name) {
			continue
		}
		_, now, err := decodeSet(apex, ledger.Record{Key: d.Key, Value: orNone(d.Now)})
		if err == nil {
			w.set(name, was, now)
		}
	}
	if over := len(w.changes) - ledger.MaxChanges; over > 0 {
		return w.changes[:ledger.MaxChanges], omitted + over
	}
	return w.changes, omitted
}

// orNone is the value of an RRset, that of none for nil.
func orNone(value []byte) []byte {
	if value == nil {
		return encodeSet(zone.RRset{})
	}
	return value
}

// writer gathers changes.
type writer struct {
	part    string
	apex    []byte
	changes []ledger.Change
}

// item says what became of something that isn't an RRset.
func (w *writer) item(d ledger.Difference) {
	kind, name, isItem := cutKind(string(d.Key))
	if !isItem {
		return // what a part is, and its problems, follow from the rest
	}
	c := ledger.Change{Part: w.part, Name: name, Type: itemTypes()[kind]}
	for value, to := range map[*[]byte]*[]string{&d.Was: &c.Was, &d.Now: &c.Now} {
		if *value == nil {
			continue
		}
		text := string(*value)
		var hosted zonesource.Hosted
		if kind == "z" && json.Unmarshal(*value, &hosted) == nil {
			text = hosted.ID
			c.Zone = zone.String(hosted.Name)
			c.Name = c.Zone
		}
		*to = []string{text}
	}
	if !slices.Equal(c.Was, c.Now) {
		w.changes = append(w.changes, c)
	}
}

// set says what became of an RRset: of each member of a routing policy that has changed.
func (w *writer) set(name []byte, was, now zone.RRset) {
	c := ledger.Change{
		Part: w.part, Zone: zone.String(w.apex), Name: zone.String(name), Type: rdata.TypeText(max(was.Type, now.Type)),
	}
	before, after := membersOf(was), membersOf(now)
	for _, id := range order(before, after) {
		old, is := before[id], after[id]
		one := c
		one.Set, one.Was, one.Now, one.WasTTL, one.NowTTL = is.routing, old.values, is.values, old.ttl, is.ttl
		if one.Set == "" {
			one.Set = old.routing
		}
		if old.routing == is.routing && old.ttl == is.ttl && slices.Equal(old.values, is.values) {
			continue
		}
		w.changes = append(w.changes, one)
	}
}

// order is the ids of both, each once.
func order(a, b map[string]member) []string {
	var ids []string
	for id := range a {
		ids = append(ids, id)
	}
	for id := range b {
		if _, both := a[id]; !both {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// member is an RRset, or one member of a routing policy, in words.
type member struct {
	routing string
	ttl     uint32
	values  []string
}

// membersOf is an RRset in words, by set identifier.
func membersOf(s zone.RRset) map[string]member {
	switch s.Kind {
	case zone.None:
		return nil
	case zone.Group:
		all := map[string]member{}
		var m zone.Member
		for walk := s.Members(); walk.Next(&m); {
			one := memberOf(m.Set)
			one.routing = Routing(s.Policy(), &m)
			all[string(m.SetID)] = one
		}
		return all
	}
	return map[string]member{"": memberOf(s)}
}

func memberOf(s zone.RRset) member { return member{ttl: s.TTL(), values: Values(s)} }

// Values are the values of an RRset as a master file has them, without owner; an alias is
// "ALIAS target zone-id evaluate".
func Values(s zone.RRset) []string {
	var out []string
	switch s.Kind {
	case zone.Records:
		for d := range s.Rdata() {
			text, err := rdata.FormatMasterValue(s.Type, d)
			if err != nil {
				text = fmt.Sprintf("\\# %d %x", len(d), d)
			}
			out = append(out, text)
		}
		slices.Sort(out)
	case zone.Aliased:
		a := s.Alias()
		out = append(out, fmt.Sprintf("ALIAS %s %s %v", zone.String(a.Target), a.ZoneID, a.Health))
	case zone.Unservable:
		reason, raw := s.Unservable()
		out = append(out, fmt.Sprintf("%s ; can't be served: %s", raw, reason))
	}
	return out
}

// Routing says which member of which policy it is.
func Routing(p zone.Policy, m *zone.Member) string {
	words := []string{string(m.SetID), p.String()}
	switch p {
	case zone.Weighted:
		words = append(words, fmt.Sprintf("weight=%d", m.Weight))
	case zone.Failover:
		role := "PRIMARY"
		if m.Secondary {
			role = "SECONDARY"
		}
		words = append(words, role)
	case zone.Geoproximity:
		words = append(words, fmt.Sprintf("bias=%d", m.Bias))
	}
	placement := [][]byte{
		m.Region, m.Continent, m.Country, m.Subdivision, m.Coordinates, m.LocalZone, m.Collection, m.Location,
	}
	for _, field := range placement {
		if len(field) > 0 {
			words = append(words, string(field))
		}
	}
	if len(m.Check) > 0 {
		words = append(words, "health-check="+string(m.Check))
	}
	return strings.TrimSpace(strings.Join(words, " "))
}

func textOf(name []byte) string { return zone.String(name) }

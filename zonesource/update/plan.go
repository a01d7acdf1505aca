package update

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/changes"
	"inside53/zonesource/rdata"
)

// entry is one message that waits for its result, and what the last plan made of it.
type entry struct {
	message *Message
	done    func(Result)

	result  Result // should the batch be accepted
	changes bool   // it is to do with what the batch changes
	touched ordered[setKey]
}

// names are the names that the message is about.
func (e *entry) names() []string {
	var out []string
	for _, section := range [][]Record{e.message.Prerequisites, e.message.Updates} {
		for i := range section {
			out = append(out, string(section[i].Name))
		}
	}
	return out
}

// plan is one batch in the making: messages that belong together, and what they come
// to.
type plan struct {
	contents *contents
	entries  []*entry
	touched  ordered[setKey]
	cost     changes.Cost
	costs    map[setKey]changes.Cost // of each RRset that changes
	unread   ordered[string]         // names that have to be read before the results are certain

	// next and about are of the message under way: what it changes, and the RRsets that it
	// is about, in order.
	next  map[string]*owner
	about ordered[setKey]
}

// ordered are things in the order in which they came, each once. Messages are long, and many
// are held against each other: what was there already is looked up, not looked for.
type ordered[K comparable] struct {
	list []K
	has  map[K]bool
}

func (o *ordered[K]) add(k K) {
	if o.has[k] {
		return
	}
	if o.has == nil {
		o.has = map[K]bool{}
	}
	o.has[k] = true
	o.list = append(o.list, k)
}

func newPlan(apex []byte, base func(string) *owner) *plan {
	return &plan{
		contents: &contents{apex: string(apex), base: base, now: map[string]*owner{}},
		costs:    map[setKey]changes.Cost{},
	}
}

// accept holds a message against the contents and makes it a part of the plan. It returns
// false when the batch has no room for it.
func (p *plan) accept(e *entry) bool {
	result := p.evaluate(e.message)
	if !result.good() {
		p.note(e, result, false, ordered[setKey]{})
		return true
	}
	cost, costs := p.cost, map[setKey]changes.Cost{}
	for _, k := range p.about.list {
		fresh := costOf(p.net(k, p.at(k.name).sets[k.rrtype]))
		old, counted := costs[k]
		if !counted {
			old = p.costs[k]
		}
		costs[k] = fresh
		cost = changes.Cost{Records: cost.Records + fresh.Records - old.Records,
			Characters: cost.Characters + fresh.Characters - old.Characters}
	}
	if cost.Records > changes.MaxRecords || cost.Characters > changes.MaxCharacters {
		if p.cost != (changes.Cost{}) {
			return false
		}
		refusal := refuse("the changes are %d records of %d characters for Route 53, which takes %d of %d at once",
			cost.Records, cost.Characters, changes.MaxRecords, changes.MaxCharacters)
		p.note(e, refusal, false, ordered[setKey]{})
		return true
	}
	for name, o := range p.next {
		p.contents.now[name] = o
	}
	written := false
	for k, c := range costs {
		p.costs[k] = c
		written = written || c != changes.Cost{}
	}
	for _, k := range p.about.list {
		p.touched.add(k)
	}
	p.cost = cost
	p.note(e, result, written, p.about)
	return true
}

// note keeps what the plan makes of a message.
func (p *plan) note(e *entry, result Result, changes bool, touched ordered[setKey]) {
	e.result, e.changes, e.touched = result, changes, touched
	p.entries = append(p.entries, e)
}

// net are the changes that make the set of a name what it shall be.
func (p *plan) net(k setKey, is *rrset) []changes.Change {
	was := p.contents.base(k.name).sets[k.rrtype]
	if is.same(was) {
		return nil
	}
	var out []changes.Change
	if was != nil {
		out = appendChange(out, changes.Delete, k, was)
	}
	if is != nil {
		out = appendChange(out, changes.Create, k, is)
	}
	return out
}

func appendChange(to []changes.Change, action changes.Action, k setKey, s *rrset) []changes.Change {
	set, err := s.recordSet([]byte(k.name), k.rrtype)
	if err != nil {
		return to // of what was listed, or was found storable: never
	}
	return append(to, changes.Change{Action: action, Set: *set})
}

func costOf(list []changes.Change) changes.Cost { return changes.CostOf(list) }

// batch is what has to be sent, deletions first: a CNAME record makes room for others,
// and the other way round. It is empty when nothing changes.
func (p *plan) batch() changes.Batch {
	var deletions, creations changes.Batch
	for _, k := range p.touched.list {
		for _, c := range p.net(k, p.contents.at(k.name).sets[k.rrtype]) {
			if c.Action == changes.Delete {
				deletions = append(deletions, c)
			} else {
				creations = append(creations, c)
			}
		}
	}
	return append(deletions, creations...)
}

// amended is how the RRsets that the messages are about are after the batch, also
// those that it leaves as they are: what we serve may be old.
func (p *plan) amended() []zonesource.Amended {
	var out []zonesource.Amended
	for _, k := range p.touched.list {
		is := p.contents.at(k.name).sets[k.rrtype]
		if is != nil && is.foreign != "" {
			continue
		}
		set, err := is.served(k.rrtype)
		if err == nil {
			out = append(out, zonesource.Amended{Name: []byte(k.name), Type: k.rrtype, Set: set})
		}
	}
	return out
}

// atOnce is how many messages are held against each other at most.
const atOnce = 2000

// conflicts are words by which Route 53 says that a record set isn't as the batch has
// it. Other reasons are about the changes themselves.
var conflicts = []string{"already exists", "not found", "do not match", "conflict"}

func isConflict(reason string) bool {
	return slices.ContainsFunc(conflicts, func(word string) bool { return strings.Contains(reason, word) })
}

// named returns the names of changed record sets that a refusal is about, those of
// which Route 53 says that they are otherwise than the batch has them apart from
// those that it would never take.
func (p *plan) named(b changes.Batch, reasons []string) (otherwise, wrong map[string]bool) {
	otherwise, wrong = map[string]bool{}, map[string]bool{}
	for _, reason := range reasons {
		to := wrong
		if isConflict(reason) {
			to = otherwise
		}
		for i := range b {
			if mentions(reason, &b[i].Set) {
				name, err := rdata.ParseName(aws.ToString(b[i].Set.Name))
				if err == nil {
					to[string(name)] = true
				}
			}
		}
	}
	return otherwise, wrong
}

// ends are what follows a name in the reasons of Route 53.
const ends = `' ,]:`

// mentions reports whether a reason is about a record set, by its name or by a value.
func mentions(reason string, set *changes.RecordSet) bool {
	return mentionsName(reason, set) || slices.ContainsFunc(set.ResourceRecords, func(v changes.Value) bool {
		return strings.Contains(reason, "'"+aws.ToString(v.Value)+"'")
	})
}

// guilty returns the messages that are at fault for certain: Route 53 names a record set by name
// and type as one that can't be, and nobody else in the batch has changed it.
func (p *plan) guilty(b changes.Batch, reasons []string) map[*entry]string {
	guilty := map[*entry]string{}
	for _, reason := range reasons {
		if isConflict(reason) {
			continue
		}
		for i := range b {
			set := &b[i].Set
			kind := string(set.Type)
			if !mentionsName(reason, set) || !strings.Contains(reason, "type "+kind+" ") &&
				!strings.Contains(reason, "type='"+kind+"'") {
				continue
			}
			e := p.only(set)
			if e != nil {
				guilty[e] = reason
			}
		}
	}
	return guilty
}

// only returns the one message that is about a record set, nil when there are several.
func (p *plan) only(set *changes.RecordSet) *entry {
	name, err := rdata.ParseName(aws.ToString(set.Name))
	rrtype, known := rdata.Type(string(set.Type))
	if err != nil || !known {
		return nil
	}
	var found *entry
	for _, e := range p.entries {
		if !e.touched.has[setKey{string(name), rrtype}] {
			continue
		}
		if found != nil {
			return nil
		}
		found = e
	}
	return found
}

// mentionsName reports whether the name of a record set stands in a reason.
func mentionsName(reason string, set *changes.RecordSet) bool {
	name := aws.ToString(set.Name)
	for rest := reason; ; {
		_, after, found := strings.Cut(rest, name)
		if !found {
			break
		}
		before := rest[:len(rest)-len(after)-len(name)]
		if (before == "" || strings.ContainsAny(before[len(before)-1:], `' [=`)) &&
			(after == "" || strings.ContainsAny(after[:1], ends)) {
			return true
		}
		rest = after
	}
	return false
}

// names are the names of a plan's RRsets.
func (p *plan) names() []string {
	var out ordered[string]
	for _, k := range p.touched.list {
		out.add(k.name)
	}
	return out.list
}

// apart divides messages into those that are about none of the names, and the rest: in
// their order, so that what comes after one of the rest and shares a name with it is of the
// rest too. Where all are of one kind, they are halved.
func apart(entries []*entry, names map[string]bool) (first, second []*entry) {
	tainted := map[string]bool{}
	for name := range names {
		tainted[name] = true
	}
	for _, e := range entries {
		own := e.names()
		if !slices.ContainsFunc(own, func(n string) bool { return tainted[n] }) {
			first = append(first, e)
			continue
		}
		second = append(second, e)
		for _, n := range own {
			tainted[n] = true
		}
	}
	if len(first) == 0 || len(second) == 0 {
		half := (len(entries) + 1) / 2
		return entries[:half], entries[half:]
	}
	return first, second
}

func describeSet(k setKey) string {
	return zone.String([]byte(k.name)) + " " + rdata.TypeText(k.rrtype)
}

package served

import (
	"cmp"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"inside53/resolver"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/server/admin"
	"inside53/server/observe"
	"inside53/zonesource/rdata"
)

// Usage implements [admin.Watcher].
func (w *Watched) Usage(page *admin.Page) ([]admin.Usage, int, error) {
	var name []byte
	if page.Name != "" {
		var err error
		name, _, err = resolver.ParseQuestion(page.Name, "A")
		if err != nil {
			return nil, 0, err
		}
	}
	snap, found := w.Resolver.Snapshot(), false
	var sets []resolver.UsedSet
	for _, z := range snap.Served() {
		if !page.IsZone(zone.String(z.Apex), z.ID) {
			continue
		}
		found = true
		if name != nil {
			sets = appendSets(sets, z, name, z.Tree.Lookup(name))
			continue
		}
		for owner, node := range z.Tree.All {
			sets = appendSets(sets, z, owner, node)
		}
	}
	if !found {
		return nil, 0, &admin.Refusal{Status: http.StatusNotFound, Err: fmt.Errorf("%s: %w", page.Zone, errNoSuchZone)}
	}
	slices.SortFunc(sets, func(a, b resolver.UsedSet) int {
		return cmp.Or(slices.Compare(a.Owner, b.Owner), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Zone.ID, b.Zone.ID))
	})
	out := []admin.Usage{}
	for _, set := range admin.Cut(page, sets) {
		out = append(out, w.use(snap, &set))
	}
	return out, len(sets), nil
}

// appendSets adds the record sets of a name.
func appendSets(sets []resolver.UsedSet, z *zone.Zone, owner []byte, node zone.Node) []resolver.UsedSet {
	owner = slices.Clone(owner)
	for set := range node.RRsets {
		sets = append(sets, resolver.UsedSet{Zone: z, Owner: owner, Type: set.Type})
	}
	return sets
}

// use describes how a record set is used.
func (w *Watched) use(snap *zone.Snapshot, set *resolver.UsedSet) admin.Usage {
	out := admin.Usage{
		Zone: set.Zone.ID, Name: zone.String(set.Owner), Type: rdata.TypeText(set.Type), Clients: []admin.UsedBy{},
		WithinSeconds: resolver.UseWithin.Seconds(),
	}
	last, since, _ := w.Resolver.LastUse(set.Owner, set.Type, set.Zone.Origin)
	out.Since = since.UTC()
	seen, known := w.Observer.Use(observe.RecordSet{Zone: set.Zone.ID, Owner: string(set.Owner), Type: set.Type})
	if known {
		out.Count = seen.Count
		if seen.Last.After(last) {
			last, out.WithinSeconds = seen.Last, 0
		}
		for _, u := range seen.Users {
			by := admin.UsedBy{Address: u.Addr.String(), Count: u.Count, Last: u.Last.UTC()}
			by.Instance, by.Name = InstanceOf(snap, u.Addr)
			out.Clients = append(out.Clients, by)
		}
	}
	if !last.IsZero() {
		last = last.UTC()
		out.Last = &last
	}
	return out
}

// InstanceOf returns the id and the name of the instance that has an address, as its view knows
// it; "" where none is known.
func InstanceOf(snap *zone.Snapshot, addr netip.Addr) (id, name string) {
	client := snap.Client(addr)
	if !addr.Is4() || client.View < 0 {
		return "", ""
	}
	f := snap.Inventory.Private(int(client.View), addr.As4())
	if f == nil || f.Owner != zone.Instance {
		return "", ""
	}
	if packed := snap.Inventory.Name(f); len(packed) > wire.PackedHeader {
		name = zone.String(packed[wire.PackedHeader:])
	}
	return f.OwnerID, name
}

// shownUsers is how many clients an explanation names.
const shownUsers = 3

// steps say of the record sets that an answer is made of when they were asked for last, and by whom.
func (w *Watched) steps(sets []resolver.UsedSet) (steps []resolver.Step) {
	snap := w.Resolver.Snapshot()
	for i := range sets {
		u := w.use(snap, &sets[i])
		what := u.Name + " " + u.Type
		if sets[i].Zone.ID != "" {
			what += " of " + sets[i].Zone.ID
		}
		since := u.Since.Format(time.RFC3339)
		if u.Last == nil {
			steps = append(steps, resolver.Step{Step: "asked for", Why: what + ": never since " + since})
			continue
		}
		why := fmt.Sprintf("%s: last at %s", what, u.Last.Format(time.RFC3339))
		if u.WithinSeconds > 0 {
			why += fmt.Sprintf(" or up to %.0f minutes later", u.WithinSeconds/60)
		}
		if u.Count > 0 {
			why += fmt.Sprintf(", about %d times since %s, by %s", u.Count, since, userList(u.Clients))
		}
		steps = append(steps, resolver.Step{Step: "asked for", Why: why})
	}
	return steps
}

// userList names clients.
func userList(all []admin.UsedBy) string {
	var texts []string
	for _, u := range all[:min(len(all), shownUsers)] {
		text := u.Address
		if u.Instance != "" {
			text = strings.TrimSpace(strings.TrimSuffix(u.Name, ".")+" "+u.Instance) + " (" + u.Address + ")"
		}
		texts = append(texts, text)
	}
	if more := len(all) - shownUsers; more > 0 {
		texts = append(texts, fmt.Sprintf("%d more", more))
	}
	return strings.Join(texts, ", ")
}

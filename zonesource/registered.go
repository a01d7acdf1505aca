package zonesource

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
)

// registerSource is the source of names that instances have registered.
const registerSource = "register"

// RegisterKey is the key of the part with the registered names of a zone.
func RegisterKey(apex []byte) Key { return Key{Source: registerSource, Name: zone.String(apex)} }

// Registration is one name that an instance has registered.
type Registration struct {
	Name     []byte // wire form
	Instance string
	TTL      time.Duration
}

// registerLabel is below the apex of the zone of a part, and above each registered name.
const registerLabel = "\x09_register"

// RegisteredOwner is where the zone of a part has a registered name; false for one that is too
// long.
func RegisteredOwner(apex, name []byte) ([]byte, bool) {
	if !zone.IsSubdomain(name, apex) || len(name)+len(registerLabel) > zone.MaxName {
		return nil, false
	}
	at := len(name) - len(apex)
	return append(append(bytes.Clone(name[:at]), registerLabel...), apex...), true
}

// NewRegistered makes the zone of a part of registered names. No view sees it: a TXT record
// says which instance has a name.
func NewRegistered(apex []byte, all []Registration, at time.Time) *zone.Zone {
	e := zone.NewTree(apex).Edit()
	for _, r := range all {
		owner, ok := RegisteredOwner(apex, r.Name)
		if !ok || len(r.Instance) > 255 {
			continue
		}
		set, err := zone.NewRecords(zone.TypeTXT, seconds(r.TTL), append([]byte{byte(len(r.Instance))}, r.Instance...))
		if err == nil {
			_ = e.Put(owner, set) // its owner is in the zone
		}
	}
	info := zone.Info{Origin: zone.File, ID: registerSource + " " + zone.String(apex), Listed: at}
	return zone.New(info, e.Commit(), 0)
}

// Registered reads the zone of a part of registered names.
func Registered(z *zone.Zone) []Registration {
	var all []Registration
	suffix := append([]byte(registerLabel), z.Apex...)
	for name, n := range z.Tree.All {
		set := n.RRset(zone.TypeTXT)
		text := set.First()
		if !set.Exists() || len(text) < 2 || !bytes.HasSuffix(name, suffix) {
			continue
		}
		all = append(all, Registration{
			Name:     append(bytes.Clone(name[:len(name)-len(suffix)]), z.Apex...),
			Instance: string(text[1:]), TTL: time.Duration(set.TTL()) * time.Second,
		})
	}
	return all
}

// registeredZones are the zones of parts with registered names.
func (in *input) registeredZones() []*zone.Zone {
	var all []*zone.Zone
	for _, p := range in.zones {
		if p.Key.Source == registerSource {
			all = append(all, p.Zone)
		}
	}
	return all
}

// registeredNames are the registered names by instance, and their TTLs.
func (in *input) registeredNames() map[string][]Registration {
	all := map[string][]Registration{}
	for _, z := range in.registeredZones() {
		for _, r := range Registered(z) {
			all[r.Instance] = append(all[r.Instance], r)
		}
	}
	for _, names := range all {
		slices.SortFunc(names, func(a, b Registration) int { return bytes.Compare(a.Name, b.Name) })
	}
	return all
}

// namesOfHost are the names of an instance: those of its tags, and those that it has registered.
func (b *tagBuilder) namesOfHost(h *Host) []HostName {
	registered := b.registered[h.Instance]
	if len(registered) == 0 {
		return h.Names
	}
	names := slices.Clone(h.Names)
	for _, r := range registered {
		names = append(names, HostName{Text: zone.String(r.Name), From: "registered name"})
	}
	return names
}

// registeredTTL is the TTL of a name of an instance, 0 for that of all others.
func (b *tagBuilder) registeredTTL(h *Host, name []byte) uint32 {
	for _, r := range b.registered[h.Instance] {
		if bytes.Equal(r.Name, name) {
			return seconds(r.TTL)
		}
	}
	return 0
}

// ReverseName is the name of an address in in-addr.arpa. or ip6.arpa., in wire form.
func ReverseName(addr netip.Addr) []byte {
	var labels []string
	raw := addr.Unmap().AsSlice()
	slices.Reverse(raw)
	suffix := "in-addr.arpa."
	for _, b := range raw {
		if addr.Unmap().Is4() {
			labels = append(labels, fmt.Sprint(b))
			continue
		}
		suffix = "ip6.arpa."
		labels = append(labels, fmt.Sprintf("%x", b&15), fmt.Sprintf("%x", b>>4))
	}
	return zone.MustName(strings.Join(append(labels, suffix), "."))
}

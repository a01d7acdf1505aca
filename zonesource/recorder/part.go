package recorder

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/breath"
	"inside53/zonesource/ledger"
)

// A part is records of the ledger. Of each there is "head", JSON of a head without what is
// elsewhere, and "problems", when there are some. A zone has of each RRset "r", the name without
// the apex, the type (2): count (2), kind, flags, data. A catalog has "z/ID" for each hosted zone,
// "u/ID/VPC" for each that can't be listed, "c/ID" for each CIDR collection; a region "v/ID",
// "n/ID", "p/ID", "i/ID/ADDRESS", "h/ID" and "w/ID" for VPCs, subnets, peerings, interfaces, hosts
// and those that are unwell: all JSON.

// head is what a part is besides its records.
type head struct {
	Zone    *zone.Info `json:",omitempty"`
	Apex    []byte     `json:",omitempty"`
	Catalog bool       `json:",omitempty"`
	Region  *region    `json:",omitempty"`
}

// region says which one it is, and what its load balancers are set to.
type region struct {
	Account, AccountID, Name string
	CrossZone                []string `json:",omitempty"`
}

const (
	headKey     = "head"
	problemsKey = "problems"
	setKey      = "r"
)

// KeyText is the key of a part in the ledger.
func KeyText(k zonesource.Key) string { return k.Source + "/" + k.Name }

// IsKept reports whether the part of a key is one that keepers have. Other parts, of which this
// package knows nothing, have keys without a slash.
func IsKept(text string) bool { return strings.Contains(text, "/") }

// ParseKey reads the key of a part that keepers have.
func ParseKey(text string) zonesource.Key {
	source, name, _ := strings.Cut(text, "/")
	return zonesource.Key{Source: source, Name: name}
}

// item is something of a part that isn't an RRset.
type item struct {
	key   string
	value any
}

// itemsOf lists all of a part but its RRsets.
func itemsOf(p zonesource.Part) []item {
	var h head
	var items []item
	switch {
	case p.Zone != nil:
		info := p.Zone.Info
		info.Listed = zeroTime // it changes with each listing
		h.Zone, h.Apex = &info, p.Zone.Apex
	case p.Catalog != nil:
		h.Catalog = true
		for _, z := range p.Catalog.Zones {
			z.Records = 0 // it changes with each change of a zone
			items = append(items, item{"z/" + z.ID, z})
		}
		for _, u := range p.Catalog.Unlisted {
			items = append(items, item{"u/" + u.ID + "/" + u.VPC.ID, u})
		}
		for _, c := range p.Catalog.Collections {
			items = append(items, item{"c/" + c.ID, c})
		}
	case p.Region != nil:
		h.Region = &region{p.Region.Account, p.Region.AccountID, p.Region.Name, p.Region.CrossZone}
		for _, v := range p.Region.VPCs {
			items = append(items, item{"v/" + v.ID, v})
		}
		for _, n := range p.Region.Subnets {
			items = append(items, item{"n/" + n.ID, n})
		}
		for _, v := range p.Region.Vitals {
			items = append(items, item{"w/" + v.Instance, v})
		}
		for _, peering := range p.Region.Peerings {
			items = append(items, item{"p/" + peering.ID, peering})
		}
		for _, i := range p.Region.Interfaces {
			items = append(items, item{"i/" + i.ID + "/" + i.Private.String(), i})
		}
		for _, host := range p.Region.Hosts {
			items = append(items, item{"h/" + host.Instance, host})
		}
	}
	items = append(items, item{headKey, h})
	if len(p.Problems) > 0 {
		items = append(items, item{problemsKey, p.Problems})
	}
	slices.SortStableFunc(items, func(a, b item) int { return strings.Compare(a.key, b.key) })
	for i := range items { // what a listing has twice is kept twice
		for n := 1; i+n < len(items) && items[i+n].key == items[i].key; n++ {
			items[i+n].key += fmt.Sprintf("#%d", n)
		}
	}
	slices.SortStableFunc(items, func(a, b item) int { return strings.Compare(a.key, b.key) })
	return items
}

// encode writes an item.
func (i item) encode() (ledger.Record, error) {
	text, err := json.Marshal(i.value)
	if err != nil {
		return ledger.Record{}, fmt.Errorf("encoding %s: %w", i.key, err)
	}
	return ledger.Record{Key: []byte(i.key), Value: text}, nil
}

// keyOfSet is the key of an RRset.
func keyOfSet(apex, name []byte, rrtype uint16) []byte {
	key := append([]byte(setKey), name[:len(name)-len(apex)]...)
	return binary.BigEndian.AppendUint16(key, rrtype)
}

// encodeSet is the value of an RRset.
func encodeSet(s zone.RRset) []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 4+len(s.Data)), s.Count)
	return append(append(b, byte(s.Kind), byte(s.Flags)), s.Data...)
}

var errRecord = errors.New("not a record of a zone")

// decodeSet reads the name and the RRset of a record. The name is that of a zone with the
// apex.
func decodeSet(apex []byte, r ledger.Record) ([]byte, zone.RRset, error) {
	rest, isSet := bytes.CutPrefix(r.Key, []byte(setKey))
	if !isSet || len(rest) < 2 || len(r.Value) < 4 || len(rest)-2+len(apex) > zone.MaxName {
		return nil, zone.RRset{}, errRecord
	}
	at := len(rest) - 2
	name := append(slices.Clone(rest[:at]), apex...)
	var l zone.Labels
	if l.Parse(name) < 0 {
		return nil, zone.RRset{}, errRecord
	}
	return name, zone.RRset{
		Type: binary.BigEndian.Uint16(rest[at:]), Count: binary.BigEndian.Uint16(r.Value),
		Kind: zone.Kind(r.Value[2]), Flags: zone.Flags(r.Value[3]), Data: r.Value[4:],
	}, nil
}

// recordsOf is all of a part, in the order of keys.
func recordsOf(p zonesource.Part) ([]ledger.Record, error) {
	var records []ledger.Record
	for _, i := range itemsOf(p) {
		r, err := i.encode()
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	if p.Zone == nil {
		return records, nil
	}
	var pace breath.Pace
	records = slices.Grow(records, p.Zone.Tree.Stats().RRsets) // where a long slice grows all is copied at one go
	for name, n := range p.Zone.Tree.All {
		pace.Step()
		for s := range n.RRsets {
			records = append(records, ledger.Record{Key: keyOfSet(p.Zone.Apex, name, s.Type), Value: encodeSet(s)})
		}
	}
	breath.SortFunc(records, func(a, b ledger.Record) int { return bytes.Compare(a.Key, b.Key) })
	return records, nil
}

// difference is what two versions of a part have otherwise, in the order of keys.
func difference(was, is zonesource.Part) ([]ledger.Difference, error) {
	if was.Region != nil && is.Region != nil { // made into items, all of a large region costs more than anything else
		was.Region, is.Region = zonesource.Apart(was.Region, is.Region)
	}
	return differenceOfAll(was, is)
}

// differenceOfAll is difference, of whatever is there.
func differenceOfAll(was, is zonesource.Part) ([]ledger.Difference, error) {
	before := map[string]item{}
	for _, i := range itemsOf(was) {
		before[i.key] = i
	}
	var all []ledger.Difference
	for _, i := range itemsOf(is) {
		old, there := before[i.key]
		delete(before, i.key)
		if there && reflect.DeepEqual(old.value, i.value) {
			continue
		}
		r, err := i.encode()
		if err != nil {
			return nil, err
		}
		d := ledger.Difference{Key: r.Key, Now: r.Value}
		if there {
			r, err = old.encode()
			d.Was = r.Value
		}
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	for _, old := range before {
		r, err := old.encode()
		if err != nil {
			return nil, err
		}
		all = append(all, ledger.Difference{Key: r.Key, Was: r.Value})
	}
	if was.Zone != nil && is.Zone != nil {
		zone.Diff(was.Zone.Tree, is.Zone.Tree, func(name []byte, old, now zone.RRset) bool {
			d := ledger.Difference{Key: keyOfSet(is.Zone.Apex, name, max(old.Type, now.Type))}
			if old.Exists() {
				d.Was = encodeSet(old)
			}
			if now.Exists() {
				d.Now = encodeSet(now)
			}
			all = append(all, d)
			return true
		})
	}
	breath.SortFunc(all, func(a, b ledger.Difference) int { return bytes.Compare(a.Key, b.Key) })
	return all, nil
}

// merge compares records that were with those that are; both are in order.
func merge(was iter.Seq2[ledger.Record, error], is []ledger.Record) ([]ledger.Difference, error) {
	var all []ledger.Difference
	var pace breath.Pace
	for old, err := range was {
		if err != nil {
			return nil, err
		}
		pace.Step()
		for len(is) > 0 && bytes.Compare(is[0].Key, old.Key) < 0 {
			pace.Step()
			all = append(all, ledger.Difference{Key: is[0].Key, Now: is[0].Value})
			is = is[1:]
		}
		d := ledger.Difference{Key: old.Key, Was: old.Value}
		if len(is) > 0 && bytes.Equal(is[0].Key, old.Key) {
			d.Now = is[0].Value
			is = is[1:]
		}
		if d.Now == nil || !bytes.Equal(d.Was, d.Now) {
			all = append(all, d)
		}
	}
	all = slices.Grow(all, len(is))
	for _, r := range is {
		pace.Step()
		all = append(all, ledger.Difference{Key: r.Key, Now: r.Value})
	}
	return all, nil
}

// sameShape reports whether the difference of two parts can be written: they are of one
// kind, and of one apex.
func sameShape(a, b zonesource.Part) bool {
	switch {
	case a.Zone != nil && b.Zone != nil:
		return bytes.Equal(a.Zone.Apex, b.Zone.Apex)
	case a.Catalog != nil:
		return b.Catalog != nil
	case a.Region != nil:
		return b.Region != nil
	}
	return false
}

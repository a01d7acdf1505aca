package recorder

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/ledger"
)

var zeroTime time.Time

// Part reads a part as a version has it.
func Part(ctx context.Context, l *ledger.Ledger, v *ledger.Version, key zonesource.Key) (zonesource.Part, error) {
	text := KeyText(key)
	var records []ledger.Record
	for r, err := range l.Records(ctx, v, text) {
		if err != nil {
			return zonesource.Part{}, fmt.Errorf("reading %s of version %d: %w", text, v.Number(), err)
		}
		records = append(records, r)
	}
	return partOf(key, v, records)
}

// partOf makes a part of all its records, which are in the order of their keys.
func partOf(key zonesource.Key, v *ledger.Version, records []ledger.Record) (zonesource.Part, error) {
	p := zonesource.Part{Key: key}
	if v.Commit != nil {
		p.Listed = v.Commit.At
	}
	h, err := headIn(records)
	d := decoder{part: &p}
	d.begin(h)
	for _, r := range records {
		if err != nil {
			break
		}
		err = d.record(r)
	}
	if err != nil {
		return p, fmt.Errorf("reading %s of version %d: %w", KeyText(key), v.Number(), err)
	}
	if p.Region != nil {
		p.Region.Sort() // records are in the order of their keys
	}
	if d.edit != nil {
		h.Zone.Listed = p.Listed
		p.Zone = zone.New(*h.Zone, d.edit.Commit(), 0)
	}
	return p, nil
}

// headIn finds what a part is among its records.
func headIn(records []ledger.Record) (head, error) {
	at, found := slices.BinarySearchFunc(records, []byte(headKey), func(r ledger.Record, key []byte) int {
		return bytes.Compare(r.Key, key)
	})
	if !found {
		return head{}, ledger.ErrAbsent
	}
	return decodeHead(records[at].Value)
}

func decodeHead(text []byte) (head, error) {
	var h head
	err := json.Unmarshal(text, &h)
	if err == nil && h.Zone != nil {
		var labels zone.Labels
		if labels.Parse(h.Apex) < 0 {
			err = fmt.Errorf("the apex %q is no name", h.Apex)
		}
	}
	return h, err
}

// headOf reads what a part is.
func headOf(ctx context.Context, l *ledger.Ledger, v *ledger.Version, part string) (head, error) {
	text, err := l.Find(ctx, v, part, []byte(headKey))
	if err == nil && text == nil {
		err = ledger.ErrAbsent
	}
	var h head
	if err == nil {
		h, err = decodeHead(text)
	}
	if err != nil {
		return h, fmt.Errorf("reading %s of version %d: %w", part, v.Number(), err)
	}
	return h, nil
}

// decoder makes a part of its records.
type decoder struct {
	part *zonesource.Part
	apex []byte
	edit *zone.Edit
}

func (d *decoder) begin(h head) {
	switch {
	case h.Zone != nil:
		d.apex, d.edit = h.Apex, zone.NewTree(h.Apex).Edit()
	case h.Catalog:
		d.part.Catalog = &zonesource.Catalog{}
	case h.Region != nil:
		d.part.Region = &zonesource.Region{
			Account: h.Region.Account, AccountID: h.Region.AccountID, Name: h.Region.Name,
			CrossZone: h.Region.CrossZone,
		}
	}
}

func (d *decoder) record(r ledger.Record) error {
	switch string(r.Key) {
	case headKey:
		return nil
	case problemsKey:
		return json.Unmarshal(r.Value, &d.part.Problems)
	}
	if d.edit != nil {
		name, set, err := decodeSet(d.apex, r)
		if err != nil {
			return err
		}
		return d.edit.Put(name, set)
	}
	kind, _, _ := cutKind(string(r.Key))
	c, g := d.part.Catalog, d.part.Region
	switch {
	case c != nil && kind == "z":
		return appendItem(&c.Zones, r)
	case c != nil && kind == "u":
		return appendItem(&c.Unlisted, r)
	case c != nil && kind == "c":
		return appendItem(&c.Collections, r)
	case g != nil && kind == "v":
		return appendItem(&g.VPCs, r)
	case g != nil && kind == "n":
		return appendItem(&g.Subnets, r)
	case g != nil && kind == "w":
		return appendItem(&g.Vitals, r)
	case g != nil && kind == "p":
		return appendItem(&g.Peerings, r)
	case g != nil && kind == "i":
		return appendNew(&g.Interfaces, r)
	case g != nil && kind == "h":
		return appendNew(&g.Hosts, r)
	}
	return nil // of a later program
}

func appendItem[T any](to *[]T, r ledger.Record) error {
	var one T
	err := readItem(&one, r)
	if err == nil {
		*to = append(*to, one)
	}
	return err
}

// appendNew is appendItem, of a list of things that regions share.
func appendNew[T any](to *[]*T, r ledger.Record) error {
	one := new(T)
	err := readItem(one, r)
	if err == nil {
		*to = append(*to, one)
	}
	return err
}

func readItem(to any, r ledger.Record) error {
	err := json.Unmarshal(r.Value, to)
	if err != nil {
		return fmt.Errorf("the record %s: %w", r.Key, err)
	}
	return nil
}

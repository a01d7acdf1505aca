package zonesource

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"

	"inside53/resolver/zone"
)

// delta is everything that differs of a part but the records of its zone: what is nil stays as it is.
type delta struct {
	partHead // of its fields those of a part that always changes, or that are small
	// Keep are lists that stay: the head has none of them.
	Keep struct{ Problems, Catalog, Region bool }

	PageRuns  []run[Page]
	HostRuns  []run[*Host]      `json:",omitempty"`
	CardRuns  []run[*Interface] `json:",omitempty"`
	ZoneRuns  []run[Hosted]     `json:",omitempty"`
	BlindPage bool              `json:",omitempty"` // the pages aren't known
}

// run is a part of a list: so many items of the list before from a place on, or new ones.
type run[T any] struct {
	From int `json:",omitempty"`
	N    int `json:",omitempty"`
	New  []T `json:",omitempty"`
}

// runsOf describes a list by the one before. Items of one key that are the same are looked for.
func runsOf[T any, K comparable](was, is []T, same func(a, b T) bool, key func(T) K) []run[T] {
	var runs []run[T]
	keep := func(from, n int) {
		last := len(runs) - 1
		switch {
		case n == 0:
		case last >= 0 && runs[last].N > 0 && runs[last].From+runs[last].N == from:
			runs[last].N += n
		default:
			runs = append(runs, run[T]{From: from, N: n})
		}
	}
	from, toWas, toIs := middle(was, is, same)
	keep(0, from)
	places := make(map[K]int, toWas-from)
	for i := from; i < toWas; i++ {
		places[key(was[i])] = i
	}
	for i := from; i < toIs; i++ {
		at, there := places[key(is[i])]
		last := len(runs) - 1
		switch {
		case there && same(was[at], is[i]):
			keep(at, 1)
		case last >= 0 && runs[last].N == 0:
			runs[last].New = append(runs[last].New, is[i])
		default:
			runs = append(runs, run[T]{New: []T{is[i]}})
		}
	}
	keep(toWas, len(was)-toWas)
	return runs
}

var errRuns = errors.New("items of a list that isn't there")

// listOf makes the list that runsOf has described.
func listOf[T any](was []T, runs []run[T]) ([]T, error) {
	var is []T
	for _, r := range runs {
		if r.From < 0 || r.N < 0 || r.From > len(was) || r.N > len(was)-r.From {
			return nil, errRuns
		}
		is = append(append(is, was[r.From:r.From+r.N]...), r.New...)
	}
	return is, nil
}

// mostPages is how many pages of a listing a delta has at most. Where a record more or less has moved all that
// follow to other pages these aren't the size of the change: then they aren't known after a crash.
const mostPages = 16

func samePage(a, b Page) bool     { return a == b }
func sameHosted(a, b Hosted) bool { return reflect.DeepEqual(a, b) }

// writeDelta writes what differs of a part; ok says that the parts are of one kind.
func writeDelta(out io.Writer, was, is Part) (ok bool, err error) {
	d := delta{partHead: partHead{Key: is.Key, Listed: is.Listed}}
	if is.Sum != (Sum{}) {
		d.Sum = is.Sum[:]
	}
	d.Keep.Problems = reflect.DeepEqual(was.Problems, is.Problems)
	if !d.Keep.Problems {
		d.Problems = is.Problems
	}
	d.PageRuns = runsOf(was.Pages, is.Pages, samePage, func(p Page) Sum { return p.Sum })
	pages := 0
	for _, r := range d.PageRuns {
		pages += len(r.New)
	}
	if pages > mostPages {
		d.PageRuns, d.BlindPage = nil, true
	}
	switch {
	case is.Zone != nil && was.Zone != nil && bytes.Equal(is.Zone.Apex, was.Zone.Apex):
		d.Zone, d.Apex = &is.Zone.Info, is.Zone.Apex
	case is.Region != nil && was.Region != nil:
		rest, before := *is.Region, *was.Region
		rest.Hosts, rest.Interfaces, before.Hosts, before.Interfaces = nil, nil, nil, nil
		d.Keep.Region = sameRegion(&rest, &before)
		if !d.Keep.Region {
			d.Region = &rest
		}
		d.HostRuns = runsOf(was.Region.Hosts, is.Region.Hosts, sameHost, HostID)
		d.CardRuns = runsOf(was.Region.Interfaces, is.Region.Interfaces, sameInterface, placeOf)
	case is.Catalog != nil && was.Catalog != nil:
		rest, before := *is.Catalog, *was.Catalog
		rest.Zones, before.Zones = nil, nil
		d.Keep.Catalog = reflect.DeepEqual(rest, before)
		if !d.Keep.Catalog {
			d.Catalog = &rest
		}
		d.ZoneRuns = runsOf(was.Catalog.Zones, is.Catalog.Zones, sameHosted, func(h Hosted) string { return h.ID })
	default:
		return false, nil
	}
	text, err := json.Marshal(d)
	if err != nil {
		return false, err
	}
	_, err = out.Write(append(binary.AppendUvarint(nil, uint64(len(text))), text...))
	if err == nil && is.Zone != nil {
		err = writeDifference(out, was.Zone.Tree, is.Zone.Tree)
	}
	return true, err
}

// cardPlace is an address of an interface.
type cardPlace struct {
	id      string
	private netip.Addr
}

// placeOf tells the addresses of interfaces from each other.
func placeOf(i *Interface) cardPlace { return cardPlace{i.ID, i.Private} }

// writeDifference writes the RRsets that differ: the prefix of the name, and the RRset as writeTree does, which has
// no kind where it is gone.
func writeDifference(out io.Writer, was, is *zone.Tree) error {
	var buf []byte
	zone.Diff(was, is, func(name []byte, old, now zone.RRset) bool {
		prefix := name[:len(name)-len(is.Apex())]
		buf = append(append(buf, byte(len(prefix))), prefix...)
		now.Type = max(now.Type, old.Type)
		buf = appendSet(buf, now)
		return true
	})
	_, err := out.Write(buf)
	return err
}

// readDelta lays what writeDelta wrote over a part.
func readDelta(in []byte, was Part) (Part, error) {
	r := bufio.NewReader(bytes.NewReader(in))
	size, err := binary.ReadUvarint(r)
	var text []byte
	if err == nil {
		text = make([]byte, min(size, uint64(len(in))))
		_, err = io.ReadFull(r, text)
	}
	if err != nil {
		return Part{}, fmt.Errorf("reading the head of a change: %w", err)
	}
	var d delta
	err = json.Unmarshal(text, &d)
	if err != nil {
		return Part{}, fmt.Errorf("reading the head of a change: %w", err)
	}
	is := was
	is.Listed, is.Sum = d.Listed, Sum{}
	if len(d.Sum) == len(is.Sum) {
		is.Sum = Sum(d.Sum)
	}
	if !d.Keep.Problems {
		is.Problems = d.Problems
	}
	is.Pages = nil
	if !d.BlindPage {
		is.Pages, err = listOf(was.Pages, d.PageRuns)
	}
	switch {
	case err != nil:
	case d.Zone != nil && was.Zone != nil:
		edit := was.Zone.Tree.Edit()
		err = readDifference(r, was.Zone.Apex, edit)
		is.Zone = zone.New(*d.Zone, edit.Commit(), 0)
	case was.Region != nil:
		is.Region, err = d.region(was.Region)
	case was.Catalog != nil:
		is.Catalog, err = d.catalog(was.Catalog)
	default:
		err = errors.New("it is of another part")
	}
	if err != nil {
		return Part{}, fmt.Errorf("reading a change of %s: %w", was.Key, err)
	}
	return is, nil
}

func (d *delta) region(was *Region) (is *Region, err error) {
	now := *was
	if d.Region != nil {
		now = *d.Region
	}
	now.Hosts, err = listOf(was.Hosts, d.HostRuns)
	if err == nil {
		now.Interfaces, err = listOf(was.Interfaces, d.CardRuns)
	}
	return &now, err
}

func (d *delta) catalog(was *Catalog) (is *Catalog, err error) {
	now := *was
	if d.Catalog != nil {
		now = *d.Catalog
	}
	now.Zones, err = listOf(was.Zones, d.ZoneRuns)
	return &now, err
}

// readDifference changes a tree by what writeDifference wrote.
func readDifference(in *bufio.Reader, apex []byte, edit *zone.Edit) error {
	r := treeReader{in: in, apex: apex, edit: edit}
	for {
		_, err := in.Peek(1)
		if errors.Is(err, io.EOF) {
			return nil
		}
		name, err := r.owner()
		if err != nil {
			return err
		}
		s, err := r.set()
		if err != nil {
			return err
		}
		if s.Exists() {
			err = edit.Put(name, s)
		} else {
			edit.Delete(name, s.Type)
		}
		if err != nil {
			return err
		}
	}
}

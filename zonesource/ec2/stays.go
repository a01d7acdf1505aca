package ec2

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"inside53/zonesource"
	"inside53/zonesource/breath"
)

// staying says which things of an operation stay as they are.
type staying struct {
	mayGo map[string]bool // of what may have gone, whether it stays
	all   bool            // everything may have gone
}

// has reports whether the thing of an id stays.
func (s *staying) has(id string) bool {
	stays, mayGo := s.mayGo[id]
	return stays || !mayGo && !s.all
}

// gone are the places in a list, which is in the order of ids, of what doesn't stay.
func gone[T any](s *staying, list []T, id func(T) string) (places []int) {
	if !s.all {
		for one, stays := range s.mayGo {
			if stays {
				continue
			}
			for at, end := zonesource.PlacesOf(list, one, id); at < end; at++ {
				places = append(places, at)
			}
		}
		slices.Sort(places)
		return places
	}
	var pace breath.Pace
	for i := range list {
		pace.Step()
		if !s.mayGo[id(list[i])] {
			places = append(places, i)
		}
	}
	return places
}

// split decodes what differs of an operation, and finds what stays as it is. Pages that are the same as last time
// aren't looked at where the last ones are remembered, unless all of them shall be. It isn't ok where something is
// there twice.
func split[Item any](ctx context.Context, p *patching, f *form, pages lazy[Item], ids func(*Item, func(id string)),
	all bool) (read []Item, stay *staying, ok bool, err error) {
	p.redone[f.operation] = true
	d := &difference{listing: p.listing, form: f}
	if !all {
		d.last = p.lastOf(f)
	}
	d.begin()
	for n := 0; d.last != nil && n < len(d.last.pages); n++ {
		switch {
		case n >= len(pages) || hasForgotten(d.last.pages[n].chunks):
			d.leave(n, nil)
		case !pages[n].same:
			d.leave(n, pages[n].window)
		}
	}
	for i := range pages {
		page := &pages[i]
		is := &p.pages.now[page.at]
		var some []Item
		switch {
		case page.same && d.last != nil && !hasForgotten(is.Chunks):
		case page.same && is.Chunks != "" && !hasForgotten(is.Chunks):
			d.note(page.raw)
		case page.isCut(p.listing, f):
			differing := d.of(i, &page.came.cut, page.window)
			if differing != nil {
				some, err = page.decode(ctx, differing)
			}
		default:
			some, err = page.get(ctx)
			for k := range some {
				ids(&some[k], func(id string) { d.count(id) })
			}
		}
		if err != nil {
			return nil, nil, false, err
		}
		read = append(read, some...)
	}
	p.stay[f.operation] = &d.stay
	p.counted[f.operation] = &d.tally
	return read, &d.stay, !d.twice, nil
}

// difference finds out what differs of the pages of an operation.
type difference struct {
	*listing
	form  *form
	last  *remembered // nil: everything may have gone
	known map[string]bool
	stay  staying
	tally tally
	twice bool // something is there twice
}

func (d *difference) begin() {
	d.stay = staying{mayGo: map[string]bool{}, all: d.last == nil}
	d.tally.more = map[uint64]int32{}
	if d.last == nil {
		d.known = d.form.chunksOf(d.pages.known)
		return
	}
	d.known, d.tally.was = map[string]bool{}, d.last.ids
}

// leave says that what lies in a page of the last listing, or between two places of it, may have gone.
func (d *difference) leave(n int, w *window) {
	page := d.last.pages[n]
	if !page.isCut(d.form, d.pages.salt) {
		w = nil
	}
	from, to := 0, len(page.cut.chunks)
	text := page.body
	if w != nil {
		from, to = w.from, w.toLast
		text = page.cut.text(from, to)
	}
	n = 0
	eachSum(page.chunks, func(sum string) {
		d.known[sum] = d.known[sum] || sum != forgottenSum && from <= n && n < to
		n++
	})
	for _, id := range d.form.idsIn(text) {
		d.stay.mayGo[id] = false
		d.tally.count(d.hash(id), -1)
	}
}

// note says that what lies in a text stays.
func (d *difference) note(text []byte) {
	for _, id := range d.form.idsIn(text) {
		d.stay.mayGo[id] = true
		d.count(id)
	}
}

func (d *difference) count(id string) {
	twice := d.tally.count(d.hash(id), 1)
	d.twice = d.twice || twice
}

// of returns the n-th page with what differs in it alone, or differs between two places of it, and notes the rest; nil
// where nothing differs.
func (d *difference) of(n int, c *cutting, w *window) []byte {
	from, to := 0, len(c.chunks)
	if d.last != nil && w != nil && !hasForgotten(d.last.pages[n].chunks) {
		from, to = w.from, w.to
	}
	differing, same := c.divide(from, to, d.known)
	d.note(same)
	for _, id := range d.form.idsIn(differing) {
		d.count(id)
	}
	return differing
}

// twice adds the ids that some items have more than once: what comes of an id then isn't what one of them says.
func twice[Item any](items []Item, ids func(*Item, func(id string)), to map[string]bool) map[string]bool {
	seen := make(map[string]bool, len(items))
	var pace breath.Pace
	for i := range items {
		pace.Step()
		ids(&items[i], func(id string) {
			if seen[id] {
				to[id] = true
			}
			seen[id] = true
		})
	}
	return to
}

func instanceIDs(r *types.Reservation, visit func(id string)) {
	for i := range r.Instances {
		visit(aws.ToString(r.Instances[i].InstanceId))
	}
}

func cardIDs(c *types.NetworkInterface, visit func(id string)) {
	visit(aws.ToString(c.NetworkInterfaceId))
}

func subnetIDs(n *types.Subnet, visit func(id string)) { visit(aws.ToString(n.SubnetId)) }

func vpcIDs(v *types.Vpc, visit func(id string)) { visit(aws.ToString(v.VpcId)) }

// isCut cuts a page, if it can be and isn't yet.
func (p *lazyPage[Item]) isCut(l *listing, f *form) bool {
	return p.raw != nil && p.came.isCut(f, l.pages.salt)
}

// forget has chunks with some ids decoded once more when something else of their operation is.
func forget[Item any](l *listing, f *form, pages lazy[Item], ids map[string]bool) {
	for i := range pages {
		p := &pages[i]
		is := &l.pages.now[p.at]
		if is.Chunks == "" || len(ids) == 0 && !hasForgotten(is.Chunks) || !p.isCut(l, f) {
			continue
		}
		is.Chunks = p.came.cut.sums(f, ids)
	}
}

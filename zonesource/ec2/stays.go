package ec2

import (
	"context"
	"slices"
	"sort"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"inside53/zonesource/breath"
)

// stays finds out which things of a list stay as they are. The list is in the order of its ids, and things of one id
// are one thing.
type stays[T any] struct {
	list  []T
	id    func(*T) string
	noted map[string]bool // of what may have gone, whether it was noted; and what was noted and isn't in the list
	rest  bool            // what isn't in it stays
	again bool            // something was noted twice
}

func newStays[T any](list []T, id func(*T) string) *stays[T] {
	return &stays[T]{list: list, id: id, rest: true}
}

// mayGo says what may have gone, nothing of which has been noted.
func (s *stays[T]) mayGo(ids map[string]bool) { s.noted = ids }

// allMayGo says that everything may have gone.
func (s *stays[T]) allMayGo() {
	s.noted, s.rest = make(map[string]bool, len(s.list)), false
	var pace breath.Pace
	for i := range s.list {
		pace.Step()
		s.noted[s.id(&s.list[i])] = false
	}
}

// note says that the thing of an id stays.
func (s *stays[T]) note(id string) {
	noted, mayGo := s.noted[id]
	s.again = s.again || noted || s.rest && !mayGo
	s.noted[id] = true
}

// twice reports whether something was noted twice, or stood elsewhere all the time.
func (s *stays[T]) twice() bool { return s.again }

// find reports whether what has an id may have gone, and whether it was noted.
func (s *stays[T]) find(id string) (noted, mayGo bool) {
	noted, mayGo = s.noted[id]
	return noted, mayGo || !s.rest
}

// gone are the places in the list of what doesn't stay.
func (s *stays[T]) gone() (all []int) {
	if s.rest {
		for id, noted := range s.noted {
			at := 0
			if !noted {
				at = sort.Search(len(s.list), func(i int) bool { return s.id(&s.list[i]) >= id })
			}
			for ; !noted && at < len(s.list) && s.id(&s.list[at]) == id; at++ {
				all = append(all, at)
			}
		}
		slices.Sort(all)
		return all
	}
	var pace breath.Pace
	for i := range s.list {
		pace.Step()
		if !s.noted[s.id(&s.list[i])] {
			all = append(all, i)
		}
	}
	return all
}

// roomForOthers is how many things more there is room for in a list of those that stay.
const roomForOthers = 4 * chunkSize

// merge returns a new list of what stays and of other things, which are in the order of ids too; nil for none.
func (s *stays[T]) merge(others []T) []T {
	kept, from := make([]T, 0, len(s.list)+len(others)+roomForOthers), 0
	for _, at := range s.gone() {
		kept = append(kept, s.list[from:at]...)
		from = at + 1
	}
	return mergeSorted(append(kept, s.list[from:]...), others, s.id)
}

// mergeSorted merges two lists in the order of their ids; nil for none. It may use the room of the first one.
func mergeSorted[T any](list, others []T, id func(*T) string) []T {
	end := len(list)
	list = append(list, others...)
	for k := len(others) - 1; k >= 0; k-- {
		last := id(&others[k])
		at := sort.Search(end, func(i int) bool { return id(&list[i]) > last })
		copy(list[at+k+1:], list[at:end])
		list[at+k], end = others[k], at
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

// noted is what ids are noted at.
type noted interface {
	mayGo(ids map[string]bool)
	allMayGo()
	note(id string)
	twice() bool
	find(id string) (noted, mayGo bool)
}

// split decodes what differs of an operation, and notes the ids of what doesn't, but for pages that are the same as
// last time, where it is known what may have gone. It isn't ok where something is there twice.
func split[Item any](ctx context.Context, p *patching, f *form, pages lazy[Item], ids func(*Item, func(id string)),
	to noted) (read []Item, ok bool, err error) {
	p.redone[f.operation] = true
	left, narrow := mayHaveLeft(p.listing, f, pages)
	narrow = narrow && f.operation != vpcForm.operation // of some VPCs it is known by what is in them alone that they are
	if narrow {
		to.mayGo(left)
	} else {
		to.allMayGo()
	}
	known := f.chunksOf(p.pages.known)
	visit := func(id string) {
		to.note(id)
		if _, has := p.problematic[id]; has {
			p.problematic[id] = true
		}
	}
	for i := range pages {
		page := &pages[i]
		is := &p.pages.now[page.at]
		if page.same && is.Chunks != "" && !hasForgotten(is.Chunks) {
			if !narrow {
				p.ids.of(f, is, page.raw).each(visit)
			}
			continue
		}
		some, err := page.items, error(nil)
		switch {
		case page.raw == nil:
		case !page.isCut(p.listing, f):
			some, err = page.get(ctx)
		default:
			differing, same := page.cut.divide(known)
			f.idsIn(same).each(visit)
			some, err = page.decode(ctx, differing)
		}
		if err != nil {
			return nil, false, err
		}
		read = append(read, some...)
	}
	remember(p.listing, f, pages)
	ok = !to.twice()
	elsewhere := map[string]bool{} // what stood nowhere that is another page now
	for i := range read {
		ids(&read[i], func(id string) {
			noted, mayGo := to.find(id)
			ok = ok && !noted
			if !mayGo {
				elsewhere[id] = true
			}
		})
	}
	if narrow && len(elsewhere)+len(p.problematic) > 0 {
		eachSame(p.listing, pages, func(id string) {
			ok = ok && !elsewhere[id]
			if _, has := p.problematic[id]; has {
				p.problematic[id] = true
			}
		})
	}
	return read, ok, nil
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
	if p.cut.body == nil && p.raw != nil {
		p.cut, _ = f.cutPage(p.raw, l.pages.now[p.at].Next == more, l.pages.salt)
	}
	return p.cut.body != nil
}

// forget has chunks with some ids decoded once more when something else of their operation is.
func forget[Item any](l *listing, f *form, pages lazy[Item], ids map[string]bool) {
	for i := range pages {
		p := &pages[i]
		is := &l.pages.now[p.at]
		if is.Chunks == "" || len(ids) == 0 && !hasForgotten(is.Chunks) || !p.isCut(l, f) {
			continue
		}
		is.Chunks = p.cut.text(f, ids)
	}
}

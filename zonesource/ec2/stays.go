package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"inside53/zonesource/breath"
)

// stays finds out which things of a list stay as they are. The list is in the order of its ids, and things of one id
// are one thing.
type stays[T any] struct {
	list    []T
	id      func(*T) string
	at      map[string]int  // of the first one of an id
	there   []bool          // of the first one of an id
	strange map[string]bool // what is there and not in the list
	again   bool            // something was noted twice
}

func newStays[T any](list []T, id func(*T) string) *stays[T] {
	s := &stays[T]{list: list, id: id, at: make(map[string]int, len(list)), there: make([]bool, len(list)),
		strange: map[string]bool{}}
	var pace breath.Pace
	last := ""
	for i := range list {
		pace.Step()
		key := id(&list[i])
		if i == 0 || key != last {
			s.at[key], last = i, key
		}
	}
	return s
}

// note says that the thing of an id stays.
func (s *stays[T]) note(id []byte) {
	at, known := s.at[string(id)]
	switch {
	case !known:
		s.again = s.again || s.strange[string(id)]
		s.strange[string(id)] = true
	default:
		s.again = s.again || s.there[at]
		s.there[at] = true
	}
}

// all says that all do.
func (s *stays[T]) all() {
	for i := range s.there {
		s.there[i] = true
	}
}

// has reports whether what has an id stays.
func (s *stays[T]) has(id string) bool {
	at, known := s.at[id]
	return known && s.there[at] || s.strange[id]
}

// twice reports whether something was noted twice.
func (s *stays[T]) twice() bool { return s.again }

// merge returns a new list of what stays and of other things, which are in the order of ids too; nil for none.
func (s *stays[T]) merge(others []T) []T {
	kept := make([]T, 0, len(s.list)+len(others))
	var pace breath.Pace
	last, has := "", false
	for i := range s.list {
		pace.Step()
		id := s.id(&s.list[i])
		if i == 0 || id != last {
			last, has = id, s.there[i]
		}
		if has {
			kept = append(kept, s.list[i])
		}
	}
	return mergeSorted(kept, others, s.id)
}

// mergeSorted merges two lists in the order of their ids; nil for none. It may use the room of the first one.
func mergeSorted[T any](list, others []T, id func(*T) string) []T {
	a, b := len(list)-1, len(others)-1
	list = append(list, others...)
	for to := len(list) - 1; a >= 0 && b >= 0; to-- {
		if id(&list[a]) > id(&others[b]) {
			list[to] = list[a]
			a--
		} else {
			list[to] = others[b]
			b--
		}
	}
	copy(list, others[:b+1])
	if len(list) == 0 {
		return nil
	}
	return list
}

// noted is what ids are noted at.
type noted interface {
	note(id []byte)
	has(id string) bool
	twice() bool
}

// split decodes what differs of an operation, and notes the ids of what doesn't. It isn't ok where something is
// there twice.
func split[Item any](ctx context.Context, p *patching, f *form, pages lazy[Item], ids func(*Item, func(id string)),
	to noted) (read []Item, ok bool, err error) {
	p.redone[f.operation] = true
	known := f.chunksOf(p.pages.known)
	visit := func(id []byte) {
		to.note(id)
		if _, has := p.problematic[string(id)]; has {
			p.problematic[string(id)] = true
		}
	}
	for i := range pages {
		page := &pages[i]
		chunks := p.pages.now[page.at].Chunks
		if page.same && chunks != "" && !hasForgotten(chunks) {
			f.eachID(page.raw, visit)
			continue
		}
		some, err := page.items, error(nil)
		switch {
		case page.raw == nil:
		case !page.isCut(p.listing, f):
			some, err = page.get(ctx)
		default:
			differing, same := page.cut.divide(known)
			f.eachID(same, visit)
			some, err = page.decode(ctx, differing)
		}
		if err != nil {
			return nil, false, err
		}
		read = append(read, some...)
	}
	ok = !to.twice()
	for i := range read {
		ids(&read[i], func(id string) { ok = ok && !to.has(id) })
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

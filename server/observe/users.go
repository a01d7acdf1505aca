package observe

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"

	"inside53/resolver"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// usedSets is how many record sets are known by who asks for them: those asked for last.
	usedSets = 8192
	// usersOfSet is how many clients of one are known: those that ask most.
	usersOfSet = 8
)

// RecordSet names one record set of ours.
type RecordSet struct {
	Zone  string // id
	Owner string // in lower-case wire form
	Type  uint16
}

// Use is how much a record set is asked for, as far as the sample tells.
type Use struct {
	Since time.Time // what is counted since
	Last  time.Time
	Count uint64 // about
	Users []User // those that ask most, the most first
}

// User is a client that asks for a record set.
type User struct {
	Addr  netip.Addr
	Count uint64 // about
	Last  time.Time
}

// users knows who asks for record sets.
type users struct {
	mu   sync.Mutex
	sets *simplelru.LRU[RecordSet, *used]
}

// used is what is known of a record set.
type used struct {
	since, last int64 // Unix nanoseconds
	count       uint64
	n           int
	clients     [usersOfSet]usedBy
}

type usedBy struct {
	addr  netip.Addr
	count uint64
	last  int64
}

func (u *users) init() {
	u.sets, _ = simplelru.NewLRU[RecordSet, *used](usedSets, nil) // the size is right
}

// add notes a use. One that is shown because it is the first in a while, and isn't of the sample,
// says who asks, and counts as one.
func (u *users) add(o *resolver.Observed) {
	u.mu.Lock()
	defer u.mu.Unlock()
	key := RecordSet{o.Zone, string(o.Owner), o.UsedType}
	set, known := u.sets.Get(key)
	if !known {
		set = &used{since: o.At}
		u.sets.Add(key, set)
	}
	n := uint64(1)
	if o.Purpose&resolver.ForCount != 0 {
		n = uint64(o.Weight)
	}
	set.add(o.Client, n, o.At)
}

func (s *used) add(client netip.Addr, n uint64, at int64) {
	s.last = max(s.last, at)
	s.count += n
	least := 0
	for i := range s.clients[:s.n] {
		c := &s.clients[i]
		if c.addr == client {
			c.count += n
			c.last = max(c.last, at)
			return
		}
		if c.count < s.clients[least].count {
			least = i
		}
	}
	if s.n < usersOfSet {
		least = s.n
		s.n++
	}
	c := &s.clients[least]
	*c = usedBy{addr: client, count: c.count + n, last: at}
}

// Use returns what is known of a record set, and whether anything is: others may have made it
// forgotten.
func (w *Observer) Use(set RecordSet) (Use, bool) {
	u := &w.users
	u.mu.Lock()
	defer u.mu.Unlock()
	s, known := u.sets.Peek(set)
	if !known {
		return Use{}, false
	}
	out := Use{Since: time.Unix(0, s.since), Last: time.Unix(0, s.last), Count: s.count}
	for _, c := range s.clients[:s.n] {
		out.Users = append(out.Users, User{c.addr, c.count, time.Unix(0, c.last)})
	}
	sortUsers(out.Users)
	return out, true
}

func sortUsers(all []User) {
	slices.SortFunc(all, func(a, b User) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), a.Addr.Compare(b.Addr))
	})
}

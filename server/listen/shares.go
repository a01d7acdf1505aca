package listen

import (
	"net/netip"
	"sync"
	"time"
)

// looked is how many connections are looked at for the one to close when there are too
// many. It bounds the work of one accept; of fewer it is exact.
const looked = 128

// holderOf returns whom an address counts for: IPv4 for itself, IPv6 for its /64, since a
// host has all of that.
func holderOf(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr
	}
	p, err := addr.Prefix(64)
	if err != nil {
		return addr
	}
	return p.Addr()
}

// holding is something that clients hold, of which there is a bound.
type holding interface {
	comparable
	// lastUsed is when something came or went by it last.
	lastUsed() time.Time
}

// shares says who holds how many of something: so many there may be in all, so many of one
// client. Safe for concurrent use.
type shares[T holding] struct {
	total, perClient int

	mu      sync.Mutex
	count   int
	clients map[netip.Addr]map[T]struct{}
	// holding are the clients by how many they hold.
	holding []map[netip.Addr]struct{}
}

func newShares[T holding](total, perClient int) *shares[T] {
	return &shares[T]{total: total, perClient: perClient, clients: map[netip.Addr]map[T]struct{}{}}
}

// add counts one more of a client; ok is false where its share is used up. Where that is one
// too many in all, another is out, and to be closed: the one that wasn't used for longest of
// whoever holds most.
func (s *shares[T]) add(addr netip.Addr, item T) (out T, full, ok bool) {
	client := holderOf(addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	items := s.clients[client]
	if len(items) >= s.perClient {
		return out, false, false
	}
	if items == nil {
		items = map[T]struct{}{}
		s.clients[client] = items
	}
	items[item] = struct{}{}
	s.count++
	s.moved(client, len(items)-1, len(items))
	if s.count <= s.total {
		return out, false, true
	}
	client, out = s.idlest()
	s.drop(client, out)
	return out, true, true
}

// remove gives back what a client held; it does nothing for what is out already.
func (s *shares[T]) remove(addr netip.Addr, item T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(holderOf(addr), item)
}

func (s *shares[T]) drop(client netip.Addr, item T) {
	items := s.clients[client]
	_, held := items[item]
	if !held {
		return
	}
	delete(items, item)
	s.count--
	s.moved(client, len(items)+1, len(items))
	if len(items) == 0 {
		delete(s.clients, client)
	}
}

// moved notes that a client holds another number of them.
func (s *shares[T]) moved(client netip.Addr, from, to int) {
	for len(s.holding) <= to {
		s.holding = append(s.holding, map[netip.Addr]struct{}{})
	}
	delete(s.holding[from], client)
	if to > 0 {
		s.holding[to][client] = struct{}{}
	}
	for len(s.holding) > 1 && len(s.holding[len(s.holding)-1]) == 0 {
		s.holding = s.holding[:len(s.holding)-1]
	}
}

// idlest returns what wasn't used for longest, of the clients that hold most.
func (s *shares[T]) idlest() (client netip.Addr, item T) {
	var oldest time.Time
	n := 0
	for c := range s.holding[len(s.holding)-1] {
		for i := range s.clients[c] {
			at := i.lastUsed()
			if n == 0 || at.Before(oldest) {
				client, item, oldest = c, i, at
			}
			n++
			if n == looked {
				return client, item
			}
		}
	}
	return client, item
}

// open returns how many are held.
func (s *shares[T]) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

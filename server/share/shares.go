package share

import (
	"net/netip"
	"sync"
	"time"
)

// looked is how many things are looked at for the one to give up when there are too many.
// It bounds the work of one Add; of fewer it is exact.
const looked = 128

// ClientOf returns whom an address counts for: IPv4 for itself, IPv6 for its /64, since a
// host has all of that.
func ClientOf(addr netip.Addr) netip.Addr {
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

// Holding is something that clients hold, of which there is a bound.
type Holding interface {
	comparable
	// LastUsed is when something came or went by it last.
	LastUsed() time.Time
}

// Shares says who holds how many of something: so many there may be in all, so many of one
// client. Safe for concurrent use.
type Shares[T Holding] struct {
	total, perClient int

	mu      sync.Mutex
	count   int
	clients map[netip.Addr]map[T]struct{}
	holders ranks
}

// New returns shares of which nobody holds anything yet.
func New[T Holding](total, perClient int) *Shares[T] {
	return &Shares[T]{total: total, perClient: perClient, clients: map[netip.Addr]map[T]struct{}{}}
}

// Add counts one more of a client; ok is false where its share is used up. Where that is one
// too many in all, another is out, and to be closed: the one that wasn't used for longest of
// whoever holds most.
func (s *Shares[T]) Add(addr netip.Addr, item T) (out T, full, ok bool) {
	client := ClientOf(addr)
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
	s.holders.move(client, len(items)-1, len(items))
	if s.count <= s.total {
		return out, false, true
	}
	client, out = s.idlest()
	s.drop(client, out)
	return out, true, true
}

// Remove gives back what a client held; it does nothing for what is out already.
func (s *Shares[T]) Remove(addr netip.Addr, item T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(ClientOf(addr), item)
}

func (s *Shares[T]) drop(client netip.Addr, item T) {
	items := s.clients[client]
	_, held := items[item]
	if !held {
		return
	}
	delete(items, item)
	s.count--
	s.holders.move(client, len(items)+1, len(items))
	if len(items) == 0 {
		delete(s.clients, client)
	}
}

// idlest returns what wasn't used for longest, of the clients that hold most.
func (s *Shares[T]) idlest() (client netip.Addr, item T) {
	var oldest time.Time
	n := 0
	for c := range s.holders.top() {
		for i := range s.clients[c] {
			at := i.LastUsed()
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

// Open returns how many are held.
func (s *Shares[T]) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

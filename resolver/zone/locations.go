package zone

import (
	"net/netip"

	"github.com/gaissmai/bart"
)

// Locations are CIDR collections: which location of a collection a client's prefix
// lies in (AWS: "IP-based routing"). The zero value has none. Immutable once a
// snapshot has it.
type Locations struct {
	collections map[string]*bart.Table[string]
}

// Add puts a CIDR block into a location of a collection, during construction.
func (l *Locations) Add(collection, location string, block netip.Prefix) {
	if l.collections == nil {
		l.collections = make(map[string]*bart.Table[string])
	}
	t := l.collections[collection]
	if t == nil {
		t = new(bart.Table[string])
		l.collections[collection] = t
	}
	t.Insert(block.Masked(), location)
}

// Known reports whether a collection has any block.
func (l *Locations) Known(collection []byte) bool { return l.collections[string(collection)] != nil }

// Supernets visits the locations whose block contains the whole client prefix,
// longest block first. A client prefix shorter than a block isn't in it.
func (l *Locations) Supernets(collection []byte, client netip.Prefix,
	yield func(block netip.Prefix, location string) bool) {
	t := l.collections[string(collection)]
	if t == nil {
		return
	}
	for block, location := range t.Supernets(client.Masked()) {
		if !yield(block, location) {
			return
		}
	}
}

// Find returns the location of the longest block that contains the whole client
// prefix. It doesn't allocate.
func (l *Locations) Find(collection []byte, client netip.Prefix) (location string, ok bool) {
	t := l.collections[string(collection)]
	if t == nil {
		return "", false
	}
	return t.LookupPrefix(client.Masked())
}

package zone

import (
	"net/netip"
	"time"

	"github.com/gaissmai/bart"
)

// Snapshot is everything that changes only when data or configuration change.
// Immutable; a query loads it once.
type Snapshot struct {
	// Zones are the zones of all views, by Layer. Those of what was not read are the last.
	Zones []*Zone
	// Unread is how many of Zones stand for what was not read, without records.
	Unread     int
	Views      []*View
	Forwarders []Forwarder
	// Inventory is the EC2 inventory as answers need it; never nil.
	Inventory *Inventory
	// Vitals are the instances that AWS says are unhealthy, with what it has against them, for
	// people; nil for none.
	Vitals map[string]string
	// TranslatedTTL caps the TTL of translated addresses, in seconds.
	TranslatedTTL uint32
	// Rebinding is what answers of the forwarders of "." may not hold.
	Rebinding Rebinding
	// Loaded is false until every source has given its first data: names that no
	// file, special name or own forwarder covers get SERVFAIL till then.
	Loaded bool
	Built  time.Time

	// Outside is the view of a client outside: public zones alone, public
	// addresses. No client of ours has it; it is there to compare with. Its index
	// is the last of the inventory's views. Nil when it wasn't made.
	Outside *View
	// Locations are the CIDR collections of IP-based records.
	Locations Locations

	tables *tables // nil: nobody may ask
}

// tables say what client addresses mean. Snapshots share them.
type tables struct {
	clients bart.Table[Client]
	byView  bart.Table[int] // what clients was folded from, for people who ask why
	allowed bart.Lite
	trusted bart.Lite
}

// construct returns the tables of a snapshot under construction.
func (s *Snapshot) construct() *tables {
	if s.tables == nil {
		s.tables = &tables{}
	}
	return s.tables
}

// Layer names a zone by its place in Snapshot.Zones. Views name zones so that a zone with
// other records is another one in the same place, and all views see it there: no view is
// made anew for it.
type Layer uint32

// Zone returns the zone that a layer names.
func (s *Snapshot) Zone(l Layer) *Zone { return s.Zones[l] }

// Served returns the zones that are served: all but those of what was not read.
func (s *Snapshot) Served() []*Zone { return s.Zones[:len(s.Zones)-s.Unread] }

// Layers returns the zones of an apex, top down, for readers that may allocate.
func (s *Snapshot) Layers(a *Apex) []*Zone {
	out := make([]*Zone, len(a.Layers))
	for i, l := range a.Layers {
		out[i] = s.Zones[l]
	}
	return out
}

// Forwarder is one set of upstreams, in the texts of the configuration.
type Forwarder struct {
	Upstreams []string
}

// Client is what a prefix of client addresses means: which view, and whether
// queries are allowed at all. View is -1 for none.
type Client struct {
	View    int16
	Allowed bool
}

// SetClients gives a snapshot under construction its table of clients: views by
// prefix, rest for the view of everybody else (-1 for none), and the prefixes that
// are allowed. The longest prefix of views decides the view; any prefix of allow
// that holds the address allows it. Both are folded into one table.
func (s *Snapshot) SetClients(views map[netip.Prefix]int, rest int, allow []netip.Prefix) {
	t := s.construct()
	for p, v := range views {
		t.byView.Insert(p.Masked(), v)
	}
	for _, p := range allow {
		t.allowed.Insert(p.Masked())
	}
	insert := func(p netip.Prefix) {
		p = p.Masked()
		view, ok := t.byView.LookupPrefix(p)
		if !ok {
			view = rest
		}
		t.clients.Insert(p, Client{View: int16(view), Allowed: t.allowed.LookupPrefix(p)})
	}
	for p := range views {
		insert(p)
	}
	for _, p := range allow {
		insert(p)
	}
}

// SetTrusted names the forwarders whose client subnets (RFC 7871) are believed, during
// construction.
func (s *Snapshot) SetTrusted(forwarders []netip.Prefix) {
	t := s.construct()
	for _, p := range forwarders {
		t.trusted.Insert(p.Masked())
	}
}

// Trusted reports whether the client subnet that this client sends is believed.
func (s *Snapshot) Trusted(addr netip.Addr) bool {
	return s.tables != nil && s.tables.trusted.Contains(addr)
}

// Client returns the view of a client address and whether it may ask. addr is
// without zone and not an IPv4-mapped IPv6 address.
func (s *Snapshot) Client(addr netip.Addr) Client {
	if s.tables == nil {
		return Client{View: -1}
	}
	c, ok := s.tables.clients.Lookup(addr)
	if !ok {
		return Client{View: -1}
	}
	return c
}

// SubnetView returns the index of the view whose clients hold the whole of a client
// subnet; -1 when there is none. Being among everybody else is no place.
func (s *Snapshot) SubnetView(subnet netip.Prefix) int {
	if s.tables == nil {
		return -1
	}
	view, ok := s.tables.byView.LookupPrefix(subnet)
	if !ok {
		return -1
	}
	return view
}

// ClientPrefixes returns the prefix that gives a client address its view and the
// longest one that allows it; the zero Prefix where there is none. A client with a
// view and no prefix for it is among everybody else.
func (s *Snapshot) ClientPrefixes(addr netip.Addr) (view, allow netip.Prefix) {
	if s.tables == nil {
		return view, allow
	}
	host := netip.PrefixFrom(addr, addr.BitLen())
	view, _, _ = s.tables.byView.LookupPrefixLPM(host)
	allow, _ = s.tables.allowed.LookupPrefixLPM(host)
	return view, allow
}

package transfer

import (
	"context"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"inside53/resolver/history"
	"inside53/resolver/zone"
)

// Fleet is the servers that have the same zones. One of them leads: it makes versions and has
// their serials committed; all others say these, and hand on who asks for more.
type Fleet interface {
	// Term numbers the time for which this server leads; 0 while it doesn't.
	Term() uint64
	// Committed are the serials as this server has adopted them. Immutable.
	Committed() Serials
	// Claimed are serials that other servers had told before they joined.
	Claimed() Serials
	// Commit commits serials, and returns the version that has them.
	Commit(ctx context.Context, s Serials) (version uint64, err error)
	// Await returns when all servers have adopted a version, or after a while: then late is true.
	Await(ctx context.Context, version uint64) (late bool)
	// Now is the time by the clock that all servers share.
	Now() time.Time
	// Open hands a message on to who leads. It tries again until ctx ends.
	Open(ctx context.Context, packet []byte, client netip.AddrPort, datagram bool) (Answers, error)
}

// Answers are the messages of an answer, from who leads.
type Answers interface {
	// Next returns the next message; io.EOF behind the last.
	Next() ([]byte, error)
	// Await bounds how long each next one may take, in place of what bounded the first.
	Await() error
	Close()
}

// Name is a zone of a view: the apex in lower-case wire form. That of a catalog is of no view.
type Name struct{ View, Apex string }

// Serials are those of zones.
type Serials map[Name]uint32

// term is what a publisher knows of its fleet.
type term struct {
	number  uint64 // of which its versions are; 0: of none
	version uint64 // of the ledger, that has all its serials
	// claims are serials that this server has told before it joined, and that are greater than
	// what is committed.
	claims atomic.Pointer[Serials]
	cells  map[Name]*atomic.Uint32 // of the table of a server that doesn't lead
}

// decides reports whether this server makes versions. A term that has begun or ended leaves
// nothing of those that there were.
func (p *publisher) decides() bool {
	if p.fleet == nil {
		return true
	}
	p.settleClaims()
	number := p.fleet.Term()
	if number != p.term.number {
		p.reset(number)
	}
	if number == 0 {
		p.follow()
		return false
	}
	p.raise()
	return true
}

// reset forgets all versions: who has led meanwhile may have told others.
func (p *publisher) reset(number uint64) {
	p.notified, p.planned, p.snap, p.forms, p.term.cells = nil, nil, nil, nil, nil
	p.unreleased = map[*publishedZone]bool{}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.term.number = number
	p.zones, p.catalogs, p.counts, p.complete = map[viewApex]*publishedZone{}, map[string]*publishedZone{}, nil, false
}

// follow has queries see the serials that are committed.
func (p *publisher) follow() {
	committed, same := p.fleet.Committed(), p.term.cells != nil
	cells := make(map[Name]*atomic.Uint32, len(committed))
	for name, serial := range committed {
		cell := p.term.cells[name]
		if cell == nil {
			cell, same = new(atomic.Uint32), false
		}
		cell.Store(serial)
		cells[name] = cell
	}
	same = same && len(cells) == len(p.term.cells)
	p.term.cells = cells
	if same {
		return
	}
	table := map[string]map[string]*atomic.Uint32{}
	for name, cell := range cells {
		if table[name.View] == nil {
			table[name.View] = map[string]*atomic.Uint32{}
		}
		table[name.View][name.Apex] = cell
	}
	p.resolver.PublishSerials(table)
}

// raise has zones get other serials that servers had told greater ones of before they joined.
func (p *publisher) raise() {
	for _, claims := range []Serials{p.fleet.Claimed(), p.claims()} {
		for name, serial := range claims {
			z := p.zones[viewApex{name.View, name.Apex}]
			if name.View == "" {
				z = p.catalogs[name.Apex]
			}
			if z == nil {
				continue // it has the floor when it is opened
			}
			is, known := z.history.Serial()
			if known && !history.After(is, serial) {
				z.history.SetFloor(serial)
				p.unreleased[z] = true
			}
		}
	}
}

// setFloors has a zone begin above what anybody has told of it.
func (p *publisher) setFloors(z *publishedZone) {
	name := Name{z.view, string(z.apex)}
	for _, serials := range []Serials{p.fleet.Committed(), p.fleet.Claimed(), p.claims()} {
		serial, known := serials[name]
		if known {
			z.history.SetFloor(serial)
		}
	}
}

// agree has serials committed, in a fleet.
func (p *publisher) agree(ctx context.Context, next map[*publishedZone]*history.Next) error {
	if p.fleet == nil {
		return nil
	}
	serials := Serials{}
	for z, n := range next {
		serials[Name{z.view, string(z.apex)}] = n.Serial()
	}
	for name, claim := range p.fleet.Claimed() { // also of a zone that isn't there: its server waits for it
		is, known := p.fleet.Committed()[name]
		_, fresh := serials[name]
		if !fresh && (!known || !history.After(is, claim)) && p.unknown(name) {
			serials[name] = claim + 1
		}
	}
	if len(serials) == 0 {
		return nil
	}
	version, err := p.fleet.Commit(ctx, serials)
	if err == nil {
		p.term.version = version
	}
	return err
}

// unknown reports whether there is no zone of a name.
func (p *publisher) unknown(n Name) bool {
	if n.View == "" {
		return p.catalogs[n.Apex] == nil
	}
	return p.zones[viewApex{n.View, n.Apex}] == nil
}

// now is the time that serials are made of.
func (p *publisher) now() time.Time {
	if p.fleet == nil {
		return time.Now()
	}
	return p.fleet.Now()
}

// claim finds out what this server has told before it joined its fleet.
func (p *publisher) claim() {
	if p.fleet == nil {
		return
	}
	p.histories.load()
	ids := slices.Collect(maps.Keys(p.histories.unclaimed))
	for file := range p.old {
		id, err := url.PathUnescape(strings.TrimSuffix(file, historySuffix))
		if err == nil {
			ids = append(ids, id)
		}
	}
	claims := Serials{}
	for _, id := range ids {
		name, ok := nameIn(id)
		if !ok {
			continue
		}
		z := &publishedZone{view: name.View, apex: []byte(name.Apex), history: history.New(0)}
		p.restore(z, 0)
		serial, known := z.history.Serial()
		if known {
			claims[name] = serial
		}
	}
	p.term.claims.Store(&claims)
}

// nameIn is the zone that the id of a history names.
func nameIn(id string) (Name, bool) {
	text, isCatalog := strings.CutPrefix(id, "catalog/")
	view := ""
	if !isCatalog {
		rest, isView := strings.CutPrefix(id, "view/")
		at := strings.LastIndexByte(rest, '/')
		if !isView || at < 0 {
			return Name{}, false
		}
		view, text = rest[:at], rest[at+1:]
	}
	apex, err := zone.ParseName(text)
	return Name{view, string(apex)}, err == nil
}

// claims are serials that this server has told and nobody has committed yet.
func (p *publisher) claims() Serials {
	claims := p.term.claims.Load()
	if claims == nil {
		return nil
	}
	return *claims
}

// settleClaims forgets claims that are below what is committed. The same serial isn't enough: what the fleet has under
// it may be another content than this server had.
func (p *publisher) settleClaims() {
	claims, committed := p.claims(), p.fleet.Committed()
	left := maps.Clone(claims)
	maps.DeleteFunc(left, func(name Name, serial uint32) bool {
		is, known := committed[name]
		return known && history.After(is, serial)
	})
	if len(left) == len(claims) {
		return
	}
	p.term.claims.Store(&left)
	if len(left) > 0 {
		return
	}
	err := os.RemoveAll(p.dir) // it would be claimed again, however old it is
	if err != nil && !os.IsNotExist(err) {
		p.log.Warn("histories of the time before the fleet not deleted", "directory", filepath.Base(p.dir), "error", err)
	}
}

// Claims are serials that this server has told before it joined its fleet, until the fleet has
// greater ones.
func (t *Server) Claims() Serials { return t.publisher.claims() }

// Fenced reports whether this server has told a greater serial of a zone of a view than its
// fleet has committed: until it has, nothing is said of it.
func (t *Server) Fenced(view string, apex []byte) bool {
	claims := t.publisher.claims()
	if len(claims) == 0 {
		return false
	}
	_, fenced := claims[Name{view, string(apex)}]
	return fenced
}

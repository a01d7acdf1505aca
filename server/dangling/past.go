package dangling

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource/atomicfile"
)

// mostAddresses bounds the addresses that are remembered.
const mostAddresses = 1 << 16

// former is an address that was ours.
type former struct {
	Owner  string    // what had it
	Region string    `json:",omitempty"`
	Until  time.Time // when it was seen last
}

// past is the addresses that are ours, and those that were.
type past struct {
	Ours   map[netip.Addr]former
	Former map[netip.Addr]former

	changed bool // since it was saved
	// followed is the inventory that was looked at last, at a time, and seen when it was there last.
	followed *zone.Inventory
	at, seen time.Time
}

// follow notes what an inventory has. What is gone from a region that wasn't read stays ours.
func (p *past) follow(in *zone.Inventory, now time.Time) {
	if p.followed != nil && in.IsLike(p.followed) {
		p.seen = now
		return
	}
	read, is := map[string]bool{}, map[netip.Addr]former{}
	for _, v := range in.VPCs {
		read[v.Region] = read[v.Region] || !v.Stale
	}
	for f := range in.Interfaces {
		if f.Public.IsValid() {
			is[f.Public] = former{Owner: ownerText(f), Region: in.Region(f), Until: now}
		}
	}
	for addr, was := range p.Ours {
		_, still := is[addr]
		if was.Until.Equal(p.at) {
			was.Until = p.seen
		}
		switch {
		case still:
		case !read[was.Region]:
			is[addr] = was
		case len(p.Former) < mostAddresses:
			p.Former[addr], p.changed = was, true
		}
	}
	for addr := range is {
		_, was := p.Former[addr]
		_, known := p.Ours[addr]
		p.changed = p.changed || was || !known
		delete(p.Former, addr)
	}
	p.Ours = is
	p.followed, p.at, p.seen = in, now, now
}

func ownerText(f *zone.Interface) string {
	if f.OwnerID != "" {
		return "that of " + f.OwnerID
	}
	return "that of " + f.ID
}

// load reads what was saved.
func (p *past) load(path string) error {
	p.Ours, p.Former = map[netip.Addr]former{}, map[netip.Addr]former{}
	if path == "" {
		return nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var saved past
	if err == nil {
		err = json.Unmarshal(data, &saved)
	}
	if err != nil {
		return fmt.Errorf("reading the addresses that were ours: %w", err)
	}
	for addr, f := range saved.Ours {
		p.Ours[addr] = f
	}
	for addr, f := range saved.Former {
		p.Former[addr] = f
	}
	return nil
}

// save writes it, where it has changed.
func (p *past) save(path string) error {
	if path == "" || !p.changed {
		return nil
	}
	err := atomicfile.Write(path, func(to io.Writer) error { return json.NewEncoder(to).Encode(p) })
	if err != nil {
		return fmt.Errorf("saving the addresses that were ours: %w", err)
	}
	p.changed = false
	return nil
}

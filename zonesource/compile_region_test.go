package zonesource

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
)

// shareInterfaces reports whether one inventory was made of another, or of what that was made of.
func shareInterfaces(a, b *zone.Inventory) bool {
	for f := range a.Interfaces {
		for g := range b.Interfaces {
			if f == g {
				return true
			}
		}
	}
	return false
}

// showInterfaces writes the interfaces of a snapshot, in any order, and what each view gets of them.
func showInterfaces(s *zone.Snapshot) []string {
	show := func(f *zone.Interface) string {
		if f == nil {
			return "none"
		}
		is := *f
		is.Name = s.Inventory.Name(f)
		return fmt.Sprintf("%+v", is)
	}
	var out []string
	for f := range s.Inventory.Interfaces {
		text := "interface " + show(f)
		for i := range len(s.Views) + 1 { // the last is that from outside
			if f.Public.Is4() {
				a, of, why := s.Inventory.Translate(i, f.Public.As4())
				text += fmt.Sprint("\n  ", i, a, why, show(of))
			}
			if f.Private.Is4() {
				text += "\n  private " + show(s.Inventory.Private(i, f.Private.As4()))
				of := s.Inventory.Interface(&zone.InstanceAddress{ID: []byte(f.OwnerID), VPC: f.VPC, Private: f.Private})
				text += "\n  of instance " + show(of)
			}
			of, reached := s.Inventory.Instance(i, []byte(f.OwnerID))
			text += fmt.Sprint("\n  first ", show(of), reached)
		}
		out = append(out, text)
	}
	slices.Sort(out)
	for _, name := range []string{"fs-1.efs.region-0.amazonaws.com.", "fs-1.efs.region-1.amazonaws.com.",
		"web-1.region-0.elb.amazonaws.com."} {
		of := s.Inventory.Service(zone.MustName(name))
		if of != nil {
			out = append(out, fmt.Sprintf("service %s %+v", name, *of))
		}
	}
	return out
}

// changeRegionRandomly changes some of what a region has, or lists it again.
func changeRegionRandomly(r *rand.Rand, parts map[Key]Part, now time.Time) {
	key := Key{"ec2", fmt.Sprint("/region-", r.IntN(2))}
	p, there := parts[key]
	if !there {
		return
	}
	region := *p.Region
	region.Hosts, region.Interfaces = slices.Clone(region.Hosts), slices.Clone(region.Interfaces)
	for range r.IntN(3) {
		if len(region.Hosts) == 0 {
			break
		}
		i := r.IntN(len(region.Hosts))
		switch r.IntN(8) {
		case 0:
			region.Hosts = slices.Delete(region.Hosts, i, i+1)
		case 6:
			changeCardsRandomly(r, &region)
		case 1:
			own(region.Hosts, i).Names = nil
		case 2:
			if len(region.Interfaces) > 0 {
				own(region.Interfaces, r.IntN(len(region.Interfaces))).Managed = r.IntN(2) == 0
			}
		case 3:
			if len(region.Interfaces) > 0 {
				f := own(region.Interfaces, r.IntN(len(region.Interfaces)))
				f.Public = netip.AddrFrom4([4]byte{203, 0, 113, byte(r.IntN(12))})
			}
		default:
			own(region.Hosts, i).Names = []HostName{{Text: fmt.Sprint("host", r.IntN(3)), From: "dns tag"},
				{Text: []string{"not a name", "second"}[r.IntN(2)], From: "Name tag"}}
		}
	}
	if !sameRegion(p.Region, &region) {
		p.Region = &region
	}
	p.Listed = now
	parts[key] = p
}

// changeCardsRandomly changes interfaces of a region, whose list is its own.
func changeCardsRandomly(r *rand.Rand, region *Region) {
	id := fmt.Sprint("eni-", r.IntN(6))
	at, there := slices.BinarySearchFunc(region.Interfaces, id,
		func(f *Interface, id string) int { return strings.Compare(f.ID, id) })
	if there && r.IntN(3) > 0 {
		f := own(region.Interfaces, at)
		switch r.IntN(6) {
		case 0:
			region.Interfaces = slices.Delete(region.Interfaces, at, at+1)
		case 1:
			f.Private = netip.AddrFrom4([4]byte{10, 0, 0, byte(10 + r.IntN(8))})
		case 2:
			f.Primary = !f.Primary
		case 3:
			f.Service = []string{"", "efs fs-1", "alb web/0123"}[r.IntN(3)]
		case 4:
			f.Private, f.Public, f.IPv6 = netip.Addr{}, netip.Addr{}, []netip.Addr{netip.MustParseAddr("2001:db8::1")}
		case 5:
			second := *f
			second.Private, second.Public, second.Primary = netip.MustParseAddr("10.0.0.30"), netip.Addr{}, false
			region.Interfaces = slices.Insert(region.Interfaces, at+1, &second)
		}
		return
	}
	f := &Interface{ID: id, VPC: region.VPCs[r.IntN(len(region.VPCs))].ID, Instance: fmt.Sprint("i-", r.IntN(6)),
		Private: netip.AddrFrom4([4]byte{10, 0, 0, byte(10 + r.IntN(8))}), Primary: r.IntN(2) == 0}
	if r.IntN(2) == 0 {
		f.Public = netip.AddrFrom4([4]byte{203, 0, 113, byte(r.IntN(12))})
	}
	region.Interfaces = slices.Insert(region.Interfaces, at, f)
}

package dangling

import (
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource/breath"
)

// The kinds of findings.
const (
	Address = "address" // a public address that was ours
	Target  = "target"  // a CNAME or alias to a name of ours that isn't there
	Outside = "outside" // a CNAME or alias to a name outside that doesn't resolve
)

// Kinds returns them.
func Kinds() []string { return []string{Address, Target, Outside} }

// Finding is a record that leads to what is gone.
type Finding struct {
	Kind   string
	Zone   *zone.Zone
	Name   []byte // in lower-case wire form
	Type   uint16
	Reason string
}

// verdict is what is known of a name outside.
type verdict struct {
	missing bool      // NXDOMAIN
	asked   time.Time // zero for never
}

// finder judges what records lead to.
type finder struct {
	snap    *zone.Snapshot
	zones   map[string][]*zone.Zone // by apex, those that were not read, too
	unread  map[*zone.Zone]bool
	regions map[string]bool       // whose inventory is known as it is now
	former  map[netip.Addr]former // addresses that were ours
	outside map[string]verdict
	asks    map[string]bool // names outside that there are
}

func newFinder(snap *zone.Snapshot, outside map[string]verdict, was map[netip.Addr]former) *finder {
	f := &finder{
		snap: snap, zones: map[string][]*zone.Zone{}, unread: map[*zone.Zone]bool{}, regions: map[string]bool{},
		former: was, outside: outside, asks: map[string]bool{},
	}
	for i, z := range snap.Zones {
		f.zones[string(z.Apex)] = append(f.zones[string(z.Apex)], z)
		f.unread[z] = i >= len(snap.Zones)-snap.Unread || z.Unavailable != ""
	}
	for _, v := range snap.Inventory.VPCs {
		f.regions[v.Region] = f.regions[v.Region] || !v.Stale
	}
	return f
}

// find judges the leads of a zone.
func (f *finder) find(z *zone.Zone, leads []lead) (found []Finding) {
	var pace breath.Pace
	for i := range leads {
		pace.Step()
		l := &leads[i]
		kind, reason := f.judge(z, l)
		if kind != "" {
			found = append(found, Finding{Kind: kind, Zone: z, Name: l.owner, Type: l.rrtype, Reason: reason})
		}
	}
	return found
}

// judge returns the kind of finding that a lead is, and why; "" for none.
func (f *finder) judge(z *zone.Zone, l *lead) (kind, reason string) {
	if l.target == nil {
		was, gone := f.former[l.address]
		if !gone {
			return "", ""
		}
		return Address, fmt.Sprintf("leads to %s, which was %s until %s and is nobody's of ours now: whoever gets the "+
			"address from AWS gets its clients", l.address, was.Owner, was.Until.UTC().Format(time.RFC3339))
	}
	name := zone.String(l.target)
	var labels zone.Labels
	if labels.Parse(l.target) < 0 {
		return "", ""
	}
	if l.within {
		if f.isGone([]*zone.Zone{z}, &labels, l.target) {
			return Target, "alias to " + name + ", which its zone doesn't have"
		}
		return "", ""
	}
	if address, region, ok := computed(name); ok && f.regions[region] {
		if f.snap.Inventory.Has(address.As4()) {
			return "", ""
		}
		return Target, fmt.Sprintf("leads to %s, but %s is no address of ours in %s", name, address, region)
	}
	for i := labels.Count; i >= 0; i-- {
		zones := f.zones[string(l.target[labels.Off[i]:])]
		if len(zones) == 0 {
			continue
		}
		if f.isGone(zones, &labels, l.target) {
			return Target, "leads to " + name + ", which no zone of ours has"
		}
		return "", ""
	}
	f.asks[string(l.target)] = true
	if v := f.outside[string(l.target)]; v.missing {
		return Outside, fmt.Sprintf("leads to %s, which doesn't exist outside (asked %s)", name,
			v.asked.UTC().Format(time.RFC3339))
	}
	return "", ""
}

// isGone reports whether for certain none of some zones of one apex has a name.
func (f *finder) isGone(zones []*zone.Zone, l *zone.Labels, name []byte) bool {
	return !slices.ContainsFunc(zones, func(z *zone.Zone) bool { return f.unread[z] || mayHave(z, l, name) })
}

// mayHave reports whether a zone has a name, or leaves it to others.
func mayHave(z *zone.Zone, l *zone.Labels, name []byte) bool {
	for i := l.Count; i >= z.ApexLabels; i-- {
		node := z.Find(l, name, i)
		if !node.Exists() {
			continue
		}
		if i == l.Count && i > z.ApexLabels {
			return true
		}
		if i == l.Count { // the apex itself
			return !node.Empty()
		}
		wildcard := append([]byte{1, '*'}, name[l.Off[i]:]...)
		if z.Tree.Lookup(wildcard).Exists() {
			return true
		}
		for ; i >= z.ApexLabels; i-- {
			node = z.Find(l, name, i)
			if i > z.ApexLabels && node.IsCut() || node.HasDNAME() {
				return true
			}
		}
		return false
	}
	return false
}

// computed reads the public names that EC2 makes from addresses: ec2-192-0-2-1.REGION.compute.amazonaws.com.
func computed(name string) (addr netip.Addr, region string, ok bool) {
	host, rest, _ := strings.Cut(name, ".")
	digits, is := strings.CutPrefix(host, "ec2-")
	if !is {
		return addr, "", false
	}
	region, domain, _ := strings.Cut(rest, ".")
	switch {
	case region == "compute-1" && domain == "amazonaws.com.":
		region = "us-east-1"
	case domain != "compute.amazonaws.com." && domain != "compute.amazonaws.com.cn.":
		return addr, "", false
	}
	addr, err := netip.ParseAddr(strings.ReplaceAll(digits, "-", "."))
	return addr, region, err == nil && addr.Is4()
}

// sortFindings sorts them for people.
func sortFindings(all []Finding) {
	breath.SortFunc(all, func(a, b Finding) int {
		return cmp.Or(bytes.Compare(a.Zone.Apex, b.Zone.Apex), bytes.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type),
			strings.Compare(a.Zone.ID, b.Zone.ID), strings.Compare(a.Reason, b.Reason))
	})
}

package ec2

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"inside53/zonesource"
	"inside53/zonesource/nametemplate"
)

// patch makes the region of the one that is kept, where nothing differs but pages of instances: of these what
// differs is decoded, and the other instances stay as they are. It returns nil where more differs, or what
// differs says more of the region than of its instances.
func (l *listing) patch(ctx context.Context, instances lazy[types.Reservation], cards lazy[types.NetworkInterface],
) (*zonesource.Region, error) {
	numbered := func(t nametemplate.Template) bool { return t.Uses(nametemplate.Ordinal) } // all of a group together
	if !l.pages.differOnly(l.api.instances.Name) || !l.knowsCrossing() || slices.ContainsFunc(l.o.templates, numbered) ||
		!hasCards(cards) {
		return nil, nil
	}
	found, before := *l.last.Region, len(l.problems) // of what is there once more
	known, same := chunksOf(l.pages.known), map[string]bool{}
	var read []types.Reservation
	for _, page := range instances {
		some := page.items
		switch {
		case page.same:
			addIDs(same, page.raw)
		case page.raw != nil:
			differing, rest := page.cut.divide(known)
			addIDs(same, rest)
			var err error
			some, err = page.decode(ctx, differing)
			if err != nil {
				return nil, err
			}
		}
		read = append(read, some...)
	}
	for _, r := range read {
		for i := range r.Instances {
			if same[aws.ToString(r.Instances[i].InstanceId)] {
				return nil, nil // it came twice
			}
		}
	}
	found.Hosts = slices.DeleteFunc(slices.Clone(found.Hosts), func(h zonesource.Host) bool { return !same[h.Instance] })
	found.Hosts = append(found.Hosts, l.hosts(read, found.Interfaces, found.AccountID)...)
	slices.SortFunc(found.Hosts, func(a, b zonesource.Host) int { return cmp.Compare(a.Instance, b.Instance) })
	if !hasVPCs(&found) {
		l.problems = l.problems[:before]
		return nil, nil
	}
	was := map[string]bool{}
	for i := range l.last.Region.Hosts {
		was[l.last.Region.Hosts[i].Instance] = true
	}
	stays := slices.DeleteFunc(slices.Clone(l.last.Problems), func(p zonesource.Problem) bool {
		return !same[p.Name] && (was[p.Name] || isInstance(p.Name))
	})
	l.problems = append(stays, l.problems[before:]...)
	return &found, nil
}

// hasVPCs reports whether a region has the VPCs of its hosts, and none that was known by a host which isn't there
// any more.
func hasVPCs(r *zonesource.Region) bool {
	named := map[string]bool{}
	for i := range r.Hosts {
		named[r.Hosts[i].VPC] = true
	}
	for i := range r.VPCs {
		id := r.VPCs[i].ID
		hasCard := func(f zonesource.Interface) bool { return f.VPC == id }
		if len(r.VPCs[i].CIDRs) == 0 && !named[id] && !slices.ContainsFunc(r.Interfaces, hasCard) {
			return false
		}
		delete(named, id)
	}
	return len(named) == 0
}

// hasCards reports whether network interfaces are listed here, all of them on pages that are the same as last time.
func hasCards(cards lazy[types.NetworkInterface]) bool {
	there := false
	for _, page := range cards {
		if !page.same {
			return false
		}
		there = there || bytes.Contains(page.raw, []byte("<networkInterfaceId>"))
	}
	return there
}

func isInstance(id string) bool { return len(id) > 2 && id[:2] == "i-" }

// addIDs adds the ids of instances that stand in a page.
func addIDs(to map[string]bool, page []byte) {
	var pace zonesource.Pace
	for n := 1; ; n++ {
		_, after, found := bytes.Cut(page, []byte("<instanceId>"))
		if !found {
			return
		}
		if n%16 == 0 { // they cost little
			pace.Step()
		}
		var id []byte
		id, page, _ = bytes.Cut(after, []byte("</instanceId>"))
		to[string(id)] = true
	}
}

package route53

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/rdata"
)

// hinting returns a lister of an account that reads out of turn, within its part of the budget;
// nil for an unknown account. It shares nothing that changes with the one of the cycles.
func (s *Source) hinting(account string) *lister {
	l := s.lister(account)
	if l == nil {
		return nil
	}
	return &lister{source: s, account: l.account, api: l.api, zones: map[string]*state{}, hinted: true,
		wanted: newWanted()}
}

// ReadZone lists one hosted zone that is served, out of turn: its records, and which VPCs it is
// associated with. It may be called beside Run.
func (s *Source) ReadZone(ctx context.Context, z *zone.Zone) (zonesource.Part, error) {
	part := zonesource.Part{Key: zoneKey(z.ID), Listed: time.Now()}
	l := s.hinting(z.Account)
	if l == nil {
		return part, fmt.Errorf("reading zone %s: no account %q", z.ID, z.Account)
	}
	now := &state{hosted: zonesource.Hosted{ID: z.ID, Name: z.Apex, Private: z.Origin == zone.Private}}
	out, err := l.getZone(ctx, z.ID, "asking for "+now.describe())
	if err != nil {
		return part, err
	}
	now.hosted.Records = int(aws.ToInt64(out.HostedZone.ResourceRecordSetCount))
	found, err := l.listRecords(ctx, now, nil)
	if err != nil {
		return part, err
	}
	info := z.Info
	info.Listed = part.Listed
	if now.hosted.Private {
		vpcs := make([]zone.VPC, 0, len(out.VPCs))
		for _, v := range out.VPCs {
			vpcs = append(vpcs, zone.VPC{ID: aws.ToString(v.VPCId), Region: string(v.VPCRegion)})
		}
		info.VPCs = sortVPCs(vpcs)
	}
	tree, problems := buildTree(now.hosted, found.sets)
	part.Zone, part.Problems = zone.New(info, tree, 0), problems
	return part, nil
}

// ReadingOf returns what the record sets of some names, all that Route 53 has of them, mean for
// the zone that is served. Names that aren't of the zone, and sets of others, are left out.
func ReadingOf(z *zone.Zone, names [][]byte, sets []types.ResourceRecordSet) *zonesource.Reading {
	r := &zonesource.Reading{Key: zoneKey(z.ID)}
	asked := map[string]bool{}
	for _, name := range names {
		if zone.IsSubdomain(name, z.Apex) && !asked[string(name)] {
			asked[string(name)] = true
			r.Names = append(r.Names, name)
		}
	}
	var of []recordSet
	for i := range sets {
		name, err := rdata.ParseName(aws.ToString(sets[i].Name))
		if err == nil && asked[string(name)] {
			of = append(of, sets[i])
		}
	}
	tree, problems := buildTree(zonesource.Hosted{ID: z.ID, Name: z.Apex, Private: z.Origin == zone.Private}, of)
	for name, node := range tree.All {
		for set := range node.RRsets {
			r.Sets = append(r.Sets, zonesource.Amended{Name: append([]byte(nil), name...), Type: set.Type, Set: set})
		}
	}
	r.Problems = problems
	return r
}

// IsGone reports whether an error of reading a zone is that it doesn't exist any more.
func IsGone(err error) bool { return awscall.HasCode(err, "NoSuchHostedZone") }

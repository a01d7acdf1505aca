package route53

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awscall"
)

// refreshByVPC learns the associations of all private zones from the side of the
// VPCs, where that costs fewer calls than asking for each zone. It is optional: what
// goes wrong is a problem, and the zones are asked for instead.
func (l *lister) refreshByVPC(ctx context.Context) *zonesource.Problem {
	l.byVPC = false
	vpcs := l.vpcsToList()
	if len(vpcs) == 0 {
		return nil
	}
	byZone := map[string][]zone.VPC{}
	var known []foreign
	for _, f := range l.survey.foreign {
		if slices.Contains(vpcs, f.VPC) {
			known = append(known, f)
		}
	}
	for _, vpc := range vpcs {
		summaries, err := l.listByVPC(ctx, vpc)
		if err != nil {
			// A VPC of another account, or a missing permission, stays what it is; the
			// next cycle need not find out again.
			l.refused = awscall.IsRefused(err)
			return &zonesource.Problem{Zone: vpc.ID,
				Reason: fmt.Sprintf("private zones of others are not known, and associations cost more calls: %v", err)}
		}
		for _, s := range summaries {
			id := zoneID(s.HostedZoneId)
			byZone[id] = append(byZone[id], vpc)
		}
		known, _ = replaceVPC(known, vpc, l.foreignOf(vpc, summaries))
	}
	for id, z := range l.zones {
		z.associate(sortVPCs(byZone[id]), vpcs)
	}
	l.byVPC, l.survey.foreign = true, known
	return nil
}

// associate notes which of the VPCs that were asked have the zone. A loss may be one of a
// listing that wasn't whole, and no private zone is without a VPC: then the zone
// itself is asked for.
func (z *state) associate(found, asked []zone.VPC) {
	lost := func(v zone.VPC) bool { return slices.Contains(asked, v) && !slices.Contains(found, v) }
	z.doubtful = slices.ContainsFunc(z.vpcs, lost) || !z.known && len(found) == 0
	if !z.doubtful && len(found) > 0 {
		z.vpcs, z.known = found, true
	}
}

// vpcsToList returns the VPCs to ask for, none when GetHostedZone is the better way.
func (l *lister) vpcsToList() []zone.VPC {
	if l.source.options.VPCs == nil || l.refused {
		return nil
	}
	vpcs, complete := l.source.options.VPCs()
	if !complete {
		return nil
	}
	private := 0
	for _, z := range l.zones {
		if z.hosted.Private && !z.hosted.Gone {
			private++
		}
	}
	// Each VPC has at least one page, and as many as the zones need that all of
	// them may be associated with.
	pages := pagesOf(private, zonesPerPage)
	if len(vpcs)*pages >= private {
		return nil
	}
	return vpcs
}

// listByVPC lists the private zones associated with a VPC, whoever owns them.
func (l *lister) listByVPC(ctx context.Context, vpc zone.VPC) ([]types.HostedZoneSummary, error) {
	what := fmt.Sprintf("listing the private zones of %s in %s", vpc.ID, vpc.Region)
	var all []types.HostedZoneSummary
	err := awscall.Pages(what, func(token string) (string, error) {
		out, err := call(ctx, l, l.api.byVPC, what, &route53.ListHostedZonesByVPCInput{
			VPCId: aws.String(vpc.ID), VPCRegion: types.VPCRegion(vpc.Region), MaxItems: aws.Int32(zonesPerPage),
			NextToken: awscall.Token(token),
		})
		if err != nil {
			return "", err
		}
		all = append(all, out.HostedZoneSummaries...)
		return followingToken(what, out.NextToken, len(out.HostedZoneSummaries))
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// followingToken returns the token of the page after one of so many items, "" for none.
// An empty page that leads on would have the listing go on for ever.
func followingToken(what string, token *string, items int) (string, error) {
	next := aws.ToString(token)
	if next != "" && items == 0 {
		return "", fmt.Errorf("%s: %w", what, awscall.ErrStuck)
	}
	return next, nil
}

// refreshAssociations asks for the VPCs of a private zone, unless the cycle knows them
// already. When it can't, the last known ones stay. The error is that of a zone whose VPCs
// were never known: published now, it would be in no view, and clients would get the public
// zone of its name instead.
func (l *lister) refreshAssociations(ctx context.Context, z *state) (*zonesource.Problem, error) {
	if !z.hosted.Private || l.byVPC && !z.doubtful {
		return nil, nil
	}
	out, err := l.getZone(ctx, z.hosted.ID, "asking for the VPCs of "+z.describe())
	if err != nil {
		if !z.known {
			return nil, err
		}
		reason := fmt.Sprintf("its VPCs are those of an earlier listing: %v", err)
		return &zonesource.Problem{Zone: zone.String(z.hosted.Name), Reason: reason}, nil
	}
	vpcs := make([]zone.VPC, 0, len(out.VPCs))
	for _, v := range out.VPCs {
		vpcs = append(vpcs, zone.VPC{ID: aws.ToString(v.VPCId), Region: string(v.VPCRegion)})
	}
	z.vpcs, z.known = sortVPCs(vpcs), true
	z.hosted.Records = int(aws.ToInt64(out.HostedZone.ResourceRecordSetCount))
	return nil, nil
}

// sortVPCs orders VPCs, so that a zone that didn't change is equal to itself.
func sortVPCs(vpcs []zone.VPC) []zone.VPC {
	slices.SortFunc(vpcs, func(a, b zone.VPC) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Region, b.Region))
	})
	return vpcs
}

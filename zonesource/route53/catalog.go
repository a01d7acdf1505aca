package route53

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/rdata"
)

const (
	idPrefix     = "/hostedzone/"
	zonesPerPage = 100 // the most that ListHostedZones and ListHostedZonesByVPC give
)

// refreshCatalog lists the hosted zones and delivers the catalog.
func (l *lister) refreshCatalog(ctx context.Context, deliver func(zonesource.Part)) error {
	part := zonesource.Part{Key: catalogKey(l.account.Name), Listed: time.Now()}
	l.delivered, l.asked = zonesource.Part{}, nil
	listed, err := l.listZones(ctx)
	if err == nil && len(listed) == 0 && !l.believed {
		// Nothing known says otherwise, and a server that starts on it would have other
		// servers answer for every zone: so it has to be said twice.
		listed, err = l.listZones(ctx)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		l.source.log.Debug("hosted zones not listed", "account", l.account.Name, "error", err)
		part.Err = err
		deliver(part)
		return err
	}
	l.believed = true
	ids := l.update(listed, &part)
	l.source.note(l.account.Name, ids, l.matched())
	err = l.confirmVanished(ctx, ids, deliver)
	if err != nil {
		return err
	}
	if l == l.source.accounts[0] {
		part.Problems = append(part.Problems, l.source.Unmatched()...)
	}
	problem := l.refreshByVPC(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if problem != nil {
		part.Problems = append(part.Problems, *problem)
	}
	if !l.byVPC {
		part.Problems = append(part.Problems, l.survey.problems...)
	}
	part.Problems = append(part.Problems, l.collectionProblems...)
	part.Catalog, part.Sum = l.catalog(), l.source.selected.sum()
	l.delivered = part
	deliver(part)
	return nil
}

// listZones lists all hosted zones of the account.
func (l *lister) listZones(ctx context.Context) ([]types.HostedZone, error) {
	var all []types.HostedZone
	seen := map[string]bool{}
	what := "listing the hosted zones of " + l.account.String()
	err := awscall.Pages(what, func(marker string) (string, error) {
		in := &route53.ListHostedZonesInput{MaxItems: aws.Int32(zonesPerPage), Marker: awscall.Token(marker)}
		out, err := call(ctx, l, l.api.zones, what, in)
		if err != nil {
			return "", err
		}
		next, err := followingZone(out, marker)
		if err != nil {
			return "", fmt.Errorf("%s: %w", what, err)
		}
		for _, z := range out.HostedZones {
			id := zoneID(z.Id)
			if seen[id] {
				return "", fmt.Errorf("%s: %s is listed twice", what, id)
			}
			seen[id] = true
		}
		all = append(all, out.HostedZones...)
		return next, nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// followingZone returns the marker of the page after this one, "" for none, which itself
// was asked for by marker. The error is of a page that isn't what was announced, or would
// come again and again.
func followingZone(page *route53.ListHostedZonesOutput, marker string) (string, error) {
	zones := page.HostedZones
	if len(zones) == 0 && marker != "" {
		return "", errors.New("a page that was announced is empty")
	}
	if !page.IsTruncated {
		return "", nil
	}
	next := aws.ToString(page.NextMarker)
	if next == "" || next == marker || len(zones) == 0 || next == zoneID(zones[0].Id) {
		return "", awscall.ErrStuck
	}
	return next, nil
}

func zoneID(id *string) string { return strings.TrimPrefix(aws.ToString(id), idPrefix) }

// update brings the zones up to date with a complete list, and returns the ids of all of it.
func (l *lister) update(listed []types.HostedZone, part *zonesource.Part) map[string]bool {
	ids := make(map[string]bool, len(listed))
	for i := range listed {
		h, err := hostedOf(&listed[i])
		ids[h.ID] = true
		if err != nil {
			part.Problems = append(part.Problems,
				zonesource.Problem{Zone: h.ID, Reason: fmt.Sprintf("its name can't be read: %v", err)})
			continue
		}
		if !l.source.selected.has(&h) {
			delete(l.zones, h.ID)
			continue
		}
		z := l.zones[h.ID]
		if z == nil {
			z = &state{}
			l.zones[h.ID] = z
		}
		z.hosted = h
		z.comment = ""
		if listed[i].Config != nil {
			z.comment = aws.ToString(listed[i].Config.Comment)
		}
	}
	return ids
}

// matched returns which configured zones this account has.
func (l *lister) matched() map[string]bool {
	m := map[string]bool{}
	for _, w := range l.source.selected.entries {
		for _, z := range l.zones {
			if zonesource.MeansZone(w, z.hosted.ID, z.hosted.Name) {
				m[w] = true
			}
		}
	}
	return m
}

// hostedOf reads one hosted zone; with an error, only the ID.
func hostedOf(z *types.HostedZone) (zonesource.Hosted, error) {
	h := zonesource.Hosted{
		ID:      zoneID(z.Id),
		Private: z.Config != nil && z.Config.PrivateZone,
		Records: int(aws.ToInt64(z.ResourceRecordSetCount)),
	}
	name, err := rdata.ParseName(aws.ToString(z.Name))
	h.Name = name
	return h, err
}

// confirmVanished asks for each zone that is no longer listed. One answer that a zone
// is still there proves the list wrong; the others then stay without being asked for.
// Zones that can't be asked for stay as well.
func (l *lister) confirmVanished(ctx context.Context, ids map[string]bool, deliver func(zonesource.Part)) error {
	for _, z := range l.vanished(ids) {
		listed := time.Now()
		what := fmt.Sprintf("asking for %s, which is no longer listed", z.describe())
		_, err := l.getZone(ctx, z.hosted.ID, what)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			l.source.log.Warn("a hosted zone exists and was not listed", "zone", z.hosted.ID, "account", l.account.Name)
			return nil
		case awscall.HasCode(err, "NoSuchHostedZone"):
			z.hosted.Gone, z.gone = true, time.Now()
		default:
			deliver(zonesource.Part{Key: zoneKey(z.hosted.ID), Listed: listed, Err: err})
			if awscall.IsAway(err) {
				return nil
			}
		}
	}
	return nil
}

// vanished returns the zones that are not among the ids and not known to be gone.
func (l *lister) vanished(ids map[string]bool) []*state {
	var out []*state
	for id, z := range l.zones {
		if !ids[id] && !z.hosted.Gone {
			out = append(out, z)
		}
	}
	slices.SortFunc(out, func(a, b *state) int { return strings.Compare(a.hosted.ID, b.hosted.ID) })
	return out
}

func (l *lister) getZone(ctx context.Context, id, what string) (*route53.GetHostedZoneOutput, error) {
	out, err := call(ctx, l, l.api.zone, what, &route53.GetHostedZoneInput{Id: aws.String(id)})
	if err == nil && out.HostedZone == nil {
		err = fmt.Errorf("%s: an answer without a hosted zone", what)
	}
	return out, err
}

// describe names the zone for people.
func (z *state) describe() string {
	return fmt.Sprintf("zone %s (%s)", zone.String(z.hosted.Name), z.hosted.ID)
}

// Zones that are gone stay in the catalog for an hour, or for ten cycles where those
// take longer: time enough to be removed, also by a guard that wants to see it twice.
const (
	goneFor    = time.Hour
	goneCycles = 10
)

// catalog is the list of the selected zones.
func (l *lister) catalog() *zonesource.Catalog {
	c := &zonesource.Catalog{Unlisted: l.survey.unlisted(), Surveyed: l.survey.done, SurveyedVPCs: l.survey.asked,
		Collections: l.collections}
	for id, z := range l.zones {
		if z.hosted.Gone && time.Since(z.gone) > max(goneFor, goneCycles*l.source.options.Refresh) {
			delete(l.zones, id)
			continue
		}
		c.Zones = append(c.Zones, z.hosted)
	}
	slices.SortFunc(c.Zones, func(a, b zonesource.Hosted) int { return strings.Compare(a.ID, b.ID) })
	return c
}

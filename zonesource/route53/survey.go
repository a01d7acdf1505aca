package route53

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/rdata"
	"inside53/zonesource/refresh"
)

// How often private zones of others are looked for. They come and go with file systems,
// VPC endpoints and shared zones: rarely.
const (
	surveyEvery = time.Hour
	// surveyAgain is after how long a survey comes again that was cut short or found
	// that something had gone.
	surveyAgain = 5 * time.Minute
)

// survey is what is known of the private zones of others.
type survey struct {
	due      time.Time            // of the next pass; zero before the first complete cycle
	done     time.Time            // when the last whole pass began, of an earlier process too
	asked    []zone.VPC           // of the last whole pass and since; sorted
	foreign  []foreign            // by VPC and id
	problems []zonesource.Problem // of the last pass
}

// foreign is a private zone of others.
type foreign struct {
	zonesource.Unlisted
	missed bool // by the last listing of its VPC
}

// plan sets the time of the first pass: a refresh after the first cycle that could list
// the zones began, since that one matters more.
func (s *survey) plan(began time.Time, refresh time.Duration) {
	if s.due.IsZero() {
		s.due = began.Add(refresh - refresh/10) // no pause is shorter
	}
}

// runSurvey asks for the private zones of each VPC of this account, when it is time. It
// is optional: what can't be had stays as it was, and is a problem.
func (l *lister) runSurvey(ctx context.Context) {
	s := &l.survey
	if l.source.options.Survey == nil || s.due.IsZero() {
		return
	}
	if time.Now().Before(s.due) {
		l.surveyNew(ctx)
		return
	}
	if l.byVPC {
		s.due, s.problems = time.Now().Add(surveyEvery), nil // the cycles tell the same, and sooner
		return
	}
	began, pause := time.Now(), surveyEvery
	vpcs := l.source.options.Survey(l.account.Name)
	known := slices.DeleteFunc(slices.Clone(s.foreign), func(f foreign) bool { return !slices.Contains(vpcs, f.VPC) })
	failed := map[string]error{} // by VPC
	for _, vpc := range vpcs {
		summaries, err := l.listByVPC(ctx, vpc)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			var missed bool
			known, missed = replaceVPC(known, vpc, l.foreignOf(vpc, summaries))
			if missed {
				pause = surveyAgain
			}
			l.source.noteSurveyed(vpc.ID)
			continue
		}
		failed[vpc.ID] = err
		if awscall.IsAway(err) || awscall.IsThrottled(err) {
			pause = surveyAgain
			break // the others can wait, and the zones can't
		}
	}
	l.reportFailed(failed, len(failed) == len(vpcs))
	s.foreign = known
	if pause == surveyEvery {
		s.done, s.asked = began, sortVPCs(slices.Clone(vpcs))
	}
	s.due = time.Now().Add(refresh.Jitter(max(pause, l.source.options.Refresh)))
	l.source.log.Debug("looked for private zones of others", "account", l.account.Name, "vpcs", len(vpcs), "found",
		len(known),
		"failed", len(failed), "took", time.Since(began))
}

// surveyNew asks for VPCs that have come since the last pass: of views that were configured, say.
// Those that can't be asked for are left to the next pass.
func (l *lister) surveyNew(ctx context.Context) {
	s := &l.survey
	if l.byVPC || s.done.IsZero() {
		return
	}
	for _, vpc := range l.source.options.Survey(l.account.Name) {
		if slices.Contains(s.asked, vpc) {
			continue
		}
		summaries, err := l.listByVPC(ctx, vpc)
		if ctx.Err() != nil || awscall.IsAway(err) || awscall.IsThrottled(err) {
			return
		}
		s.asked = sortVPCs(append(slices.Clone(s.asked), vpc))
		if err != nil {
			l.source.log.Warn("private zones of others not listed; the next pass asks again", "account", l.account.Name,
				"vpc", vpc.ID, "error", err)
			continue
		}
		s.foreign, _ = replaceVPC(s.foreign, vpc, l.foreignOf(vpc, summaries))
		l.source.noteSurveyed(vpc.ID)
	}
}

// reportFailed reports the VPCs that could not be asked for, in the log only where the pass
// before could. AWS answers the owner of a VPC alone: of a shared one that another of
// our accounts can ask for there is nothing to tell. all says that none could be.
func (l *lister) reportFailed(failed map[string]error, all bool) {
	s := &l.survey
	var ids []string
	var first error // the others most likely say the same
	for _, id := range slices.Sorted(maps.Keys(failed)) {
		if !awscall.IsDenied(failed[id]) || !l.source.wasSurveyed(id) {
			ids, first = append(ids, id), cmp.Or(first, failed[id])
		}
	}
	if len(ids) == 0 {
		s.problems = nil
		return
	}
	if len(s.problems) == 0 {
		l.source.log.Warn("private zones of others not listed; those known stay", "account", l.account.Name, "vpcs", ids,
			"error", first)
	}
	reason := fmt.Sprintf("private zones that others have associated are those of an earlier listing, or not known: %v",
		first)
	if !all && awscall.IsDenied(first) {
		reason = fmt.Sprintf("private zones that others have associated are not known: AWS tells the owner of a VPC alone, "+
			"and that is most likely no account of ours (%s)", awscall.Code(first))
	}
	s.problems = []zonesource.Problem{{Zone: strings.Join(ids, ", "), Reason: reason}}
}

// foreignOf returns those of a VPC's zones that no account of ours lists.
func (l *lister) foreignOf(vpc zone.VPC, summaries []types.HostedZoneSummary) []foreign {
	var out []foreign
	for _, s := range summaries {
		id := zoneID(s.HostedZoneId)
		name, err := rdata.ParseName(aws.ToString(s.Name))
		if err != nil || l.source.isListed(id) {
			continue // nobody could ask for what is no name
		}
		f := foreign{Unlisted: zonesource.Unlisted{ID: id, Name: name, VPC: vpc}}
		if s.Owner != nil {
			f.Owner = cmp.Or(aws.ToString(s.Owner.OwningService), aws.ToString(s.Owner.OwningAccount))
		}
		out = append(out, f)
	}
	return out
}

// replaceVPC replaces the zones of one VPC by those found. One that is lacking stays
// until a second listing is without it, which missed says: a listing may have been cut.
func replaceVPC(known []foreign, vpc zone.VPC, found []foreign) (all []foreign, missed bool) {
	for _, k := range known {
		switch {
		case k.VPC != vpc:
			all = append(all, k)
		case !k.missed && !slices.ContainsFunc(found, func(f foreign) bool { return f.ID == k.ID }):
			k.missed, missed = true, true
			all = append(all, k)
		}
	}
	all = append(all, found...)
	slices.SortFunc(all, func(a, b foreign) int {
		return cmp.Or(strings.Compare(a.VPC.ID, b.VPC.ID), strings.Compare(a.VPC.Region, b.VPC.Region),
			strings.Compare(a.ID, b.ID))
	})
	return all, missed
}

// restore takes over what a saved catalog says.
func (s *survey) restore(saved *zonesource.Catalog) {
	for _, u := range saved.Unlisted {
		s.foreign = append(s.foreign, foreign{Unlisted: u})
	}
	age := time.Since(saved.Surveyed)
	if age >= 0 && age < surveyEvery {
		s.done, s.due, s.asked = saved.Surveyed, saved.Surveyed.Add(refresh.Jitter(surveyEvery)), saved.SurveyedVPCs
	}
}

// unlisted is the result, for the catalog.
func (s *survey) unlisted() []zonesource.Unlisted {
	var out []zonesource.Unlisted
	for _, f := range s.foreign {
		out = append(out, f.Unlisted)
	}
	return out
}

package route53

import (
	"context"
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/refresh"
)

// lister lists the zones of one account. Its fields belong to the goroutine of run.
type lister struct {
	source  *Source
	account *awsclient.Account
	api     api

	plan   *refresh.Plan
	wishes wishes // what was asked to be read now

	zones     map[string]*state // selected zones by id, those gone included
	cataloged time.Time         // when the saved list of these zones was read; zero for none
	survey    survey
	hinted    bool // reads out of turn, what an event names
	byVPC     bool // this cycle's associations came by ListHostedZonesByVPC
	refused   bool // ListHostedZonesByVPC was refused: cycles don't ask again
	believed  bool // the zones have been listed

	collections        []zonesource.Collection // last good ones that records name
	collectionProblems []zonesource.Problem    // of the last attempt
	delivered          zonesource.Part         // the catalog of this cycle
	asked              []string                // ids of the collections asked for in this cycle

	wanted *wanted // out of turn
}

// state is what is known of one hosted zone from cycle to cycle.
type state struct {
	hosted  zonesource.Hosted
	comment string
	vpcs    []zone.VPC // last known associations
	known   bool       // vpcs is known at all
	// doubtful says that ListHostedZonesByVPC may have left out a VPC of the zone.
	doubtful bool
	gone     time.Time // when hosted.Gone was found, or read from saved parts

	listed   time.Time // begin of the last complete listing, zero for never
	failures int       // since then
	refused  int       // how many of the last ones in a row were refusals of AWS
	// skew is by how many record sets Route 53's count is known to be wrong.
	skew int
	// named are the CIDR collections that records of the zone name, as far as it
	// could be listed.
	named []string
}

func newLister(s *Source, a *awsclient.Account, api api) *lister {
	return &lister{
		source: s, account: a, api: api, plan: refresh.NewPlan(), zones: map[string]*state{}, wanted: newWanted(),
	}
}

// restore takes over what saved parts say of this account: a zone deleted while
// inside53 was down must still be asked for, and the oldest comes first.
func (l *lister) restore(saved []zonesource.Part) {
	for _, p := range saved {
		if p.Catalog == nil || p.Key != catalogKey(l.account.Name) {
			continue
		}
		l.collections = p.Catalog.Collections
		if p.Sum == l.source.selected.sum() {
			l.cataloged = p.Listed
		}
		l.survey.restore(p.Catalog)
		for _, h := range p.Catalog.Zones {
			if l.source.selected.has(&h) {
				l.zones[h.ID] = &state{hosted: h, gone: time.Now()}
			}
		}
	}
	for _, p := range saved {
		if p.Zone == nil || p.Key.Source != Name || p.Zone.Account != l.account.Name {
			continue
		}
		h := zonesource.Hosted{ID: p.Zone.ID, Name: p.Zone.Apex, Private: p.Zone.Origin == zone.Private}
		if !l.source.selected.has(&h) {
			continue
		}
		z := l.zones[h.ID]
		if z == nil {
			z = &state{hosted: h}
			l.zones[h.ID] = z
		}
		z.listed, z.vpcs, z.comment = p.Zone.Listed, p.Zone.VPCs, p.Zone.Comment
		z.known = !h.Private || len(z.vpcs) > 0 // none would be none that could be read
		z.named = collectionsOfTree(p.Zone.Tree)
	}
}

// firstRetry is the pause after a cycle that could not list the zones, or one of them for
// the first time.
const firstRetry = time.Second

// round is what run knows from round to round.
type round struct {
	due     time.Time // of the next cycle, zero for at once
	reached bool      // the zones could be listed last time
}

// run makes cycles until ctx ends, the first when the saved listings are as old as a
// refresh. Between two cycles only what waits is tried again: neither a zone nor the list of
// zones that can't be read has the others be listed more often. Private zones of others are
// looked for between rounds, once the zones could be listed.
func (l *lister) run(ctx context.Context, deliver func(zonesource.Part)) error {
	every := l.source.options.Refresh
	var r round
	loop := refresh.Loop{
		Start: l.startAfter(time.Now()), Every: every, Retry: firstRetry, Now: l.wanted.wake, Plan: l.plan,
	}
	return loop.Run(ctx, func(ctx context.Context) refresh.Next {
		if r.reached {
			l.runSurvey(ctx)
		}
		if ctx.Err() != nil {
			return refresh.Next{}
		}
		began := time.Now()
		var err error
		asked := l.wishes.accept()
		if l.wanted.all() || asked.catalog || r.isDue(began, every) {
			err = l.cycle(ctx, deliver)
			r.due = began.Add(every)
			if awscall.IsAway(err) {
				r.due = time.Time{} // most of it is still to be done
			}
		} else {
			err = l.retry(ctx, r.reached, asked, deliver)
		}
		l.attend(ctx, deliver)
		r.reached = err == nil
		if r.reached {
			l.survey.plan(began, every)
		}
		l.source.log.Debug("listed the zones of an account", "account", l.account.Name, "zones", len(l.zones),
			"took", time.Since(began), "error", err)
		next := refresh.Next{In: r.due.Sub(began)}
		if err != nil || l.waiting() {
			next.Result = refresh.Failed
		}
		return next
	})
}

// isDue reports whether the round that begins now is a cycle. A pause may be a tenth
// shorter than it should.
func (r *round) isDue(now time.Time, every time.Duration) bool {
	return !now.Before(r.due.Add(-every / 10))
}

// startAfter is the pause before the first cycle: none, unless all zones are known from saved
// listings that are younger than a refresh. A process that is started again and again
// asks no more often than one that runs, and has no burst of calls besides.
func (l *lister) startAfter(now time.Time) time.Duration {
	if l.cataloged.IsZero() || l.cataloged.After(now) {
		return 0
	}
	oldest := l.cataloged
	for _, z := range l.zones {
		if z.hosted.Gone {
			continue
		}
		if z.listed.IsZero() || z.listed.After(now) {
			return 0
		}
		if z.listed.Before(oldest) {
			oldest = z.listed
		}
	}
	l.account.Budget.Empty()
	return refresh.Jitter(max(0, oldest.Add(l.source.options.Refresh).Sub(now)))
}

// retry tries again what a cycle left waiting: the list of zones, where it failed, and zones
// that could never be listed. It also reads the zones that are wanted.
func (l *lister) retry(ctx context.Context, listed bool, wanted wish, deliver func(zonesource.Part)) error {
	if !listed {
		err := l.refreshCatalog(ctx, deliver)
		if err != nil {
			return err
		}
	}
	asked := func(z *state) bool { return wanted.zones[z.hosted.ID] || l.isWaiting(z) }
	return l.refreshZones(ctx, asked, deliver)
}

// waiting reports whether a zone is waiting.
func (l *lister) waiting() bool {
	for _, z := range l.zones {
		if l.isWaiting(z) && z.failures > 0 {
			return true
		}
	}
	return false
}

// refusals is how many refusals of AWS in a row are believed, as the keeper does.
const refusals = 2

// isWaiting reports whether a zone was never listed and may be at any time: until it has
// been, its names get SERVFAIL, so it is tried again before the next cycle. What IAM
// refuses comes with the cycles.
func (l *lister) isWaiting(z *state) bool {
	return z.listed.IsZero() && !z.hosted.Gone && z.refused < refusals
}

// awayLimit is after how many zones without any response a cycle is given up.
const awayLimit = 3

// cycle lists the zones, and the records of each. The error is that of the list of
// zones, or says that the service can't be reached.
func (l *lister) cycle(ctx context.Context, deliver func(zonesource.Part)) error {
	err := l.refreshCatalog(ctx, deliver)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && awscall.IsAway(err) {
		return err
	}
	failure := l.refreshZones(ctx, func(*state) bool { return true }, deliver)
	if failure != nil {
		return failure
	}
	l.refreshCollections(ctx, deliver)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// refreshZones lists those zones that are asked for, the oldest listing first. The error
// says that the service can't be reached.
func (l *lister) refreshZones(ctx context.Context, asked func(*state) bool, deliver func(zonesource.Part)) error {
	away := 0
	for _, z := range l.oldestFirst() {
		l.attend(ctx, deliver)
		if !asked(z) || z.hosted.Gone {
			continue
		}
		failure := l.refreshZone(ctx, z, deliver)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !awscall.IsAway(failure) {
			away = 0
			continue
		}
		away++
		if away == awayLimit {
			return failure
		}
	}
	return nil
}

// patienceWithZone is after how many failures in a row a zone no longer goes before
// those that can be listed.
const patienceWithZone = 3

// oldestFirst is the order in which the zones are listed.
func (l *lister) oldestFirst() []*state {
	order := make([]*state, 0, len(l.zones))
	for _, z := range l.zones {
		if !z.hosted.Gone {
			order = append(order, z)
		}
	}
	slices.SortFunc(order, func(a, b *state) int {
		if hopeless(a) != hopeless(b) {
			if hopeless(a) {
				return 1
			}
			return -1
		}
		c := a.listed.Compare(b.listed)
		if c == 0 {
			c = strings.Compare(a.hosted.ID, b.hosted.ID)
		}
		return c
	})
	return order
}

func hopeless(z *state) bool { return z.failures >= patienceWithZone }

// refreshZone lists one zone and delivers what came of it.
func (l *lister) refreshZone(ctx context.Context, z *state, deliver func(zonesource.Part)) error {
	part := zonesource.Part{Key: zoneKey(z.hosted.ID), Listed: time.Now()}
	problem, err := l.refreshAssociations(ctx, z)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	kept, pages := l.kept(part.Key)
	var found *listing
	var laid *patched
	if err == nil {
		found, err = l.listRecords(ctx, z, pages)
	}
	if err == nil && len(found.raw) > 0 && !found.unchanged() {
		laid, err = l.patchOrDecode(ctx, z, kept, found)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		z.failures++
		z.refused++
		if !awscall.IsDenied(err) {
			z.refused = 0
		}
		part.Err = err
		l.source.log.Debug("zone not refreshed", "zone", z.hosted.ID, "name", zone.String(z.hosted.Name), "account",
			l.account.Name, "error", err)
		deliver(part)
		return err
	}
	switch {
	case laid != nil:
		z.named = laid.named
	case !found.unchanged():
		z.named = collectionsOf(found.sets)
	}
	l.refreshNewCollections(ctx, z, deliver)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch {
	case laid != nil:
		z.listed, z.failures, z.refused = part.Listed, 0, 0
		part.Zone, part.Problems, part.Sum = zone.New(l.info(z), laid.tree, 0), laid.problems, laid.sum
	case found.unchanged():
		l.fillAgain(&part, z, kept)
	default:
		l.fill(&part, z, found)
	}
	if !found.unchanged() {
		part.Pages = found.knownPages(l.source.program, part.Zone.Tree.Stats().Names)
	}
	if problem != nil {
		part.Problems = append(slices.Clip(part.Problems), *problem)
	}
	deliver(part)
	return nil
}

// fill makes the zone of a listing, unless the keeper has kept what this same listing has
// come to.
func (l *lister) fill(part *zonesource.Part, z *state, found *listing) {
	z.listed, z.failures, z.refused = part.Listed, 0, 0
	part.Sum = found.sum(l.source.program)
	kept, _ := l.source.options.Kept(part.Key)
	if kept.Sum == part.Sum && kept.Zone != nil {
		l.fillAgain(part, z, kept)
		return
	}
	began := time.Now()
	tree, problems := buildTree(z.hosted, found.sets)
	part.Zone, part.Problems = zone.New(l.info(z), tree, 0), problems
	l.source.log.Debug("made a zone of its listing", "zone", z.hosted.ID, "sets", len(found.sets), "took",
		time.Since(began))
}

// fillAgain makes the part of a listing that is the same as that of the part kept.
func (l *lister) fillAgain(part *zonesource.Part, z *state, kept zonesource.Part) {
	z.listed, z.failures, z.refused = part.Listed, 0, 0
	part.Sum, part.Pages = kept.Sum, kept.Pages
	part.Zone, part.Problems = zone.New(l.info(z), kept.Zone.Tree, 0), problemsOfRecords(kept.Problems)
}

// kept returns the last good part of a zone, and the pages that it was made from, by this
// program; none where something else lies over them.
func (l *lister) kept(key zonesource.Key) (zonesource.Part, []zonesource.Page) {
	part, _ := l.source.options.Kept(key)
	if part.Sum == (zonesource.Sum{}) || part.Zone == nil {
		return part, nil
	}
	return part, part.Pages
}

// problemsOfRecords are those problems of a part that come from its listing: these name
// records.
func problemsOfRecords(all []zonesource.Problem) []zonesource.Problem {
	about := func(p zonesource.Problem) bool { return p.Name == "" && p.Type == "" }
	if !slices.ContainsFunc(all, about) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), about)
}

func (l *lister) info(z *state) zone.Info {
	info := zone.Info{
		Origin:  zone.Public,
		ID:      z.hosted.ID,
		Account: l.account.Name,
		Comment: z.comment,
		Listed:  z.listed,
	}
	if z.hosted.Private {
		info.Origin, info.VPCs = zone.Private, z.vpcs
	}
	return info
}

package route53

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"

	"inside53/zonesource"
	"inside53/zonesource/awscall"
)

// Finding says whether one account allows one IAM action.
type Finding struct {
	Account string // configured name, "" for the base account
	Action  string // route53:ListHostedZones
	// Err is nil when the action is allowed. It is ErrUntried when there was nothing
	// to try the action on.
	Err error
}

// ErrUntried says that an action was not tried, because there is no zone, VPC or CIDR
// collection to try it on.
var ErrUntried = errors.New("nothing to try it on")

// Cost is what one account's refresh takes. CIDR collections come on top where records
// name some: a call a cycle, and one or more for each that has changed.
type Cost struct {
	Account string // configured name
	Zones   int    // wanted
	Private int    // of these
	Records int    // record sets of the wanted zones
	Calls   int    // a cycle, when nothing fails or changes
	// Cycle is how long the budget makes the calls of one cycle take; zones can't be
	// refreshed more often.
	Cycle time.Duration
}

// Check tries each IAM action on each account, with a handful of calls, and counts what
// a cycle costs. Costs are only of accounts that let their zones be listed. The
// error is ctx's. It must not be called while Run runs.
func (s *Source) Check(ctx context.Context) ([]Finding, []Cost, error) {
	var findings []Finding
	var costs []Cost
	for _, l := range s.accounts {
		errs, cost := l.check(ctx)
		if ctx.Err() != nil {
			return findings, costs, ctx.Err()
		}
		for _, operation := range []string{
			opListZones, opGetZone, opListRecords, opListByVPC, opListCollections, opListBlocks,
		} {
			findings = append(findings, Finding{Account: l.account.Name, Action: action(operation), Err: errs[operation]})
		}
		if errs[opListZones] == nil {
			costs = append(costs, cost)
		}
	}
	return findings, costs, nil
}

// Holds reports whether a hosted zone was listed that is served: by its id, or by its name
// and visibility. It is for after Check.
func (s *Source) Holds(id, apex string, private bool) bool {
	for _, l := range s.accounts {
		for _, z := range l.zones {
			if z.hosted.ID == id || id == "" && string(z.hosted.Name) == apex && z.hosted.Private == private {
				return true
			}
		}
	}
	return false
}

// check tries the operations on the first zone, a private one if there is any, on the
// account's first VPC, and on any CIDR collection.
func (l *lister) check(ctx context.Context) (map[string]error, Cost) {
	errs := map[string]error{
		opGetZone: ErrUntried, opListRecords: ErrUntried, opListByVPC: ErrUntried, opListBlocks: ErrUntried,
	}
	listed, err := l.listZones(ctx)
	errs[opListZones] = err
	ids := l.update(listed, &zonesource.Part{}) // its problems are the report's
	if err == nil {
		l.source.note(l.account.Name, ids, l.matched())
	}
	order := l.oldestFirst()
	at := max(0, slices.IndexFunc(order, func(z *state) bool { return z.hosted.Private }))
	if len(order) > 0 {
		z := order[at]
		_, errs[opGetZone] = l.getZone(ctx, z.hosted.ID, "asking for the VPCs of "+z.describe())
		_, errs[opListRecords] = call(ctx, l, l.api.records, "listing record sets of "+z.describe(),
			&route53.ListResourceRecordSetsInput{HostedZoneId: aws.String(z.hosted.ID), MaxItems: aws.Int32(1)})
	}
	if l.source.options.Survey != nil {
		vpcs := l.source.options.Survey(l.account.Name)
		if len(vpcs) > 0 {
			_, errs[opListByVPC] = l.listByVPC(ctx, vpcs[0])
		}
	}
	collections, err := l.listSummaries(ctx)
	errs[opListCollections] = unlessUnknown(err)
	for id := range collections {
		_, errs[opListBlocks] = l.listBlocks(ctx, &zonesource.Collection{ID: id})
		break
	}
	return errs, l.cost(len(listed))
}

// unlessUnknown returns err, as ErrUntried where the endpoint has no such operation: not
// every partition of AWS, and few other implementations, know CIDR collections. No
// policy can give what isn't there, and nothing but IP-based records needs it.
func unlessUnknown(err error) error {
	if awscall.Status(err) != http.StatusNotFound && !awscall.HasCode(err, "UnknownOperationException", "InvalidAction") {
		return err
	}
	return fmt.Errorf("%w: the endpoint has no such operation", ErrUntried)
}

// cost counts the calls of a cycle.
func (l *lister) cost(listed int) Cost {
	c := Cost{Account: l.account.Name, Calls: pagesOf(listed, zonesPerPage)}
	for _, z := range l.zones {
		c.Zones++
		if z.hosted.Private {
			c.Private++
		}
		c.Records += z.hosted.Records
		c.Calls += pagesOf(z.hosted.Records, setsPerPage)
	}
	vpcs := l.vpcsToList()
	if len(vpcs) > 0 {
		c.Calls += len(vpcs) * pagesOf(c.Private, zonesPerPage)
	} else {
		c.Calls += c.Private
	}
	_, full := l.account.Budget.PerSecond()
	c.Cycle = time.Duration(math.Round(float64(c.Calls) / full * float64(time.Second)))
	return c
}

// pagesOf is the number of pages that n things take; an empty listing is a page too.
func pagesOf(n, size int) int { return max(1, (n+size-1)/size) }

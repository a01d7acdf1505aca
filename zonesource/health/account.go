package health

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	smithyauth "github.com/aws/smithy-go/auth"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"inside53/resolver/zone"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/refresh"
)

const (
	checksPerPage  = 100
	queriesPerCall = 500 // the most that GetMetricData takes
	listEvery      = 5   // cycles: definitions change seldom, and their listing is paid from the budget
	// metricWindow is how far back data points are looked for; they come each minute,
	// a minute or three late.
	metricWindow = 5 * time.Minute
	metricPeriod = time.Minute
)

// metricRegion is where the metrics of health checks are: in the home region of Route 53
// of each partition. That is the region which requests to Route 53 are signed for, as the
// SDK knows it.
func metricRegion(region string) string {
	const home = "us-east-1"
	endpoint, err := route53.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(),
		route53.EndpointParameters{Region: aws.String(region)})
	if err != nil {
		return home
	}
	schemes, _ := smithyauth.GetAuthOptions(&endpoint.Properties)
	for _, scheme := range schemes {
		signing, ok := smithyhttp.GetSigV4SigningRegion(&scheme.SignerProperties)
		if ok {
			return signing
		}
	}
	return home
}

// reader reads what one account knows of its health checks.
type reader struct {
	m       *Monitor
	account *awsclient.Account
	api     routeAPI

	listed   time.Time       // when the definitions were listed last, by an earlier process too; zero for never
	missing  map[string]bool // wanted ids that the last listing didn't have
	listing  grievance
	statuses grievance
}

// run reads until ctx ends, which is its error.
func (r *reader) run(ctx context.Context) error {
	return r.m.loop().Run(ctx, func(ctx context.Context) refresh.Next {
		r.cycle(ctx)
		return refresh.Next{}
	})
}

// cycle lists the definitions when it is time, and asks for the statuses.
func (r *reader) cycle(ctx context.Context) {
	r.m.refreshWanted()
	if r.isListingDue() {
		err := r.list(ctx)
		if ctx.Err() != nil {
			return
		}
		r.listing.note(r.m.log, "health checks", err, "account", r.account.Name)
	}
	err := r.readStatuses(ctx)
	if ctx.Err() != nil {
		return
	}
	r.statuses.note(r.m.log, "statuses of health checks", err, "account", r.account.Name)
}

// isListingDue says yes at a start that knows nothing, each few cycles, and when a record
// names a check that is new.
func (r *reader) isListingDue() bool {
	if !r.m.isFresh(r.listed) {
		return true
	}
	for id := range r.m.undefined() {
		if !r.missing[id] {
			return true
		}
	}
	return false
}

// isFresh reports whether definitions that were listed then need not be listed yet.
func (m *Monitor) isFresh(listed time.Time) bool {
	age := m.options.Now().Sub(listed)
	return age >= 0 && age < listEvery*m.options.Refresh-m.options.Refresh/2
}

// list lists the definitions. Only a whole listing replaces what is known.
func (r *reader) list(ctx context.Context) error {
	found, began := map[string]definition{}, r.m.options.Now()
	c := r.listingCall()
	err := awscall.Pages(c.What, func(marker string) (string, error) {
		in := &route53.ListHealthChecksInput{Marker: awscall.Token(marker), MaxItems: aws.Int32(checksPerPage)}
		out, err := awscall.Do(ctx, c, r.api.checks, in)
		if err != nil {
			return "", err
		}
		if marker != "" && len(out.HealthChecks) == 0 {
			return "", fmt.Errorf("%s: a page that was announced is empty", c.What)
		}
		for i := range out.HealthChecks {
			d, err := definitionOf(r.account.Name, &out.HealthChecks[i])
			if err != nil {
				return "", fmt.Errorf("%s: %w", c.What, err)
			}
			found[d.ID] = d
		}
		if !out.IsTruncated {
			return "", nil
		}
		if aws.ToString(out.NextMarker) == "" {
			return "", fmt.Errorf("%s: %w", c.What, awscall.ErrStuck)
		}
		return *out.NextMarker, nil
	})
	if err != nil {
		return err
	}
	r.m.define(r.account.Name, found, began)
	r.listed = began
	r.missing = r.m.undefined()
	return nil
}

// listingCall is how the definitions are listed.
func (r *reader) listingCall() awscall.Call {
	return r.m.call(r.account, "listing the health checks of "+r.account.String(), r.account.Budget)
}

// readStatuses asks CloudWatch for all checks that count, hundreds a call. What was
// answered counts, also when a later call goes wrong.
func (r *reader) readStatuses(ctx context.Context) error {
	for ids := range slices.Chunk(r.m.asked(r.account.Name), queriesPerCall) {
		err := r.readChunk(ctx, ids)
		if err != nil {
			return err
		}
	}
	return nil
}

// point is the newest data point of a metric.
type point struct {
	at       time.Time
	healthy  bool
	complete bool // the answer is whole: no point means that there is none
}

func (r *reader) readChunk(ctx context.Context, ids []string) error {
	now := r.m.options.Now()
	in := &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(now.Add(-metricWindow).Truncate(metricPeriod)),
		EndTime:   aws.Time(now.Truncate(metricPeriod).Add(metricPeriod)),
		ScanBy:    cwtypes.ScanByTimestampDescending,
	}
	for i, id := range ids {
		in.MetricDataQueries = append(in.MetricDataQueries, cwtypes.MetricDataQuery{
			Id: aws.String("h" + strconv.Itoa(i)),
			MetricStat: &cwtypes.MetricStat{
				Metric: &cwtypes.Metric{
					Namespace: aws.String("AWS/Route53"), MetricName: aws.String("HealthCheckStatus"),
					Dimensions: []cwtypes.Dimension{{Name: aws.String("HealthCheckId"), Value: aws.String(id)}},
				},
				Period: aws.Int32(int32(metricPeriod / time.Second)), Stat: aws.String("Minimum"),
			},
		})
	}
	points := make([]point, len(ids))
	c := r.m.call(r.account, "asking CloudWatch for the health checks of "+r.account.String())
	err := awscall.Pages(c.What, func(token string) (string, error) {
		in.NextToken = awscall.Token(token)
		out, err := awscall.Do(ctx, c, r.api.metrics, in)
		if err != nil {
			return "", err
		}
		for i := range out.MetricDataResults {
			newest(points, &out.MetricDataResults[i])
		}
		return aws.ToString(out.NextToken), nil
	})
	if err != nil {
		return err
	}
	r.m.observe(ids, points, now)
	return nil
}

// newest keeps the newest point of one result, which may come in parts.
func newest(points []point, r *cwtypes.MetricDataResult) {
	text, _ := strings.CutPrefix(aws.ToString(r.Id), "h")
	i, err := strconv.Atoi(text)
	if err != nil || i < 0 || i >= len(points) {
		return
	}
	p := &points[i]
	p.complete = p.complete || r.StatusCode == cwtypes.StatusCodeComplete
	for k := range min(len(r.Values), len(r.Timestamps)) {
		if r.Timestamps[k].After(p.at) {
			p.at, p.healthy = r.Timestamps[k], r.Values[k] >= 1
		}
	}
}

// seen is what AWS says of a check after a data point, or the lack of one, was read.
// HealthCheckStatus is the status that counts: inversion has been applied.
func seen(before zone.Observation, p point) zone.Observation {
	switch {
	case !p.at.IsZero() && p.at.Before(before.Seen):
		return before
	case p.at.IsZero() && !p.complete:
		return before
	case p.at.IsZero():
		before.Known = false
		before.Why = fmt.Sprintf("no data point of the last %s", metricWindow)
		return before
	}
	o := zone.Observation{Known: true, Healthy: p.healthy, Since: p.at, Seen: p.at, Why: "HealthCheckStatus 0"}
	if p.healthy {
		o.Why = "HealthCheckStatus 1"
	}
	if !before.Since.IsZero() && before.Healthy == o.Healthy {
		o.Since = before.Since
	}
	return o
}

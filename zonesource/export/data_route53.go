package export

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/zonesource/awscall"
	"inside53/zonesource/changes"
)

// hosted reads the Route 53 of one account.
type hosted struct {
	*collector
	client *changes.Client

	zones       awscall.Op[route53.ListHostedZonesInput, route53.ListHostedZonesOutput]
	zone        awscall.Op[route53.GetHostedZoneInput, route53.GetHostedZoneOutput]
	tags        awscall.Op[route53.ListTagsForResourcesInput, route53.ListTagsForResourcesOutput]
	checks      awscall.Op[route53.ListHealthChecksInput, route53.ListHealthChecksOutput]
	status      awscall.Op[route53.GetHealthCheckStatusInput, route53.GetHealthCheckStatusOutput]
	collections awscall.Op[route53.ListCidrCollectionsInput, route53.ListCidrCollectionsOutput]
	blocks      awscall.Op[route53.ListCidrBlocksInput, route53.ListCidrBlocksOutput]
	byVPC       awscall.Op[route53.ListHostedZonesByVPCInput, route53.ListHostedZonesByVPCOutput]
}

func newHosted(c *collector) *hosted {
	const service = "route53"
	sdk := route53.NewFromConfig(c.account.Config, func(o *route53.Options) { o.Retryer = aws.NopRetryer{} })
	return &hosted{
		collector: c, client: changes.New(c.account, c.options.Change),
		zones:       awscall.Bind(service, "ListHostedZones", sdk.ListHostedZones),
		zone:        awscall.Bind(service, "GetHostedZone", sdk.GetHostedZone),
		tags:        awscall.Bind(service, "ListTagsForResources", sdk.ListTagsForResources),
		checks:      awscall.Bind(service, "ListHealthChecks", sdk.ListHealthChecks),
		status:      awscall.Bind(service, "GetHealthCheckStatus", sdk.GetHealthCheckStatus),
		collections: awscall.Bind(service, "ListCidrCollections", sdk.ListCidrCollections),
		blocks:      awscall.Bind(service, "ListCidrBlocks", sdk.ListCidrBlocks),
		byVPC:       awscall.Bind(service, "ListHostedZonesByVPC", sdk.ListHostedZonesByVPC),
	}
}

// HostedActions are the IAM actions of Route 53 that an export of data needs, in
// alphabetical order.
func HostedActions() []string {
	return []string{
		"route53:GetHealthCheckStatus", "route53:GetHostedZone", "route53:ListCidrBlocks", "route53:ListCidrCollections",
		"route53:ListHealthChecks", "route53:ListHostedZones", "route53:ListHostedZonesByVPC",
		"route53:ListResourceRecordSets",
		"route53:ListTagsForResources",
	}
}

// isMissing reports whether something can't be had at all: it isn't allowed, or the
// service doesn't know it.
func isMissing(err error) bool { return awscall.IsDenied(err) || changes.IsUnknown(err) }

func (h *hosted) collect(ctx context.Context, vpcs map[string]string) error {
	zones, err := h.listZones(ctx)
	if err != nil {
		return err
	}
	err = h.put("route53/list-hosted-zones.json", struct{ HostedZones []types.HostedZone }{zones})
	if err != nil {
		return err
	}
	for i := range zones {
		err = h.exportZone(ctx, &zones[i])
		if err != nil {
			return err
		}
	}
	h.options.Progress("tags, health checks and CIDR collections")
	err = h.exportTags(ctx, zones)
	if err == nil {
		err = h.exportChecks(ctx)
	}
	if err == nil {
		err = h.exportCollections(ctx)
	}
	if err == nil {
		err = h.exportForeign(ctx, zones, vpcs)
	}
	return err
}

// listZones lists the zones that are wanted.
func (h *hosted) listZones(ctx context.Context) ([]types.HostedZone, error) {
	h.options.Progress("the list of hosted zones")
	zones := []types.HostedZone{}
	err := awscall.Pages("listing the hosted zones", func(marker string) (string, error) {
		out, err := changes.Read(ctx, h.client, h.zones, "listing the hosted zones",
			&route53.ListHostedZonesInput{Marker: awscall.Token(marker)})
		if err != nil {
			return "", err
		}
		for _, z := range out.HostedZones {
			if h.options.Zones(changes.ZoneOf(&z)) {
				zones = append(zones, z)
			}
		}
		return aws.ToString(out.NextMarker), nil
	})
	return zones, err
}

// exportZone keeps one zone with its records.
func (h *hosted) exportZone(ctx context.Context, hz *types.HostedZone) error {
	z := changes.ZoneOf(hz)
	h.options.Progress(z.String())
	detail, err := changes.Read(ctx, h.client, h.zone, "asking for "+z.String(),
		&route53.GetHostedZoneInput{Id: aws.String(z.ID)})
	if err != nil {
		return err
	}
	err = h.put(path.Join("route53", z.ID, "get-hosted-zone.json"), detail)
	if err != nil {
		return err
	}
	sets, err := h.client.SteadyRecords(ctx, z)
	if err != nil {
		return err
	}
	return h.put(path.Join("route53", z.ID, "list-resource-record-sets.json"),
		struct{ ResourceRecordSets []changes.RecordSet }{sets})
}

// tagsAtOnce is the most that one call takes.
const tagsAtOnce = 10

// exportTags keeps the tags of zones that have some.
func (h *hosted) exportTags(ctx context.Context, zones []types.HostedZone) error {
	for some := range slices.Chunk(zones, tagsAtOnce) {
		in := &route53.ListTagsForResourcesInput{ResourceType: types.TagResourceTypeHostedzone}
		for i := range some {
			in.ResourceIds = append(in.ResourceIds, changes.ZoneOf(&some[i]).ID)
		}
		out, err := changes.Read(ctx, h.client, h.tags, "listing the tags of zones", in)
		if err != nil {
			return h.without(err, "the tags of zones", isMissing(err))
		}
		for _, set := range out.ResourceTagSets {
			if len(set.Tags) == 0 {
				continue
			}
			err = h.put(path.Join("route53", aws.ToString(set.ResourceId), "list-tags-for-resource.json"),
				struct{ ResourceTagSet types.ResourceTagSet }{set})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// exportChecks keeps the health checks, and what their checkers say.
func (h *hosted) exportChecks(ctx context.Context) error {
	var checks []types.HealthCheck
	err := awscall.Pages("listing the health checks", func(marker string) (string, error) {
		out, err := changes.Read(ctx, h.client, h.checks, "listing the health checks",
			&route53.ListHealthChecksInput{Marker: awscall.Token(marker)})
		if err != nil {
			return "", err
		}
		checks = append(checks, out.HealthChecks...)
		return aws.ToString(out.NextMarker), nil
	})
	if err != nil {
		return h.without(err, "the health checks", isMissing(err))
	}
	if len(checks) == 0 {
		return nil
	}
	err = h.put("route53/list-health-checks.json", struct{ HealthChecks []types.HealthCheck }{checks})
	if err != nil {
		return err
	}
	for i := range checks {
		err = h.exportStatus(ctx, &checks[i])
		if err != nil {
			return h.without(err, "the state of health checks", isMissing(err))
		}
	}
	return nil
}

func (h *hosted) exportStatus(ctx context.Context, check *types.HealthCheck) error {
	id := aws.ToString(check.Id)
	switch check.HealthCheckConfig.Type {
	case types.HealthCheckTypeCalculated, types.HealthCheckTypeRecoveryControl:
		return nil // there are no checkers to ask
	}
	out, err := changes.Read(ctx, h.client, h.status, "asking for the state of health check "+id,
		&route53.GetHealthCheckStatusInput{HealthCheckId: check.Id})
	if err != nil {
		if changes.IsInvalid(err) {
			return nil // of a kind without checkers
		}
		return err
	}
	return h.put(path.Join("route53", id, "get-health-check-status.json"), out)
}

// exportCollections keeps the CIDR collections with their blocks.
func (h *hosted) exportCollections(ctx context.Context) error {
	var all []types.CollectionSummary
	err := awscall.Pages("listing the CIDR collections", func(marker string) (string, error) {
		out, err := changes.Read(ctx, h.client, h.collections, "listing the CIDR collections",
			&route53.ListCidrCollectionsInput{NextToken: awscall.Token(marker)})
		if err != nil {
			return "", err
		}
		all = append(all, out.CidrCollections...)
		return aws.ToString(out.NextToken), nil
	})
	if err != nil || len(all) == 0 {
		return h.without(err, "the CIDR collections", isMissing(err))
	}
	err = h.put("route53/list-cidr-collections.json", struct{ CidrCollections []types.CollectionSummary }{all})
	for i := 0; err == nil && i < len(all); i++ {
		err = h.exportBlocks(ctx, aws.ToString(all[i].Id))
	}
	return h.without(err, "CIDR blocks", isMissing(err))
}

func (h *hosted) exportBlocks(ctx context.Context, id string) error {
	blocks := []types.CidrBlockSummary{}
	err := awscall.Pages("listing the blocks of CIDR collection "+id, func(marker string) (string, error) {
		out, err := changes.Read(ctx, h.client, h.blocks, "listing the blocks of CIDR collection "+id,
			&route53.ListCidrBlocksInput{CollectionId: aws.String(id), NextToken: awscall.Token(marker)})
		if err != nil {
			return "", err
		}
		blocks = append(blocks, out.CidrBlocks...)
		return aws.ToString(out.NextToken), nil
	})
	if err != nil {
		return err
	}
	return h.put(path.Join("route53", id, "list-cidr-blocks.json"), struct{ CidrBlocks []types.CidrBlockSummary }{blocks})
}

// exportForeign keeps which private zones of others the VPCs have.
func (h *hosted) exportForeign(ctx context.Context, zones []types.HostedZone, vpcs map[string]string) error {
	own := map[string]bool{}
	for i := range zones {
		own[changes.ZoneOf(&zones[i]).ID] = true
	}
	for _, id := range slices.Sorted(maps.Keys(vpcs)) {
		summaries := []types.HostedZoneSummary{}
		err := awscall.Pages("listing the hosted zones of "+id, func(marker string) (string, error) {
			out, err := changes.Read(ctx, h.client, h.byVPC, "listing the hosted zones of "+id,
				&route53.ListHostedZonesByVPCInput{VPCId: aws.String(id), VPCRegion: types.VPCRegion(vpcs[id]),
					NextToken: awscall.Token(marker)})
			if err != nil {
				return "", err
			}
			summaries = append(summaries, out.HostedZoneSummaries...)
			return aws.ToString(out.NextToken), nil
		})
		if err != nil {
			return h.without(err, "the private zones of others", isMissing(err))
		}
		foreign := func(s types.HostedZoneSummary) bool {
			return !own[strings.TrimPrefix(aws.ToString(s.HostedZoneId), "/hostedzone/")]
		}
		if !slices.ContainsFunc(summaries, foreign) {
			continue
		}
		err = h.put(path.Join("route53", id, "list-hosted-zones-by-vpc.json"),
			struct{ HostedZoneSummaries []types.HostedZoneSummary }{summaries})
		if err != nil {
			return fmt.Errorf("the hosted zones of %s: %w", id, err)
		}
	}
	return nil
}

package awssim

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/examples"
)

func TestZoneLife(t *testing.T) {
	s := newSim(t, Options{})
	c := serve(t, s)
	ctx := t.Context()
	created, err := c.route53.CreateHostedZone(ctx,
		&route53.CreateHostedZoneInput{Name: aws.String("New.Example.com"), CallerReference: aws.String("r1"),
			HostedZoneConfig: &types.HostedZoneConfig{Comment: aws.String("new")}})
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimPrefix(*created.HostedZone.Id, "/hostedzone/")
	if *created.HostedZone.Name != "new.example.com." || len(created.DelegationSet.NameServers) != 4 ||
		!strings.HasSuffix(*created.Location, "/hostedzone/"+id) ||
		*created.HostedZone.Config.Comment != "new" || *created.HostedZone.ResourceRecordSetCount != 2 {
		t.Errorf("created %+v at %s", created.HostedZone, *created.Location)
	}
	sets, _, err := listAll(t, c, id)
	if err != nil || len(sets) != 2 || sets[0].Type != "NS" || sets[1].Type != "SOA" || *sets[1].TTL != 900 ||
		len(sets[0].ResourceRecords) != 4 {
		t.Errorf("a new zone has %v, %v", names(sets), err)
	}
	_, err = c.route53.CreateHostedZone(ctx,
		&route53.CreateHostedZoneInput{Name: aws.String("other.example.com"), CallerReference: aws.String("r1")})
	wantCode(t, "same reference", err, "HostedZoneAlreadyExists")
	for name, want := range map[string]string{"a..b": "InvalidDomainName", ".": "InvalidDomainName"} {
		_, err = c.route53.CreateHostedZone(ctx,
			&route53.CreateHostedZoneInput{Name: &name, CallerReference: aws.String("r2")})
		wantCode(t, "zone "+name, err, want)
	}
	_, err = c.route53.CreateHostedZone(ctx,
		&route53.CreateHostedZoneInput{Name: aws.String("p.example"), CallerReference: aws.String("r2"),
			HostedZoneConfig: &types.HostedZoneConfig{PrivateZone: true}})
	wantCode(t, "private without VPC", err, "InvalidInput")
	_, err = c.route53.CreateHostedZone(ctx,
		&route53.CreateHostedZoneInput{Name: aws.String("p.example"), CallerReference: aws.String("r2"),
			DelegationSetId: aws.String("N1")})
	wantCode(t, "delegation set", err, "NoSuchDelegationSet")

	change := &route53.ChangeResourceRecordSetsInput{HostedZoneId: &id,
		ChangeBatch: &types.ChangeBatch{
			Changes: []types.Change{do("CREATE", plain("a.new.example.com", "A", 60, "192.0.2.1"))}}}
	_, err = c.route53.ChangeResourceRecordSets(ctx, change)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.route53.DeleteHostedZone(ctx, &route53.DeleteHostedZoneInput{Id: &id})
	wantCode(t, "zone with records", err, "HostedZoneNotEmpty")
	change.ChangeBatch.Changes[0].Action = "DELETE"
	_, err = c.route53.ChangeResourceRecordSets(ctx, change)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.route53.DeleteHostedZone(ctx, &route53.DeleteHostedZoneInput{Id: &id})
	wantCode(t, "empty zone", err, "")
	_, err = c.route53.DeleteHostedZone(ctx, &route53.DeleteHostedZoneInput{Id: &id})
	wantCode(t, "zone gone", err, "NoSuchHostedZone")
	_, err = c.route53.GetHostedZone(ctx, &route53.GetHostedZoneInput{Id: &id})
	wantCode(t, "zone gone", err, "NoSuchHostedZone")
}

func TestAssociations(t *testing.T) {
	s := newSim(t, Options{})
	c := serve(t, s)
	ctx := t.Context()
	v1 := &types.VPC{VPCId: aws.String("vpc-1"), VPCRegion: "eu-west-1"}
	v2 := &types.VPC{VPCId: aws.String("vpc-2"), VPCRegion: "us-east-1"}
	create := func(reference string, v *types.VPC) (*string, error) {
		out, err := c.route53.CreateHostedZone(ctx,
			&route53.CreateHostedZoneInput{Name: aws.String("p.example"), CallerReference: &reference, VPC: v})
		if err != nil {
			return nil, err
		}
		return out.HostedZone.Id, nil
	}
	first, err := create("1", v1)
	wantCode(t, "create", err, "")
	_, err = create("2", v1)
	wantCode(t, "same name on the same VPC", err, "ConflictingDomainExists")
	second, err := create("2", v2)
	wantCode(t, "same name on another VPC", err, "")
	public, err := create("3", nil)
	wantCode(t, "public", err, "")

	associate := func(zone *string, v *types.VPC) error {
		_, err := c.route53.AssociateVPCWithHostedZone(ctx,
			&route53.AssociateVPCWithHostedZoneInput{HostedZoneId: zone, VPC: v})
		return err
	}
	part := func(zone *string, v *types.VPC) error {
		_, err := c.route53.DisassociateVPCFromHostedZone(ctx,
			&route53.DisassociateVPCFromHostedZoneInput{HostedZoneId: zone, VPC: v})
		return err
	}
	v3 := &types.VPC{VPCId: aws.String("vpc-3"), VPCRegion: "eu-west-1"}
	wantCode(t, "conflict", associate(first, v2), "ConflictingDomainExists")
	wantCode(t, "public zone", associate(public, v3), "PublicZoneVPCAssociation")
	wantCode(t, "no VPC", associate(first, &types.VPC{VPCId: aws.String("x"), VPCRegion: "eu-west-1"}), "InvalidVPCId")
	wantCode(t, "no zone", associate(aws.String("Z9"), v3), "NoSuchHostedZone")
	wantCode(t, "associate", associate(first, v3), "")
	zone, err := c.route53.GetHostedZone(ctx, &route53.GetHostedZoneInput{Id: first})
	if err != nil || len(zone.VPCs) != 2 || *zone.VPCs[1].VPCId != "vpc-3" {
		t.Errorf("associated with %v, %v", zone.VPCs, err)
	}
	wantCode(t, "not associated", part(first, v2), "VPCAssociationNotFound")
	wantCode(t, "part", part(first, v1), "")
	wantCode(t, "last", part(second, v2), "LastVPCAssociation")
}

func TestTags(t *testing.T) {
	c := serve(t, newSim(t, Options{Data: examples.Demo()}))
	ctx := t.Context()
	zone := aws.String("Z0484276PQ3RN1T5XWVB")
	_, err := c.route53.ChangeTagsForResource(ctx,
		&route53.ChangeTagsForResourceInput{ResourceType: "hostedzone", ResourceId: zone,
			AddTags: []types.Tag{{Key: aws.String("owner"), Value: aws.String("dns")},
				{Key: aws.String("a"), Value: aws.String("b")}}, RemoveTagKeys: []string{"environment"}})
	if err != nil {
		t.Fatal(err)
	}
	one, err := c.route53.ListTagsForResource(ctx,
		&route53.ListTagsForResourceInput{ResourceType: "hostedzone", ResourceId: zone})
	if err != nil {
		t.Fatal(err)
	}
	tags := one.ResourceTagSet.Tags
	if len(tags) != 2 || *tags[0].Key != "a" || *tags[1].Key != "owner" || *tags[1].Value != "dns" {
		t.Errorf("tags: %v", tags)
	}
	many, err := c.route53.ListTagsForResources(ctx,
		&route53.ListTagsForResourcesInput{ResourceType: "hostedzone", ResourceIds: []string{*zone, "Z1009382KD7YH2M4ZSLC"}})
	if err != nil || len(many.ResourceTagSets) != 2 || len(many.ResourceTagSets[1].Tags) != 2 {
		t.Errorf("tags of two: %v, %v", many, err)
	}
	_, err = c.route53.ListTagsForResources(ctx,
		&route53.ListTagsForResourcesInput{ResourceType: "hostedzone",
			ResourceIds: strings.Split("1 2 3 4 5 6 7 8 9 10 11", " ")})
	wantCode(t, "eleven resources", err, "InvalidInput")
	_, err = c.route53.ListTagsForResource(ctx,
		&route53.ListTagsForResourceInput{ResourceType: "hostedzone", ResourceId: aws.String("Z9")})
	wantCode(t, "no zone", err, "NoSuchHostedZone")
	_, err = c.route53.ListTagsForResource(ctx,
		&route53.ListTagsForResourceInput{ResourceType: "healthcheck", ResourceId: aws.String("x")})
	wantCode(t, "no check", err, "NoSuchHealthCheck")
	_, err = c.route53.ListTagsForResource(ctx,
		&route53.ListTagsForResourceInput{ResourceType: "bucket", ResourceId: aws.String("x")})
	wantCode(t, "no type", err, "InvalidInput")
	_, err = c.route53.ChangeTagsForResource(ctx,
		&route53.ChangeTagsForResourceInput{ResourceType: "hostedzone", ResourceId: zone})
	wantCode(t, "no change", err, "InvalidInput")
}

func TestHealthChecks(t *testing.T) {
	const api, site = "0b6f8a1e-2c47-4d0e-9a51-7d3c5e8f1a20", "c4a8e6d0-5b72-4193-a7ef-6d0c1b2a3f48"
	s := newSim(t, Options{Data: examples.Demo()})
	c := serve(t, s)
	ctx := t.Context()
	var all []types.HealthCheck
	pages := route53.NewListHealthChecksPaginator(c.route53, &route53.ListHealthChecksInput{MaxItems: aws.Int32(3)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.HealthChecks...)
	}
	if len(all) != 4 || s.Calls()["ListHealthChecks"] != 2 || *all[0].HealthCheckConfig.Port != 443 ||
		len(all[3].HealthCheckConfig.ChildHealthChecks) != 2 {
		t.Errorf("health checks: %d in %d calls", len(all), s.Calls()["ListHealthChecks"])
	}
	one, err := c.route53.GetHealthCheck(ctx, &route53.GetHealthCheckInput{HealthCheckId: aws.String(api)})
	if err != nil || *one.HealthCheck.HealthCheckConfig.ResourcePath != "/healthz" ||
		len(one.HealthCheck.HealthCheckConfig.Regions) != 0 {
		t.Errorf("GetHealthCheck: %v, %v", one, err)
	}
	for _, healthy := range []bool{true, false} {
		err := s.SetHealth(api, healthy)
		if err != nil {
			t.Fatal(err)
		}
		status, err := c.route53.GetHealthCheckStatus(ctx, &route53.GetHealthCheckStatusInput{HealthCheckId: aws.String(api)})
		if err != nil || len(status.HealthCheckObservations) != 3 ||
			strings.HasPrefix(*status.HealthCheckObservations[0].StatusReport.Status, "Success") != healthy {
			t.Errorf("status, healthy %t: %v, %v", healthy, status, err)
		}
	}
	_, err = c.route53.GetHealthCheckStatus(ctx, &route53.GetHealthCheckStatusInput{HealthCheckId: aws.String(site)})
	wantCode(t, "calculated", err, "InvalidInput")
	_, err = c.route53.GetHealthCheck(ctx, &route53.GetHealthCheckInput{HealthCheckId: aws.String("none")})
	wantCode(t, "none", err, "NoSuchHealthCheck")
	count, err := c.route53.GetHealthCheckCount(ctx, &route53.GetHealthCheckCountInput{})
	if err != nil || *count.HealthCheckCount != 4 {
		t.Errorf("count: %v, %v", count, err)
	}
	err = s.SetHealth("none", true)
	if err == nil {
		t.Error("SetHealth of no check: no error")
	}
}

func TestHealthStatusFile(t *testing.T) {
	files := changeFiles()
	files["route53/h1/get-health-check-status.json"] = &fstest.MapFile{
		Data: []byte(`{"HealthCheckObservations":[{"Region":"us-east-1","IPAddress":"192.0.2.9",
		"StatusReport":{"Status":"Failure: refused","CheckedTime":"2026-11-21T10:00:00+00:00"}}]}`)}
	c := serve(t, newSim(t, Options{Data: files}))
	status, err := c.route53.GetHealthCheckStatus(t.Context(),
		&route53.GetHealthCheckStatusInput{HealthCheckId: aws.String("h1")})
	if err != nil || len(status.HealthCheckObservations) != 1 ||
		*status.HealthCheckObservations[0].StatusReport.Status != "Failure: refused" ||
		status.HealthCheckObservations[0].StatusReport.CheckedTime.Hour() != 10 {
		t.Errorf("status: %v, %v", status, err)
	}
}

func TestCIDRCollections(t *testing.T) {
	c := serve(t, newSim(t, Options{Data: examples.Demo()}))
	ctx := t.Context()
	collections, err := c.route53.ListCidrCollections(ctx, &route53.ListCidrCollectionsInput{})
	if err != nil || len(collections.CidrCollections) != 1 || *collections.CidrCollections[0].Version != 2 {
		t.Fatalf("collections: %v, %v", collections, err)
	}
	id := collections.CidrCollections[0].Id
	locations, err := c.route53.ListCidrLocations(ctx, &route53.ListCidrLocationsInput{CollectionId: id})
	if err != nil || len(locations.CidrLocations) != 1 || *locations.CidrLocations[0].LocationName != "office-dublin" {
		t.Errorf("locations: %v, %v", locations, err)
	}
	var blocks []types.CidrBlockSummary
	pages := route53.NewListCidrBlocksPaginator(c.route53,
		&route53.ListCidrBlocksInput{CollectionId: id, MaxResults: aws.Int32(1)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, page.CidrBlocks...)
	}
	if len(blocks) != 2 || *blocks[1].CidrBlock != "2001:db8:51::/48" {
		t.Errorf("blocks: %v", blocks)
	}
	_, err = c.route53.ListCidrBlocks(ctx,
		&route53.ListCidrBlocksInput{CollectionId: id, LocationName: aws.String("mars")})
	wantCode(t, "no location", err, "NoSuchCidrLocationException")
	_, err = c.route53.ListCidrBlocks(ctx, &route53.ListCidrBlocksInput{CollectionId: aws.String("none")})
	wantCode(t, "no collection", err, "NoSuchCidrCollectionException")
}

package awssim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// dataSet is one directory of data, loaded: the account's Route 53 and its regions. It is guarded by
// Sim.mu; what its slices and maps point to is replaced, never changed.
type dataSet struct {
	models      map[string]*model
	zones       []*zone // in the order of list-hosted-zones.json, new ones last
	checks      []*healthCheck
	collections []*cidrCollection
	foreign     map[string][]zoneSummary    // VPC -> zones of others associated with it
	regions     map[string]map[string]table // region -> operation -> what it lists
	changes     map[string]*change
	buckets     map[string]map[string]object // of S3
	outside     []dns.RR                     // dns.zone
}

// table is the list that one Describe call returns.
type table []map[string]any

// source is where a table comes from.
type source struct{ service, operation, list string }

// inventory maps a file of a region to its operation, service and list.
var inventory = map[string]source{
	"describe-instances.json":               {"ec2", "DescribeInstances", "Reservations"},
	"describe-network-interfaces.json":      {"ec2", "DescribeNetworkInterfaces", "NetworkInterfaces"},
	"describe-addresses.json":               {"ec2", "DescribeAddresses", "Addresses"},
	"describe-vpcs.json":                    {"ec2", "DescribeVpcs", "Vpcs"},
	"describe-subnets.json":                 {"ec2", "DescribeSubnets", "Subnets"},
	"describe-vpc-peering-connections.json": {"ec2", "DescribeVpcPeeringConnections", "VpcPeeringConnections"},
	"describe-load-balancers.json":          {"elbv2", "DescribeLoadBalancers", "LoadBalancers"},
	"describe-target-groups.json":           {"elbv2", "DescribeTargetGroups", "TargetGroups"},
	"describe-classic-load-balancers.json":  {"elb", "DescribeLoadBalancers", "LoadBalancerDescriptions"},
	"describe-instance-status.json":         {"ec2", "DescribeInstanceStatus", "InstanceStatuses"},
	"describe-auto-scaling-instances.json":  {"autoscaling", "DescribeAutoScalingInstances", "AutoScalingInstances"},
}

var (
	regionName  = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]$`)
	accountName = regexp.MustCompile(`^[0-9]{12}$`)
)

func newDataSet(models map[string]*model) *dataSet {
	return &dataSet{
		models:  models,
		foreign: map[string][]zoneSummary{},
		regions: map[string]map[string]table{},
		changes: map[string]*change{},
		buckets: map[string]map[string]object{},
	}
}

// loadAll reads a data directory, without its accounts. Every fault of every file is in the error.
func (d *dataSet) loadAll(fsys fs.FS) error {
	files, err := dataFiles(fsys)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range files {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, d.load(name, text))
	}
	return errors.Join(errs...)
}

// dataFiles lists the files to load: the zone list before what belongs to its zones.
func dataFiles(fsys fs.FS) ([]string, error) {
	var files []string
	err := fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && name == "accounts":
			return fs.SkipDir
		case !e.IsDir() && (strings.HasSuffix(name, ".json") || name == "dns.zone"):
			files = append(files, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the data directory: %w", err)
	}
	slices.SortStableFunc(files, func(a, b string) int { return strings.Count(a, "/") - strings.Count(b, "/") })
	return files, nil
}

// load takes one file, replacing what an earlier one of the same name gave.
func (d *dataSet) load(name string, text []byte) error {
	err := d.loadFile(name, text)
	if err != nil {
		return fmt.Errorf("loading %s: %w", name, err)
	}
	return nil
}

func (d *dataSet) loadFile(name string, text []byte) error {
	parts := strings.Split(name, "/")
	switch {
	case name == "dns.zone":
		return d.loadOutside(text)
	case len(parts) == 2 && parts[0] == "route53":
		return d.loadRoute53(parts[1], text)
	case len(parts) == 3 && parts[0] == "route53":
		return d.loadRoute53Item(parts[1], parts[2], text)
	case len(parts) == 2 && regionName.MatchString(parts[0]):
		return d.loadInventory(parts[0], parts[1], text)
	case len(parts) == 3 && regionName.MatchString(parts[0]):
		return d.loadTargetHealth(parts[0], parts[1], parts[2], text)
	}
	return errors.New("no such place in a data directory; there are dns.zone and FILE under route53, route53/ID, REGION " +
		"and REGION/TARGETGROUP")
}

func (d *dataSet) loadInventory(region, file string, text []byte) error {
	entry, known := inventory[file]
	if !known {
		return fmt.Errorf("no such file in a region; there are %s", strings.Join(sortedKeys(inventory), ", "))
	}
	key := entry.operation
	if entry.service == "elb" {
		key = classicTable
	}
	return d.loadTable(region, entry, key, text)
}

// loadTable takes the output of a Describe call as the table called key.
func (d *dataSet) loadTable(region string, entry source, key string, text []byte) error {
	var content map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	err := decoder.Decode(&content)
	if err != nil {
		return err
	}
	for member := range content {
		if member != entry.list {
			return fmt.Errorf("has %q beside %q: an export cut short, or another call's output", member, entry.list)
		}
	}
	m := d.models[entry.service]
	list, _ := content[entry.list].([]any)
	err = m.check("$", m.Outputs[entry.operation], content)
	if err != nil {
		return err
	}
	items := make(table, 0, len(list))
	for i, v := range list {
		item, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("$.%s[%d]: is null", entry.list, i)
		}
		items = append(items, item)
	}
	if d.regions[region] == nil {
		d.regions[region] = map[string]table{}
	}
	d.regions[region][key] = items
	return nil
}

// decodeListing reads a whole listing.
func decodeListing(text []byte, v interface{ whole() error }) error {
	err := decodeStrict(text, v)
	if err != nil {
		return err
	}
	return v.whole()
}

// pageEnd are the paging members the CLI prints with --no-paginate.
type pageEnd struct {
	Marker      string
	IsTruncated bool
	NextMarker  string
	NextToken   string
	MaxItems    string
}

func (p pageEnd) whole() error {
	if p.IsTruncated || p.NextToken != "" || p.NextMarker != "" {
		return errors.New("is one page of a longer listing; export it without --max-items")
	}
	return nil
}

func (d *dataSet) loadRoute53(file string, text []byte) error {
	switch file {
	case "list-hosted-zones.json":
		return d.loadZones(text)
	case "list-health-checks.json":
		var content struct {
			pageEnd
			HealthChecks []*healthCheck
		}
		err := decodeListing(text, &content)
		if err != nil {
			return err
		}
		d.checks = content.HealthChecks
		return nil
	case "list-cidr-collections.json":
		var content struct {
			pageEnd
			CIDRCollections []*cidrCollection `json:"CidrCollections"`
		}
		err := decodeListing(text, &content)
		if err != nil {
			return err
		}
		d.collections = content.CIDRCollections
		return nil
	}
	return errors.New(
		"no such file; there are list-hosted-zones.json, list-health-checks.json, list-cidr-collections.json")
}

// loadZones takes the list of zones. A zone that stays keeps its records and associations.
func (d *dataSet) loadZones(text []byte) error {
	var content struct {
		pageEnd
		HostedZones []hostedZone
	}
	err := decodeListing(text, &content)
	if err != nil {
		return err
	}
	zones := make([]*zone, 0, len(content.HostedZones))
	for i, info := range content.HostedZones {
		z, err := newZone(info)
		if err != nil {
			return fmt.Errorf("$.HostedZones[%d]: %w", i, err)
		}
		if slices.ContainsFunc(zones, func(o *zone) bool { return o.id == z.id }) {
			return fmt.Errorf("$.HostedZones[%d]: %s is listed twice", i, z.id)
		}
		old := d.zone(z.id)
		if old != nil {
			z.records, z.vpcs, z.delegation, z.tags = old.records, old.vpcs, old.delegation, old.tags
		}
		zones = append(zones, z)
	}
	d.zones = zones
	return nil
}

func newZone(info hostedZone) (*zone, error) {
	id, found := strings.CutPrefix(info.ID, "/hostedzone/")
	if !found || id == "" {
		return nil, fmt.Errorf("the Id is %q, want /hostedzone/ID", info.ID)
	}
	apex, err := parseName(info.Name)
	if err != nil {
		return nil, err
	}
	info.Name = apex.text
	return &zone{id: id, apex: apex, info: info}, nil
}

// loadRoute53Item takes a file of one zone, health check, CIDR collection or VPC.
func (d *dataSet) loadRoute53Item(id, file string, text []byte) error {
	switch file {
	case "list-hosted-zones-by-vpc.json":
		var content struct {
			pageEnd
			HostedZoneSummaries []zoneSummary
		}
		err := decodeListing(text, &content)
		if err != nil {
			return err
		}
		d.foreign[id] = content.HostedZoneSummaries
		return nil
	case "get-health-check-status.json":
		return d.loadHealthStatus(id, text)
	case "list-cidr-blocks.json":
		return d.loadCIDRBlocks(id, text)
	}
	z := d.zone(id)
	if z == nil {
		return fmt.Errorf("%s is not in list-hosted-zones.json", id)
	}
	switch file {
	case "get-hosted-zone.json":
		return z.loadDetail(text)
	case "list-resource-record-sets.json":
		var content struct {
			pageEnd
			ResourceRecordSets   []RecordSet
			NextRecordName       string
			NextRecordType       string
			NextRecordIdentifier string
		}
		err := decodeListing(text, &content)
		if err != nil {
			return err
		}
		return z.setRecords(content.ResourceRecordSets)
	case "list-tags-for-resource.json":
		var content struct{ ResourceTagSet tagSet }
		err := decodeStrict(text, &content)
		if err == nil {
			z.tags = content.ResourceTagSet.Tags
		}
		return err
	}
	return errors.New(
		"no such file; there are get-hosted-zone.json, list-resource-record-sets.json, list-tags-for-resource.json, " +
			"and get-health-check-status.json, list-cidr-blocks.json, list-hosted-zones-by-vpc.json under the id of theirs")
}

func (z *zone) loadDetail(text []byte) error {
	var content struct {
		HostedZone    hostedZone
		DelegationSet *delegationSet
		VPCs          []vpc
	}
	err := decodeStrict(text, &content)
	if err != nil {
		return err
	}
	if content.HostedZone.ID != "" && content.HostedZone.ID != z.info.ID { // an export of the VPCs alone has none
		return fmt.Errorf("is of %s, want %s", content.HostedZone.ID, z.info.ID)
	}
	z.delegation, z.vpcs = content.DelegationSet, content.VPCs
	return nil
}

// loadOutside reads dns.zone, a master file of the world outside AWS for the DNS responder.
func (d *dataSet) loadOutside(text []byte) error {
	var rrs []dns.RR
	parser := dns.NewZoneParser(bytes.NewReader(text), ".", "dns.zone")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		rr.Header().Name = dns.CanonicalName(rr.Header().Name)
		rrs = append(rrs, rr)
	}
	d.outside = rrs
	return parser.Err()
}

// decodeStrict refuses members it does not know: they would be lost in the answers.
func decodeStrict(text []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err != nil {
		return err
	}
	_, err = decoder.Token()
	if !errors.Is(err, io.EOF) {
		return errors.New("more follows after the first JSON value")
	}
	return nil
}

func (d *dataSet) zone(id string) *zone {
	i := slices.IndexFunc(d.zones, func(z *zone) bool { return z.id == id })
	if i < 0 {
		return nil
	}
	return d.zones[i]
}

// loadAccounts loads the optional accounts/ACCOUNTID subtrees.
func loadAccounts(fsys fs.FS, models map[string]*model) (map[string]*dataSet, error) {
	entries, err := fs.ReadDir(fsys, "accounts")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the data directory: %w", err)
	}
	sets := map[string]*dataSet{}
	for _, e := range entries {
		if !e.IsDir() || !accountName.MatchString(e.Name()) {
			return nil, fmt.Errorf("%s: want a directory named by a 12-digit account id", path.Join("accounts", e.Name()))
		}
		sub, err := fs.Sub(fsys, path.Join("accounts", e.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading the data directory: %w", err)
		}
		sets[e.Name()] = newDataSet(models)
		err = sets[e.Name()].loadAll(sub)
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", e.Name(), err)
		}
	}
	return sets, nil
}

package awssim

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// inventoryCall is how EC2 lets one Describe call be paged and narrowed.
type inventoryCall struct {
	list    string // member of the output
	id      string // member that identifies an item; of an instance, for reservations
	ids     string // parameter that asks for items by id
	unknown string // error code for an id that is not there
	paged   bool
	filters map[string]string // filter -> path in the item
}

func inventoryCalls() map[string]inventoryCall {
	return map[string]inventoryCall{
		"DescribeInstances": {"Reservations", "InstanceId", "InstanceId", "InvalidInstanceID.NotFound", true,
			map[string]string{
				"instance-state-name": "State.Name", "instance-state-code": "State.Code", "vpc-id": "VpcId",
				"instance-id": "InstanceId", "subnet-id": "SubnetId",
				"private-ip-address": "PrivateIpAddress", "ip-address": "PublicIpAddress", "private-dns-name": "PrivateDnsName",
				"dns-name": "PublicDnsName", "instance-type": "InstanceType", "image-id": "ImageId",
				"availability-zone": "Placement.AvailabilityZone",
				"instance.group-id": "SecurityGroups.GroupId", "instance.group-name": "SecurityGroups.GroupName",
				"network-interface.network-interface-id": "NetworkInterfaces.NetworkInterfaceId",
			}},
		"DescribeNetworkInterfaces": {"NetworkInterfaces", "NetworkInterfaceId", "NetworkInterfaceId",
			"InvalidNetworkInterfaceID.NotFound", true, map[string]string{
				"vpc-id": "VpcId", "subnet-id": "SubnetId", "network-interface-id": "NetworkInterfaceId", "status": "Status",
				"description":    "Description",
				"interface-type": "InterfaceType", "requester-managed": "RequesterManaged", "requester-id": "RequesterId",
				"owner-id":           "OwnerId",
				"private-ip-address": "PrivateIpAddress", "addresses.private-ip-address": "PrivateIpAddresses.PrivateIpAddress",
				"addresses.association.public-ip": "PrivateIpAddresses.Association.PublicIp",
				"association.public-ip":           "Association.PublicIp",
				"association.allocation-id":       "Association.AllocationId", "attachment.instance-id": "Attachment.InstanceId",
				"attachment.status": "Attachment.Status", "availability-zone": "AvailabilityZone", "group-id": "Groups.GroupId",
			}},
		"DescribeInstanceStatus": {"InstanceStatuses", "InstanceId", "InstanceId", "InvalidInstanceID.NotFound", true,
			map[string]string{
				"instance-status.status": "InstanceStatus.Status", "system-status.status": "SystemStatus.Status",
				"instance-state-name": "InstanceState.Name", "availability-zone": "AvailabilityZone",
			}},
		"DescribeAddresses": {"Addresses", "AllocationId", "AllocationId", "InvalidAllocationID.NotFound", false,
			map[string]string{
				"allocation-id": "AllocationId", "association-id": "AssociationId", "instance-id": "InstanceId",
				"network-interface-id": "NetworkInterfaceId",
				"private-ip-address":   "PrivateIpAddress", "public-ip": "PublicIp", "domain": "Domain",
				"network-interface-owner-id": "NetworkInterfaceOwnerId",
			}},
		"DescribeVpcs": {"Vpcs", "VpcId", "VpcId", "InvalidVpcID.NotFound", true, map[string]string{
			"vpc-id": "VpcId", "cidr": "CidrBlock", "cidr-block-association.cidr-block": "CidrBlockAssociationSet.CidrBlock",
			"is-default": "IsDefault", "state": "State", "owner-id": "OwnerId",
		}},
		"DescribeSubnets": {"Subnets", "SubnetId", "SubnetId", "InvalidSubnetID.NotFound", true, map[string]string{
			"vpc-id": "VpcId", "subnet-id": "SubnetId", "cidr-block": "CidrBlock", "availability-zone": "AvailabilityZone",
			"state": "State", "owner-id": "OwnerId",
		}},
		"DescribeVpcPeeringConnections": {"VpcPeeringConnections", "VpcPeeringConnectionId", "VpcPeeringConnectionId",
			"InvalidVpcPeeringConnectionID.NotFound", true, map[string]string{
				"vpc-peering-connection-id": "VpcPeeringConnectionId", "status-code": "Status.Code",
				"accepter-vpc-info.vpc-id": "AccepterVpcInfo.VpcId", "requester-vpc-info.vpc-id": "RequesterVpcInfo.VpcId",
				"accepter-vpc-info.owner-id": "AccepterVpcInfo.OwnerId", "requester-vpc-info.owner-id": "RequesterVpcInfo.OwnerId",
			}},
	}
}

// describeInventory answers every Describe call of EC2 from its table.
func describeInventory(c *call) ([]byte, error) {
	return c.inventoryPage(inventoryCalls()[c.operation], c.table())
}

// inventoryPage answers a page of items, narrowed as the caller asks.
func (c *call) inventoryPage(how inventoryCall, items table) ([]byte, error) {
	selected, err := c.selectItems(how, items)
	if err != nil {
		return nil, err
	}
	l := listing[map[string]any]{call: c, name: c.account + " " + c.region + " " + c.operation, items: selected,
		place: func(item map[string]any) position {
			return position{id: text(item, how.id) + text(item, "ReservationId")}
		}}
	l.visible()
	size, err := c.pageSize(how, len(l.items))
	if err != nil {
		return nil, err
	}
	start, err := c.token("NextToken", "InvalidNextToken")
	if err != nil {
		return nil, err
	}
	w, err := l.page(start, size)
	if err == nil {
		err = c.dryRun()
	}
	result := map[string]any{how.list: list(w.items)}
	if w.next >= 0 {
		result["NextToken"] = tokenOf(w.next)
	}
	return c.ec2Answer(result), err
}

// table is what the caller's region lists for the operation.
func (c *call) table() table {
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	return c.sim.data(c.account).regions[c.region][c.operation]
}

func (c *call) dryRun() error {
	if c.form.Get("DryRun") == "true" {
		return &apiError{http.StatusPreconditionFailed, "DryRunOperation",
			"Request would have succeeded, but DryRun flag is set."}
	}
	return nil
}

// pageSize is the MaxResults asked for, EC2's most, or Options.PageSize if that is less. Of instances it counts
// reservations.
func (c *call) pageSize(how inventoryCall, all int) (int, error) {
	if !how.paged {
		return max(all, 1), nil
	}
	size, asked := 1000, c.form.Get("MaxResults")
	if asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil || n < 5 || n > 1000 {
			return 0, &apiError{http.StatusBadRequest, "InvalidParameterValue",
				"Value ( " + asked + " ) for parameter maxResults is invalid. Expecting a value between 5 and 1000."}
		}
		if c.form.Get(how.ids+".1") != "" {
			return 0, &apiError{http.StatusBadRequest, "InvalidParameterCombination",
				"The parameter " + how.ids + " cannot be used with the parameter maxResults"}
		}
		size = n
	}
	if c.sim.options.PageSize > 0 {
		size = min(size, c.sim.options.PageSize)
	}
	return size, nil
}

// selectItems narrows the table by ids and filters. Of reservations it keeps those instances that fit.
func (c *call) selectItems(how inventoryCall, items table) (table, error) {
	ids := c.numbered(how.ids)
	filters, err := c.filters(how)
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	fits := func(item map[string]any) bool {
		id := text(item, how.id)
		if len(ids) > 0 && !slices.Contains(ids, id) {
			return false
		}
		found[id] = true
		return !slices.ContainsFunc(filters, func(f filter) bool { return !f.matches(item) })
	}
	var selected table
	for _, item := range items {
		if c.operation == "DescribeInstances" {
			item = reservation(item, fits)
		} else if !fits(item) {
			item = nil
		}
		if item != nil {
			selected = append(selected, item)
		}
	}
	for _, id := range ids {
		if !found[id] {
			return nil, &apiError{http.StatusBadRequest, how.unknown, "The ID '" + id + "' does not exist"}
		}
	}
	return selected, nil
}

// reservation is item with only the instances that fit; nil if none does.
func reservation(item map[string]any, fits func(map[string]any) bool) map[string]any {
	instances, _ := item["Instances"].([]any)
	var left []any
	for _, v := range instances {
		instance, _ := v.(map[string]any)
		if fits(instance) {
			left = append(left, v)
		}
	}
	if len(left) == 0 {
		return nil
	}
	narrowed := make(map[string]any, len(item))
	for k, v := range item {
		narrowed[k] = v
	}
	narrowed["Instances"] = left
	return narrowed
}

// numbered are the parameters NAME.1, NAME.2 and so on.
func (c *call) numbered(name string) []string {
	var values []string
	for i := 1; c.form.Has(name + "." + strconv.Itoa(i)); i++ {
		values = append(values, c.form.Get(name+"."+strconv.Itoa(i)))
	}
	return values
}

// filter is one of EC2's: any of its values has to match any of the values at its path.
type filter struct {
	path   string // member names with dots; "tag:KEY" for a tag
	values []string
}

func (c *call) filters(how inventoryCall) ([]filter, error) {
	var filters []filter
	for i := 1; ; i++ {
		prefix := "Filter." + strconv.Itoa(i)
		name := c.form.Get(prefix + ".Name")
		if name == "" {
			return filters, nil
		}
		path, known := how.filters[name]
		switch {
		case strings.HasPrefix(name, "tag:"):
			path = name
		case name == "tag-key":
			path = "Tags.Key"
		case !known:
			return nil, &apiError{http.StatusBadRequest, "InvalidParameterValue", "The filter '" + name + "' is invalid"}
		}
		values := c.numbered(prefix + ".Value")
		if len(values) == 0 {
			return nil, &apiError{http.StatusBadRequest, "InvalidParameterValue", "The filter '" + name + "' has no values"}
		}
		filters = append(filters, filter{path, values})
	}
}

func (f filter) matches(item map[string]any) bool {
	key, isTag := strings.CutPrefix(f.path, "tag:")
	var have []string
	if isTag {
		tags, _ := item["Tags"].([]any)
		for _, v := range tags {
			t, _ := v.(map[string]any)
			if text(t, "Key") == key {
				have = append(have, text(t, "Value"))
			}
		}
	} else {
		have = at(item, strings.Split(f.path, "."))
	}
	for _, h := range have {
		for _, want := range f.values {
			if wildcard(want, h) {
				return true
			}
		}
	}
	return false
}

// at collects the scalars at a path; lists on the way are entered.
func at(v any, path []string) []string {
	switch x := v.(type) {
	case map[string]any:
		if len(path) > 0 {
			return at(x[path[0]], path[1:])
		}
	case []any:
		var all []string
		for _, item := range x {
			all = append(all, at(item, path)...)
		}
		return all
	case string:
		return []string{x}
	case json.Number:
		return []string{x.String()}
	case bool:
		return []string{strconv.FormatBool(x)}
	}
	return nil
}

// wildcard matches as EC2 filters do: * any run, ? one octet.
func wildcard(pattern, s string) bool {
	switch {
	case pattern == "":
		return s == ""
	case pattern[0] == '*':
		return wildcard(pattern[1:], s) || s != "" && wildcard(pattern, s[1:])
	case s == "":
		return false
	}
	return (pattern[0] == '?' || pattern[0] == s[0]) && wildcard(pattern[1:], s[1:])
}

// text is a string member; empty when there is none.
func text(item map[string]any, member string) string {
	s, _ := item[member].(string)
	return s
}

func list(items table) []any {
	all := make([]any, len(items))
	for i, item := range items {
		all[i] = item
	}
	return all
}

// ec2Answer renders an output of EC2.
func (c *call) ec2Answer(result map[string]any) []byte {
	m := c.sim.models["ec2"]
	var b bytes.Buffer
	fmt.Fprintf(&b, `%s<%sResponse xmlns="%s"><requestId>%s</requestId>`, xml.Header, c.operation, ec2Namespace, c.id)
	m.render(&b, m.Outputs[c.operation], result)
	fmt.Fprintf(&b, "</%sResponse>", c.operation)
	return b.Bytes()
}

// describeRegions answers the regions there is data for, and the one asked.
func describeRegions(c *call) ([]byte, error) {
	c.sim.mu.Lock()
	names := sortedKeys(c.sim.data(c.account).regions)
	c.sim.mu.Unlock()
	if !slices.Contains(names, c.region) {
		names = append(names, c.region)
	}
	var regions []any
	for _, n := range names {
		regions = append(regions, map[string]any{"RegionName": n, "Endpoint": "ec2." + n + ".amazonaws.com",
			"OptInStatus": "opt-in-not-required"})
	}
	return c.ec2Answer(map[string]any{"Regions": regions}), c.dryRun()
}

// describeLoadBalancers answers ELBv2's load balancers, by ARN or name where that is asked for.
func describeLoadBalancers(c *call) ([]byte, error) {
	items := c.table()
	arns, names := c.numbered("LoadBalancerArns.member"), c.numbered("Names.member")
	if len(arns)+len(names) > 0 {
		items = slices.DeleteFunc(slices.Clone(items), func(lb map[string]any) bool {
			return !slices.Contains(arns, text(lb, "LoadBalancerArn")) && !slices.Contains(names, text(lb, "LoadBalancerName"))
		})
		if len(items) < len(arns)+len(names) {
			return nil, &apiError{http.StatusBadRequest, "LoadBalancerNotFound", "One or more load balancers not found"}
		}
	}
	return c.balancingPage("LoadBalancers", "LoadBalancerArn", items)
}

// balancingPage answers a page of an ELBv2 listing, in the member of that name, of items that the member id tells
// apart.
func (c *call) balancingPage(member, id string, items table) ([]byte, error) {
	size, asked := 400, c.form.Get("PageSize")
	if asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil || n < 1 || n > 400 {
			return nil, &apiError{http.StatusBadRequest, "ValidationError",
				"Value '" + asked + "' at 'pageSize' failed to satisfy constraint: Member must have value between 1 and 400"}
		}
		size = n
	}
	if c.sim.options.PageSize > 0 {
		size = min(size, c.sim.options.PageSize)
	}
	start, err := c.token("Marker", "ValidationError")
	if err != nil {
		return nil, err
	}
	l := listing[map[string]any]{call: c, name: c.account + " " + c.region + " " + c.operation, items: items,
		place: func(item map[string]any) position { return position{id: text(item, id)} }}
	l.visible()
	w, err := l.page(start, size)
	result := map[string]any{member: list(w.items)}
	if w.next >= 0 {
		result["NextMarker"] = tokenOf(w.next)
	}
	return c.balancingAnswer(result), err
}

// balancingAnswer renders an output of ELBv2.
func (c *call) balancingAnswer(result map[string]any) []byte {
	m := c.sim.models["elbv2"]
	var b bytes.Buffer
	fmt.Fprintf(&b, "<%sResult>", c.operation)
	m.render(&b, m.Outputs[c.operation], result)
	fmt.Fprintf(&b, "</%sResult>", c.operation)
	return c.wrap(elbNamespace, b.Bytes())
}

// wrap is a query-protocol answer around its result.
func (c *call) wrap(namespace string, result []byte) []byte {
	return fmt.Appendf(nil,
		`%s<%sResponse xmlns="%s">%s<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>`,
		xml.Header, c.operation, namespace, result, c.id, c.operation)
}

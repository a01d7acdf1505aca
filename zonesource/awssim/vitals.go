package awssim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// The calls that tell how instances are: status checks, auto scaling, classic load balancers.

// The namespaces of their answers.
const (
	classicVersion       = "2012-06-01"
	classicNamespace     = "http://elasticloadbalancing.amazonaws.com/doc/" + classicVersion + "/"
	autoScalingNamespace = "http://autoscaling.amazonaws.com/doc/2011-01-01/"
)

// describeInstanceStatus answers the status checks of all running instances: as the file has
// them, else ok.
func describeInstanceStatus(c *call) ([]byte, error) {
	c.sim.mu.Lock()
	tables := c.sim.data(c.account).regions[c.region]
	c.sim.mu.Unlock()
	var items table
	for _, reservation := range tables["DescribeInstances"] {
		instances, _ := reservation["Instances"].([]any)
		for _, v := range instances {
			instance, _ := v.(map[string]any)
			state, _ := instance["State"].(map[string]any)
			if text(state, "Name") == "running" {
				items = append(items, statusOf(tables["DescribeInstanceStatus"], text(instance, "InstanceId")))
			}
		}
	}
	return c.inventoryPage(inventoryCalls()[c.operation], items)
}

func statusOf(known table, id string) map[string]any {
	for _, s := range known {
		if text(s, "InstanceId") == id {
			return s
		}
	}
	return instanceStatus(id, "ok", "ok")
}

func instanceStatus(id, system, instance string) map[string]any {
	return map[string]any{
		"InstanceId": id, "InstanceState": map[string]any{"Code": json.Number("16"), "Name": "running"},
		"SystemStatus": map[string]any{"Status": system}, "InstanceStatus": map[string]any{"Status": instance},
	}
}

// describeAutoScalingInstances answers those of the ids asked for, or all.
func describeAutoScalingInstances(c *call) ([]byte, error) {
	items, ids := c.table(), c.numbered("InstanceIds.member")
	if len(ids) > 0 {
		items = slices.DeleteFunc(slices.Clone(items),
			func(i map[string]any) bool { return !slices.Contains(ids, text(i, "InstanceId")) })
	}
	w, err := c.cutPage("MaxRecords", "NextToken", 50, "InstanceId", items)
	result := map[string]any{"AutoScalingInstances": list(w.items)}
	if w.next >= 0 {
		result["NextToken"] = tokenOf(w.next)
	}
	return c.modelAnswer("autoscaling", autoScalingNamespace, result), err
}

// describeClassicBalancers answers the classic load balancers, by name where that is asked for.
func describeClassicBalancers(c *call) ([]byte, error) {
	c.sim.mu.Lock()
	items := c.sim.data(c.account).regions[c.region][classicTable]
	c.sim.mu.Unlock()
	names := c.numbered("LoadBalancerNames.member")
	if len(names) > 0 {
		items = slices.DeleteFunc(slices.Clone(items),
			func(b map[string]any) bool { return !slices.Contains(names, text(b, "LoadBalancerName")) })
		if len(items) < len(names) {
			return nil, noSuchBalancer()
		}
	}
	w, err := c.cutPage("PageSize", "Marker", 400, "LoadBalancerName", items)
	result := map[string]any{"LoadBalancerDescriptions": list(w.items)}
	if w.next >= 0 {
		result["NextMarker"] = tokenOf(w.next)
	}
	return c.modelAnswer("elb", classicNamespace, result), err
}

// classicTable is the key of the classic load balancers of a region: their operation has the
// name of the newer one.
const classicTable = "classic DescribeLoadBalancers"

func noSuchBalancer() error {
	return &apiError{http.StatusBadRequest, "LoadBalancerNotFound", "There is no ACTIVE Load Balancer of this name"}
}

// describeInstanceHealth answers the instances of a classic load balancer; one without a file
// has none.
func describeInstanceHealth(c *call) ([]byte, error) {
	c.sim.mu.Lock()
	tables := c.sim.data(c.account).regions[c.region]
	c.sim.mu.Unlock()
	name := c.form.Get("LoadBalancerName")
	if !slices.ContainsFunc(tables[classicTable],
		func(b map[string]any) bool { return text(b, "LoadBalancerName") == name }) {
		return nil, noSuchBalancer()
	}
	return c.modelAnswer("elb", classicNamespace,
		map[string]any{"InstanceStates": list(tables[instanceHealthTable(name)])}), nil
}

// instanceHealthTable is the key of the instances of a classic load balancer.
func instanceHealthTable(name string) string { return "DescribeInstanceHealth " + name }

// describeBalancerAttributes answers what a load balancer is set to: as the file has it, else
// as a network load balancer is made.
func describeBalancerAttributes(c *call) ([]byte, error) {
	c.sim.mu.Lock()
	tables := c.sim.data(c.account).regions[c.region]
	c.sim.mu.Unlock()
	i := slices.IndexFunc(tables["DescribeLoadBalancers"],
		func(b map[string]any) bool { return text(b, "LoadBalancerArn") == c.form.Get("LoadBalancerArn") })
	if i < 0 {
		return nil, &apiError{http.StatusBadRequest, "LoadBalancerNotFound", "One or more load balancers not found"}
	}
	attributes := tables[attributeTable(text(tables["DescribeLoadBalancers"][i], "LoadBalancerName"))]
	if attributes == nil {
		attributes = table{{"Key": "load_balancing.cross_zone.enabled", "Value": "false"}}
	}
	return c.balancingAnswer(map[string]any{"Attributes": list(attributes)}), nil
}

// attributeTable is the key of the attributes of a load balancer.
func attributeTable(name string) string { return "DescribeLoadBalancerAttributes " + name }

// cutPage cuts a page of a query-protocol listing out of items that the member id tells apart.
func (c *call) cutPage(sizeParameter, tokenParameter string, most int, id string, items table) (
	window[map[string]any], error) {
	size, asked := most, c.form.Get(sizeParameter)
	if asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil || n < 1 || n > most {
			return window[map[string]any]{next: -1}, &apiError{http.StatusBadRequest, "ValidationError",
				fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: Member must have value between 1 and %d", asked,
					sizeParameter, most)}
		}
		size = n
	}
	if c.sim.options.PageSize > 0 {
		size = min(size, c.sim.options.PageSize)
	}
	start, err := c.token(tokenParameter, "ValidationError")
	if err != nil {
		return window[map[string]any]{next: -1}, err
	}
	l := listing[map[string]any]{call: c, name: c.account + " " + c.region + " " + c.service + c.operation, items: items,
		place: func(item map[string]any) position { return position{id: text(item, id)} }}
	l.visible()
	return l.page(start, size)
}

// modelAnswer renders an output of a query-protocol service by its model.
func (c *call) modelAnswer(model, namespace string, result map[string]any) []byte {
	m := c.sim.models[model]
	var b bytes.Buffer
	fmt.Fprintf(&b, "<%sResult>", c.operation)
	m.render(&b, m.Outputs[c.operation], result)
	fmt.Fprintf(&b, "</%sResult>", c.operation)
	return c.wrap(namespace, b.Bytes())
}

// replace puts a table of a region of the base account in the place of the one there is.
func (s *Sim) replace(region, key string, items table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tables := maps.Clone(s.base.regions[region])
	if tables == nil {
		tables = map[string]table{}
	}
	tables[key] = items
	s.base.regions[region] = tables
}

// with returns a copy of a table in which an item, told by a member, is another one.
func (s *Sim) with(region, key, member string, item map[string]any) table {
	s.mu.Lock()
	defer s.mu.Unlock()
	items := slices.DeleteFunc(slices.Clone(s.base.regions[region][key]),
		func(i map[string]any) bool { return text(i, member) == text(item, member) })
	return append(items, item)
}

// SetStatus sets the status checks of an instance of the base account: ok, impaired,
// initializing, insufficient-data, not-applicable.
func (s *Sim) SetStatus(region, instance, system, own string) {
	const key = "DescribeInstanceStatus"
	s.replace(region, key, s.with(region, key, "InstanceId", instanceStatus(instance, system, own)))
}

// SetLifecycle puts an instance of the base account into a state of the life cycle of its
// auto-scaling group: InService, Terminating:Wait and so on.
func (s *Sim) SetLifecycle(region, instance, group, state string) {
	const key = "DescribeAutoScalingInstances"
	s.replace(region, key, s.with(region, key, "InstanceId", map[string]any{
		"InstanceId": instance, "AutoScalingGroupName": group, "AvailabilityZone": region + "a", "LifecycleState": state,
		"HealthStatus": "HEALTHY", "ProtectedFromScaleIn": false,
	}))
}

// SetTargetHealth sets the targets of a target group of the base account by their ids, each
// ID=STATE. The error is of a group that isn't there.
func (s *Sim) SetTargetHealth(region, group string, states map[string]string) error {
	err := s.SetTargets(region, group)
	if err != nil {
		return err
	}
	var targets table
	for _, id := range sortedKeys(states) {
		targets = append(targets, map[string]any{
			"Target":       map[string]any{"Id": id, "Port": json.Number("80")},
			"TargetHealth": map[string]any{"State": states[id]},
		})
	}
	s.replace(region, targetTable(group), targets)
	return nil
}

// SetInstanceHealth sets the states of the instances of a classic load balancer of the base
// account: InService, OutOfService, Unknown.
func (s *Sim) SetInstanceHealth(region, balancer string, states ...string) {
	items := make(table, len(states))
	for i, state := range states {
		items[i] = map[string]any{"InstanceId": awsHexID("i-", uint64(i+1)), "State": state}
	}
	s.replace(region, instanceHealthTable(balancer), items)
}

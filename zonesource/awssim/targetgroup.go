package awssim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// targetHealthFile is the output of one describe-target-health; it lies under the name of the target group.
const targetHealthFile = "describe-target-health.json"

// loadTargetHealth takes the targets of one target group, or what else lies under the name of
// a load balancer.
func (d *dataSet) loadTargetHealth(region, group, file string, content []byte) error {
	switch file {
	case targetHealthFile:
	case "describe-instance-health.json":
		return d.loadTable(region, source{"elb", "DescribeInstanceHealth", "InstanceStates"}, instanceHealthTable(group),
			content)
	case "describe-load-balancer-attributes.json":
		return d.loadTable(region, source{"elbv2", "DescribeLoadBalancerAttributes", "Attributes"}, attributeTable(group),
			content)
	default:
		return fmt.Errorf("no such file; below a region there is %s under the name of a target group", targetHealthFile)
	}
	if !slices.ContainsFunc(d.regions[region]["DescribeTargetGroups"],
		func(g map[string]any) bool { return text(g, "TargetGroupName") == group }) {
		return fmt.Errorf("%s is not in describe-target-groups.json", group)
	}
	return d.loadTable(region, source{"elbv2", "DescribeTargetHealth", "TargetHealthDescriptions"}, targetTable(group),
		content)
}

// targetTable is the key of a group's targets in its region.
func targetTable(group string) string { return "DescribeTargetHealth " + group }

func noSuchTargetGroup() error {
	return &apiError{http.StatusBadRequest, "TargetGroupNotFound", "One or more target groups not found"}
}

// describeTargetGroups answers all groups, or those of one load balancer, of some ARNs or names.
func describeTargetGroups(c *call) ([]byte, error) {
	items := c.table()
	balancer := c.form.Get("LoadBalancerArn")
	if balancer != "" {
		items = slices.DeleteFunc(slices.Clone(items), func(g map[string]any) bool {
			return !slices.Contains(at(g, []string{"LoadBalancerArns"}), balancer)
		})
	}
	arns, names := c.numbered("TargetGroupArns.member"), c.numbered("Names.member")
	if len(arns)+len(names) > 0 {
		items = slices.DeleteFunc(slices.Clone(items), func(g map[string]any) bool {
			return !slices.Contains(arns, text(g, "TargetGroupArn")) && !slices.Contains(names, text(g, "TargetGroupName"))
		})
		if len(items) < len(arns)+len(names) {
			return nil, noSuchTargetGroup()
		}
	}
	return c.balancingPage("TargetGroups", "TargetGroupArn", items)
}

// describeTargetHealth answers the targets of one group; one without a file has none.
func describeTargetHealth(c *call) ([]byte, error) {
	c.sim.mu.Lock()
	tables := c.sim.data(c.account).regions[c.region]
	c.sim.mu.Unlock()
	groups := tables["DescribeTargetGroups"]
	i := slices.IndexFunc(groups, func(g map[string]any) bool {
		return text(g, "TargetGroupArn") == c.form.Get("TargetGroupArn")
	})
	if i < 0 {
		return nil, noSuchTargetGroup()
	}
	targets := tables[targetTable(text(groups[i], "TargetGroupName"))]
	return c.balancingAnswer(map[string]any{"TargetHealthDescriptions": list(targets)}), nil
}

// SetTargets replaces the targets of a target group of the base account by as many as there are states:
// healthy, unhealthy, initial, draining, unused, unavailable. The error is of a group that isn't there.
func (s *Sim) SetTargets(region, group string, states ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.base.regions[region]
	if !slices.ContainsFunc(old["DescribeTargetGroups"],
		func(g map[string]any) bool { return text(g, "TargetGroupName") == group }) {
		return fmt.Errorf("%s has no target group %q", region, group)
	}
	targets := make(table, len(states))
	for i, state := range states {
		targets[i] = map[string]any{
			"Target":       map[string]any{"Id": awsHexID("i-", uint64(i+1)), "Port": json.Number("80")},
			"TargetHealth": map[string]any{"State": state},
		}
	}
	tables := maps.Clone(old)
	tables[targetTable(group)] = targets
	s.base.regions[region] = tables
	return nil
}

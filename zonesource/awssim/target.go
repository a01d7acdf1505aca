package awssim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// target is one that is to be registered, or taken away.
type target struct{ id, port string }

// changeTargets is RegisterTargets and DeregisterTargets. What is registered is healthy at once, and what
// is taken away is gone.
func changeTargets(c *call) ([]byte, error) {
	var asked []target
	for i := 1; c.form.Has(fmt.Sprintf("Targets.member.%d.Id", i)); i++ {
		prefix := fmt.Sprintf("Targets.member.%d.", i)
		asked = append(asked, target{c.form.Get(prefix + "Id"), c.form.Get(prefix + "Port")})
	}
	if len(asked) == 0 {
		return nil, ec2Fault("ValidationError", "1 validation error detected: Value at 'targets' is empty")
	}
	from := c.origin()
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	d := c.sim.data(c.account)
	groups := d.regions[c.region]["DescribeTargetGroups"]
	i := slices.IndexFunc(groups, func(g map[string]any) bool {
		return text(g, "TargetGroupArn") == c.form.Get("TargetGroupArn")
	})
	if i < 0 {
		return nil, noSuchTargetGroup()
	}
	otherwise := "80"
	if port, is := groups[i]["Port"].(json.Number); is {
		otherwise = port.String()
	}
	tables := maps.Clone(d.regions[c.region])
	key := targetTable(text(groups[i], "TargetGroupName"))
	left := slices.DeleteFunc(cloneTable(tables[key]), func(item map[string]any) bool {
		have, _ := item["Target"].(map[string]any)
		port, _ := have["Port"].(json.Number)
		return slices.ContainsFunc(asked, func(t target) bool {
			return t.id == text(have, "Id") && (t.port == "" || t.port == port.String())
		})
	})
	trailed := make([]any, len(asked))
	for n, t := range asked {
		if t.port == "" {
			t.port = otherwise
		}
		number, err := strconv.Atoi(t.port)
		if err != nil {
			return nil, ec2Fault("ValidationError", "The port '%s' is not valid", t.port)
		}
		trailed[n] = map[string]any{"id": t.id, "port": number}
		if c.operation == "RegisterTargets" {
			left = append(left, map[string]any{
				"Target":       map[string]any{"Id": t.id, "Port": json.Number(t.port)},
				"TargetHealth": map[string]any{"State": "healthy"},
			})
		}
	}
	tables[key] = left
	d.regions[c.region] = tables
	c.sim.trail(from, "elasticloadbalancing", c.operation,
		map[string]any{"targetGroupArn": c.form.Get("TargetGroupArn"), "targets": trailed}, nil)
	return c.wrap(elbNamespace, fmt.Appendf(nil, "<%sResult/>", c.operation)), nil
}

package awssim

import (
	"fmt"
	"net/http"
	"slices"
)

// EventBridge and CloudTrail, by the names that signatures have for them. What their operations say is kept
// and listed; which events are sent where is said by the switch of events alone.
const (
	busService    = "events"
	trailsService = "cloudtrail"
)

// rule is one of EventBridge's, of the default bus. Sim.mu guards it.
type rule struct {
	account, region string
	Name            string
	Arn             string
	EventPattern    string
	State           string
	EventBusName    string
	targets         []busTarget
}

type busTarget struct{ Id, Arn string }

func (c *call) rule(name string) (*rule, error) {
	for _, r := range c.sim.rules {
		if r.account == c.account && r.region == c.region && r.Name == name {
			return r, nil
		}
	}
	return nil, &apiError{http.StatusBadRequest, "ResourceNotFoundException",
		"Rule " + name + " does not exist on EventBus default."}
}

func putRule(c *call) ([]byte, error) {
	in := rule{State: "ENABLED", EventBusName: "default"}
	err := c.decodeJSON(&in)
	if err != nil {
		return nil, err
	}
	if in.Name == "" || in.EventPattern == "" {
		return nil, &apiError{http.StatusBadRequest, "ValidationException", "Name and EventPattern are required."}
	}
	in.account, in.region = c.account, c.region
	in.Arn = fmt.Sprintf("arn:aws:events:%s:%s:rule/%s", c.region, c.account, in.Name)
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	old, _ := c.rule(in.Name)
	if old != nil {
		in.targets = old.targets
		*old = in
	} else {
		c.sim.rules = append(c.sim.rules, &in)
	}
	return jsonAnswer(map[string]string{"RuleArn": in.Arn}), nil
}

func putTargets(c *call) ([]byte, error) {
	var in struct {
		Rule    string
		Targets []busTarget
	}
	return operate(c, &in, func() (*rule, error) { return c.rule(in.Rule) }, func(r *rule) (any, error) {
		for _, t := range in.Targets {
			r.targets = slices.DeleteFunc(r.targets, func(o busTarget) bool { return o.Id == t.Id })
			r.targets = append(r.targets, t)
		}
		return map[string]any{"FailedEntryCount": 0, "FailedEntries": []any{}}, nil
	})
}

func describeRule(c *call) ([]byte, error) {
	var in struct{ Name string }
	return operate(c, &in, func() (*rule, error) { return c.rule(in.Name) }, func(r *rule) (any, error) {
		return r, nil
	})
}

func listRules(c *call) ([]byte, error) {
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	all := []*rule{}
	for _, r := range c.sim.rules {
		if r.account == c.account && r.region == c.region {
			all = append(all, r)
		}
	}
	return jsonAnswer(map[string]any{"Rules": all}), nil
}

func listTargetsByRule(c *call) ([]byte, error) {
	var in struct{ Rule string }
	return operate(c, &in, func() (*rule, error) { return c.rule(in.Rule) }, func(r *rule) (any, error) {
		return map[string]any{"Targets": append([]busTarget{}, r.targets...)}, nil
	})
}

// trailState is one trail of CloudTrail. Sim.mu guards it.
type trailState struct {
	account                    string
	logging                    bool
	Name                       string
	TrailARN                   string
	HomeRegion                 string
	S3BucketName               string
	IsMultiRegionTrail         bool
	IncludeGlobalServiceEvents bool
}

// trailOf finds the trail of a name or ARN.
func (c *call) trailOf(name string) (*trailState, error) {
	for _, t := range c.sim.trails {
		if t.account == c.account && (t.Name == name || t.TrailARN == name) {
			return t, nil
		}
	}
	return nil, &apiError{http.StatusBadRequest, "TrailNotFoundException", "Unknown trail: " + name}
}

func createTrail(c *call) ([]byte, error) {
	in := trailState{IncludeGlobalServiceEvents: true}
	err := c.decodeJSON(&in)
	if err != nil {
		return nil, err
	}
	if in.Name == "" || in.S3BucketName == "" {
		return nil, &apiError{http.StatusBadRequest, "InvalidTrailNameException", "Name and S3BucketName are required."}
	}
	in.account, in.HomeRegion = c.account, c.region
	in.TrailARN = fmt.Sprintf("arn:aws:cloudtrail:%s:%s:trail/%s", c.region, c.account, in.Name)
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	old, _ := c.trailOf(in.Name)
	if old != nil {
		return nil, &apiError{http.StatusBadRequest, "TrailAlreadyExistsException", "Trail " + in.Name + " already exists"}
	}
	c.sim.trails = append(c.sim.trails, &in)
	return jsonAnswer(in), nil
}

func startLogging(c *call) ([]byte, error) { return c.setLogging(true) }

func stopLogging(c *call) ([]byte, error) { return c.setLogging(false) }

func (c *call) setLogging(on bool) ([]byte, error) {
	var in struct{ Name string }
	return operate(c, &in, func() (*trailState, error) { return c.trailOf(in.Name) }, func(t *trailState) (any, error) {
		t.logging = on
		return struct{}{}, nil
	})
}

// describeTrails lists the trails whose home is the caller's region, and those of all regions from anywhere.
func describeTrails(c *call) ([]byte, error) {
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	all := []*trailState{}
	for _, t := range c.sim.trails {
		if t.account == c.account && (t.HomeRegion == c.region || t.IsMultiRegionTrail) {
			all = append(all, t)
		}
	}
	return jsonAnswer(map[string]any{"trailList": all}), nil
}

func getTrailStatus(c *call) ([]byte, error) {
	var in struct{ Name string }
	return operate(c, &in, func() (*trailState, error) { return c.trailOf(in.Name) }, func(t *trailState) (any, error) {
		return map[string]any{"IsLogging": t.logging}, nil
	})
}

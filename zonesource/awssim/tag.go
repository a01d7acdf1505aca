package awssim

import (
	"net/http"
	"slices"
	"strings"
)

type tag struct {
	Key   string `json:"Key" xml:"Key"`
	Value string `json:"Value" xml:"Value"`
}

type tagSet struct {
	ResourceType string `json:"ResourceType" xml:"ResourceType"`
	ResourceID   string `json:"ResourceId" xml:"ResourceId"`
	Tags         []tag  `json:"Tags" xml:"Tags>Tag"`
}

// tagsOf finds the tags of a hosted zone or health check. Call it with mu held.
func (d *dataSet) tagsOf(resourceType, id string) (*[]tag, error) {
	switch resourceType {
	case "hostedzone":
		z := d.zone(id)
		if z == nil {
			return nil, noSuchZone(id)
		}
		return &z.tags, nil
	case "healthcheck":
		h := d.check(id)
		if h == nil {
			return nil, noSuchHealthCheck(id)
		}
		return &h.tags, nil
	}
	return nil, invalidInput("Value '%s' at 'resourceType' failed to satisfy constraint: Member must satisfy enum value "+
		"set: [healthcheck, hostedzone]", resourceType)
}

func listTags(c *call) ([]byte, error) {
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	tags, err := c.sim.data(c.account).tagsOf(c.vars[0], c.vars[1])
	if err != nil {
		return nil, err
	}
	return answer("ListTagsForResourceResponse", struct{ ResourceTagSet tagSet }{tagSet{c.vars[0], c.vars[1], *tags}}), nil
}

func listTagsOfMany(c *call) ([]byte, error) {
	var request struct {
		IDs []string `xml:"ResourceIds>ResourceId"`
	}
	err := c.decode(&request)
	if err != nil {
		return nil, err
	}
	if len(request.IDs) == 0 || len(request.IDs) > 10 {
		return nil,
			invalidInput("Value at 'resourceIds' failed to satisfy constraint: Member must have length between 1 and 10")
	}
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	var sets struct {
		ResourceTagSets []tagSet `xml:"ResourceTagSets>ResourceTagSet"`
	}
	for _, id := range request.IDs {
		tags, err := c.sim.data(c.account).tagsOf(c.vars[0], id)
		if err != nil {
			return nil, err
		}
		sets.ResourceTagSets = append(sets.ResourceTagSets, tagSet{c.vars[0], id, *tags})
	}
	return answer("ListTagsForResourcesResponse", sets), nil
}

func changeTags(c *call) ([]byte, error) {
	var request struct {
		AddTags       []tag    `xml:"AddTags>Tag"`
		RemoveTagKeys []string `xml:"RemoveTagKeys>Key"`
	}
	err := c.decode(&request)
	if err != nil {
		return nil, err
	}
	if len(request.AddTags)+len(request.RemoveTagKeys) == 0 {
		return nil, &apiError{http.StatusBadRequest, "InvalidInput", "AddTags or RemoveTagKeys is required"}
	}
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	tags, err := c.sim.data(c.account).tagsOf(c.vars[0], c.vars[1])
	if err != nil {
		return nil, err
	}
	left := slices.DeleteFunc(slices.Clone(*tags), func(t tag) bool {
		return slices.Contains(request.RemoveTagKeys, t.Key) ||
			slices.ContainsFunc(request.AddTags, func(n tag) bool { return n.Key == t.Key })
	})
	left = append(left, request.AddTags...)
	slices.SortFunc(left, func(a, b tag) int { return strings.Compare(a.Key, b.Key) })
	*tags = left
	return answer("ChangeTagsForResourceResponse", struct{}{}), nil
}

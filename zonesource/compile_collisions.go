package zonesource

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"inside53/resolver/zone"
)

// collide finds the names that instances have, and records of a zone of the same apex too.
func (c *Compiled) collide() {
	c.collisions = nil
	for _, tags := range c.tags.zones {
		others := c.besides(tags)
		if len(others) == 0 {
			continue
		}
		for name, node := range tags.Tree.All {
			if node.HasInstances() {
				c.collisions = append(c.collisions, collisionsOf(tags, others, name, node)...)
			}
		}
	}
	slices.SortFunc(c.collisions, compareProblems)
}

// collideAfter is collide where the zones of the given places, and names of instances, are
// others than before: it looks at the names that have changed.
func (c *Compiled) collideAfter(previous *Compiled, changed []int) {
	names := map[string]map[string]bool{} // by the apex of the zone of tags
	note := func(apex []byte, was, is *zone.Tree) {
		if names[string(apex)] == nil {
			names[string(apex)] = map[string]bool{}
		}
		zone.Diff(was, is, func(name []byte, _, _ zone.RRset) bool {
			names[string(apex)][string(name)] = true
			return true
		})
	}
	for i, z := range c.tags.zones {
		was := previous.tags.zones[i]
		if z != was && len(c.besides(z)) > 0 {
			note(z.Apex, was.Tree, z.Tree)
		}
	}
	for _, i := range changed {
		z := c.Snapshot.Zones[i]
		if slices.ContainsFunc(c.tags.zones, func(t *zone.Zone) bool { return bytes.Equal(t.Apex, z.Apex) }) {
			note(z.Apex, previous.Snapshot.Zones[i].Tree, z.Tree)
		}
	}
	if len(names) == 0 {
		return
	}
	texts := map[[2]string]bool{}
	for apex, list := range names {
		for name := range list {
			texts[[2]string{zone.String([]byte(apex)), zone.String([]byte(name))}] = true
		}
	}
	c.collisions = slices.DeleteFunc(slices.Clone(c.collisions),
		func(p Problem) bool { return texts[[2]string{p.Zone, p.Name}] })
	for _, tags := range c.tags.zones {
		for name := range names[string(tags.Apex)] {
			node := tags.Tree.Lookup([]byte(name))
			if node.HasInstances() {
				c.collisions = append(c.collisions, collisionsOf(tags, c.besides(tags), []byte(name), node)...)
			}
		}
	}
	slices.SortFunc(c.collisions, compareProblems)
}

// besides returns the zones with records that have the apex of a zone of tags.
func (c *Compiled) besides(tags *zone.Zone) []*zone.Zone {
	var out []*zone.Zone
	for _, z := range c.Snapshot.Zones[:len(c.in.zones)] {
		if bytes.Equal(z.Apex, tags.Apex) {
			out = append(out, z)
		}
	}
	return out
}

// collisionsOf says which zones have records at a name that instances have, and what counts
// there.
func collisionsOf(tags *zone.Zone, others []*zone.Zone, name []byte, node zone.Node) []Problem {
	var out []Problem
	for _, z := range others {
		if z.Tree.Lookup(name).Empty() {
			continue
		}
		counts := "the instances' addresses count"
		if z.Origin < zone.Tags {
			counts = "its records count"
		}
		where := z.ID
		if z.Origin == zone.File {
			where = "the file " + where
		} else {
			where = "the " + z.Origin.String() + " zone " + where
		}
		out = append(out, Problem{
			Zone: zone.String(tags.Apex), Name: zone.String(name),
			Reason: fmt.Sprintf("is a name of %s, and has records in %s: %s", strings.Join(instancesOf(node), ", "),
				where, counts),
		})
	}
	return out
}

// instancesOf lists the instances that have a name, each once.
func instancesOf(node zone.Node) []string {
	var out []string
	for set := range node.RRsets {
		var m zone.InstanceAddress
		for w := set.Instances(); w.Next(&m); {
			if !slices.Contains(out, string(m.ID)) {
				out = append(out, string(m.ID))
			}
		}
	}
	slices.Sort(out)
	return out
}

package awssim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const mostLaunched = 50 // instances of one call

// runInstances launches instances: they run at once, each with an interface of its own.
func runInstances(c *call) ([]byte, error) {
	err := c.dryRun()
	if err != nil {
		return nil, err
	}
	least, errLeast := strconv.Atoi(c.form.Get("MinCount"))
	most, errMost := strconv.Atoi(c.form.Get("MaxCount"))
	if errLeast != nil || errMost != nil || least < 1 || most < least || most > mostLaunched {
		return nil, ec2Fault("InvalidParameterValue", "MinCount and MaxCount have to be 1 to %d", mostLaunched)
	}
	if c.form.Get("ImageId") == "" {
		return nil, ec2Fault("MissingParameter", "The request must contain the parameter ImageId")
	}
	from := c.origin()
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	e := c.sim.editRegion(from)
	launched := make([]any, most)
	for i := range launched {
		launched[i], err = c.launch(e, i)
		if err != nil {
			return nil, err
		}
	}
	c.sim.ids++
	reservation := map[string]any{
		"ReservationId": awsHexID("r-", c.sim.ids), "OwnerId": from.account, "Groups": []any{}, "Instances": launched,
	}
	e.instances = append(e.instances, reservation)
	e.commit()
	ids := at(reservation, []string{"Instances", "InstanceId"})
	request := map[string]any{"minCount": least, "maxCount": most, "instanceType": c.form.Get("InstanceType"),
		"instancesSet": map[string]any{"items": []any{map[string]any{"imageId": c.form.Get("ImageId"), "minCount": least,
			"maxCount": most}}}}
	response := trailedItems("instanceId", ids)
	c.sim.trail(from, "ec2", "RunInstances", request, map[string]any{
		"requestId": c.id, "reservationId": reservation["ReservationId"], "ownerId": from.account, "instancesSet": response,
	})
	for _, id := range ids {
		c.sim.trailState(from, id, "pending")
		c.sim.trailState(from, id, "running")
	}
	m := c.sim.models["ec2"]
	var body strings.Builder
	for _, member := range []string{"ReservationId", "OwnerId", "Groups", "Instances"} {
		place := m.Shapes["Reservation"].Members[member]
		body.WriteString(c.ec2Value(place, reservation[member]))
	}
	return c.ec2Document(body.String()), nil
}

// launch makes one instance.
func (c *call) launch(e *regionEdit, index int) (map[string]any, error) {
	subnetID := c.form.Get("SubnetId")
	if subnetID == "" {
		subnetID = c.form.Get("NetworkInterface.1.SubnetId")
	}
	subnet, err := e.subnet(subnetID)
	if err != nil {
		return nil, err
	}
	groups := append(c.numbered("SecurityGroupId"), c.numbered("NetworkInterface.1.SecurityGroupId")...)
	n, err := e.newInterface(subnet, groups)
	if err != nil {
		return nil, err
	}
	kind := c.form.Get("InstanceType")
	if kind == "" {
		kind = "m1.small" // EC2's default
	}
	e.sim.ids++
	instance := map[string]any{
		"InstanceId": awsHexID("i-", e.sim.ids), "ImageId": c.form.Get("ImageId"), "InstanceType": kind,
		"AmiLaunchIndex": json.Number(strconv.Itoa(index)), "State": stateOf("running"),
		"LaunchTime":       time.Now().UTC().Format(time.RFC3339),
		"Placement":        map[string]any{"AvailabilityZone": text(subnet, "AvailabilityZone"), "Tenancy": "default"},
		"PrivateIpAddress": text(n, "PrivateIpAddress"), "PrivateDnsName": text(n, "PrivateDnsName"), "PublicDnsName": "",
		"SubnetId": text(subnet, "SubnetId"), "VpcId": text(subnet, "VpcId"), "SecurityGroups": groupItems(groups),
		"SourceDestCheck": true,
	}
	tags := c.tagSpecification("instance")
	if len(tags) > 0 {
		instance["Tags"] = tags
	}
	e.attach(n, instance, 0)
	return instance, nil
}

// tagSpecification are the tags that a call gives to a kind of thing that it makes.
func (c *call) tagSpecification(kind string) []any {
	var tags []any
	for i := 1; ; i++ {
		prefix := fmt.Sprintf("TagSpecification.%d.", i)
		of := c.form.Get(prefix + "ResourceType")
		if of == "" {
			return tags
		}
		if of != kind {
			continue
		}
		tags = append(tags, c.tags(prefix)...)
	}
}

// tags are the parameters PREFIXTag.1.Key, PREFIXTag.1.Value and so on.
func (c *call) tags(prefix string) []any {
	var tags []any
	for j := 1; c.form.Has(fmt.Sprintf("%sTag.%d.Key", prefix, j)); j++ {
		tag := fmt.Sprintf("%sTag.%d.", prefix, j)
		tags = append(tags, map[string]any{"Key": c.form.Get(tag + "Key"), "Value": c.form.Get(tag + "Value")})
	}
	return tags
}

// lifeOf says of an operation which states it brings an instance to, one after the other, and which it
// may have before.
func lifeOf(operation string) (states, before []string) {
	switch operation {
	case "StartInstances":
		return []string{"pending", "running"}, []string{"stopped", "running"}
	case "StopInstances":
		return []string{"stopping", "stopped"}, []string{"running", "stopped"}
	}
	return []string{"shutting-down", "terminated"}, []string{"running", "stopped", "terminated"}
}

// changeInstances starts, stops or terminates instances. They have their new state at once; EC2's word of
// the states comes one after the other.
func changeInstances(c *call) ([]byte, error) {
	err := c.dryRun()
	if err != nil {
		return nil, err
	}
	states, allowed := lifeOf(c.operation)
	final := states[len(states)-1]
	ids := c.numbered("InstanceId")
	from := c.origin()
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	e := c.sim.editRegion(from)
	all, err := e.named(ids)
	if err != nil {
		return nil, err
	}
	var moved []string
	var body strings.Builder
	for _, instance := range all {
		id := text(instance, "InstanceId")
		state, _ := instance["State"].(map[string]any)
		if !slices.Contains(allowed, text(state, "Name")) {
			return nil, ec2Fault("IncorrectInstanceState", "The instance '%s' is not in a state from which it can be changed.",
				id)
		}
		before := setState(instance, final)
		if text(before, "Name") != final {
			moved = append(moved, id)
		}
		if final == "terminated" {
			e.terminate(instance)
		}
		body.WriteString("<item><instanceId>" + id + "</instanceId>" +
			c.ec2Shape("currentState", "InstanceState", stateOf(final)) +
			c.ec2Shape("previousState", "InstanceState", before) + "</item>")
	}
	e.commit()
	c.sim.trail(from, "ec2", c.operation, map[string]any{"instancesSet": trailedItems("instanceId", ids)},
		map[string]any{"requestId": c.id, "instancesSet": trailedItems("instanceId", ids)})
	for _, state := range states {
		for _, id := range moved {
			c.sim.trailState(from, id, state)
		}
	}
	return c.ec2Document("<instancesSet>" + body.String() + "</instancesSet>"), nil
}

// terminate takes the interfaces of an instance away.
func (e *regionEdit) terminate(instance map[string]any) {
	for _, card := range objects(instance["NetworkInterfaces"]) {
		n := e.networkInterface(text(card, "NetworkInterfaceId"))
		if n != nil {
			e.drop(n)
		}
	}
	for _, member := range []string{"NetworkInterfaces", "PrivateIpAddress", "PublicIpAddress", "SubnetId", "VpcId"} {
		delete(instance, member)
	}
	instance["PrivateDnsName"], instance["PublicDnsName"] = "", ""
}

// changeResourceTags is CreateTags and DeleteTags, for all that has tags here.
func changeResourceTags(c *call) ([]byte, error) {
	err := c.dryRun()
	if err != nil {
		return nil, err
	}
	ids, tags := c.numbered("ResourceId"), c.tags("")
	if len(ids) == 0 || len(tags) == 0 && c.operation == "CreateTags" {
		return nil, ec2Fault("MissingParameter", "The request must contain the parameters resourceIdSet and tagSet")
	}
	from := c.origin()
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	e := c.sim.editRegion(from)
	for _, id := range ids {
		err = e.tag(id, c.operation == "DeleteTags", tags)
		if err != nil {
			return nil, err
		}
	}
	e.commit()
	items := make([]any, len(tags))
	for i, t := range tags {
		tag, _ := t.(map[string]any)
		items[i] = map[string]any{"key": text(tag, "Key"), "value": text(tag, "Value")}
	}
	c.sim.trail(from, "ec2", c.operation, map[string]any{"resourcesSet": trailedItems("resourceId", ids),
		"tagSet": map[string]any{"items": items}}, map[string]any{"requestId": c.id, "_return": true})
	return c.ec2Done(), nil
}

// tag adds tags to something, or takes them away; none: all of them.
func (e *regionEdit) tag(id string, remove bool, tags []any) error {
	item, member := e.instance(id), "Tags"
	if item == nil {
		item, member = e.networkInterface(id), "TagSet"
	}
	if item == nil {
		return ec2Fault("InvalidID", "The ID '%s' is not valid", id)
	}
	old, _ := item[member].([]any)
	left := slices.DeleteFunc(slices.Clone(old), func(v any) bool {
		have, _ := v.(map[string]any)
		return remove && len(tags) == 0 || slices.ContainsFunc(tags, func(t any) bool {
			tag, _ := t.(map[string]any)
			value := text(tag, "Value")
			return text(tag, "Key") == text(have, "Key") && (!remove || value == "" || value == text(have, "Value"))
		})
	})
	if !remove {
		left = append(left, tags...)
	}
	item[member] = left
	return nil
}

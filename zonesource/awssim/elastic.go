package awssim

import (
	"strconv"
	"strings"
)

// elasticIP finds the elastic IP that a call names by its allocation, association or address.
func (e *regionEdit) elasticIP(c *call) (map[string]any, error) {
	for _, by := range []struct{ parameter, member, unknown string }{
		{"AllocationId", "AllocationId", "InvalidAllocationID.NotFound"},
		{"AssociationId", "AssociationId", "InvalidAssociationID.NotFound"},
		{"PublicIp", "PublicIp", "InvalidAddress.NotFound"},
	} {
		want := c.form.Get(by.parameter)
		if want == "" {
			continue
		}
		for _, a := range e.addresses {
			if text(a, by.member) == want {
				return a, nil
			}
		}
		return nil, ec2Fault(by.unknown, "The %s '%s' does not exist", by.parameter, want)
	}
	return nil, ec2Fault("MissingParameter", "Either public IP or allocation id must be specified")
}

// associateAddress moves an elastic IP to an interface, or to the first one of an instance.
func associateAddress(c *call) ([]byte, error) {
	e, unlock, err := c.edit()
	if err != nil {
		return nil, err
	}
	defer unlock()
	address, err := e.elasticIP(c)
	if err != nil {
		return nil, err
	}
	m := move{public: text(address, "PublicIp"), networkInterface: c.form.Get("NetworkInterfaceId"),
		private: c.form.Get("PrivateIpAddress")}
	request := map[string]any{}
	for member, parameter := range map[string]string{"allocationId": "AllocationId", "publicIp": "PublicIp",
		"instanceId": "InstanceId", "networkInterfaceId": "NetworkInterfaceId", "privateIpAddress": "PrivateIpAddress"} {
		if c.form.Get(parameter) != "" {
			request[member] = c.form.Get(parameter)
		}
	}
	id := c.form.Get("InstanceId")
	if m.networkInterface == "" {
		instances, err := e.named([]string{id})
		if err != nil {
			return nil, err
		}
		cards := objects(instances[0]["NetworkInterfaces"])
		if len(cards) == 0 {
			return nil, ec2Fault("InvalidInstanceID", "The instance '%s' has no network interface", id)
		}
		m.networkInterface = text(cards[0], "NetworkInterfaceId")
	}
	if text(address, "AssociationId") != "" && c.form.Get("AllowReassociation") == "false" {
		return nil, ec2Fault("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s",
			text(address, "AllocationId"), text(address, "AssociationId"))
	}
	err = e.associate(&m)
	if err != nil {
		return nil, ec2Fault("InvalidNetworkInterfaceID.NotFound", "%v", err)
	}
	e.commit()
	c.sim.trail(e.origin, "ec2", "AssociateAddress", request,
		map[string]any{"requestId": c.id, "_return": true, "associationId": m.association})
	return c.ec2Document("<return>true</return><associationId>" + m.association + "</associationId>"), nil
}

func disassociateAddress(c *call) ([]byte, error) {
	e, unlock, err := c.edit()
	if err != nil {
		return nil, err
	}
	defer unlock()
	address, err := e.elasticIP(c)
	if err != nil {
		return nil, err
	}
	request := map[string]any{}
	if c.form.Get("AssociationId") != "" {
		request["associationId"] = c.form.Get("AssociationId")
	} else {
		request["publicIp"] = c.form.Get("PublicIp")
	}
	err = e.associate(&move{public: text(address, "PublicIp")})
	if err != nil {
		return nil, ec2Fault("InvalidAddress.NotFound", "%v", err)
	}
	e.commit()
	c.sim.trail(e.origin, "ec2", "DisassociateAddress", request, map[string]any{"requestId": c.id, "_return": true})
	return c.ec2Done(), nil
}

func createNetworkInterface(c *call) ([]byte, error) {
	e, unlock, err := c.edit()
	if err != nil {
		return nil, err
	}
	defer unlock()
	subnet, err := e.subnet(c.form.Get("SubnetId"))
	if err != nil {
		return nil, err
	}
	n, err := e.newInterface(subnet, c.numbered("SecurityGroupId"))
	if err != nil {
		return nil, err
	}
	n["Description"] = c.form.Get("Description")
	e.commit()
	c.sim.trail(e.origin, "ec2", "CreateNetworkInterface",
		map[string]any{"subnetId": text(subnet, "SubnetId"), "description": n["Description"]},
		map[string]any{"requestId": c.id, "networkInterface": map[string]any{
			"networkInterfaceId": n["NetworkInterfaceId"], "subnetId": n["SubnetId"], "vpcId": n["VpcId"],
			"privateIpAddress": n["PrivateIpAddress"], "status": "pending",
		}})
	return c.ec2Document(c.ec2Shape("networkInterface", "NetworkInterface", n)), nil
}

// interfaceAt finds the interface that a call names, by its id or its attachment.
func (e *regionEdit) interfaceAt(c *call) (map[string]any, error) {
	id := c.form.Get("NetworkInterfaceId")
	if attachment := c.form.Get("AttachmentId"); attachment != "" {
		for _, n := range e.interfaces {
			have, _ := n["Attachment"].(map[string]any)
			if text(have, "AttachmentId") == attachment {
				return n, nil
			}
		}
		return nil, ec2Fault("InvalidAttachmentID.NotFound", "The attachment '%s' does not exist", attachment)
	}
	n := e.networkInterface(id)
	if n == nil {
		return nil, ec2Fault("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '%s' does not exist", id)
	}
	return n, nil
}

func deleteNetworkInterface(c *call) ([]byte, error) {
	return c.changeInterface(func(e *regionEdit, n map[string]any) (map[string]any, string, error) {
		if text(n, "Status") == "in-use" {
			return nil, "", ec2Fault("InvalidParameterValue", "Network interface '%s' is currently in use.",
				text(n, "NetworkInterfaceId"))
		}
		e.drop(n)
		return map[string]any{"networkInterfaceId": text(n, "NetworkInterfaceId")}, "", nil
	})
}

func attachNetworkInterface(c *call) ([]byte, error) {
	return c.changeInterface(func(e *regionEdit, n map[string]any) (map[string]any, string, error) {
		index, err := strconv.Atoi(c.form.Get("DeviceIndex"))
		if err != nil || index < 1 {
			return nil, "", ec2Fault("InvalidParameterValue", "The device index is invalid")
		}
		if text(n, "Status") == "in-use" {
			return nil, "", ec2Fault("InvalidNetworkInterface.InUse", "The interface is in use")
		}
		instances, err := e.named([]string{c.form.Get("InstanceId")})
		if err != nil {
			return nil, "", err
		}
		attachment := e.attach(n, instances[0], index)
		return map[string]any{"networkInterfaceId": text(n, "NetworkInterfaceId"), "deviceIndex": index,
			"instanceId": c.form.Get("InstanceId")}, "<attachmentId>" + attachment + "</attachmentId>", nil
	})
}

func detachNetworkInterface(c *call) ([]byte, error) {
	return c.changeInterface(func(e *regionEdit, n map[string]any) (map[string]any, string, error) {
		if text(n, "Status") != "in-use" {
			return nil, "", ec2Fault("IncorrectState", "The interface is not attached")
		}
		e.detach(n)
		return map[string]any{"attachmentId": c.form.Get("AttachmentId")}, "<return>true</return>", nil
	})
}

// changeInterface applies one change to an interface; it returns the request as CloudTrail notes it, and
// what the answer says.
func (c *call) changeInterface(apply func(*regionEdit, map[string]any) (map[string]any, string, error)) ([]byte,
	error) {
	e, unlock, err := c.edit()
	if err != nil {
		return nil, err
	}
	defer unlock()
	n, err := e.interfaceAt(c)
	if err != nil {
		return nil, err
	}
	request, body, err := apply(e, n)
	if err != nil {
		return nil, err
	}
	e.commit()
	c.sim.trail(e.origin, "ec2", c.operation, request, map[string]any{"requestId": c.id, "_return": true})
	if strings.TrimSpace(body) == "" {
		return c.ec2Done(), nil
	}
	return c.ec2Document(body), nil
}

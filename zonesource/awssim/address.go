package awssim

import (
	"errors"
	"fmt"
	"slices"
)

// move is an elastic IP on its way to another interface. It works on clones of the tables.
type move struct {
	public           string
	networkInterface string // empty: to none
	private          string
	association      string         // id of the new association
	item             map[string]any // the address in DescribeAddresses
	target           map[string]any // the interface, nil: none
}

// find looks up the address and the interface, and settles which private address it is to be.
func (m *move) find(addresses, interfaces table) error {
	i := slices.IndexFunc(addresses, func(a map[string]any) bool { return text(a, "PublicIp") == m.public })
	if i < 0 {
		return errors.New("no such elastic IP")
	}
	m.item = addresses[i]
	if m.networkInterface == "" {
		return nil
	}
	i = slices.IndexFunc(interfaces,
		func(e map[string]any) bool { return text(e, "NetworkInterfaceId") == m.networkInterface })
	if i < 0 {
		return fmt.Errorf("no network interface %s", m.networkInterface)
	}
	m.target = interfaces[i]
	if m.private == "" {
		m.private = text(m.target, "PrivateIpAddress")
	}
	has := slices.ContainsFunc(objects(m.target["PrivateIpAddresses"]), func(p map[string]any) bool {
		return text(p, "PrivateIpAddress") == m.private
	})
	if !has {
		return fmt.Errorf("%s has no address %s", m.networkInterface, m.private)
	}
	return nil
}

// address rewrites the entry of DescribeAddresses.
func (m *move) address() {
	for _, member := range []string{"AssociationId", "NetworkInterfaceId", "NetworkInterfaceOwnerId", "PrivateIpAddress",
		"InstanceId"} {
		delete(m.item, member)
	}
	if m.target == nil {
		return
	}
	m.item["AssociationId"] = m.association
	m.item["NetworkInterfaceId"] = m.networkInterface
	m.item["NetworkInterfaceOwnerId"] = text(m.target, "OwnerId")
	m.item["PrivateIpAddress"] = m.private
	attachment, _ := m.target["Attachment"].(map[string]any)
	if id := text(attachment, "InstanceId"); id != "" {
		m.item["InstanceId"] = id
	}
}

// interfaceOf rewrites an interface, as DescribeNetworkInterfaces or an instance shows it.
func (m *move) interfaceOf(eni map[string]any) {
	here := m.networkInterface != "" && text(eni, "NetworkInterfaceId") == m.networkInterface
	for _, p := range objects(eni["PrivateIpAddresses"]) {
		old, _ := p["Association"].(map[string]any)
		if text(old, "PublicIp") == m.public {
			delete(p, "Association")
		}
		if here && text(p, "PrivateIpAddress") == m.private {
			p["Association"] = m.entry()
		}
		if p["Primary"] == true {
			delete(eni, "Association")
			if p["Association"] != nil {
				eni["Association"] = clone(p["Association"])
			}
		}
	}
}

func (m *move) entry() map[string]any {
	entry := map[string]any{
		"AllocationId":  text(m.item, "AllocationId"),
		"AssociationId": m.association,
		"IpOwnerId":     text(m.target, "OwnerId"),
		"PublicIp":      m.public,
		"PublicDnsName": "",
	}
	for member, v := range entry {
		if v == "" && member != "PublicDnsName" {
			delete(entry, member)
		}
	}
	return entry
}

// instance rewrites an instance: its interfaces, and its public address, which is the one of its primary interface.
func (m *move) instance(instance map[string]any) {
	for i, eni := range objects(instance["NetworkInterfaces"]) {
		m.interfaceOf(eni)
		// In an instance's view associations have neither of these.
		for _, holder := range append(objects(eni["PrivateIpAddresses"]), eni) {
			association, _ := holder["Association"].(map[string]any)
			delete(association, "AllocationId")
			delete(association, "AssociationId")
		}
		if i > 0 {
			continue
		}
		association, _ := eni["Association"].(map[string]any)
		delete(instance, "PublicIpAddress")
		if public := text(association, "PublicIp"); public != "" {
			instance["PublicIpAddress"] = public
		}
	}
}

// objects are the objects of a list member.
func objects(v any) []map[string]any {
	items, _ := v.([]any)
	var all []map[string]any
	for _, item := range items {
		object, ok := item.(map[string]any)
		if ok {
			all = append(all, object)
		}
	}
	return all
}

func clone(v any) any {
	switch x := v.(type) {
	case map[string]any:
		c := make(map[string]any, len(x))
		for k, item := range x {
			c[k] = clone(item)
		}
		return c
	case []any:
		c := make([]any, len(x))
		for i, item := range x {
			c[i] = clone(item)
		}
		return c
	}
	return v
}

func cloneTable(t table) table {
	var c table
	for _, item := range t {
		object, _ := clone(item).(map[string]any)
		c = append(c, object)
	}
	return c
}

// awsHexID makes an id like those of EC2: 17 hexadecimal digits.
func awsHexID(prefix string, n uint64) string {
	return fmt.Sprintf("%s0%016x", prefix, n*0x9e3779b97f4a7c15)
}

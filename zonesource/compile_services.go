package zonesource

import (
	"encoding/binary"
	"fmt"

	"inside53/resolver/zone"
)

// putServices stores the SRV records (RFC 2782) of a name: what its instances serve, each as
// far as the view reaches it. Where all instances of the name serve at one port, the target is
// the name itself; else each has the name that EC2 gives it.
func (b *tagBuilder) putServices(e *zone.Edit, name string, s *tagSet) {
	type key struct {
		service string
		port    uint16
	}
	at := map[key]int{}
	all := map[string]int{} // ports of a service, at all instances
	for _, one := range s.servers {
		for _, service := range one.host.Services {
			at[key{service.Name, service.Port}]++
			all[service.Name]++
		}
	}
	members := map[string][]zone.InstanceAddress{}
	for _, one := range s.servers {
		for _, service := range one.host.Services {
			target := []byte(name)
			if at[key{service.Name, service.Port}] < s.count || all[service.Name] > s.count {
				target = resourceName(one.host.Instance, one.region)
			}
			m := one.member
			m.Rdata = append(binary.BigEndian.AppendUint16(make([]byte, 4, 6+len(target)), service.Port), target...)
			members[service.Name] = append(members[service.Name], m)
		}
	}
	for service, list := range members {
		owner, err := serviceOwner(service, name)
		if err != nil {
			b.out.problems = append(b.out.problems, Problem{
				Zone: tagID, Name: zone.String([]byte(name)), Type: "SRV", Reason: fmt.Sprintf("%s: %v", service, err),
			})
			continue
		}
		b.put(e, string(owner), zone.TypeSRV, 0, list)
	}
}

// serviceOwner is the owner of the SRV records of a service of a name.
func serviceOwner(service, name string) ([]byte, error) {
	prefix, err := zone.ParseName(service)
	if err != nil {
		return nil, err
	}
	owner := append(prefix[:len(prefix)-1:len(prefix)-1], name...)
	if len(owner) > zone.MaxName {
		return nil, fmt.Errorf("with %s is longer than a name can be", zone.String([]byte(name)))
	}
	return owner, nil
}

// resourceName is the name that EC2 makes of the id of an instance.
func resourceName(instance, region string) []byte {
	suffix := region + ".compute.internal."
	if region == "us-east-1" {
		suffix = "ec2.internal."
	}
	return zone.MustName(instance + "." + suffix)
}

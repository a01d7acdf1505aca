package awssim

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// regionEdit is a region that a call changes. It works on clones of the tables, which listings may still be
// reading; commit puts them in their place.
type regionEdit struct {
	sim    *Sim
	data   *dataSet
	origin origin

	instances, interfaces, addresses table
}

// editRegion begins an edit. Call it, and all methods of what it returns, with mu held.
func (s *Sim) editRegion(o origin) *regionEdit {
	d := s.data(o.account)
	tables := d.regions[o.region]
	return &regionEdit{
		sim: s, data: d, origin: o,
		instances:  cloneTable(tables["DescribeInstances"]),
		interfaces: cloneTable(tables["DescribeNetworkInterfaces"]), addresses: cloneTable(tables["DescribeAddresses"]),
	}
}

// edit begins to change the region of a call, with mu held until unlock is called. It is an error of a dry run.
func (c *call) edit() (e *regionEdit, unlock func(), err error) {
	err = c.dryRun()
	if err != nil {
		return nil, nil, err
	}
	from := c.origin()
	c.sim.mu.Lock()
	return c.sim.editRegion(from), c.sim.mu.Unlock, nil
}

func (e *regionEdit) commit() {
	tables := maps.Clone(e.data.regions[e.origin.region])
	if tables == nil {
		tables = map[string]table{}
	}
	tables["DescribeInstances"], tables["DescribeNetworkInterfaces"], tables["DescribeAddresses"] =
		e.instances, e.interfaces, e.addresses
	e.data.regions[e.origin.region] = tables
}

// ec2Fault is an error of EC2.
func ec2Fault(code, format string, args ...any) error {
	return &apiError{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

// instance finds one; nil for none.
func (e *regionEdit) instance(id string) map[string]any {
	for _, r := range e.instances {
		for _, i := range objects(r["Instances"]) {
			if text(i, "InstanceId") == id {
				return i
			}
		}
	}
	return nil
}

// networkInterface finds one as DescribeNetworkInterfaces has it; nil for none.
func (e *regionEdit) networkInterface(id string) map[string]any {
	for _, n := range e.interfaces {
		if text(n, "NetworkInterfaceId") == id {
			return n
		}
	}
	return nil
}

// named finds the instances of ids, all or none.
func (e *regionEdit) named(ids []string) ([]map[string]any, error) {
	if len(ids) == 0 {
		return nil, ec2Fault("MissingParameter", "The request must contain the parameter InstanceId")
	}
	var all []map[string]any
	for _, id := range ids {
		i := e.instance(id)
		if i == nil {
			return nil, ec2Fault("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id)
		}
		all = append(all, i)
	}
	return all, nil
}

// associate moves an elastic IP.
func (e *regionEdit) associate(m *move) error {
	err := m.find(e.addresses, e.interfaces)
	if err != nil {
		return err
	}
	e.sim.ids++
	m.association = awsHexID("eipassoc-", e.sim.ids)
	m.address()
	for _, eni := range e.interfaces {
		m.interfaceOf(eni)
	}
	for _, r := range e.instances {
		for _, instance := range objects(r["Instances"]) {
			m.instance(instance)
		}
	}
	return nil
}

// subnet finds the subnet of an id, or the first one there is.
func (e *regionEdit) subnet(id string) (map[string]any, error) {
	all := e.data.regions[e.origin.region]["DescribeSubnets"]
	for _, s := range all {
		if id == "" || text(s, "SubnetId") == id {
			return s, nil
		}
	}
	if id == "" {
		return nil, ec2Fault("MissingInput", "No subnets found for the default VPC. Please specify a subnet.")
	}
	return nil, ec2Fault("InvalidSubnetID.NotFound", "The subnet ID '%s' does not exist", id)
}

// firstHost is the first address of a subnet that AWS gives out.
const firstHost = 4

// freeAddress is an address of a subnet that no interface has.
func (e *regionEdit) freeAddress(subnet map[string]any) (string, error) {
	cidr, err := netip.ParsePrefix(text(subnet, "CidrBlock"))
	if err != nil {
		return "", ec2Fault("InsufficientFreeAddressesInSubnet", "The subnet has no addresses: %v", err)
	}
	used := map[string]bool{}
	for _, n := range e.interfaces {
		if text(n, "VpcId") == text(subnet, "VpcId") {
			used[text(n, "PrivateIpAddress")] = true
			for _, p := range objects(n["PrivateIpAddresses"]) {
				used[text(p, "PrivateIpAddress")] = true
			}
		}
	}
	a := cidr.Masked().Addr()
	for range firstHost {
		a = a.Next()
	}
	for ; cidr.Contains(a); a = a.Next() {
		if !used[a.String()] {
			return a.String(), nil
		}
	}
	return "", ec2Fault("InsufficientFreeAddressesInSubnet", "The specified subnet does not have enough free addresses")
}

// newInterface makes a network interface of a subnet.
func (e *regionEdit) newInterface(subnet map[string]any, groups []string) (map[string]any, error) {
	address, err := e.freeAddress(subnet)
	if err != nil {
		return nil, err
	}
	e.sim.ids++
	n := map[string]any{
		"NetworkInterfaceId": awsHexID("eni-", e.sim.ids), "AvailabilityZone": text(subnet, "AvailabilityZone"),
		"Description": "", "Groups": groupItems(groups), "InterfaceType": "interface", "Ipv6Addresses": []any{},
		"OwnerId": e.origin.account, "PrivateDnsName": privateName(address, e.origin.region),
		"PrivateIpAddress": address, "RequesterManaged": false, "SourceDestCheck": true, "Status": "available",
		"SubnetId": text(subnet, "SubnetId"), "TagSet": []any{}, "VpcId": text(subnet, "VpcId"),
		"PrivateIpAddresses": []any{map[string]any{
			"Primary": true, "PrivateDnsName": privateName(address, e.origin.region), "PrivateIpAddress": address,
		}},
	}
	e.interfaces = append(e.interfaces, n)
	return n, nil
}

func groupItems(ids []string) []any {
	items := []any{}
	for _, id := range ids {
		items = append(items, map[string]any{"GroupId": id, "GroupName": id})
	}
	return items
}

// privateName is the name that an address has inside of its VPC.
func privateName(address, region string) string {
	domain := region + ".compute.internal"
	if region == globalRegion {
		domain = "ec2.internal"
	}
	return "ip-" + strings.ReplaceAll(address, ".", "-") + "." + domain
}

// attach puts an interface to an instance, at the place of an index.
func (e *regionEdit) attach(n, instance map[string]any, index int) string {
	e.sim.ids++
	id, at := awsHexID("eni-attach-", e.sim.ids), time.Now().UTC().Format(time.RFC3339)
	attachment := func() map[string]any {
		return map[string]any{
			"AttachTime": at, "AttachmentId": id, "DeleteOnTermination": index == 0, "NetworkCardIndex": json.Number("0"),
			"DeviceIndex": json.Number(strconv.Itoa(index)), "Status": "attached",
		}
	}
	own := attachment()
	own["InstanceId"], own["InstanceOwnerId"] = text(instance, "InstanceId"), e.origin.account
	n["Attachment"], n["Status"] = own, "in-use"
	shown, _ := clone(n).(map[string]any)
	shown["Attachment"] = attachment()
	for _, member := range []string{"AvailabilityZone", "RequesterManaged", "TagSet"} {
		delete(shown, member)
	}
	cards, _ := instance["NetworkInterfaces"].([]any)
	instance["NetworkInterfaces"] = append(slices.Clone(cards), shown)
	return id
}

// detach takes an interface away from its instance.
func (e *regionEdit) detach(n map[string]any) {
	attachment, _ := n["Attachment"].(map[string]any)
	instance := e.instance(text(attachment, "InstanceId"))
	delete(n, "Attachment")
	n["Status"] = "available"
	cards, _ := instance["NetworkInterfaces"].([]any)
	instance["NetworkInterfaces"] = slices.DeleteFunc(slices.Clone(cards), func(v any) bool {
		card, _ := v.(map[string]any)
		return text(card, "NetworkInterfaceId") == text(n, "NetworkInterfaceId")
	})
}

// drop deletes an interface; elastic IPs of it get free.
func (e *regionEdit) drop(n map[string]any) {
	for _, p := range objects(n["PrivateIpAddresses"]) {
		association, _ := p["Association"].(map[string]any)
		if public := text(association, "PublicIp"); public != "" {
			_ = e.associate(&move{public: public}) // no elastic IP goes with it
		}
	}
	id := text(n, "NetworkInterfaceId")
	e.interfaces = slices.DeleteFunc(e.interfaces, func(o map[string]any) bool {
		return text(o, "NetworkInterfaceId") == id
	})
}

// setState gives an instance a state, and returns the one before.
func setState(instance map[string]any, name string) (before map[string]any) {
	before, _ = instance["State"].(map[string]any)
	instance["State"] = stateOf(name)
	return before
}

func stateOf(name string) map[string]any {
	code := map[string]string{"pending": "0", "running": "16", "shutting-down": "32", "terminated": "48", "stopping": "64",
		"stopped": "80"}[name]
	return map[string]any{"Code": json.Number(code), "Name": name}
}

// ec2Document is an answer of EC2 with some XML in it.
func (c *call) ec2Document(inner string) []byte {
	return fmt.Appendf(nil, `%s<%sResponse xmlns="%s"><requestId>%s</requestId>%s</%sResponse>`, xml.Header, c.operation,
		ec2Namespace, c.id, inner, c.operation)
}

// ec2Done is the answer of calls that have nothing to say.
func (c *call) ec2Done() []byte { return c.ec2Document("<return>true</return>") }

// ec2Shape renders an object of a shape of the API as one element.
func (c *call) ec2Shape(element, shape string, v map[string]any) string {
	return c.ec2Value([2]string{element, shape}, v)
}

// ec2Value renders a member of an object, given its element and shape.
func (c *call) ec2Value(place [2]string, v any) string {
	var b bytes.Buffer
	c.sim.models["ec2"].renderElement(&b, place[0], place[1], v)
	return b.String()
}

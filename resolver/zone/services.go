package zone

import (
	"bytes"
	"maps"
	"slices"
)

// ServiceKind says whose names lead to several availability zones.
type ServiceKind uint8

// The kinds of services. The order is that of the metrics' label values.
const (
	NoService       ServiceKind = iota
	InstanceService             // names of instances
	FileSystem                  // EFS: fs-0123.efs.eu-west-1.amazonaws.com
	NetworkBalancer             // NAME-0123.elb.eu-west-1.amazonaws.com
	Endpoint                    // vpce-0123-abcd.SERVICE.eu-west-1.vpce.amazonaws.com
	Balancer                    // application and classic ones: NAME-123.eu-west-1.elb.amazonaws.com
	ServiceKinds    int         = iota
)

// String returns the label of the kind in metrics.
func (k ServiceKind) String() string {
	return [ServiceKinds]string{"", "instance", "efs", "nlb", "endpoint", "balancer"}[k]
}

// Zonal reports whether AWS answers the names of this kind by the zone of the client, or
// could.
func (k ServiceKind) Zonal() bool { return k == FileSystem || k == NetworkBalancer || k == Endpoint }

// Service is what an AWS service has in our VPCs: the addresses that its name leads to.
type Service struct {
	Kind ServiceKind
	ID   string // for people: fs-0123, NAME-0123, vpce-0123, the name of a load balancer
	V4   RRset  // of kind Instances, or none
	V6   RRset
	// CrossZone says that each address leads to the targets of all zones.
	CrossZone bool
}

// Narrows reports whether addresses of other zones than the client's may be left out: where
// each address serves on its own.
func (s *Service) Narrows() bool {
	return s.Kind == FileSystem || s.Kind == Endpoint || s.Kind == NetworkBalancer && s.CrossZone
}

// Set returns the addresses of a type.
func (s *Service) Set(rrtype uint16) RRset {
	switch rrtype {
	case TypeA:
		return s.V4
	case TypeAAAA:
		return s.V6
	}
	return RRset{}
}

// SetServices gives an inventory under construction its services, by [ServiceKey].
func (a *Inventory) SetServices(services map[string]*Service) { a.services = services }

// WithServices returns an inventory that knows other services, and shares all else.
func (a *Inventory) WithServices(services map[string]*Service) *Inventory {
	next := *a
	next.services = services
	return &next
}

// SameServices reports whether two inventories know the same services.
func (a *Inventory) SameServices(b *Inventory) bool {
	if a == b {
		return true
	}
	// Addresses tell their VPCs and zones by number, and none of a stale VPC are given.
	return slices.EqualFunc(a.VPCs, b.VPCs, func(v, w Network) bool { return v.ID == w.ID && v.Stale == w.Stale }) &&
		slices.Equal(a.Zones, b.Zones) &&
		maps.EqualFunc(a.services, b.services, func(s, t *Service) bool {
			return s == t || s.Kind == t.Kind && s.ID == t.ID && s.CrossZone == t.CrossZone &&
				s.V4.Equal(t.V4) && s.V6.Equal(t.V6)
		})
}

// Service returns the service that a name leads to, in lower-case wire form; nil for none
// that is known. It doesn't allocate.
func (a *Inventory) Service(name []byte) *Service {
	if len(a.services) == 0 || !bytes.HasSuffix(name, []byte(amazonSuffix)) &&
		!bytes.HasSuffix(name, []byte(amazonSuffixChina)) {
		return nil
	}
	var buf [2 * MaxName]byte
	return a.services[string(ServiceKey(buf[:0], name))]
}

const (
	amazonSuffix      = "\x09amazonaws\x03com\x00"
	amazonSuffixChina = "\x09amazonaws\x03com\x02cn\x00"
)

// ServiceKey appends to dst the key of a name, in lower-case wire form, among services: what
// of the name the inventory knows. Of load balancers by application and classic ones it
// doesn't know the number, of endpoints not the text behind the id:
//
//	[dualstack.][internal-]NAME-NUMBER.REGION.elb.amazonaws.com  ->  NAME.REGION.elb.amazonaws.com
//	vpce-ID-TEXT.SERVICE.REGION.vpce.amazonaws.com               ->  vpce-ID.REGION.vpce.amazonaws.com
//
// All other names are their own keys. dst has room for two names.
func ServiceKey(dst, name []byte) []byte {
	first, rest := cutLabel(name)
	if string(first) == "dualstack" {
		first, rest = cutLabel(rest)
	}
	second, below := cutLabel(rest)
	third, _ := cutLabel(below)
	switch {
	case string(third) == "elb" && string(second) != "elb":
		return appendKey(dst, BalancerName(first), rest)
	case bytes.HasPrefix(first, []byte("vpce-")):
		id, text, _ := bytes.Cut(first[len("vpce-"):], []byte("-"))
		for region, below := rest, skipLabel(rest); len(below) > 1; region, below = below, skipLabel(below) {
			last, _ := cutLabel(below)
			if string(last) == "vpce" && bytes.IndexByte(text, '-') < 0 { // else it is the name of one zone
				return appendKey(dst, first[:len("vpce-")+len(id)], region)
			}
		}
	}
	return appendKey(dst, first, rest)
}

// BalancerName returns the name of a load balancer in the first label of its DNS name:
// "internal-web-123" is "web". Names begin with "internal-" for AWS alone.
func BalancerName(label []byte) []byte {
	label = bytes.TrimPrefix(label, []byte("internal-"))
	at := bytes.LastIndexByte(label, '-')
	if at < 0 {
		return label
	}
	for _, c := range label[at+1:] {
		if c < '0' || c > '9' {
			return label
		}
	}
	return label[:at]
}

func appendKey(dst, first, rest []byte) []byte {
	return append(append(append(dst, byte(len(first))), first...), rest...)
}

// cutLabel returns the first label of a name and the name behind it; nothing of the root.
func cutLabel(name []byte) (first, rest []byte) {
	if len(name) == 0 || name[0] == 0 {
		return nil, name
	}
	end := 1 + int(name[0])
	return name[1:end:end], name[end:]
}

func skipLabel(name []byte) []byte {
	_, rest := cutLabel(name)
	return rest
}

package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// Update is an entry of the section updates: what the holders of some keys may change
// in one hosted zone by dynamic updates (RFC 2136).
type Update struct {
	// Zone is the hosted zone, by its id or by its name. A name needs Visibility too.
	// It has to be served (route53.zones). It has no default.
	Zone HostedName `yaml:"zone"`

	// Visibility is public or private. Default "": Zone is an id.
	Visibility ZoneKind `yaml:"visibility"`

	// VPC is a VPC that the private zone is associated with, where several have the
	// name. Default "".
	VPC VPC `yaml:"vpc"`

	// Keys lists the keys (see Config.Keys) that may make these changes. It has no
	// default.
	Keys []DomainName `yaml:"keys"`

	// Names lists the names that may be changed: a name alone is that name, *.name is
	// all below it, and "*" is all of the zone. Default ["*"].
	Names []NamePattern `yaml:"names"`

	// Types lists the record types that may be changed, "*" is all that Route 53 has.
	// Default ["*"].
	Types []RecordType `yaml:"types"`

	// Clients lists the prefixes that updates may come from. Default []: from whoever
	// may ask (see Config.Allow).
	Clients []netip.Prefix `yaml:"clients"`

	// SOAMname is the name of this server that the SOA record of the zone has in our
	// answers, so that nsupdate finds it without being told. Default "": as Route 53
	// has it.
	SOAMname OptionalName `yaml:"soa_mname"`
}

func (s *Update) setDefaults() { *s = Update{Names: []NamePattern{"*"}, Types: []RecordType{"*"}} }

// HostedName is a hosted zone, by id or by name.
type HostedName string

func (h *HostedName) parse(text string) error {
	id := strings.TrimPrefix(text, "/hostedzone/")
	if hostedZoneID.MatchString(id) {
		*h = HostedName(id)
		return nil
	}
	name, err := canonicalName(text)
	if err != nil {
		return fmt.Errorf("%w; a hosted zone id is like Z0123456789ABC", err)
	}
	*h = HostedName(name)
	return nil
}

// IsID reports whether h is an id.
func (h HostedName) IsID() bool { return hostedZoneID.MatchString(string(h)) }

// ZoneKind is a value of updates.visibility.
type ZoneKind string

// The values of [ZoneKind].
const (
	PublicZone  ZoneKind = "public"
	PrivateZone ZoneKind = "private"
)

func (k *ZoneKind) parse(text string) error {
	if text == "" {
		*k = ""
		return nil
	}
	return parseWord(k, text, PublicZone, PrivateZone)
}

// VPC is the id of a VPC, or "".
type VPC string

func (v *VPC) parse(text string) error {
	if text != "" && !vpcID.MatchString(text) {
		return fmt.Errorf("%q is no VPC id; write one like vpc-0a1b2c3d4e5f67890", text)
	}
	*v = VPC(text)
	return nil
}

// NamePattern is a name, or "*." and a name for all names below it, or "*" for all.
type NamePattern string

func (p *NamePattern) parse(text string) error {
	if text == "*" {
		*p = "*"
		return nil
	}
	rest, below := strings.CutPrefix(text, "*.")
	name, err := canonicalName(rest)
	if err != nil {
		return fmt.Errorf(`%w; *.name is all below a name, and "*" all of the zone`, err)
	}
	if below {
		name = "*." + name
	}
	*p = NamePattern(name)
	return nil
}

// RecordType is a record type in capitals, or "*".
type RecordType string

func (r *RecordType) parse(text string) error {
	upper := strings.ToUpper(text)
	if upper == "*" {
		*r = "*"
		return nil
	}
	if !isRecordType(upper) {
		return fmt.Errorf("%q is no record type; write A, AAAA, TXT and the like", text)
	}
	*r = RecordType(upper)
	return nil
}

// isRecordType reports whether text, in capitals, is a record type: a mnemonic, or the
// form TYPE65280 (RFC 3597 section 5).
func isRecordType(text string) bool {
	number, known := dns.StringToType[text]
	digits, numbered := strings.CutPrefix(text, "TYPE")
	if !numbered {
		return known && number != dns.TypeNone && number != dns.TypeReserved
	}
	value, err := strconv.ParseUint(digits, 10, 16)
	return err == nil && strconv.FormatUint(value, 10) == digits // one type, one name
}

// updates checks the section updates.
func (v *validator) updates() {
	all := v.config.Updates
	if len(all) > 0 && v.config.Route53 == nil {
		v.fault("updates", "needs the section route53, which knows the zones; add it")
	}
	for i, u := range all {
		path := fmt.Sprintf("updates[%d]", i)
		if v.broken[path] {
			continue
		}
		v.hostedZone(path, u)
		if len(u.Keys) == 0 {
			v.fault(path+".keys", "is missing; write names of keys: without a key nothing is changed")
		}
		v.keySet(path+".keys", u.Keys)
		if len(u.Names) == 0 {
			v.fault(path+".names", `is empty; write names, "*.name" for all below one, or "*"`)
		}
		for j, p := range u.Names {
			if p != "" && p != "*" && !u.Zone.IsID() && !inZone(string(p), string(u.Zone)) {
				v.fault(fmt.Sprintf("%s.names[%d]", path, j), "%s is not in the zone %s", p, u.Zone)
			}
		}
		if len(u.Types) == 0 {
			v.fault(path+".types", `is empty; write record types, or "*"`)
		}
		v.clients(path+".clients", u.Clients)
		for j, o := range all[:i] {
			if v.twoZones(path, u, o, j) {
				break
			}
		}
	}
}

// inZone reports whether a name, or a pattern of names, is at or below zone.
func inZone(name, zone string) bool {
	return zone == "." || name == zone || strings.HasSuffix(name, "."+zone)
}

// hostedZone checks how an entry names its zone.
func (v *validator) hostedZone(path string, u Update) {
	switch {
	case u.Zone == "":
		v.fault(path+".zone", "is missing; write the id of a hosted zone, or its name and visibility")
	case u.Zone.IsID() && u.Visibility != "":
		v.fault(path+".visibility", "says more than the id of the zone; leave it out")
	case !u.Zone.IsID() && u.Visibility == "":
		v.fault(path+".visibility", "is missing; a name may be that of a public and of a private zone: write public or private")
	}
	if u.VPC != "" && (u.Visibility != PrivateZone || u.Zone.IsID()) {
		v.fault(path+".vpc", "is for a private zone that is named by its name; leave it out")
	}
}

// twoZones finds a key that two entries give two zones of one name: an update names
// nothing but the name.
func (v *validator) twoZones(path string, u, o Update, other int) bool {
	if u.Zone == "" || u.Zone != o.Zone || !u.Zone.IsID() && (u.Visibility == "" || o.Visibility == "") {
		return false
	}
	same := u.Visibility == o.Visibility && u.VPC == o.VPC
	for i, key := range u.Keys {
		if !same && slices.Contains(o.Keys, key) {
			v.fault(fmt.Sprintf("%s.keys[%d]", path, i), "%s may change another zone of the name %s already (updates[%d]), and an update says only the name; write another key", key, u.Zone, other)
			return true
		}
	}
	if same && u.SOAMname != o.SOAMname {
		v.fault(path+".soa_mname", "is another one than in updates[%d]; a zone has one", other)
		return true
	}
	return false
}

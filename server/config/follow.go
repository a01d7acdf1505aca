package config

import "fmt"

// Follow is an entry of the section follow: a zone of other servers that is brought into a
// hosted zone of Route 53.
type Follow struct {
	// Zone is the name of the zone. It has no default.
	Zone DomainName `yaml:"zone"`

	// Primaries lists the servers to get it from, in the order in which they are asked:
	// "10.0.0.9", "10.0.0.9:5353". NOTIFY is taken from them. It has no default.
	Primaries []HostPort `yaml:"primaries"`

	// Key is the key (see Config.Keys) that requests are signed with. Default "" (none).
	Key OptionalName `yaml:"key"`

	// Into is the id of the hosted zone, which has the name of the zone and is served
	// (route53.zones). It has no default.
	Into HostedName `yaml:"into"`

	// Names lists the names that are followed: a name alone is that name, *.name is all below
	// it, and "*" is all of the zone. Default ["*"].
	Names []NamePattern `yaml:"names"`
}

func (s *Follow) setDefaults() { *s = Follow{Names: []NamePattern{"*"}} }

// follow checks the section follow.
func (v *validator) follow() {
	all := v.config.Follow
	if len(all) > 0 && v.config.Route53 == nil {
		v.fault("follow", "needs the section route53, which knows the hosted zones; add it")
	}
	for i, f := range all {
		path := fmt.Sprintf("follow[%d]", i)
		if v.broken[path] {
			continue
		}
		v.transferred(path, f.Zone, f.Primaries, f.Key)
		switch {
		case f.Into == "":
			v.fault(path+".into", "is missing; write the id of the hosted zone")
		case !f.Into.IsID():
			v.fault(path+".into", "%s is a name, which several hosted zones may have; write the id", f.Into)
		}
		if len(f.Names) == 0 {
			v.fault(path+".names", `is empty; write names, "*.name" for all below one, or "*"`)
		}
		for j, p := range f.Names {
			if p != "" && p != "*" && f.Zone != "" && !inZone(string(p), string(f.Zone)) {
				v.fault(fmt.Sprintf("%s.names[%d]", path, j), "%s is not in the zone %s", p, f.Zone)
			}
		}
		v.followsOnce(path, f, i)
	}
}

// followsOnce finds what says already where a zone comes from, or what goes into a hosted zone.
func (v *validator) followsOnce(path string, f Follow, at int) {
	for j, o := range v.config.Follow[:at] {
		if f.Zone != "" && f.Zone == o.Zone {
			v.fault(path+".zone", "%s is the zone of follow[%d] already; write all primaries there", f.Zone, j)
		}
	}
	for j, s := range v.config.Secondary {
		if f.Zone != "" && f.Zone == s.Zone {
			v.fault(path+".zone", "%s is the zone of secondary[%d] already; take one of them out", f.Zone, j)
		}
	}
}

package config

import (
	"fmt"
	"slices"
)

// Secondary is an entry of the section secondary: a zone that other servers are
// authoritative for, and that is transferred from them.
type Secondary struct {
	// Zone is the name of the zone. It has no default.
	Zone DomainName `yaml:"zone"`

	// Primaries lists the servers to get it from, in the order in which they are asked:
	// "10.0.0.9", "10.0.0.9:5353". NOTIFY is taken from them. It has no default.
	Primaries []HostPort `yaml:"primaries"`

	// Key is the key (see Config.Keys) that requests are signed with. Default "" (none).
	Key OptionalName `yaml:"key"`

	// Views lists the views that see the zone, by name. "*" is every view.
	// Default ["*"].
	Views ViewSet `yaml:"views"`
}

func (s *Secondary) setDefaults() { *s = Secondary{Views: ViewSet{All: true}} }

// secondary checks the section secondary.
func (v *validator) secondary() {
	all := v.config.Secondary
	for i, s := range all {
		path := fmt.Sprintf("secondary[%d]", i)
		if v.broken[path] {
			continue
		}
		v.transferred(path, s.Zone, s.Primaries, s.Key)
		v.viewSet(path+".views", s.Views)
		for j, o := range all[:i] {
			if s.Zone != "" && s.Zone == o.Zone {
				v.fault(path+".zone", "%s is the zone of secondary[%d] already; write all primaries there", s.Zone, j)
			}
		}
		for j, f := range v.config.ZoneFiles {
			if s.Zone != "" && s.Zone == f.Origin {
				v.fault(path+".zone", "%s is the origin of zonefiles[%d] already; take one of them out", s.Zone, j)
			}
		}
	}
}

// transferred checks the keys of an entry whose zone is transferred from other servers.
func (v *validator) transferred(path string, zone DomainName, primaries []HostPort, key OptionalName) {
	if zone == "" {
		v.fault(path+".zone", "is missing; write the name of the zone")
	}
	if len(primaries) == 0 {
		v.fault(path+".primaries", "is missing; write the addresses of servers that have the zone")
	}
	v.hosts(path+".primaries", primaries)
	if key != "" && !slices.ContainsFunc(v.config.Keys, func(k Key) bool { return k.Name == DomainName(key) }) {
		v.fault(path+".key", "no key %s; add it to the section keys", key)
	}
}

package config

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
)

// Transfer is an entry of the section transfers: zones of a view, as that view sees them,
// for secondaries (AXFR, RFC 5936, and IXFR, RFC 1995).
type Transfer struct {
	// View is the view whose zones these are. Default "": the view rest; with views of
	// its own a configuration has to name one.
	View string `yaml:"view"`

	// Zones lists the zones by name, "*" is every zone of the view. Default ["*"].
	Zones NameSet `yaml:"zones"`

	// Keys lists the keys (see Config.Keys) that secondaries sign with, and with the
	// first of which NOTIFY is signed. Default []: requests needn't be signed.
	Keys []DomainName `yaml:"keys"`

	// Clients lists the prefixes of the secondaries. Default []: whoever has a key; then
	// anybody may connect by TCP, and a few who may not ask are let in, for 5 seconds.
	Clients []netip.Prefix `yaml:"clients"`

	// Notify lists the secondaries that are told of each change (NOTIFY, RFC 1996):
	// "10.0.0.9", "10.0.0.9:5353". Default [].
	Notify []HostPort `yaml:"notify"`

	// Catalog is the name of a catalog zone (RFC 9432) that lists the zones, so that
	// secondaries need no other configuration. Default "" (none).
	Catalog OptionalName `yaml:"catalog"`

	// Journal is how much is kept of the differences of each zone, for IXFR. Secondaries
	// that are further behind get the zone as a whole. Default 64MiB.
	Journal ByteSize `yaml:"journal"`
}

func (s *Transfer) setDefaults() { *s = Transfer{Zones: NameSet{All: true}, Journal: 64 << 20} }

// KeysAlone reports whether a key opens the zones from any address.
func (s Transfer) KeysAlone() bool { return len(s.Keys) > 0 && len(s.Clients) == 0 }

// NameSet is a set of names of zones.
type NameSet struct {
	All   bool         // "*"
	Names []DomainName // else these
}

func (s *NameSet) add(text string) error {
	if text == "*" {
		s.All = true
		return nil
	}
	name, err := canonicalName(text)
	if err != nil {
		return err
	}
	if slices.Contains(s.Names, DomainName(name)) {
		return fmt.Errorf("%s is here twice", name)
	}
	s.Names = append(s.Names, DomainName(name))
	return nil
}

// Has reports whether a name, in its canonical form, is in the set.
func (s NameSet) Has(name string) bool { return s.All || slices.Contains(s.Names, DomainName(name)) }

// KeepsState reports whether c needs a writable StateDir.
func (c *Config) KeepsState() bool {
	return c.UsesAWS() || len(c.Transfers) > 0 || len(c.Secondary) > 0 || c.Fleet != nil
}

// ServesNothing reports whether c has no names at all, but the special ones.
func (c *Config) ServesNothing() bool {
	return !c.UsesAWS() && len(c.ZoneFiles) == 0 && len(c.Forward) == 0 && len(c.Secondary) == 0
}

// transfers checks the section transfers.
func (v *validator) transfers() {
	all := v.config.Transfers
	for i, t := range all {
		path := fmt.Sprintf("transfers[%d]", i)
		if v.broken[path] {
			continue
		}
		switch names := v.config.ViewNames(); {
		case len(names) == 0 && t.View != "" && t.View != "rest" && !vpcID.MatchString(t.View):
			v.fault(path+".view", `no view %q; without the section views there are "rest" and one a VPC, named by its id`,
				t.View)
		case len(names) > 0 && t.View == "":
			v.fault(path+".view", "is missing; write one of %s", strings.Join(names, ", "))
		case len(names) > 0 && !slices.Contains(names, t.View):
			v.fault(path+".view", "no view %q; known are %s", t.View, strings.Join(names, ", "))
		}
		switch {
		case v.broken[path+".zones"]:
		case t.Zones.All && len(t.Zones.Names) > 0:
			v.fault(path+".zones", `has "*" and others; "*" is every zone already`)
		case !t.Zones.All && len(t.Zones.Names) == 0:
			v.fault(path+".zones", `is empty; write names of zones, or "*"`)
		}
		if len(t.Keys) == 0 && len(t.Clients) == 0 {
			v.fault(path, "has neither keys nor clients; write who may have the zones")
		}
		v.keySet(path+".keys", t.Keys)
		v.clients(path+".clients", t.Clients)
		v.hosts(path+".notify", t.Notify)
		v.between(path+".journal", int(t.Journal), 0, math.MaxInt)
		for j, o := range all[:i] {
			if t.Catalog != "" && t.Catalog == o.Catalog {
				v.fault(path+".catalog", "%s is the catalog of transfers[%d] already; write another name", t.Catalog, j)
			}
		}
	}
}

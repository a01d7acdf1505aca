package server

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
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

	// Clients lists the prefixes of the secondaries. Default []: whoever has a key.
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

// HostPort is the address of a DNS server; without a port it is that of 53.
type HostPort struct{ netip.AddrPort }

func (h *HostPort) parse(text string) error {
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err == nil {
		h.AddrPort = netip.AddrPortFrom(addr.Unmap(), 53)
	} else {
		h.AddrPort, err = netip.ParseAddrPort(text)
		if err != nil {
			return fmt.Errorf(`%q is no address; write "10.0.0.9", "10.0.0.9:5353" or "[2001:db8::9]:53"`, text)
		}
		h.AddrPort = unmapped(h.AddrPort)
	}
	switch a := h.Addr(); {
	case h.Port() == 0:
		return fmt.Errorf("%q has port 0; write that of the server", text)
	case a.IsUnspecified(), a.IsMulticast():
		return fmt.Errorf("%s is no address of a host", a)
	}
	return nil
}

// ByteSize is a number of bytes: 64MiB, 512KiB, 1GiB, or a plain number.
type ByteSize int

func (b *ByteSize) parse(text string) error {
	digits, unit := text, 1
	for _, u := range [...]struct {
		suffix string
		size   int
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}} {
		rest, ok := strings.CutSuffix(text, u.suffix)
		if ok {
			digits, unit = strings.TrimSpace(rest), u.size
		}
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || int(n) > math.MaxInt/unit {
		return fmt.Errorf("%q is no size; write 64MiB, 512KiB or a number of bytes", text)
	}
	*b = ByteSize(int(n) * unit)
	return nil
}

// KeepsState reports whether c needs a writable StateDir.
func (c *Config) KeepsState() bool {
	return c.UsesAWS() || len(c.Transfers) > 0 || len(c.Secondary) > 0
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
			v.fault(path+".view", `no view %q; without the section views there are "rest" and one a VPC, named by its id`, t.View)
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

// secondary checks the section secondary.
func (v *validator) secondary() {
	all := v.config.Secondary
	for i, s := range all {
		path := fmt.Sprintf("secondary[%d]", i)
		if v.broken[path] {
			continue
		}
		if s.Zone == "" {
			v.fault(path+".zone", "is missing; write the name of the zone")
		}
		if len(s.Primaries) == 0 {
			v.fault(path+".primaries", "is missing; write the addresses of servers that have the zone")
		}
		v.hosts(path+".primaries", s.Primaries)
		if s.Key != "" && !slices.ContainsFunc(v.config.Keys, func(k Key) bool { return k.Name == DomainName(s.Key) }) {
			v.fault(path+".key", "no key %s; add it to the section keys", s.Key)
		}
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

// hosts checks addresses of servers.
func (v *validator) hosts(path string, hosts []HostPort) {
	for i, h := range hosts {
		if h.IsValid() && slices.Contains(hosts[:i], h) {
			v.fault(fmt.Sprintf("%s[%d]", path, i), "%s is here twice", h)
		}
	}
}

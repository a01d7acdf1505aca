package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Forward is an entry of the section forward.
type Forward struct {
	// Zone is the name at and below which names are asked at Upstreams. "." is
	// every name. It has no default.
	Zone DomainName `yaml:"zone"`

	// Upstreams lists the resolvers to ask, the fastest healthy one first:
	// "10.9.0.2", "10.9.0.2:53", "[2001:db8::1]:53"; by TLS "tls://10.9.0.3",
	// "tls://10.9.0.3:853#dns.example" with the name in its certificate. It has
	// no default.
	Upstreams []Upstream `yaml:"upstreams"`

	// Views lists the views that use it, by name. "*" is every view that has no
	// entry of its own for the zone. Default ["*"].
	Views ViewSet `yaml:"views"`

	// Layer puts our zone of exactly this name over the forwarder: what the zone
	// does not hold is asked at Upstreams. Without it the forwarder hides the
	// zone, as the rules of Route 53 Resolver do. Default false.
	Layer bool `yaml:"layer"`
}

func (s *Forward) setDefaults() { *s = Forward{Views: ViewSet{All: true}} }

// Upstream is a resolver that names are forwarded to.
type Upstream struct {
	Addr       netip.AddrPort
	TLS        bool   // DNS over TLS (RFC 7858)
	ServerName string // the name in its certificate, lower case; "" = its address
}

// String returns the one form that equal upstreams share: 10.9.0.2:53,
// tls://10.9.0.3:853#dns.example.
func (u Upstream) String() string {
	text := u.Addr.String()
	if u.TLS {
		text = "tls://" + text
	}
	if u.ServerName != "" {
		text += "#" + u.ServerName
	}
	return text
}

func (u *Upstream) parse(text string) error {
	const form = `write "10.9.0.2", "10.9.0.2:53", "[2001:db8::1]:53" or "tls://10.9.0.3:853#name"`
	rest, isTLS := strings.CutPrefix(text, "tls://")
	if scheme, _, ok := strings.Cut(rest, "://"); ok {
		return fmt.Errorf("%s:// is unknown; %s", scheme, form)
	}
	rest, name, named := strings.Cut(rest, "#")
	if named && !isTLS {
		return fmt.Errorf("%q has a #name without tls://; %s", text, form)
	}
	up := Upstream{TLS: isTLS}
	if named {
		canonical, err := canonicalName(name)
		if err != nil {
			return fmt.Errorf("the name after #: %w", err)
		}
		up.ServerName = strings.TrimSuffix(canonical, ".")
		if up.ServerName == "" {
			return fmt.Errorf("%q has the root as its name; %s", text, form)
		}
	}
	port := uint16(53)
	if isTLS {
		port = 853
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(rest, "["), "]"))
	if err == nil {
		up.Addr = netip.AddrPortFrom(addr.Unmap(), port)
	} else {
		up.Addr, err = netip.ParseAddrPort(rest)
		if err != nil {
			return fmt.Errorf("%q is no address; %s", text, form)
		}
		up.Addr = unmapped(up.Addr)
	}
	switch a := up.Addr.Addr(); {
	case up.Addr.Port() == 0:
		return fmt.Errorf("%q has port 0; %s", text, form)
	case a.IsUnspecified(), a.IsMulticast():
		return fmt.Errorf("%s is no address of a host", a)
	}
	*u = up
	return nil
}

// ForwardsOf returns the entries of forward that the view of that name uses: at
// most one a zone, an entry that names the view before one for "*". The order is
// that of the file.
func (c *Config) ForwardsOf(view string) []Forward {
	own := make(map[DomainName]bool)
	for _, f := range c.Forward {
		if slices.Contains(f.Views.Names, view) {
			own[f.Zone] = true
		}
	}
	var used []Forward
	for _, f := range c.Forward {
		if slices.Contains(f.Views.Names, view) || f.Views.All && !own[f.Zone] {
			used = append(used, f)
		}
	}
	return used
}

func (v *validator) forward() {
	for i, f := range v.config.Forward {
		path := fmt.Sprintf("forward[%d]", i)
		if v.broken[path] {
			continue
		}
		if f.Zone == "" {
			v.fault(path+".zone", `is missing; write the name at and below which names are forwarded, "." for all`)
		}
		if len(f.Upstreams) == 0 {
			v.fault(path+".upstreams", "is missing; write addresses of resolvers")
		}
		for j, up := range f.Upstreams {
			v.upstream(fmt.Sprintf("%s.upstreams[%d]", path, j), up, f.Upstreams[:j])
		}
		v.viewSet(path+".views", f.Views)
		for _, other := range v.config.Forward[:i] {
			both := sameViews(f.Views, other.Views)
			if f.Zone != "" && f.Zone == other.Zone && both != "" {
				v.fault(path+".zone", "%s has two entries for view %q; write all upstreams in one", f.Zone, both)
				break
			}
		}
	}
}

func (v *validator) upstream(path string, up Upstream, before []Upstream) {
	if !up.Addr.IsValid() {
		return // named by the decoder
	}
	if slices.Contains(before, up) {
		v.fault(path, "%s is here twice", up)
	}
	for _, own := range v.config.Listen.DNS {
		anyOwn := own.Addr().IsUnspecified() && up.Addr.Addr().IsLoopback() && overlap(own, up.Addr)
		if anyOwn || own == up.Addr && own.Port() != 0 {
			v.fault(path, "%s is our own address (listen.dns %s): a loop; write another resolver's", up.Addr, own)
		}
	}
}

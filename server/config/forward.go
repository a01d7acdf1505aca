package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"inside53/resolver/wire"
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

	// Packets is how many packets a second each of Upstreams gets, repetitions counted; then
	// questions wait for their turn. 0 is as many as there are. "auto" is 900 for Amazon's
	// own resolvers, which drop what is above 1024 from one network interface, and 0 for
	// others. Default auto.
	Packets Packets `yaml:"packets"`

	// Views lists the views that use it, by name. "*" is every view that has no
	// entry of its own for the zone. Default ["*"].
	Views ViewSet `yaml:"views"`

	// Layer puts our zone of exactly this name over the forwarder: what the zone
	// does not hold is asked at Upstreams. Without it the forwarder hides the
	// zone, as the rules of Route 53 Resolver do. Default false.
	Layer bool `yaml:"layer"`
}

func (s *Forward) setDefaults() { *s = Forward{Packets: AutoPackets, Views: ViewSet{All: true}} }

// Packets is a number of packets a second.
type Packets int

// AutoPackets leaves the number to what the upstream is.
const AutoPackets Packets = -1

func (p *Packets) parse(text string) error {
	if text == "auto" {
		*p = AutoPackets
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 20)
	if err != nil {
		return fmt.Errorf("%q is neither auto nor a whole number from 0 to 1048575", text)
	}
	*p = Packets(n)
	return nil
}

// Upstream is a resolver that names are forwarded to. Its text is the one form that equal
// upstreams share.
type Upstream struct{ wire.Upstream }

func (u *Upstream) parse(text string) error {
	up, err := wire.ParseUpstream(text)
	if err != nil {
		return err
	}
	if up.ServerName != "" {
		canonical, err := canonicalName(up.ServerName)
		if err != nil {
			return fmt.Errorf("the name after #: %w", err)
		}
		up.ServerName = strings.TrimSuffix(canonical, ".")
	}
	u.Upstream = up
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
		v.packets(path+".packets", i)
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

// packets looks for an upstream of entry i that an earlier entry gives another number of
// packets: it is one upstream, with one budget.
func (v *validator) packets(path string, i int) {
	f := v.config.Forward[i]
	for _, other := range v.config.Forward[:i] {
		if other.Packets == f.Packets {
			continue
		}
		for _, up := range f.Upstreams {
			if up.Addr.IsValid() && slices.Contains(other.Upstreams, up) {
				v.fault(path, "%s has other packets in the entry for %s; write the same in both", up, other.Zone)
				return
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

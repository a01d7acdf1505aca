package export

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"inside53/resolver/zone"
	"inside53/zonesource"
)

// HostsOptions say for whom a hosts file is.
type HostsOptions struct {
	// Region is the region of the hosts that use the file, or PublicRegion.
	Region string
	// VPC, when it isn't "", is the one VPC of the hosts that use the file: private addresses are
	// those that it reaches, its own and those of VPCs that are peered with it and allow that
	// names are resolved. Without it they are those of the region.
	VPC string
	// Zone is where the names of instances live, as ec2.zone is written: {region},
	// {vpc} and {account} stand for the instance's.
	Zone string
	// Ours are the other zones in which names may lie.
	Ours *zonesource.Ours
}

// PublicRegion is that of hosts outside: each instance has its public address.
const PublicRegion = "public"

// The lines around what is ours in a hosts file.
const (
	beginMark = "# BEGIN inside53"
	endMark   = "# END inside53"
)

// hostLine is one line of a hosts file.
type hostLine struct {
	addr  netip.Addr
	names []hostName
	own   bool // reached privately
}

// hostName is a name with the short form of it, "" where it has none.
type hostName struct{ full, short string }

// Hosts returns what a hosts file of a region has between its markers, markers
// included: a line an address, the full name first and then the short one. What is reached
// privately comes first: many programs use the first line of a name alone. The order depends
// on names and addresses alone. Problems are names that were left out.
func Hosts(regions []*zonesource.Region, o HostsOptions) ([]byte, []zonesource.Problem) {
	h := hosts{options: o, seen: map[string]bool{}, vpcs: map[string][]string{}, reach: newHostsReach(regions, o)}
	for _, r := range regions {
		for _, host := range r.Hosts {
			h.host(r, host)
		}
	}
	slices.SortFunc(h.lines, func(a, b hostLine) int {
		return cmp.Or(-cmpBool(a.own, b.own), cmp.Compare(a.names[0].full, b.names[0].full), a.addr.Compare(b.addr),
			cmp.Compare(len(a.names), len(b.names)))
	})
	h.shared()
	return h.text(), h.problems
}

// hosts collects the lines of a hosts file.
type hosts struct {
	options  HostsOptions
	lines    []hostLine
	problems []zonesource.Problem
	seen     map[string]bool     // instances, which two accounts may list
	vpcs     map[string][]string // of the region's instances, by their names
	reach    hostsReach
}

func cmpBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func (h *hosts) problem(region string, host *zonesource.Host, format string, args ...any) {
	h.problems = append(h.problems,
		zonesource.Problem{Zone: region, Name: host.Instance, Reason: fmt.Sprintf(format, args...)})
}

func (h *hosts) host(r *zonesource.Region, host *zonesource.Host) {
	if h.seen[host.Instance] || len(host.Names) == 0 {
		return
	}
	h.seen[host.Instance] = true
	origin, err := zonesource.InstanceZone(h.options.Zone, r.Name, host.VPC, cmp.Or(r.AccountID, r.Account))
	if err != nil {
		h.problem(r.Name, host, "zone of its names: %v", err)
		return
	}
	var names []hostName
	for _, n := range host.Names {
		name, without, err := nameOf(n.Text, origin, h.options.Ours)
		if err != nil {
			h.problem(r.Name, host, "%s %q: %v", n.From, n.Text, err)
			continue
		}
		if without != "" {
			h.problem(r.Name, host, "%s %q: has no short form: %s", n.From, n.Text, without)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	own := h.reach.privately(r, host)
	addr := host.Public
	if own {
		addr = host.Private
		h.note(host, names)
	}
	lines := 0
	for _, a := range append([]netip.Addr{addr}, host.IPv6...) {
		if !a.IsValid() || h.options.Region == PublicRegion && a.IsPrivate() {
			continue
		}
		h.lines = append(h.lines, hostLine{a, names, own})
		lines++
	}
	if lines == 0 {
		h.problem(r.Name, host, "has no public address, and is left out for %s", h.options.audience())
	}
}

// note notes in which VPC there is a host of some names.
func (h *hosts) note(host *zonesource.Host, names []hostName) {
	for _, n := range names {
		if !slices.Contains(h.vpcs[n.full], host.VPC) {
			h.vpcs[n.full] = append(h.vpcs[n.full], host.VPC)
		}
	}
}

// shared reports the names that have private addresses of several VPCs, which may not reach one
// another: a region alone doesn't say in which one a host is.
func (h *hosts) shared() {
	if h.options.VPC != "" {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(h.vpcs)) {
		vpcs := h.vpcs[name]
		if len(vpcs) > 1 {
			slices.Sort(vpcs)
			h.problems = append(h.problems, zonesource.Problem{Zone: h.options.Region, Name: name,
				Reason: "has private addresses of " + strings.Join(vpcs, ", ") +
					"; a file for one of them has its own alone"})
		}
	}
}

// audience is for whom the file is.
func (o HostsOptions) audience() string {
	if o.VPC != "" {
		return o.VPC
	}
	return o.Region
}

// text writes the lines. A short name that several full ones have goes to the region's
// own, else to the first.
func (h *hosts) text() []byte {
	owner := map[string]string{}
	for _, own := range []bool{true, false} {
		for _, line := range h.lines {
			for _, n := range line.names {
				if line.own == own && n.short != "" && owner[n.short] == "" {
					owner[n.short] = n.full
				}
			}
		}
	}
	out := []byte(beginMark + "\n# Made for " + h.options.audience() + "; changes up to the end mark are lost.\n")
	for _, line := range h.lines {
		out = append(out, line.addr.String()...)
		out = append(out, '\t')
		for i, n := range line.names {
			if i > 0 {
				out = append(out, ' ')
			}
			out = append(out, n.full...)
			if n.short != "" && owner[n.short] == n.full {
				out = append(append(out, ' '), n.short...)
			}
		}
		out = append(out, '\n')
	}
	return append(out, endMark+"\n"...)
}

// nameOf returns the name that a text gives an instance whose names live in origin, and why it is without a short
// form, where it is.
func nameOf(text string, origin []byte, ours *zonesource.Ours) (n hostName, without string, err error) {
	name, apexes, err := zonesource.InstanceName(text, origin, ours)
	if err != nil {
		return hostName{}, "", err
	}
	n.full = strings.TrimSuffix(zone.String(name), ".")
	short, err := zonesource.ShortName(name, apexes[0], origin, ours)
	if err != nil {
		return n, err.Error(), nil
	}
	n.short = strings.TrimSuffix(zone.String(short), ".")
	if isFixed(n.short) {
		return hostName{full: n.full}, n.short + " is a name of every hosts file", nil
	}
	return n, "", nil
}

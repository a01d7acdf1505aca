package export

import (
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"inside53/resolver/zone"
	"inside53/zonesource"
)

// HostsOptions say for whom a hosts file is.
type HostsOptions struct {
	// Region is the region of the hosts that use the file.
	Region string
	// Zone is where the names of instances live, as ec2.zone is written: {region},
	// {vpc} and {account} stand for the instance's.
	Zone string
	// Ours are the other zones in which names may lie.
	Ours *zonesource.Ours
}

// The lines around what is ours in a hosts file.
const (
	beginMark = "# BEGIN inside53"
	endMark   = "# END inside53"
)

// hostLine is one line of a hosts file.
type hostLine struct {
	addr  netip.Addr
	names []hostName
	own   bool // of the region that the file is for
}

// hostName is a name with the short form of it.
type hostName struct{ full, short string }

// Hosts returns what a hosts file of a region has between its markers, markers
// included: a line an address, the full name first and then the short one. The order
// depends on names and addresses alone. Problems are names that were left out.
func Hosts(regions []*zonesource.Region, o HostsOptions) ([]byte, []zonesource.Problem) {
	h := hosts{options: o, seen: map[string]bool{}}
	for _, r := range regions {
		for i := range r.Hosts {
			h.host(r, &r.Hosts[i])
		}
	}
	slices.SortFunc(h.lines, func(a, b hostLine) int {
		return cmp.Or(cmp.Compare(a.names[0].full, b.names[0].full), a.addr.Compare(b.addr),
			cmp.Compare(len(a.names), len(b.names)))
	})
	return h.text(), h.problems
}

// hosts collects the lines of a hosts file.
type hosts struct {
	options  HostsOptions
	lines    []hostLine
	problems []zonesource.Problem
	seen     map[string]bool // instances, which two accounts may list
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
		name, err := nameOf(n.Text, origin, h.options.Ours)
		if err != nil {
			h.problem(r.Name, host, "%s %q: %v", n.From, n.Text, err)
			continue
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	own := r.Name == h.options.Region
	addr := host.Public
	if own {
		addr = host.Private
	}
	if !addr.IsValid() && len(host.IPv6) == 0 {
		h.problem(r.Name, host, "has no public address, and is left out for %s", h.options.Region)
	}
	if addr.IsValid() {
		h.lines = append(h.lines, hostLine{addr, names, own})
	}
	for _, a := range host.IPv6 {
		h.lines = append(h.lines, hostLine{a, names, own})
	}
}

// text writes the lines. A short name that several full ones have goes to the region's
// own, else to the first.
func (h *hosts) text() []byte {
	owner := map[string]string{}
	for _, own := range []bool{true, false} {
		for _, line := range h.lines {
			for _, n := range line.names {
				if line.own == own && owner[n.short] == "" {
					owner[n.short] = n.full
				}
			}
		}
	}
	out := []byte(beginMark + "\n# Made for " + h.options.Region + "; changes up to the end mark are lost.\n")
	for _, line := range h.lines {
		out = append(out, line.addr.String()...)
		out = append(out, '\t')
		for i, n := range line.names {
			if i > 0 {
				out = append(out, ' ')
			}
			out = append(out, n.full...)
			if owner[n.short] == n.full {
				out = append(append(out, ' '), n.short...)
			}
		}
		out = append(out, '\n')
	}
	return append(out, endMark+"\n"...)
}

// nameOf returns the name that a text gives an instance whose names live in origin.
func nameOf(text string, origin []byte, ours *zonesource.Ours) (hostName, error) {
	name, apexes, err := zonesource.InstanceName(text, origin, ours)
	if err != nil {
		return hostName{}, err
	}
	short := zone.String(append(bytes.Clone(name[:len(name)-len(apexes[0])]), 0))
	return hostName{strings.TrimSuffix(zone.String(name), "."), strings.TrimSuffix(short, ".")}, nil
}

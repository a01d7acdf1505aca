package export

import (
	"cmp"
	"errors"
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

// hostName is a name with the short form of it, "" for none.
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
	origin, err := expand(h.options.Zone, r.Name, host.VPC, cmp.Or(r.AccountID, r.Account))
	if err != nil {
		h.problem(r.Name, host, "zone of its names: %v", err)
		return
	}
	var names []hostName
	for _, n := range host.Names {
		name, err := nameOf(n.Text, origin)
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
			if n.short != "" && owner[n.short] == n.full {
				out = append(append(out, ' '), n.short...)
			}
		}
		out = append(out, '\n')
	}
	return append(out, endMark+"\n"...)
}

// expand fills in the template of the zone of instance names; the result has no final
// dot.
func expand(template, region, vpc, account string) (string, error) {
	for _, p := range []struct{ key, value string }{{"{region}", region}, {"{vpc}", vpc}, {"{account}", account}} {
		if strings.Contains(template, p.key) && p.value == "" {
			return "", fmt.Errorf("%s is not known", p.key)
		}
		template = strings.ReplaceAll(template, p.key, p.value)
	}
	return strings.ToLower(strings.TrimSuffix(template, ".")), nil
}

// nameOf completes the name of an instance. One that ends in a dot, in the zone, or in
// a top-level domain that nobody means relatively is full already.
func nameOf(text, origin string) (hostName, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	bare, full := strings.CutSuffix(text, ".")
	err := checkName(bare)
	if err != nil {
		return hostName{}, err
	}
	short, inside := strings.CutSuffix(bare, "."+origin)
	switch {
	case inside:
		return hostName{bare, short}, nil
	case full || bare == origin || isWhole(bare):
		return hostName{bare, ""}, nil
	}
	name := hostName{bare + "." + origin, bare}
	_, err = zone.ParseName(name.full)
	if err != nil {
		return hostName{}, fmt.Errorf("with %s: %w", origin, err)
	}
	return name, nil
}

// isWhole reports whether a name of several labels ends in a top-level domain that
// nobody means relatively.
func isWhole(name string) bool {
	_, last, several := strings.Cut(name, ".")
	if !several {
		return false
	}
	switch last[strings.LastIndexByte(last, '.')+1:] {
	case "com", "net", "org", "edu", "gov", "mil", "int", "arpa", "example", "internal", "local", "localdomain":
		return true
	}
	return false
}

// checkName says what keeps a text from standing in a hosts file: only letters, digits,
// hyphens and underscores may be in its labels, and localhost is not to be had.
func checkName(text string) error {
	_, err := zone.ParseName(text)
	if err != nil {
		return err
	}
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return errors.New("has a label that is empty, or begins or ends with a hyphen")
		}
		for _, c := range label {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return fmt.Errorf("has the character %q, which no host name has", c)
			}
		}
	}
	if text == "localhost" || strings.HasSuffix(text, ".localhost") || text == "localhost.localdomain" {
		return errors.New("is the name of every host itself")
	}
	return nil
}

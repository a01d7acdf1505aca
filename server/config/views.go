package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// View is an entry of the section views.
type View struct {
	// Name is the view's name in other sections, logs and metrics. It has no
	// default and is of lower-case letters, digits, '-' and '_'; "rest" and VPC
	// ids are taken by the automatic views.
	Name string `yaml:"name"`

	// Clients lists the prefixes of the clients that see it. Of several the
	// longest counts; the same one in two views is a fault. It has no default.
	Clients []netip.Prefix `yaml:"clients"`

	// VPCs lists the VPCs whose private zones the view sees; of zones of one name
	// the first VPC's is on top. [] is none, ["*"] every private zone. Default [].
	VPCs VPCSet `yaml:"vpcs"`

	// Region is where its clients are, for latency and geolocation records. Default
	// "": that of its first VPC, else of this host, else aws.region.
	Region string `yaml:"region"`

	// Addresses says which address of an instance the view gets: auto, the
	// private one where it can be reached; private, always the private one;
	// public, always the public one. Default auto.
	Addresses Addresses `yaml:"addresses"`

	// Reach lists what the view can reach privately besides its VPCs and their
	// peers: VPC ids, regions, accounts (their ids, or names in aws.accounts),
	// prefixes. Default [].
	Reach Reach `yaml:"reach"`
}

func (s *View) setDefaults() { *s = View{Addresses: AddressesAuto} }

// Addresses is a value of views.addresses.
type Addresses string

// The values of [Addresses].
const (
	AddressesAuto    Addresses = "auto"    // private where it can be reached
	AddressesPrivate Addresses = "private" // always private
	AddressesPublic  Addresses = "public"  // always public
)

func (a *Addresses) parse(text string) error {
	return parseWord(a, text, AddressesAuto, AddressesPrivate, AddressesPublic)
}

// VPCSet names VPCs, in their order.
type VPCSet struct {
	All bool     // "*": every private zone
	IDs []string // else these
}

var vpcID = regexp.MustCompile(`^vpc-[0-9a-z]{1,32}$`)

func (s *VPCSet) add(text string) error {
	if text == "*" {
		s.All = true
		return nil
	}
	if !vpcID.MatchString(text) {
		return fmt.Errorf(`%q is no VPC id; write one like vpc-0a1b2c3d4e5f67890, or "*"`, text)
	}
	if slices.Contains(s.IDs, text) {
		return fmt.Errorf("%s is here twice", text)
	}
	s.IDs = append(s.IDs, text)
	return nil
}

// Reach is the value of views.reach, sorted by kind.
type Reach struct {
	VPCs     []string       // vpc-...
	Regions  []string       // eu-west-1
	Accounts []string       // 12 digits, or a name in aws.accounts
	Prefixes []netip.Prefix // of private addresses
}

// noReach is what is wrong with an item of reach.
const noReach = "is no VPC id (vpc-0a1b2c3d), region (eu-west-1), account id (12 digits), name in aws.accounts or prefix (10.0.0.0/16)"

func (r *Reach) add(text string) error {
	list := (*[]string)(nil)
	switch {
	case vpcID.MatchString(text):
		list = &r.VPCs
	case region.MatchString(text):
		list = &r.Regions
	case accountID.MatchString(text):
		list = &r.Accounts
	case strings.ContainsAny(text, ".:/"):
		p, err := parsePrefix(text)
		if err != nil {
			return err
		}
		if slices.Contains(r.Prefixes, p) {
			return fmt.Errorf("%s is here twice", p)
		}
		r.Prefixes = append(r.Prefixes, p)
		return nil
	case label.MatchString(text):
		list = &r.Accounts // if aws.accounts has it
	default:
		return fmt.Errorf("%q %s", text, noReach)
	}
	if slices.Contains(*list, text) {
		return fmt.Errorf("%s is here twice", text)
	}
	*list = append(*list, text)
	return nil
}

// ViewSet names views.
type ViewSet struct {
	All   bool     // "*"
	Names []string // else these
}

// Has reports whether the view of that name is in the set.
func (s ViewSet) Has(view string) bool { return s.All || slices.Contains(s.Names, view) }

// String returns the names as people write them.
func (s ViewSet) String() string {
	if s.All {
		return "*"
	}
	return strings.Join(s.Names, ", ")
}

func (s *ViewSet) add(text string) error {
	if text == "*" {
		s.All = true
		return nil
	}
	if slices.Contains(s.Names, text) {
		return fmt.Errorf("view %q is here twice", text)
	}
	s.Names = append(s.Names, text)
	return nil
}

// ViewNames returns the names of the configured views, in the order of the file.
func (c *Config) ViewNames() []string {
	names := make([]string, len(c.Views))
	for i, v := range c.Views {
		names[i] = v.Name
	}
	return names
}

func (v *validator) views() {
	names := make(map[string]bool)
	owners := make(map[netip.Prefix]string)
	for i, view := range v.config.Views {
		path := fmt.Sprintf("views[%d]", i)
		if v.broken[path] {
			continue
		}
		if v.named(path+".name", view.Name) {
			switch {
			case names[view.Name]:
				v.fault(path+".name", "%q is the name of two views; write another", view.Name)
			case view.Name == "rest" || vpcID.MatchString(view.Name):
				v.fault(path+".name", "%q is the name of an automatic view; write another", view.Name)
			}
		}
		names[view.Name] = true
		if len(view.Clients) == 0 {
			v.fault(path+".clients", "is missing; write the prefixes of its clients, 10.0.0.0/16, say")
		}
		for j, prefix := range view.Clients {
			if !prefix.IsValid() {
				continue
			}
			if owner, taken := owners[prefix]; taken {
				v.fault(fmt.Sprintf("%s.clients[%d]", path, j), "%s is in view %q already; a client has one view", prefix, owner)
			}
			owners[prefix] = view.Name
		}
		if view.VPCs.All && len(view.VPCs.IDs) > 0 {
			v.fault(path+".vpcs", `has "*" and others; "*" is every private zone already`)
		}
		if view.Region != "" {
			v.region(path+".region", view.Region)
		}
		for _, name := range view.Reach.Accounts {
			known := func(a Account) bool { return a.Name == name }
			if !accountID.MatchString(name) && !slices.ContainsFunc(v.config.AWS.Accounts, known) {
				v.fault(path+".reach", "%q %s", name, noReach)
			}
		}
	}
}

// viewSet checks the names of views that an entry has.
func (v *validator) viewSet(path string, set ViewSet) {
	switch {
	case v.broken[path]:
		return
	case set.All && len(set.Names) > 0:
		v.fault(path, `has "*" and others; write one or the other`)
		return
	case !set.All && len(set.Names) == 0:
		v.fault(path, `is empty; write names of views, or "*"`)
	}
	known := v.config.ViewNames()
	for i, name := range set.Names {
		automatic := len(known) == 0 && (name == "rest" || v.config.EC2 != nil && vpcID.MatchString(name))
		if automatic || slices.Contains(known, name) {
			continue
		}
		item := fmt.Sprintf("%s[%d]", path, i)
		switch near := nearest(name, known); {
		case near != "":
			v.fault(item, "no view %q; did you mean %q?", name, near)
		case len(known) > 0:
			v.fault(item, `no view %q; there are %s, and "*" for all`, name, strings.Join(known, ", "))
		default:
			v.fault(item, `no view %q; without the section views write a VPC id (with ec2), rest, or "*" for all`, name)
		}
	}
}

// sameViews returns a view that both sets name outright, or "".
func sameViews(a, b ViewSet) string {
	if a.All && b.All {
		return "*"
	}
	for _, name := range a.Names {
		if slices.Contains(b.Names, name) {
			return name
		}
	}
	return ""
}

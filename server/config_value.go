package server

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The typed values of the configuration. A scalar has parse(text), which fills
// it; one that is written as a list of words has add(text), called for each
// item after the value was set to zero. Their errors say what is wrong and what
// would be right; file, line and key are added by the decoder.

// oneOf returns the error for a text that is none of known.
func oneOf(text string, known ...string) error {
	if near := nearest(text, known); near != "" {
		return fmt.Errorf("%q is unknown; did you mean %q?", text, near)
	}
	return fmt.Errorf("%q is unknown; known are %s", text, strings.Join(known, ", "))
}

// parseWord sets to from text if known has it.
func parseWord[W ~string](to *W, text string, known ...W) error {
	if slices.Contains(known, W(text)) {
		*to = W(text)
		return nil
	}
	words := make([]string, len(known))
	for i, word := range known {
		words[i] = string(word)
	}
	return oneOf(text, words...)
}

// LogFormat is a value of log.format.
type LogFormat string

// The formats of the log.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

func (f *LogFormat) parse(text string) error { return parseWord(f, text, LogText, LogJSON) }

// Overlap is a value of route53.overlap.
type Overlap string

// The values of [Overlap].
const (
	Overlay Overlap = "overlay" // records of both zones, those of the upper one first
	Shadow  Overlap = "shadow"  // the upper zone only
)

func (o *Overlap) parse(text string) error { return parseWord(o, text, Overlay, Shadow) }

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

// NameSource is an item of ec2.names.
type NameSource string

// The values of [NameSource].
const (
	NameFromTag           NameSource = "tag"            // the tag of ec2.name_tag
	NameFromName          NameSource = "Name"           // the tag Name
	NameFromSecurityGroup NameSource = "security-group" // the names of the groups
)

func (n *NameSource) parse(text string) error {
	return parseWord(n, text, NameFromTag, NameFromName, NameFromSecurityGroup)
}

// Translated is an item of ec2.translate.
type Translated string

// The values of [Translated].
const (
	TranslateInstances     Translated = "instances"
	TranslateLoadBalancers Translated = "load_balancers"
)

func (t *Translated) parse(text string) error {
	return parseWord(t, text, TranslateInstances, TranslateLoadBalancers)
}

// Visibility is the value of route53.visibility.
type Visibility struct{ Public, Private bool }

func (v *Visibility) add(text string) error {
	switch text {
	case "public":
		v.Public = true
	case "private":
		v.Private = true
	default:
		return oneOf(text, "public", "private")
	}
	return nil
}

// Allow is the value of allow: who may ask.
type Allow struct {
	Private  bool           // loopback, RFC 1918, RFC 6598, link-local, unique local
	VPCs     bool           // the prefixes of the inventory's VPCs
	Prefixes []netip.Prefix // others, masked
}

func (a *Allow) add(text string) error {
	switch text {
	case "private":
		a.Private = true
		return nil
	case "vpcs":
		a.VPCs = true
		return nil
	}
	if !strings.ContainsAny(text, ".:/") {
		return oneOf(text, "private", "vpcs", "prefixes like 10.0.0.0/8")
	}
	p, err := parsePrefix(text)
	if err != nil {
		return err
	}
	a.Prefixes = append(a.Prefixes, p)
	return nil
}

// Forwarders names resolvers that ask in the place of others.
type Forwarders []netip.Prefix

func (f *Forwarders) add(text string) error {
	var p netip.Prefix
	addr, err := netip.ParseAddr(text)
	switch {
	case err == nil && addr.Is4In6():
		return fmt.Errorf("%s is IPv4 written as IPv6; write %s", text, addr.Unmap())
	case err == nil && addr.Zone() == "":
		p = netip.PrefixFrom(addr, addr.BitLen())
	case strings.Contains(text, "/"):
		p, err = parsePrefix(text)
		if err != nil {
			return err
		}
	default:
		return fmt.Errorf("%q is neither a prefix nor an address; write one like 10.0.0.0/16, 10.0.0.53 or fd00::53", text)
	}
	if p.Bits() == 0 {
		return fmt.Errorf("%s is everybody; write the forwarders alone: whoever is trusted chooses the place that policies see", p)
	}
	if slices.Contains(*f, p) {
		return fmt.Errorf("%s is here twice", p)
	}
	*f = append(*f, p)
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

// ZoneSet names hosted zones.
type ZoneSet struct {
	All   bool         // "*"
	Names []DomainName // every zone of these names
	IDs   []string     // these, by id without /hostedzone/
}

// hostedZoneID is what Route 53 gives out. Names are told from ids by their
// case and by having dots.
var hostedZoneID = regexp.MustCompile(`^Z[A-Z0-9]{1,31}$`)

func (s *ZoneSet) add(text string) error {
	if text == "*" {
		s.All = true
		return nil
	}
	id := strings.TrimPrefix(text, "/hostedzone/")
	if hostedZoneID.MatchString(id) {
		if slices.Contains(s.IDs, id) {
			return fmt.Errorf("hosted zone %s is here twice", id)
		}
		s.IDs = append(s.IDs, id)
		return nil
	}
	var name DomainName
	err := name.parse(text)
	if err != nil {
		return fmt.Errorf("%w; a hosted zone id is like Z0123456789ABC", err)
	}
	if slices.Contains(s.Names, name) {
		return fmt.Errorf("zone %s is here twice", name)
	}
	s.Names = append(s.Names, name)
	return nil
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

var (
	region    = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`)
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
)

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

// DomainName is a name as text: lower case, with its last dot, letters, digits,
// '-', '_' and '/' (RFC 2317) in labels. "." is the root.
type DomainName string

func (n *DomainName) parse(text string) error {
	name, err := canonicalName(text)
	if err != nil {
		return err
	}
	*n = DomainName(name)
	return nil
}

// canonicalName returns text in lower case and with its last dot.
func canonicalName(text string) (string, error) {
	if text == "" {
		return "", fmt.Errorf("is empty; write a name like example.com")
	}
	if text == "." {
		return text, nil
	}
	name := strings.ToLower(strings.TrimSuffix(text, "."))
	if len(name) > 253 {
		return "", fmt.Errorf("name of %d bytes is too long; 253 is the most", len(name))
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" {
			return "", fmt.Errorf("%q has an empty label", text)
		}
		if len(label) > 63 {
			return "", fmt.Errorf("label %q is too long; 63 bytes is the most", label)
		}
		for _, c := range label {
			if c > 127 {
				return "", fmt.Errorf("%q is not ASCII; write the punycode form (xn--...) of %q", text, label)
			}
			if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_/", c) {
				return "", fmt.Errorf("%q has a %q; labels are of letters, digits, '-' and '_'", text, c)
			}
		}
	}
	return name + ".", nil
}

// ZoneTemplate is a zone name in which {region}, {vpc} and {account} may stand.
// It is lower case and has its last dot.
type ZoneTemplate string

// Name returns the zone for an instance of that region, VPC and account.
func (t ZoneTemplate) Name(region, vpc, account string) string {
	return strings.NewReplacer("{region}", region, "{vpc}", vpc, "{account}", account).Replace(string(t))
}

func (t *ZoneTemplate) parse(text string) error {
	template := ZoneTemplate(strings.ToLower(text))
	// The longest values that stand for them, so that the bounds on labels hold.
	sample := template.Name("ap-southeast-99", "vpc-0123456789abcdef0", "123456789012")
	if strings.ContainsAny(sample, "{}") {
		return fmt.Errorf("%q has an unknown placeholder; known are {region}, {vpc} and {account}", text)
	}
	_, err := canonicalName(sample)
	if err != nil {
		return err
	}
	*t = template
	if !strings.HasSuffix(string(template), ".") {
		*t += "."
	}
	return nil
}

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

// parsePrefix reads a CIDR whose bits beyond its length are zero.
func parsePrefix(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err == nil && addr.Zone() == "" {
			return p, fmt.Errorf("%q has no length; write %s/%d for the one address", text, addr, addr.BitLen())
		}
		return p, fmt.Errorf("%q is no prefix; write one like 10.0.0.0/16 or fd00::/8", text)
	}
	if p.Masked() != p {
		return p, fmt.Errorf("%s has bits beyond its length; did you mean %s?", p, p.Masked())
	}
	if p.Addr().Is4In6() {
		return p, fmt.Errorf("%s is IPv4 written as IPv6; write it as IPv4", p)
	}
	return p, nil
}

// parseAddrPort reads an address and port of this host.
func parseAddrPort(text string) (netip.AddrPort, error) {
	ap, err := netip.ParseAddrPort(text)
	if err == nil {
		return unmapped(ap), nil
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err == nil {
		return ap, fmt.Errorf("%q has no port; write %s", text, netip.AddrPortFrom(addr, 53))
	}
	if host, port, ok := strings.Cut(text, ":"); ok {
		_, err := strconv.ParseUint(port, 10, 16)
		switch {
		case err == nil && host == "":
			return ap, fmt.Errorf("%q has no address; write 0.0.0.0:%s for every IPv4 address, [::]:%s for every one", text, port, port)
		case err == nil && host == "localhost":
			return ap, fmt.Errorf("%q has a name; write 127.0.0.1:%s", text, port)
		}
	}
	return ap, fmt.Errorf("%q is no address and port; write one like 10.0.0.2:53 or [::]:53", text)
}

func unmapped(ap netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

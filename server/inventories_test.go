package server

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/resolver"
	"inside53/resolver/forward"
	"inside53/resolver/zone"
	"inside53/zonesource"

	"github.com/miekg/dns"
	"golang.org/x/net/publicsuffix"
)

var inventories = flag.Int("inventories", 300, "random inventories to compare with the slow reference")

// oddTexts are what people write into tags.
var oddTexts = []string{"web", "WEB", "db", " db ", "api.stage", "web.internal", "web.internal.", "web.zone.example",
	"www.zone.example.", "x.zone.example.", "www.google.com", "api.prod", "a b", "-x", "a..b", "", "*", "ünï", "_x",
	"x_y", "zone.example.", "internal", "elsewhere.", "localhost", "localhost.internal", "a.localhost.zone.example.",
	"www.google.com.internal", strings.Repeat("a", 64), "a\tb", "#", "web,db"}

// oddCharacters are of all kinds: what a host name may have, what it may not, what only looks or
// folds like a letter, a dot or nothing, and octets that are no text.
var oddCharacters = []string{"a", "Z", "0", "-", "_", ".", "x", "k", " ", ",", "*", "\\", "/", "\"", "#", "@", "(",
	";", "$", "\x00", "\x7f", "\xff", "\n", "ü", "ß", "ı", "\u212a", "\u3002", "\u200b", "\u00ad", "😀"}

// drawnText draws a text of odd characters.
func drawnText(rng *rand.Rand) string {
	text := ""
	for range 1 + rng.IntN(5) {
		from := oddCharacters
		if rng.IntN(2) == 0 {
			from = oddCharacters[:8]
		}
		text += from[rng.IntN(len(from))]
	}
	return text + []string{"", "", ".", ".internal", ".zone.example."}[rng.IntN(5)]
}

// asItIs is the name that a text would be below internal., octet by octet, those of host names as nameOf has them;
// false where none can be.
func asItIs(text string) (string, bool) {
	var name strings.Builder
	for _, c := range []byte(asciiLower(strings.TrimSpace(text))) {
		if strings.IndexByte("abcdefghijklmnopqrstuvwxyz0123456789-_.", c) >= 0 {
			name.WriteByte(c)
		} else {
			fmt.Fprintf(&name, `\%03d`, c)
		}
	}
	_, isName := dns.IsDomainName(name.String() + ".internal.")
	return name.String() + ".internal.", isName && name.Len() > 0
}

// asciiLower has the letters of ASCII in lower case, and all other octets as they are.
func asciiLower(text string) string {
	octets := []byte(text)
	for i, c := range octets {
		if 'A' <= c && c <= 'Z' {
			octets[i] += 'a' - 'A'
		}
	}
	return string(octets)
}

// randomHost is a host as the reference sees it.
type randomHost struct {
	zonesource.Host
	named []string // what the texts of its names give
	zone  string
	sick  bool
}

// world is a random inventory, with what the reference has to know of it.
type randomInventory struct {
	regions  []*zonesource.Region
	hosts    []randomHost
	cidrs    map[string]netip.Prefix // by VPC
	vpcs     []string
	reaches  map[[2]string]bool // whose clients reach whose private addresses by a peering
	affinity zone.Affinity
	sick     map[string]string
}

func newRandomInventory(rng *rand.Rand) *randomInventory {
	w := &randomInventory{cidrs: map[string]netip.Prefix{}, reaches: map[[2]string]bool{}, sick: map[string]string{},
		affinity: zone.Affinity(rng.IntN(3))}
	for i, name := range []string{"eu-west-1", "us-east-1"}[:1+rng.IntN(2)] {
		r := &zonesource.Region{AccountID: "111111111111", Name: name}
		for range 1 + rng.IntN(3) {
			w.addVPC(rng, r)
		}
		for n := range rng.IntN(6) {
			w.addHost(rng, r, fmt.Sprintf("i-%d%d", i, n))
		}
		w.regions = append(w.regions, r)
	}
	for n := range rng.IntN(4) {
		a, b := w.vpcs[rng.IntN(len(w.vpcs))], w.vpcs[rng.IntN(len(w.vpcs))]
		if a == b {
			continue
		}
		p := zonesource.Peering{ID: fmt.Sprint("pcx-", n), A: zone.VPC{ID: a}, B: zone.VPC{ID: b}, ADNS: rng.IntN(2) == 0,
			BDNS: rng.IntN(2) == 0}
		w.regions[0].Peerings = append(w.regions[0].Peerings, p)
		w.reaches[[2]string{a, b}] = w.reaches[[2]string{a, b}] || p.ADNS
		w.reaches[[2]string{b, a}] = w.reaches[[2]string{b, a}] || p.BDNS
	}
	return w
}

// addVPC adds a VPC, whose CIDR others may have too, with a subnet in each of two zones. The
// subnets have prefixes of their own for clients.
func (w *randomInventory) addVPC(rng *rand.Rand, r *zonesource.Region) {
	n := len(w.vpcs)
	id := fmt.Sprint("vpc-", n)
	cidr := netip.MustParsePrefix([]string{"10.0.0.0/16", "10.1.0.0/16", "172.31.0.0/16"}[rng.IntN(3)])
	w.vpcs, w.cidrs[id] = append(w.vpcs, id), cidr
	r.VPCs = append(r.VPCs, zonesource.VPC{ID: id, CIDRs: []netip.Prefix{cidr}})
	for az := range 2 {
		r.Subnets = append(r.Subnets, zonesource.Subnet{ID: fmt.Sprintf("%s-%d", id, az), VPC: id,
			Zone: fmt.Sprintf("%s-az%d", r.Name, az), CIDRs: []netip.Prefix{clientsOf(n, az)}})
	}
}

// clientsOf are the addresses of clients in a zone of a VPC.
func clientsOf(vpc, az int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, byte(vpc), byte(64 * az)}), 26)
}

func (w *randomInventory) addHost(rng *rand.Rand, r *zonesource.Region, id string) {
	vpc := r.VPCs[rng.IntN(len(r.VPCs))].ID
	private := w.cidrs[vpc].Addr().As4()
	private[3] = byte(10 + len(w.hosts))
	h := randomHost{Host: zonesource.Host{Instance: id, VPC: vpc, Private: netip.AddrFrom4(private)}}
	if rng.IntN(3) == 0 {
		h.Public = netip.AddrFrom4([4]byte{203, 0, 113, byte(len(w.hosts))})
	}
	if rng.IntN(4) > 0 {
		az := rng.IntN(2)
		h.Subnet, h.zone = fmt.Sprintf("%s-%d", vpc, az), fmt.Sprintf("%s-az%d", r.Name, az)
	}
	for range 1 + rng.IntN(3) {
		text := oddTexts[rng.IntN(len(oddTexts))]
		if rng.IntN(3) == 0 {
			text = drawnText(rng)
		}
		h.Names = append(h.Names, zonesource.HostName{Text: text, From: "dns tag"})
		h.named = append(h.named, nameOf(text))
	}
	if rng.IntN(3) == 0 {
		h.sick, w.sick[id] = true, "random"
		if rng.IntN(2) == 0 {
			r.Vitals = append(r.Vitals, zonesource.Vital{Instance: id, Why: "random"})
		}
	}
	r.Hosts = append(r.Hosts, &h.Host)
	w.hosts = append(w.hosts, h)
}

// nameOf says in words what name a text gives: a host name, in ASCII; absolute where it ends in a dot or
// lies in a zone of ours, and then nothing but a name below one; relative otherwise, but for
// what ends in a top-level domain of the internet. "" is none.
func nameOf(text string) string {
	text = strings.TrimSpace(text)
	if strings.ContainsFunc(text, func(c rune) bool { return c > 'z' }) {
		return ""
	}
	text = strings.ToLower(text)
	name := strings.TrimSuffix(text, ".")
	for label := range strings.SplitSeq(name, ".") {
		odd := func(c rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_", c) }
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, odd) || strings.Trim(label, "-") != label ||
			label == "localhost" {
			return ""
		}
	}
	for _, apex := range []string{"internal", "zone.example"} {
		if name == apex && (text != name || apex == "internal" || strings.Contains(apex, ".")) {
			return ""
		}
		if strings.HasSuffix(name, "."+apex) {
			return name + "."
		}
	}
	_, isPublic := publicsuffix.PublicSuffix("name." + name[strings.LastIndexByte(name, '.')+1:])
	if text != name || isPublic && strings.Contains(name, ".") {
		return ""
	}
	return name + ".internal."
}

// given says in words what clients in a zone of a VPC get of a name: of each instance the
// private address where the VPC is theirs, or is peered with theirs so that its names may be
// resolved and the address is none of their own VPC's; else the public one, else nothing.
// The healthy ones where there are some, and of these those of the zone, where it is strict.
func (w *randomInventory) given(name, vpc, az string) (addrs []string, exists bool) {
	type member struct {
		addr string
		*randomHost
	}
	var all []member
	for i := range w.hosts {
		h := &w.hosts[i]
		exists = exists || slices.ContainsFunc(h.named, func(n string) bool {
			return strings.HasSuffix(n, "."+name) // by a name below it
		})
		if !slices.Contains(h.named, name) {
			continue
		}
		exists = true
		switch {
		case h.VPC == vpc, w.reaches[[2]string{vpc, h.VPC}] && !w.cidrs[vpc].Contains(h.Private):
			all = append(all, member{h.Private.String(), h})
		case h.Public.IsValid():
			all = append(all, member{h.Public.String(), h})
		}
	}
	keep := func(wants func(member) bool) {
		if slices.ContainsFunc(all, wants) {
			all = slices.DeleteFunc(all, func(m member) bool { return !wants(m) })
		}
	}
	keep(func(m member) bool { return !m.sick })
	if w.affinity == zone.OwnZone {
		keep(func(m member) bool { return m.zone == az })
	}
	for _, m := range all {
		addrs = append(addrs, m.addr)
	}
	slices.Sort(addrs)
	return slices.Compact(addrs), exists
}

// parts are what sources would deliver, and the configuration has a view a VPC.
func (w *randomInventory) parts(t *testing.T) (zonesource.Config, map[zonesource.Key]zonesource.Part) {
	t.Helper()
	now := time.Unix(1_700_000_000, 0)
	cfg := zonesource.Config{EC2: true, TagZone: "internal.", TranslatedTTL: 30 * time.Second, Affinity: w.affinity,
		Allow: zonesource.Allow{Prefixes: []netip.Prefix{netip.MustParsePrefix("198.18.0.0/15")}}}
	for i, id := range w.vpcs {
		cfg.Views = append(cfg.Views, zonesource.ViewConfig{Name: id, VPCs: []string{id},
			Clients: []netip.Prefix{netip.PrefixFrom(clientsOf(i, 0).Addr(), 24)}})
	}
	parts := map[zonesource.Key]zonesource.Part{}
	for _, r := range w.regions {
		key := zonesource.Key{Source: "ec2", Name: "/" + r.Name}
		parts[key] = zonesource.Part{Key: key, Listed: now, Region: r}
	}
	e := zone.NewTree(zone.MustName("zone.example.")).Edit()
	soa, err := zone.NewRecords(zone.TypeSOA, 60,
		append(append(zone.MustName("a."), zone.MustName("b.")...), make([]byte, 20)...))
	if err == nil {
		err = e.Put(zone.MustName("zone.example."), soa)
	}
	if err != nil {
		t.Fatal(err)
	}
	key := zonesource.Key{Source: "route53", Name: "zone/Z1"}
	public := zone.New(zone.Info{Origin: zone.Public, ID: "Z1"}, e.Commit(), 0)
	parts[key] = zonesource.Part{Key: key, Listed: now, Zone: public}
	return cfg, parts
}

// TestRandomInventories compares what clients of each VPC and zone are answered, from the parts
// of sources to the packet, with the words of the reference.
func TestRandomInventories(t *testing.T) {
	f, err := forward.New(forward.Options{})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{"none.internal.": true, "none.zone.example.": true}
	for _, text := range oddTexts {
		if name := nameOf(text); name != "" {
			names[name] = true
		}
	}
	fixed := names
	for seed := range uint64(*inventories) {
		w := newRandomInventory(rand.New(rand.NewPCG(seed, 53)))
		cfg, parts := w.parts(t)
		names := maps.Clone(fixed)
		for _, h := range w.hosts {
			for _, n := range h.Names {
				name := nameOf(n.Text)
				if literal, isName := asItIs(n.Text); name == "" && isName {
					name = literal
				}
				if name != "" {
					names[name] = true
				}
			}
		}
		compiled, err := zonesource.Compile(nil, cfg, parts, time.Unix(1_700_000_000, 0))
		if err != nil {
			t.Fatal(err)
		}
		r := resolver.New(f, resolver.Options{})
		err = r.Publish(compiled.Snapshot)
		if err != nil {
			t.Fatal(err)
		}
		probed := map[string]string{}
		for id, why := range w.sick {
			if compiled.Snapshot.Vitals[id] == "" {
				probed[id] = why
			}
		}
		r.PublishSick(probed)
		worker := r.NewWorker()
		for i, vpc := range w.vpcs {
			for az := range 2 {
				for name := range names {
					w.compare(t, seed, worker, name, vpc, netip.AddrPortFrom(clientsOf(i, az).Addr().Next(), 53), az)
				}
			}
		}
		if t.Failed() {
			return
		}
	}
}

func (w *randomInventory) compare(t *testing.T, seed uint64, worker *resolver.Worker, name, vpc string,
	client netip.AddrPort, az int) {
	t.Helper()
	var m dns.Msg
	m.SetQuestion(name, dns.TypeA)
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := worker.Serve(packet, client, resolver.UDP, make([]byte, 0, 4096), nil)
	var reply dns.Msg
	err = reply.Unpack(answer)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, rr := range reply.Answer {
		got = append(got, rr.(*dns.A).A.String())
	}
	slices.Sort(got)
	region := w.regions[0].Name
	for _, r := range w.regions {
		if slices.ContainsFunc(r.VPCs, func(v zonesource.VPC) bool { return v.ID == vpc }) {
			region = r.Name
		}
	}
	want, exists := w.given(name, vpc, fmt.Sprintf("%s-az%d", region, az))
	rcode := dns.RcodeNameError
	if exists {
		rcode = dns.RcodeSuccess
	}
	if !slices.Equal(got, want) || reply.Rcode != rcode {
		t.Errorf("seed %d: %s from %s of %s is %v, %s; want %v, %s", seed, name, client, vpc, got,
			dns.RcodeToString[reply.Rcode], want, dns.RcodeToString[rcode])
	}
}

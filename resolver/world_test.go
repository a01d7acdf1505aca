package resolver

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"inside53/resolver/forward"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/server/house"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(house.Loopback(m)) }

// block is one paragraph of a scenario: a line that begins at the margin, and the
// indented lines below it.
type block struct {
	line  int // number of the first line
	words []string
	body  []string
	end   int // number of the last line of the body; line when there is none
}

// option returns the value of key=value among the words.
func (b *block) option(key string) string { return option(b.words[1:], key) }

func option(words []string, key string) string {
	for _, w := range words {
		if strings.HasPrefix(w, key+"=") {
			return w[len(key)+1:]
		}
	}
	return ""
}

// list splits a value at commas; nothing for "".
func list(value string) []string {
	if value == "" {
		return nil
	}
	return strings.Split(value, ",")
}

// parseBlocks divides a scenario into its blocks. # begins a comment at the margin.
func parseBlocks(text string) []block {
	var blocks []block
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || line[0] == '#':
		case line[0] == ' ':
			last := &blocks[len(blocks)-1]
			if explainTitle(last.body) != "" {
				trimmed = strings.TrimPrefix(strings.TrimRight(line, " "), "    ") // a tree
			}
			last.body = append(last.body, trimmed)
			last.end = i + 1
		default:
			blocks = append(blocks, block{line: i + 1, words: strings.Fields(line), end: i + 1})
		}
	}
	return blocks
}

// world is all that a scenario sets up, and the resolver on it.
type world struct {
	testing.TB
	snap      *zone.Snapshot
	zones     map[string]*zone.Zone
	upstream  map[string]*fakeUpstream
	forwards  map[string]int
	vpcs      []zone.Network
	ifaces    []zone.Interface
	views     []*block
	places    []placed          // subnets
	azs       []string          // availability zones, in the order of their numbers
	in        map[string]uint16 // zones by interface
	affinity  zone.Affinity
	services  map[string]*zone.Service
	options   Options
	clock     atomic.Int64
	clients   map[netip.Prefix]int
	rest      int
	uncertain bool                // a region of the inventory has not been read
	unread    []zone.UnreadRegion // which one
	allow     []netip.Prefix
	live      zone.Live
	outside   int // the view from outside, -1 for none
	resolver  *Resolver
	worker    *Worker
}

// newWorld builds what the blocks describe, and runs the forwarder until the test
// ends. It stops at the first statement that isn't about data, whose index it
// returns.
func newWorld(t testing.TB, blocks []block) (w *world, next int) {
	t.Helper()
	w = &world{
		TB: t, snap: &zone.Snapshot{Loaded: true, TranslatedTTL: 30}, zones: map[string]*zone.Zone{},
		upstream: map[string]*fakeUpstream{}, forwards: map[string]int{}, clients: map[netip.Prefix]int{}, rest: -1,
		outside: -1, in: map[string]uint16{}, services: map[string]*zone.Service{},
	}
	w.clock.Store(1_700_000_000)
	for next = range blocks {
		if !w.define(&blocks[next]) {
			break
		}
	}
	w.makeViews()
	now := func() time.Time { return time.Unix(w.clock.Load(), 0) }
	f, err := forward.New(forward.Options{Now: now, Budget: 400 * time.Millisecond, RetryMin: 20 * time.Millisecond,
		StaleAfter: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		err := <-ran
		if err != nil {
			t.Errorf("running the forwarder: %v", err)
		}
	})
	w.options.Now = now
	w.resolver = New(f, w.options)
	err = w.resolver.Publish(w.snap)
	if err != nil {
		t.Fatal(err)
	}
	w.worker = w.resolver.NewWorker()
	w.awaitForwarder(f)
	return w, next
}

// awaitForwarder returns when the forwarder runs: it refuses questions before.
func (w *world) awaitForwarder(f *forward.Forwarder) {
	w.Helper()
	if len(w.snap.Forwarders) == 0 {
		return
	}
	g, err := f.Group(forward.GroupSpec{Upstreams: w.snap.Forwarders[0].Upstreams})
	if err != nil {
		w.Fatal(err)
	}
	q := forward.Question{Name: zone.MustName("ready.test."), Type: zone.TypeA}
	for range 1000 {
		done := make(chan error, 1)
		err = f.Ask(g, &q, forward.Asker{}, func(_ *forward.Message, err error) { done <- err })
		if err == nil {
			err = <-done
		}
		if err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
	w.Fatalf("the forwarder doesn't run: %v", err)
}

// advance moves the clock of caches and queries.
func (w *world) advance(d time.Duration) {
	now := w.clock.Add(int64(d / time.Second))
	w.resolver.now.Store(now)
}

// define takes a block that describes data; false when it is another one.
func (w *world) define(b *block) bool {
	w.Helper()
	switch b.words[0] {
	case "zone":
		w.addZone(b)
	case "view":
		w.views = append(w.views, b)
		for _, c := range list(b.option("clients")) {
			w.clients[netip.MustParsePrefix(c)] = len(w.views) - 1
		}
	case "rest":
		w.rest = len(w.views) - 1
	case "outside":
		w.outside = len(w.views) - 1
	case "location":
		for _, c := range b.words[3:] {
			w.snap.Locations.Add(b.words[1], b.words[2], netip.MustParsePrefix(c))
		}
	case "rebinding":
		kinds := map[string]wire.AddressKinds{
			"loopback": wire.Loopback, "link-local": wire.LinkLocal, "unspecified": wire.Unspecified, "private": wire.Private,
		}
		for _, kind := range list(b.option("deny")) {
			w.snap.Rebinding.Deny |= kinds[kind]
		}
		for _, name := range list(b.option("allow")) {
			w.snap.Rebinding.Allow = append(w.snap.Rebinding.Allow, zone.MustName(name))
		}
	case "allow":
		for _, p := range b.words[1:] {
			w.allow = append(w.allow, netip.MustParsePrefix(p))
		}
	case "forwarder":
		up := newFakeUpstream(w.TB, b)
		w.upstream[b.words[1]] = up
		w.forwards[b.words[1]] = len(w.snap.Forwarders)
		w.snap.Forwarders = append(w.snap.Forwarders, zone.Forwarder{Upstreams: []string{up.addr}})
	case "vpc":
		n := zone.Network{ID: b.words[1], Region: b.option("region"), Stale: slices.Contains(b.words, "stale")}
		for _, c := range list(b.option("cidrs")) {
			n.CIDRs = append(n.CIDRs, netip.MustParsePrefix(c))
		}
		w.vpcs = append(w.vpcs, n)
	case "interface":
		w.addInterface(b)
	case "subnet":
		w.addSubnet(b)
	case "service":
		w.addService(b)
	case "option":
		w.setOptions(b)
	default:
		return false
	}
	return true
}

func (w *world) setOptions(b *block) {
	w.Helper()
	for _, word := range b.words[1:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "id":
			w.options.ID = func() string { return value }
		case "version":
			w.options.Version = value
		case "unloaded":
			w.snap.Loaded = false
		case "uncertain":
			w.uncertain = true
		case "unread":
			w.unread = append(w.unread, zone.UnreadRegion{Name: value,
				Why: "the inventory of " + value + " has not been read yet"})
		case "udp":
			w.options.UDPSize = uint16(number(w.TB, value))
		case "translated":
			w.snap.TranslatedTTL = number(w.TB, value)
		case "affinity":
			w.affinity = map[string]zone.Affinity{"prefer": zone.OwnZoneFirst, "strict": zone.OwnZone}[value]
		default:
			w.Fatalf("line %d: option %q", b.line, word)
		}
	}
}

func (w *world) addInterface(b *block) {
	w.Helper()
	f := zone.Interface{ID: b.words[1], Private: netip.MustParseAddr(b.option("private"))}
	f.VPC = w.vpc(b, b.option("vpc"))
	f.OwnerID = b.option("of")
	if slices.Contains(b.words, "primary") {
		f.Instance = f.OwnerID
	}
	if six := b.option("six"); six != "" {
		f.IPv6 = netip.MustParseAddr(six)
	}
	w.in[f.ID] = w.az(b.option("zone"))
	if p := b.option("public"); p != "" {
		f.Public = netip.MustParseAddr(p)
	}
	if n := b.option("name"); n != "" {
		f.Name = zone.MustName(n)
	}
	switch b.option("owner") {
	case "", "instance":
	case "balancer":
		f.Owner = zone.LoadBalancer
	case "other":
		f.Owner = zone.OtherOwner
	default:
		w.Fatalf("line %d: owner %q", b.line, b.option("owner"))
	}
	w.ifaces = append(w.ifaces, f)
}

// vpc returns the number of a VPC.
func (w *world) vpc(b *block, id string) uint32 {
	w.Helper()
	i := slices.IndexFunc(w.vpcs, func(n zone.Network) bool { return n.ID == id })
	if i < 0 {
		w.Fatalf("line %d: no VPC %s", b.line, id)
	}
	return uint32(i)
}

// makeViews builds the views when zones, forwarders and inventory are known.
func (w *world) makeViews() {
	w.Helper()
	w.snap.Inventory = zone.NewInventory(w.vpcs, w.ifaces)
	w.snap.Inventory.SetUncertain(w.uncertain)
	w.snap.Inventory.SetUnread(w.unread)
	w.snap.Inventory.SetAffinity(w.affinity, w.azs)
	w.snap.Inventory.SetServices(w.services)
	for index, b := range w.views {
		v := zone.View{Name: b.words[1], Index: index, Region: b.option("region"), VPCs: list(b.option("vpcs"))}
		if region := b.option("unread"); region != "" {
			v.Unread = "the inventory of " + region + " has not been read yet"
		}
		switch b.option("addresses") {
		case "", "auto":
		case "private":
			v.Addresses = zone.AddressPrivate
		case "public":
			v.Addresses = zone.AddressPublic
		default:
			w.Fatalf("line %d: addresses", b.line)
		}
		var also []netip.Prefix
		for _, c := range list(b.option("also")) {
			also = append(also, netip.MustParsePrefix(c))
		}
		w.snap.Inventory.AddView(v.Addresses, v.VPCs, list(b.option("reach")), also)
		w.snap.Inventory.SetMute(index, list(b.option("mute")))
		own := func(p placed) bool { return slices.Contains(v.VPCs, p.vpc) }
		w.snap.Inventory.SetSubnets(index, subnetsOf(w.places, own),
			subnetsOf(w.places, func(p placed) bool { return !own(p) }))
		for _, line := range b.body {
			v.Apexes = append(v.Apexes, w.makeApex(b, strings.Fields(line)))
		}
		if index == w.outside {
			w.snap.Outside = zone.NewView(v)
			continue
		}
		w.snap.Views = append(w.snap.Views, zone.NewView(v))
	}
	w.snap.SetClients(w.clients, w.rest, w.allow)
}

var specialWords = map[string]zone.Special{"": zone.NotSpecial, "localhost": zone.Localhost, "noname": zone.NoName,
	"empty": zone.Empty, "loopback": zone.Loopback,
	"nodata": zone.NoData}

func (w *world) makeApex(b *block, words []string) zone.Apex {
	w.Helper()
	a := zone.Apex{Name: zone.MustName(words[0]), Forward: zone.NoForward}
	for _, word := range words[1:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "layers":
			for _, id := range list(value) {
				if w.zones[id] == nil {
					w.Fatalf("line %d: no zone %s", b.line, id)
				}
				a.Layers = append(a.Layers, zone.Layer(slices.Index(w.snap.Zones, w.zones[id])))
			}
		case "forward":
			i, ok := w.forwards[value]
			if !ok {
				w.Fatalf("line %d: no forwarder %s", b.line, value)
			}
			a.Forward = i
		case "below":
			a.Below = true
		case "computed":
			a.Computed = true
		case "unavailable":
			a.Unavailable = value
		case "special":
			a.Special = specialWords[value]
		default:
			w.Fatalf("line %d: %q of apex %s", b.line, word, words[0])
		}
	}
	return a
}

// addZone makes a zone out of master-file lines and the lines for what master
// files can't say.
func (w *world) addZone(b *block) {
	w.Helper()
	origins := map[string]zone.Origin{"file": zone.File, "private": zone.Private, "tags": zone.Tags, "public": zone.Public}
	origin, ok := origins[b.words[1]]
	if !ok {
		w.Fatalf("line %d: origin %q", b.line, b.words[1])
	}
	z := newZoneBuilder(w.TB, b)
	for i := 0; i < len(b.body); i++ {
		words := strings.Fields(b.body[i])
		switch words[0] {
		case "alias":
			z.put(words[1], z.alias(words))
		case "unservable":
			z.put(words[1], zone.NewUnservable(rrtype(w.TB, words[2]), strings.Join(words[3:], " "), nil))
		case "tag":
			w.putInstances(z, words)
		case "srv":
			w.putServers(z, words)
		case "policy":
			var members []zone.Member
			for i+1 < len(b.body) && strings.HasPrefix(b.body[i+1], "member ") {
				i++
				members = append(members, z.member(rrtype(w.TB, words[2]), strings.Fields(b.body[i])[1:]))
			}
			policies := map[string]zone.Policy{"simple": zone.Simple, "weighted": zone.Weighted, "failover": zone.Failover,
				"latency":     zone.Latency,
				"geolocation": zone.Geolocation, "geoproximity": zone.Geoproximity, "multivalue": zone.Multivalue,
				"ip-based": zone.IPBased}
			policy, ok := policies[words[3]]
			if !ok {
				w.Fatalf("line %d: policy %q", b.line, words[3])
			}
			s, err := zone.NewGroup(rrtype(w.TB, words[2]), policy, members)
			z.check(err)
			z.put(words[1], s)
		default:
			z.records = append(z.records, b.body[i])
		}
	}
	z.putRecords()
	negativeCap := uint32(0)
	if n := b.option("negative"); n != "" {
		negativeCap = number(w.TB, n)
	}
	id := b.option("id")
	if id == "" || w.zones[id] != nil {
		w.Fatalf("line %d: a zone needs an id of its own", b.line)
	}
	info := zone.Info{Origin: origin, ID: id}
	if slices.Contains(b.words, "unread") {
		info.Unavailable = "the hosted zone " + id + " has not been read yet"
		if within := b.option("within"); within != "" {
			info.Within = zone.MustName(within)
		}
	}
	made := zone.New(info, z.edit.Commit(), negativeCap)
	w.zones[id] = made
	w.snap.Zones = append(w.snap.Zones, made)
}

// noSuspender fails the test when an answer would have to wait.
type noSuspender struct{ testing.TB }

func (s noSuspender) Suspend() func([]byte, Result) {
	s.Fatal("an answer that should be there at once has to wait for an upstream")
	return nil
}

package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"sync"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/ledger"
	"inside53/zonesource/recorder"
)

// trace is what was seen of a fleet, and which rules it broke.
type trace struct {
	mu     sync.Mutex
	faults []string
	heads  []ledger.Head                // as they were written, in the order of the store
	set    bool                         // the store was changed by somebody since the last
	lost   bool                         // or ever
	sums   map[string]map[string]string // of parts that are served, by commit and key of the part
	nodes  map[string]*node             // who writes as which
	acked  []string                     // keys of notes that were acknowledged
	sent   []string                     // and of all that were sent
}

func (t *trace) fault(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = append(t.faults, fmt.Sprintf(format, args...))
}

// head makes a head, one at a time, and looks whether it may be.
func (t *trace) head(g *gate, body []byte, put func() (string, error)) (string, error) {
	w := g.n.w
	w.heads.Lock()
	defer w.heads.Unlock()
	greatest := w.greatest()
	tag, err := put()
	if err != nil {
		return tag, err
	}
	var h ledger.Head
	fault := json.Unmarshal(body, &h)
	if fault != nil {
		t.fault("%s writes a head that isn't one: %v", g.n.name, fault)
		return tag, err
	}
	t.checkHead(w, g.n, h, greatest)
	t.mu.Lock()
	t.heads, t.set = append(t.heads, h), false
	t.mu.Unlock()
	return tag, err
}

// greatest is the greatest version that a server serves which lives and reaches the store.
func (w *world) greatest() (version uint64) {
	for _, n := range w.servers() {
		if !n.side.cut.Load() && n.runs.Load() {
			version = max(version, n.member.Standing().Version)
		}
	}
	return version
}

// spoiled notes that the store was changed by somebody.
func (t *trace) spoiled() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set, t.lost = true, true
}

// checkHead holds a head against those before it: versions rise by one, each names the one before, but for a
// repair; epochs rise, with one server each; and what a head names is there, whole, and none of it older than what
// the one before has.
func (t *trace) checkHead(w *world, n *node, h ledger.Head, greatest uint64) {
	t.mu.Lock()
	set, lost, all := t.set, t.lost, t.heads
	t.mu.Unlock()
	last := ledger.Head{}
	if len(all) > 0 {
		last = all[len(all)-1]
	}
	if h.Version == 0 {
		if len(all) > 0 && !set {
			t.fault("%s writes the head of version 0 after %d", n.name, last.Version)
		}
		return
	}
	l := w.peek()
	v, err := l.Follow(context.Background(), nil)
	if err != nil {
		t.fault("head of version %d by %s can't be read: %v", h.Version, n.name, err)
		return
	}
	c := v.Commit
	greatest = max(greatest, last.Version)
	switch {
	case c.Version != h.Version || c.Epoch != h.Epoch || c.Node != h.Leader:
		t.fault("head %+v names a commit of version %d, epoch %d, by %s", h, c.Version, c.Epoch, c.Node)
	case c.Cause == ledger.Repair && lost:
		if h.Version <= greatest {
			t.fault("%s repairs with version %d, though there was %d", n.name, h.Version, greatest)
		}
	case h.Version != last.Version+1 && !set:
		t.fault("%s writes version %d after %d (%s)", n.name, h.Version, last.Version, c.Cause)
	case c.Previous != last.Commit && !set:
		t.fault("version %d of %s names %q as the one before, not %q", h.Version, n.name, c.Previous, last.Commit)
	}
	if h.Epoch < last.Epoch && !set {
		t.fault("%s writes epoch %d after %d", n.name, h.Epoch, last.Epoch)
	}
	for _, o := range all {
		if o.Epoch == h.Epoch && o.Leader != h.Leader && o.Version > 0 && !set {
			t.fault("%s and %s write in epoch %d", o.Leader, h.Leader, h.Epoch)
		}
	}
	if other := t.writer(h.Leader, n); other != n {
		t.fault("two processes write as %s", h.Leader)
	}
	if h.Leader != last.Leader && c.Cause != ledger.Leader && c.Cause != ledger.Repair {
		t.fault("%s writes version %d, cause %s, before its leader commit", n.name, h.Version, c.Cause)
	}
	t.checkWhole(w, l, v)
	if !set {
		t.checkForward(w, l, v, last)
	}
}

// writer is the process that wrote as a node first.
func (t *trace) writer(as string, n *node) *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.nodes == nil {
		t.nodes = map[string]*node{}
	}
	if t.nodes[as] == nil {
		t.nodes[as] = n
	}
	return t.nodes[as]
}

// checkWhole reads all that a version names.
func (t *trace) checkWhole(w *world, l *ledger.Ledger, v *ledger.Version) {
	for key := range v.Parts {
		for _, err := range l.Records(context.Background(), v, key) {
			if err != nil && w.past {
				t.fault("version %d lacks something of %s: %v", v.Number(), key, err)
			}
		}
	}
}

// ticks is the label in zone a.example. whose address in AWS only ever grows.
const ticks = "ticks"

// tick lets AWS's clock go on.
func (w *world) tick() string {
	w.mu.Lock()
	w.ticked++
	n := w.ticked
	w.mu.Unlock()
	address := netip.AddrFrom4([4]byte{10, 200, byte(n >> 8), byte(n)}).String()
	w.set("a.example.", ticks, address)
	return address
}

// ticksIn is the address of ticks in a version.
func ticksIn(l *ledger.Ledger, v *ledger.Version) netip.Addr {
	p, err := recorder.Part(context.Background(), l, v, zonesource.Key{Source: "route53", Name: "zone/ZA"})
	if err != nil || p.Zone == nil {
		return netip.Addr{}
	}
	for r := range p.Zone.Tree.Lookup(zone.MustName(ticks + ".a.example.")).RRset(zone.TypeA).Rdata() {
		return netip.AddrFrom4([4]byte(r))
	}
	return netip.Addr{}
}

// checkForward: what AWS had later isn't overridden by what it had before.
func (t *trace) checkForward(w *world, l *ledger.Ledger, v *ledger.Version, last ledger.Head) {
	if last.Commit == "" {
		return
	}
	before, err := l.At(context.Background(), last.Commit)
	if err != nil {
		return // it is gone: the past isn't what this looks at
	}
	is, was := ticksIn(l, v), ticksIn(l, before)
	if is.Compare(was) < 0 {
		t.fault("version %d has %s, version %d had %s", v.Number(), is, before.Number(), was)
	}
}

// sumOf is the hash of records, however they are paged.
func sumOf(records iter.Seq[ledger.Record]) string {
	h := sha256.New()
	for r := range records {
		fmt.Fprintf(h, "%q %q\n", r.Key, r.Value)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

// adopts holds what a server serves of a version against what others serve of it.
func (t *trace) adopts(n *node, v *ledger.Version) {
	sums := map[string]string{}
	for _, p := range n.keeper.Served() {
		d, err := recorder.Whole(p)
		if err == nil {
			sums[d.Key] = sumOf(d.Records)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sums == nil {
		t.sums = map[string]map[string]string{}
	}
	before := t.sums[v.Name]
	if before == nil {
		before = map[string]string{}
		t.sums[v.Name] = before
	}
	for key, sum := range sums {
		_, inVersion := v.Parts[key]
		if _, bad := n.member.failedKeys()[key]; bad || !inVersion {
			continue
		}
		was, known := before[key]
		if known && was != sum {
			fault := fmt.Sprintf("version %d: %s serves %s of %s, others %s", v.Number(), n.name, sum, key, was)
			t.faults = append(t.faults, fault)
		}
		if !known {
			before[key] = sum
		}
	}
}

// check says what was seen, and holds what is served at the end against the ledger.
func (t *trace) check(w *world, l *ledger.Ledger, v *ledger.Version) {
	w.t.Helper()
	t.checkSums(l, v)
	if len(t.sent) > 0 {
		t.checkNotes(l, v)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, fault := range t.faults {
		w.t.Error(fault)
	}
}

// checkSums holds what was served of a version against what the ledger has of it.
func (t *trace) checkSums(l *ledger.Ledger, v *ledger.Version) {
	t.mu.Lock()
	sums := t.sums[v.Name]
	t.mu.Unlock()
	for key, sum := range sums {
		ref, there := v.Parts[key]
		if !there || ref.List == "" {
			continue
		}
		is := sumOf(func(yield func(ledger.Record) bool) {
			for r, err := range l.Records(context.Background(), v, key) {
				if err != nil || !yield(r) {
					return
				}
			}
		})
		if is != sum {
			t.fault("of version %d is served %s of %s, the ledger has %s", v.Number(), sum, key, is)
		}
	}
}

// notes is a part that no keeper serves: what is acknowledged is in it, once.
const notes = "notes"

// checkNotes: what was acknowledged is there, was committed once, and nothing is there that was never sent.
func (t *trace) checkNotes(l *ledger.Ledger, v *ledger.Version) {
	is := map[string]bool{}
	for r, err := range l.Records(context.Background(), v, notes) {
		if err == nil {
			is[string(r.Key)] = true
		}
	}
	for _, key := range t.acked {
		if !is[key] {
			t.fault("%s was acknowledged and isn't there", key)
		}
	}
	for key := range is {
		if !slices.Contains(t.sent, key) {
			t.fault("%s is there and was never sent", key)
		}
	}
	times := map[string]int{}
	for e, err := range l.History(context.Background(), v) {
		if err != nil {
			break
		}
		if e.Cause == ledger.Update {
			times[e.AWSChange]++
		}
	}
	for key, n := range times {
		if n > 1 {
			t.fault("%s is %d times in the ledger", key, n)
		}
	}
}

// note has who leads commit something of its own, as an update is, and notes whether that was acknowledged.
func (w *world) note(key string) bool {
	w.trace.mu.Lock()
	w.trace.sent = append(w.trace.sent, key)
	w.trace.mu.Unlock()
	leader := w.leader()
	if leader == nil {
		return false
	}
	t := leader.member.Term()
	if t == nil {
		return false
	}
	ctx, stop := context.WithTimeout(context.Background(), storeTime)
	defer stop()
	_, err := t.Commit(ctx, Change{Cause: ledger.Update, Actor: "test", AWSChange: key,
		Records: map[string][]ledger.Record{notes: {{Key: []byte(key), Value: []byte("1")}}}})
	if err != nil {
		return false
	}
	w.trace.mu.Lock()
	w.trace.acked = append(w.trace.acked, key)
	w.trace.mu.Unlock()
	return true
}

// peek reads the store as who has the bucket can.
func (w *world) peek() *ledger.Ledger {
	l, err := ledger.New(ledger.Options{Store: &side{memory: w.store}, Fleet: "s3://b/p", Secrets: w.keys})
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

package events

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/changes"
	"inside53/zonesource/ec2"
	"inside53/zonesource/rdata"
	"inside53/zonesource/route53"
)

// job is all that is to be read of one zone or one region.
type job struct {
	key      string
	since    time.Time // when the first message of it came
	messages []*message
	zone     zonesource.Key // of its part
	region   zonesource.Key
}

const (
	// mostNames is how many names of one event are kept apart, and how many names are read that take a call each.
	mostNames = 20
	// mostGathered is how many names of a zone are read at once. They take no more calls than the zone has pages, and
	// its listing takes one more, which counts what there is to be listed.
	mostGathered = 1000
)

// accept has what a message names read, or returns what became of it at once; "" for the former.
func (r *Reader) accept(m *message, body string) (result string) {
	r.mu.Lock()
	known := r.inWork[m.id]
	if known != nil {
		known.handle, known.receipts = m.handle, m.receipts // the older handle deletes nothing any more
	}
	r.mu.Unlock()
	if known != nil {
		return ""
	}
	h, err := parse(body)
	if err != nil {
		r.log.Debug("a message isn't an event", "error", err)
		return Malformed
	}
	m.hint = h
	h.bound()
	j := r.route(h)
	if j == nil {
		return r.schedule(h)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inWork[m.id] = m
	waiting := r.pending[j.key]
	if waiting == nil {
		j.since = time.Now()
		r.pending[j.key] = j
		waiting = j
	}
	waiting.messages = append(waiting.messages, m)
	poke(r.wake)
	return ""
}

// route says which zone or region a hint is about, of those that are served; nil for none.
func (r *Reader) route(h *hint) *job {
	if h.zone != "" && r.o.Zones != nil {
		key := zonesource.Key{Source: route53.Name, Name: "zone/" + h.zone}
		p, there := r.o.Keeper.Kept(key)
		if there && p.Zone != nil && r.clients[p.Zone.Account] != nil {
			return &job{key: key.Name, zone: key}
		}
		return nil
	}
	key, there := r.regionOf(h)
	if !h.isOfRegion() || h.wholeRegion || !there {
		return nil
	}
	return &job{key: "region/" + key.Name, region: key}
}

// regionOf is the part of the region that a hint is about.
func (r *Reader) regionOf(h *hint) (zonesource.Key, bool) {
	if r.o.Hosts == nil {
		return zonesource.Key{}, false
	}
	for _, p := range r.o.Keeper.Parts("ec2") {
		if p.Region != nil && p.Region.AccountID == h.account && p.Region.Name == h.region {
			return p.Key, true
		}
	}
	return zonesource.Key{}, false
}

// accountOf is the configured name of an account whose zones are read; the base account where its
// id isn't known.
func (r *Reader) accountOf(id string) string {
	for _, p := range r.o.Keeper.Parts("ec2") {
		if p.Region != nil && p.Region.AccountID == id {
			return p.Region.Account
		}
	}
	for _, a := range r.o.Accounts {
		if a.KnownID() == id {
			return a.Name
		}
	}
	return r.o.Accounts[0].Name
}

// schedule has lists read soon that a hint is about, and says what became of it.
func (r *Reader) schedule(h *hint) string {
	switch {
	case (h.zoneNew || h.zoneGone) && r.o.Zones != nil:
		r.o.Zones.WantZones(r.accountOf(h.account), h.zoneGone)
	case h.whole && h.zone == "" && r.o.Zones != nil:
		r.o.Zones.WantCycle(r.accountOf(h.account))
	case h.wholeRegion && r.o.WantRegion != nil:
		key, there := r.regionOf(h)
		account, region, _ := strings.Cut(key.Name, "/")
		if !there {
			return Ignored
		}
		r.o.WantRegion(account, region)
	case h.group != "" && r.o.WantTargets != nil:
		r.o.WantTargets(r.accountOf(h.account), h.region, h.group)
	default:
		return Ignored
	}
	return Scheduled
}

// work does what is pending, the oldest first, until ctx ends. Of one zone or region there is
// one reading at a time.
func (r *Reader) work(ctx context.Context) error {
	for {
		j := r.next()
		if j == nil {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-r.wake:
			}
			continue
		}
		poke(r.wake) // another one may find something, too
		r.do(ctx, j)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// next is the oldest thing to do, nil for none. It stays pending, so that more can join it.
func (r *Reader) next() *job {
	r.mu.Lock()
	defer r.mu.Unlock()
	var oldest *job
	for key, j := range r.pending {
		if !r.working[key] && (oldest == nil || j.since.Before(oldest.since)) {
			oldest = j
		}
	}
	if oldest != nil {
		r.working[oldest.key] = true
	}
	return oldest
}

// do reads one job. What comes meanwhile is another one. Until what was read is committed nobody waits but its messages:
// a store takes longer than a reading, and would hold up all other zones.
func (r *Reader) do(ctx context.Context, j *job) {
	err := r.await(ctx, j)
	r.mu.Lock()
	delete(r.pending, j.key)
	r.mu.Unlock()
	result := Failed
	if err == nil {
		result, err = r.read(ctx, j)
	}
	r.mu.Lock()
	delete(r.working, j.key)
	r.mu.Unlock()
	poke(r.wake)
	if err == nil && result == Changed {
		r.commits.Go(func() { r.finish(ctx, j, result, r.o.Committed(ctx)) })
		return
	}
	r.finish(ctx, j, result, err)
}

// finish says what has become of a job.
func (r *Reader) finish(ctx context.Context, j *job, result string, err error) {
	if err != nil {
		r.log.Debug("what events name isn't read", "of", j.key, "error", err)
		result = Failed
		if awscall.IsRefused(err) {
			result = Refused
		}
	}
	if ctx.Err() == nil {
		r.end(ctx, result, j.messages...)
	}
}

// await waits for the budget of the first call, so that names can join the reading until then.
func (r *Reader) await(ctx context.Context, j *job) error {
	p, _ := r.o.Keeper.Kept(j.zone)
	if p.Zone == nil {
		return nil
	}
	for _, a := range r.o.Accounts {
		if a.Name == p.Zone.Account && a.Hints != nil {
			return a.Hints.Ready(ctx)
		}
	}
	return nil
}

// end is the end of messages: they are deleted, unless they may come again.
func (r *Reader) end(ctx context.Context, result string, all ...*message) {
	var handles []string
	now := time.Now()
	r.mu.Lock()
	for _, m := range all {
		of := result
		if of == Failed && m.receipts >= lastReceipt {
			of = GivenUp
		}
		if of != Failed {
			handles = append(handles, m.handle)
		}
		delete(r.inWork, m.id)
		took := time.Duration(0)
		if !m.sent.IsZero() {
			took = max(0, now.Sub(m.sent))
		}
		r.o.OnEvent(of, took)
	}
	r.mu.Unlock()
	poke(r.room)
	r.remove(ctx, handles)
}

// read reads what a job is about, and says what came of it.
func (r *Reader) read(ctx context.Context, j *job) (string, error) {
	if j.region != (zonesource.Key{}) {
		return r.readRegion(ctx, j)
	}
	p, there := r.o.Keeper.Kept(j.zone)
	if !there || p.Zone == nil {
		return Ignored, nil
	}
	names, whole := namesOf(j, p.Zone)
	if whole || len(names) > mostGathered || oddOf(names) > mostNames {
		return r.readZone(ctx, j, p.Zone)
	}
	if len(names) == 0 {
		return Ignored, nil
	}
	return r.readNames(ctx, j, p.Zone, names)
}

// namesOf are the names of a zone that a job is about, and whether all of it is.
func namesOf(j *job, z *zone.Zone) (names [][]byte, whole bool) {
	seen := map[string]bool{}
	for _, m := range j.messages {
		whole = whole || m.hint.whole
		for _, name := range m.hint.names {
			if !seen[string(name)] && zone.IsSubdomain(name, z.Apex) {
				seen[string(name)] = true
				names = append(names, name)
			}
		}
	}
	return names, whole
}

// oddOf is how many names take a call each.
func oddOf(names [][]byte) (n int) {
	for _, name := range names {
		if !changes.IsPlain(rdata.FormatName(name)) {
			n++
		}
	}
	return n
}

// readZone lists the zone.
func (r *Reader) readZone(ctx context.Context, j *job, z *zone.Zone) (string, error) {
	part, err := r.o.Zones.ReadZone(ctx, z)
	if route53.IsGone(err) {
		r.o.Zones.WantZones(z.Account, true)
	}
	if err != nil {
		return Failed, err
	}
	changed, err := r.o.Keeper.Observe(part, causeOf(j.messages))
	return resultOf(changed), err
}

// readNames reads some names, and those once more at which something was read or accepted
// meanwhile.
func (r *Reader) readNames(ctx context.Context, j *job, z *zone.Zone, names [][]byte) (string, error) {
	changed := false
	for range 2 {
		began := time.Now()
		sets, err := r.recordsOf(ctx, z, names)
		if err != nil {
			return Failed, err
		}
		var left [][]byte
		for _, g := range groupsOf(j.messages, names) {
			reading := route53.ReadingOf(z, g.names, sets)
			reading.Began, reading.Cause = began, g.cause
			over, has, err := r.o.Keeper.Read(reading)
			if err != nil {
				return Failed, fmt.Errorf("serving what was read of %s: %w", z.ID, err)
			}
			left, changed = append(left, over...), changed || has
		}
		if len(left) == 0 {
			break
		}
		names = left
	}
	return resultOf(changed), nil
}

// readRegion reads instances and interfaces, once more if something was listed meanwhile.
func (r *Reader) readRegion(ctx context.Context, j *job) (string, error) {
	var n ec2.Named
	instances, cards := map[string]bool{}, map[string]bool{}
	for _, m := range j.messages {
		n.Addresses = n.Addresses || m.hint.addresses
		for _, id := range m.hint.instances {
			instances[id] = true
		}
		for _, id := range m.hint.cards {
			cards[id] = true
		}
	}
	n.Instances, n.Cards = slices.Sorted(maps.Keys(instances)), slices.Sorted(maps.Keys(cards))
	account, region, _ := strings.Cut(j.region.Name, "/")
	for range 2 {
		reading, err := r.o.Hosts.ReadNamed(ctx, account, region, n)
		if err != nil {
			return Failed, err
		}
		reading.Cause = causeOf(j.messages)
		left, changed, err := r.o.Keeper.ReadRegion(reading)
		if err != nil || !left {
			return resultOf(changed), err
		}
	}
	return Unchanged, nil // a listing that began later has it
}

func resultOf(changed bool) string {
	if changed {
		return Changed
	}
	return Unchanged
}

// group are names that events of one identity are about.
type group struct {
	names [][]byte
	cause zonesource.Cause
}

// mostGroups is how many identities are kept apart in one reading.
const mostGroups = 8

// groupsOf parts names by who the events name.
func groupsOf(all []*message, names [][]byte) []group {
	byName := map[string][]*message{}
	for _, m := range all {
		for _, name := range m.hint.names {
			byName[string(name)] = append(byName[string(name)], m)
		}
	}
	var groups []group
	for _, name := range names {
		cause := causeOf(byName[string(name)])
		at := slices.IndexFunc(groups, func(g group) bool { return g.cause == cause })
		if at < 0 {
			groups = append(groups, group{cause: cause})
			at = len(groups) - 1
		}
		groups[at].names = append(groups[at].names, name)
	}
	if len(groups) > mostGroups {
		return []group{{names, causeOf(all)}}
	}
	return groups
}

// causeOf names who made some changes, and the change where it is one.
func causeOf(all []*message) zonesource.Cause {
	var actors, ids []string
	for _, m := range all {
		if !slices.Contains(actors, m.hint.actor) {
			actors = append(actors, m.hint.actor)
		}
		if m.hint.change != "" && !slices.Contains(ids, m.hint.change) {
			ids = append(ids, m.hint.change)
		}
	}
	const most = 5
	if len(actors) > most {
		actors = append(actors[:most:most], fmt.Sprintf("%d more", len(actors)-most))
	}
	c := zonesource.Cause{Kind: zonesource.ByEvent, Actor: cmp.Or(strings.Join(actors, ", "), "AWS")}
	if len(ids) == 1 {
		c.Change = ids[0]
	}
	return c
}

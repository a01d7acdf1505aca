package update

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/changes"
	"inside53/zonesource/rdata"
	"inside53/zonesource/refresh"
)

// audit is the line of an update that was accepted.
func (u *Updater) audit(z *zone.Zone, m *Message, id string, at time.Time) {
	u.log.Info("update accepted", "zone", zone.String(z.Apex), "zone_id", z.ID, "key", m.Key, "client", m.Client.String(),
		"what", m.describe(), "change", id, "at", at.UTC().Format(time.RFC3339Nano))
}

// accepted is a batch that Route 53 has accepted, or what was read of it.
type accepted struct {
	change string // id, "" where it isn't known
	at     time.Time
	intent uint64 // 0 is none: it was read
	by     string // key and client, "" where it was read
}

// byWhom names keys and clients, each pair once.
func byWhom(all []made) string {
	var out []string
	for _, m := range all {
		who := m.Key + " from " + m.Client
		if !slices.Contains(out, who) {
			out = append(out, who)
		}
	}
	const most = 5
	if len(out) > most {
		out = append(out[:most], fmt.Sprintf("%d more", len(out)-most))
	}
	return strings.Join(out, ", ")
}

// serve has changes served at once. Those without intent are what was read: no listing
// before knows more.
func (u *Updater) serve(zoneID, account string, sets []zonesource.Amended, c accepted) {
	if len(sets) == 0 {
		return
	}
	id, intent := c.change, c.intent
	a := &zonesource.Amendment{
		Source: u.options.Source, Zone: zoneID, Accepted: c.at, Sets: sets, Change: id, Actor: c.by,
	}
	a.Ended = func(different []zonesource.Amended) { u.ended(a, id, intent, different) }
	err := u.options.Amend(a)
	if err != nil {
		u.log.Error("accepted changes can't be served before they are listed", "zone", zoneID, "error", err)
	}
	if intent == 0 {
		u.options.Synced(a)
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.follows = append(u.follows, followed{a, id, account})
}

// ended is called when a listing has taken over.
func (u *Updater) ended(a *zonesource.Amendment, id string, intent uint64, different []zonesource.Amended) {
	if intent != 0 {
		u.journal.settled(intent)
	}
	for _, d := range different {
		now := "is gone"
		if d.Set.Exists() {
			now = fmt.Sprintf("has %d records", d.Set.Count)
		}
		u.log.Warn("Route 53 lists something else than an update made of it; the listing counts", "zone_id", a.Zone, "change",
			id,
			"name", zone.String(d.Name), "type", rdata.TypeText(d.Type), "listed", now)
	}
}

// followed is an amendment whose change isn't known yet to have reached all name
// servers.
type followed struct {
	*zonesource.Amendment
	change  string
	account string
}

// followFor is how long a change is followed. The keeper ends its amendment then.
const followFor = 10 * time.Minute

// recall takes up what the journal has: changes that were accepted and may not be
// listed yet, and intents without result.
func (u *Updater) recall(ctx context.Context) {
	for _, l := range u.journal.left(ctx) {
		switch {
		case l.State == stateIntent:
			u.unresolved(l.Intent)
		case time.Since(l.At) >= followFor:
			u.journal.settled(l.Intent)
		default:
			u.serve(l.Zone, l.Account, amendedBy(l.batch()), accepted{l.Change, l.At, l.Intent, byWhom(l.Made)})
		}
	}
}

// unresolved notes an intent whose result isn't known.
func (u *Updater) unresolved(intent uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.unclear = append(u.unclear, intent)
}

// followAll asks for what isn't known yet, until ctx ends.
func (u *Updater) followAll(ctx context.Context) {
	for ctx.Err() == nil {
		u.journal.mend(ctx)
		u.recall(ctx) // the journal may be ours only now
		u.resolveAll(ctx)
		u.askAll(ctx)
		_ = refresh.Pause(ctx, u.options.Follow) // its end is that of the loop
	}
}

// askAll asks whether changes have reached all name servers. It asks for one change of each
// zone, the newest at the time: Route 53 makes those of a zone one after the other, so all
// before it have arrived with it. Until it has, the same is asked for again: under a steady
// stream of changes the newest of each moment would always be on its way.
func (u *Updater) askAll(ctx context.Context) {
	u.mu.Lock()
	all := u.follows
	u.follows = nil
	u.mu.Unlock()
	all = slices.DeleteFunc(all, func(f followed) bool { return time.Since(f.Accepted) >= followFor })
	arrived := map[string]time.Time{} // by zone: when the change that has arrived was accepted
	for zoneID, f := range u.marks(all) {
		c := u.client(f.account)
		if c == nil || ctx.Err() != nil {
			continue
		}
		synced, err := c.Insync(ctx, f.change)
		if err != nil && ctx.Err() == nil {
			u.log.Warn("whether a change has reached all name servers can't be asked", "change", f.change, "error", err)
		}
		if synced {
			delete(u.marked, zoneID)
			arrived[zoneID] = f.Accepted
		}
	}
	var left []followed
	for _, f := range all {
		at, some := arrived[f.Zone]
		if !some || f.change == "" || f.Accepted.After(at) {
			left = append(left, f)
			continue
		}
		u.options.Synced(f.Amendment)
	}
	u.mu.Lock()
	u.follows = append(left, u.follows...)
	u.mu.Unlock()
}

// marks returns the change to ask for of each zone that has some.
func (u *Updater) marks(all []followed) map[string]followed {
	marks := map[string]followed{}
	for _, f := range all {
		now, some := marks[f.Zone]
		switch {
		case f.change == "":
		case u.marked[f.Zone] == f.change, !some:
			marks[f.Zone] = f
		case u.marked[f.Zone] != now.change && !f.Accepted.Before(now.Accepted):
			marks[f.Zone] = f
		}
	}
	u.marked = map[string]string{}
	for zoneID, f := range marks {
		u.marked[zoneID] = f.change
	}
	return marks
}

// resolveAll reads what has become of intents without result. Nothing is sent again:
// nobody was told that it is done, and somebody may have changed the same since.
func (u *Updater) resolveAll(ctx context.Context) {
	if u.options.Term != nil {
		u.wakeUnclear()
		return
	}
	u.mu.Lock()
	all := u.unclear
	u.unclear = nil
	u.mu.Unlock()
	for _, intent := range all {
		l, live := u.journal.of(intent)
		if live && !u.resolve(ctx, l) {
			u.unresolved(intent)
		}
	}
}

// resolve reads what has become of an intent, and returns false when that couldn't be
// read.
func (u *Updater) resolve(ctx context.Context, l line) bool {
	c := u.client(l.Account)
	if c == nil || ctx.Err() != nil {
		return false
	}
	batch := l.batch()
	names := make([]string, len(batch))
	for i := range batch {
		names[i] = aws.ToString(batch[i].Set.Name)
	}
	read := time.Now() // what is accepted from now on is newer
	sets, err := c.RecordsOf(ctx, changes.Zone{ID: l.Zone}, names)
	var fault smithy.APIError
	gone := errors.As(err, &fault) && fault.ErrorCode() == "NoSuchHostedZone"
	if err != nil && !gone {
		if ctx.Err() == nil {
			u.log.Warn("what has become of updates can't be read yet", "zone_id", l.Zone, "intent", l.Intent, "error", err)
		}
		return false
	}
	what := "update was not made before the end of an earlier process, or its answer was lost; its sender was never " +
		"told that it was"
	if !gone && changes.Applied(sets, batch) {
		what = "update was made before the end of an earlier process, or its answer was lost; its sender was not told"
		u.journal.accepted(l.Intent, "", read)
		u.serve(l.Zone, l.Account, amendedBy(batch), accepted{"", read, l.Intent, byWhom(l.Made)})
		err = u.journal.confirm(ctx, l.Intent, l.Zone, nil)
	} else {
		err = u.journal.unmade(ctx, l.Intent)
	}
	if err != nil {
		u.log.Warn("what has become of updates can't be noted yet", "zone_id", l.Zone, "intent", l.Intent, "error", err)
		return false
	}
	for _, m := range l.Made {
		u.log.Info(what, "zone_id", l.Zone, "key", m.Key, "client", m.Client, "what", m.What, "at",
			l.At.Format(time.RFC3339Nano))
	}
	return true
}

// amendedBy are the RRsets that a batch leaves.
func amendedBy(b changes.Batch) []zonesource.Amended {
	var out []zonesource.Amended
	at := map[setKey]int{}
	for i := range b {
		name, err := rdata.ParseName(aws.ToString(b[i].Set.Name))
		rrtype, known := rdata.Type(string(b[i].Set.Type))
		if err != nil || !known {
			continue // we wrote it: never
		}
		k := setKey{string(name), rrtype}
		where, there := at[k]
		if !there {
			where = len(out)
			at[k] = where
			out = append(out, zonesource.Amended{Name: name, Type: rrtype})
		}
		out[where].Set = zone.RRset{}
		if b[i].Action == changes.Delete {
			continue
		}
		out[where].Set, _ = listedSet(rrtype, &b[i].Set).served(rrtype) // was served before
	}
	return out
}

package transfer

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"inside53/resolver/history"
	"inside53/resolver/zone"
	"inside53/server/tsig"

	"github.com/miekg/dns"
)

const (
	// notifyWait is how long a secondary may take to answer a NOTIFY, and the pause after
	// which it is notified again; the pause doubles each time.
	notifyWait = 3 * time.Second
	// notifyTries is how often it is notified (RFC 1996 section 3.6: 5 retries).
	notifyTries = 6
	// notifiesAtOnce is how many are under way at a time, and to one secondary.
	notifiesAtOnce          = 64
	notifiesToOne           = 8
	notifyResultOK          = "ok"
	notifyResultRefused     = "refused"
	notifyResultNoAnswer    = "no_answer"
	notifyResultUnreachable = "gave_up"
)

// notifier notifies secondaries of new versions (NOTIFY, RFC 1996), each of the newest only.
type notifier struct {
	count  func(result string)
	log    *slog.Logger
	wakeup chan struct{}

	mu    sync.Mutex
	notes map[noteKey]*note
}

// noteKey is who is notified of what.
type noteKey struct {
	target netip.AddrPort
	view   string
	apex   string
}

// note is one that isn't acknowledged yet. Its version changes under mu.
type note struct {
	version *history.Version
	key     tsig.Key
	tries   int
	due     time.Time
	flying  bool
}

// noteResult is what became of one NOTIFY.
type noteResult struct {
	key    noteKey
	serial uint32
	rcode  int
	err    error
}

func newNotifier(count func(string), log *slog.Logger) *notifier {
	return &notifier{count: count, log: log, wakeup: make(chan struct{}, 1), notes: map[noteKey]*note{}}
}

// note has a secondary notified of a version, in place of the one it was not notified of yet.
func (n *notifier) note(target netip.AddrPort, view string, apex []byte, v *history.Version, key tsig.Key) {
	n.mu.Lock()
	k := noteKey{target, view, string(apex)}
	old := n.notes[k]
	n.notes[k] = &note{version: v, key: key, due: time.Now(), flying: old != nil && old.flying}
	n.mu.Unlock()
	select {
	case n.wakeup <- struct{}{}:
	default: // it is awake
	}
}

// run notifies until ctx ends.
func (n *notifier) run(ctx context.Context) error {
	results := make(chan noteResult, notifiesAtOnce) // all that fly fit: none waits at the end
	var flying sync.WaitGroup
	defer flying.Wait()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	count := 0
	for {
		due, next := n.due(time.Now(), notifiesAtOnce-count)
		for k, v := range due {
			count++
			flying.Go(func() { results <- n.send(ctx, k, v) })
		}
		timer.Reset(time.Until(next))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-n.wakeup:
		case <-timer.C:
		case r := <-results:
			count--
			n.settle(r, time.Now())
		}
	}
}

// due returns notes whose time has come, and says when the next one's comes.
func (n *notifier) due(now time.Time, room int) (map[noteKey]note, time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	next := now.Add(time.Hour)
	out := map[noteKey]note{}
	busy := map[netip.AddrPort]int{}
	for k, v := range n.notes {
		if v.flying {
			busy[k.target]++
		}
	}
	for k, v := range n.notes {
		switch {
		case v.flying:
		case v.due.After(now):
			if v.due.Before(next) {
				next = v.due
			}
		case len(out) < room && busy[k.target] < notifiesToOne:
			v.flying = true
			busy[k.target]++
			out[k] = *v
		}
	}
	return out, next
}

// settle ends a note, or has it sent again.
func (n *notifier) settle(r noteResult, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	v := n.notes[r.key]
	v.flying = false
	name := zone.String([]byte(r.key.apex))
	switch {
	case r.err == nil && r.rcode == dns.RcodeSuccess:
		n.count(notifyResultOK)
	case r.err == nil:
		n.count(notifyResultRefused)
		n.log.Info("secondary doesn't want NOTIFY", "zone", name, "secondary", r.key.target.String(),
			"rcode", dns.RcodeToString[r.rcode])
	default:
		n.count(notifyResultNoAnswer)
	}
	if v.version.Serial != r.serial {
		return // there is a newer one to send, and it is due
	}
	if r.err == nil {
		delete(n.notes, r.key)
		return
	}
	v.tries++
	if v.tries >= notifyTries {
		n.count(notifyResultUnreachable)
		n.log.Warn("secondary doesn't answer NOTIFY; it will come by itself", "zone", name,
			"secondary", r.key.target.String(), "error", r.err)
		delete(n.notes, r.key)
		return
	}
	v.due = now.Add(notifyWait << (v.tries - 1))
}

// send sends one NOTIFY and waits for the answer.
func (n *notifier) send(ctx context.Context, k noteKey, v note) noteResult {
	r := noteResult{key: k, serial: v.version.Serial}
	m := new(dns.Msg)
	m.SetNotify(zone.String([]byte(k.apex)))
	answer, err := soaRecord([]byte(k.apex), v.version)
	if err != nil {
		r.err = err
		return r
	}
	m.Answer = answer
	c := &dns.Client{Timeout: notifyWait}
	if v.key.Name != "" {
		m.SetTsig(v.key.Name, v.key.Algorithm, tsig.Fudge, time.Now().Unix())
		c.TsigSecret = map[string]string{v.key.Name: v.key.Secret}
	}
	reply, _, err := c.ExchangeContext(ctx, m, k.target.String())
	if err != nil {
		r.err = fmt.Errorf("notifying %s: %w", k.target, err)
		return r
	}
	r.rcode = reply.Rcode
	return r
}

// pending returns how many secondaries haven't been notified yet.
func (n *notifier) pending() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.notes)
}

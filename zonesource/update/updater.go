package update

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/aws/smithy-go"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/changes"
	"inside53/zonesource/statedir"
)

// Options make an Updater.
type Options struct {
	// Source is the source of the hosted zones.
	Source string
	// Hosted returns the zones as they are served.
	Hosted func() []*zone.Zone
	// Amend and Synced are the keeper's.
	Amend  func(*zonesource.Amendment) error
	Synced func(*zonesource.Amendment)
	// Term, when it is there, keeps what is under way in the ledger of a fleet, in place of a
	// journal in StateDir. The updater ends with the term.
	Term Term
	// StateDir is where the journal is kept.
	StateDir string
	// State watches StateDir; nil: nobody does.
	State *statedir.Dir
	// Window is for how long messages are gathered before they are handled together,
	// 0 = 20 ms.
	Window time.Duration
	// Waiting bounds the messages that wait, of all zones, 0 = 20,000.
	Waiting int
	// Follow is the time between two questions whether changes have reached all name
	// servers, 0 = 10 s.
	Follow time.Duration
	// OnCall is told each attempt of a call to AWS.
	OnCall func(operation, code string)
	Log    *slog.Logger
}

const (
	defaultWindow  = 20 * time.Millisecond
	defaultWaiting = 20_000
	defaultFollow  = 10 * time.Second
	// patience is for how long throttling is waited out: longer than clients wait for
	// their answers, whose repetitions then join.
	patience = 30 * time.Second
)

// client is what is called of Route 53, in one account.
type client interface {
	// These are the methods of *changes.Client.
	RecordsOf(ctx context.Context, z changes.Zone, names []string) ([]changes.RecordSet, error)
	Submit(ctx context.Context, z changes.Zone, b changes.Batch) (string, error)
	Insync(ctx context.Context, id string) (bool, error)
}

// Updater makes updates in hosted zones. All methods are safe for concurrent use.
type Updater struct {
	options Options
	log     *slog.Logger
	journal intents
	wake    chan struct{}     // for fresh
	marked  map[string]string // by zone, the change that is asked for; of the goroutine of followAll

	mu      sync.Mutex
	clients map[string]client // by the name of their account
	zones   map[string]*hosted
	fresh   []*hosted // zones without a goroutine
	waiting int
	closed  bool
	follows []followed
	unclear []uint64 // intents whose result isn't known
}

// New opens the journal and starts nothing. While that can't be written, updates are refused.
func New(o Options) *Updater {
	if o.Window <= 0 {
		o.Window = defaultWindow
	}
	if o.Waiting <= 0 {
		o.Waiting = defaultWaiting
	}
	if o.Follow <= 0 {
		o.Follow = defaultFollow
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	u := &Updater{
		options: o, log: o.Log, wake: make(chan struct{}, 1), clients: map[string]client{}, zones: map[string]*hosted{},
	}
	if o.Term != nil {
		u.journal = newShared(o.Term, o.Log)
	} else {
		u.journal = openJournal(o.StateDir, o.State, o.Log)
	}
	return u
}

// Close closes the journal. Run must have returned.
func (u *Updater) Close() error { return u.journal.close() }

// SetAccounts says which accounts there are.
func (u *Updater) SetAccounts(accounts []*awsclient.Account) {
	clients := make(map[string]client, len(accounts))
	for _, a := range accounts {
		clients[a.Name] = changes.New(a, changes.Options{Patience: patience, OnCall: u.options.OnCall, Log: u.log})
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.clients = clients
}

// client is that of an account, nil when there is none.
func (u *Updater) client(account string) client {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.clients[account]
}

// served is a zone as it is served, nil when it isn't there.
func (u *Updater) served(id string) *zone.Zone {
	for _, z := range u.options.Hosted() {
		if z.ID == id {
			return z
		}
	}
	return nil
}

// Submit hands a message for a hosted zone over. done is called once, from any
// goroutine, when the result is there: with NoError after Route 53 has accepted the
// changes and they are served. It must not block. The message has passed
// [Message.Check] and is not modified by anybody.
func (u *Updater) Submit(z *zone.Zone, m *Message, done func(Result)) {
	if !u.put(z, m, done) {
		done(Result{ServFail, "too many updates wait, or the server ends"})
	}
}

// put has a message wait at its zone, unless too many wait.
func (u *Updater) put(z *zone.Zone, m *Message, done func(Result)) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed || u.waiting >= u.options.Waiting {
		return false
	}
	u.waiting++
	u.zone(z.ID, z.Account).put(&entry{message: m, done: func(r Result) {
		u.mu.Lock()
		u.waiting--
		u.mu.Unlock()
		done(r)
	}})
	return true
}

// zone returns a zone, which gets a goroutine. The caller holds mu.
func (u *Updater) zone(id, account string) *hosted {
	h := u.zones[id]
	if h != nil && h.account == account {
		return h
	}
	h = &hosted{updater: u, id: id, account: account, wake: make(chan struct{}, 1)}
	u.zones[id] = h
	u.fresh = append(u.fresh, h)
	select {
	case u.wake <- struct{}{}:
	default: // it is awake
	}
	return h
}

// Run makes updates until ctx ends, and returns when all messages are answered. First
// it reads what has become of changes that were on their way when an earlier process
// ended.
func (u *Updater) Run(ctx context.Context) error {
	u.recall(ctx)
	var running sync.WaitGroup
	running.Go(func() { u.followAll(ctx) })
	for ctx.Err() == nil {
		for _, h := range u.begin() {
			running.Go(func() { h.run(ctx) })
		}
		select {
		case <-ctx.Done():
		case <-u.wake:
		}
	}
	running.Wait()
	u.mu.Lock()
	u.closed = true
	zones := u.zones
	u.mu.Unlock()
	for _, h := range zones {
		h.answerAll() // came after its goroutine had ended
	}
	return ctx.Err()
}

// begin takes the zones that have no goroutine yet.
func (u *Updater) begin() []*hosted {
	u.mu.Lock()
	defer u.mu.Unlock()
	fresh := u.fresh
	u.fresh = nil
	return fresh
}

// Actions are the IAM actions that updates need, in alphabetical order.
func Actions() []string {
	return []string{"route53:ChangeResourceRecordSets", "route53:GetChange", "route53:ListResourceRecordSets"}
}

// isInvalidInput reports whether AWS refused a batch before it held it against the
// zone.
func isInvalidInput(err error) bool {
	var fault smithy.APIError
	return errors.As(err, &fault) && fault.ErrorCode() == "InvalidInput"
}

// brief is an error for the client: what AWS said, without where and how it was asked.
func brief(err error) string {
	var fault smithy.APIError
	if errors.As(err, &fault) {
		return fault.ErrorCode() + ": " + fault.ErrorMessage()
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

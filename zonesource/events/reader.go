package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/changes"
	"inside53/zonesource/ec2"
	"inside53/zonesource/refresh"
)

// Keeper is what is served: what events name is compared with it, and read into it.
type Keeper interface {
	Parts(source string) []zonesource.Part
	Kept(key zonesource.Key) (zonesource.Part, bool)
	Read(r *zonesource.Reading) (left [][]byte, changed bool, err error)
	ReadRegion(r *zonesource.RegionReading) (left, changed bool, err error)
	Observe(p zonesource.Part, c zonesource.Cause) (changed bool, err error)
}

// Zones reads hosted zones out of turn.
type Zones interface {
	ReadZone(ctx context.Context, z *zone.Zone) (zonesource.Part, error)
	// WantZones and WantCycle have the list of zones and all zones of an account read soon.
	WantZones(account string, gone bool)
	WantCycle(account string)
}

// Inventory reads instances out of turn.
type Inventory interface {
	ReadNamed(ctx context.Context, account, region string, n ec2.Named) (*zonesource.RegionReading, error)
}

// Options make a Reader.
type Options struct {
	Queue    string               // its URL
	Accounts []*awsclient.Account // those that are read; the queue is asked with the first one's credentials
	Keeper   Keeper
	Zones    Zones     // nil: none are served
	Hosts    Inventory // nil: none are served
	// WantRegion has the inventory of a region read soon, and WantTargets the health of a target
	// group. Nil: it comes with its refresh.
	WantRegion  func(account, region string)
	WantTargets func(account, region, group string)
	// Committed returns when what was read is where it has to be before its event is forgotten. Nil:
	// being served is enough.
	Committed func(ctx context.Context) error
	// OnEvent is told what became of each message, once a receipt, and how long it took from its
	// arrival in the queue (0 where that isn't known).
	OnEvent func(result string, took time.Duration)
	OnCall  func(operation, code string)
	Log     *slog.Logger // nil discards
}

// Results of events, as OnEvent is told them.
const (
	Changed   = "changed"   // what it names is served now
	Unchanged = "unchanged" // and was so already
	Refused   = "refused"   // by AWS: it is gone, or IAM forbids it
	Scheduled = "scheduled" // a list is read soon
	Ignored   = "ignored"   // about nothing that is served here
	Malformed = "malformed" // no event
	Failed    = "failed"    // it comes again
	GivenUp   = "given_up"  // failed, at its last receipt
)

// Reader reads one queue. Make one with New.
type Reader struct {
	o       Options
	api     api
	log     *slog.Logger
	clients map[string]*changes.Client // by the configured name of their account
	commits sync.WaitGroup             // of what was read

	mu      sync.Mutex
	pending map[string]*job     // by what they are about, those in work excluded
	working map[string]bool     // what is in work
	inWork  map[string]*message // received and not done with, by id
	wake    chan struct{}       // something is pending
	room    chan struct{}       // something is done
}

// type check
var _ zonesource.Source = (*Reader)(nil)

// New checks the options. It starts nothing and calls nobody.
func New(o Options) (*Reader, error) {
	u, err := url.Parse(o.Queue)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the queue of events: %w", err)
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Path == "":
		return nil, fmt.Errorf("the queue of events: %q is no URL of a queue", o.Queue)
	case len(o.Accounts) == 0 || o.Keeper == nil:
		return nil, errors.New("the queue of events: nothing is read of AWS")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.OnEvent == nil {
		o.OnEvent = func(string, time.Duration) {}
	}
	if o.OnCall == nil {
		o.OnCall = func(string, string) {}
	}
	if o.Committed == nil {
		o.Committed = func(context.Context) error { return nil }
	}
	r := &Reader{
		o: o, api: newAPI(o.Accounts[0].Config, o.Queue), log: o.Log, clients: map[string]*changes.Client{},
		pending: map[string]*job{}, working: map[string]bool{}, inWork: map[string]*message{},
		wake: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
	for _, a := range o.Accounts {
		r.clients[a.Name] = changes.New(a, changes.Options{
			Hinted: true, Patience: visibility / 2, OnCall: o.OnCall, Log: o.Log,
		})
	}
	return r, nil
}

// Waiting returns how many messages were received and aren't done with.
func (r *Reader) Waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.inWork)
}

// The bounds of what is in work.
const (
	mostInWork = 2000
	workers    = 4
)

// Run reads events until ctx ends; it implements [zonesource.Source], and delivers nothing by
// itself: what it reads goes to the keeper with its cause.
func (r *Reader) Run(ctx context.Context, _ func(zonesource.Part)) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.poll(ctx) })
	for range workers {
		g.Go(func() error { return r.work(ctx) })
	}
	err := g.Wait()
	r.commits.Wait()
	r.forget()
	return err
}

// forget lets go of what is in work: a later Run receives it again.
func (r *Reader) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.pending)
	clear(r.working)
	clear(r.inWork)
}

// Pauses after the queue could not be read.
const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// poll receives messages, as long as there is room for them.
func (r *Reader) poll(ctx context.Context) error {
	pause, failed := firstPause, false
	for {
		err := r.awaitRoom(ctx)
		if err != nil {
			return err
		}
		all, bodies, err := r.receive(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			if !failed {
				r.log.Warn("events can't be read; changes come with the next listings", "error", err)
			}
			failed = true
			err = refresh.Pause(ctx, refresh.Jitter(pause))
			if err != nil {
				return err
			}
			pause = min(2*pause, lastPause)
			continue
		}
		if failed {
			r.log.Info("events are read again", "queue", r.o.Queue)
		}
		pause, failed = firstPause, false
		ended := map[string][]*message{}
		for i, m := range all {
			result := r.accept(m, bodies[i])
			if result != "" {
				ended[result] = append(ended[result], m)
			}
		}
		for result, some := range ended {
			r.end(ctx, result, some...)
		}
	}
}

// awaitRoom returns when there is room for more messages.
func (r *Reader) awaitRoom(ctx context.Context) error {
	for r.Waiting() > mostInWork-mostAtOnce {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.room:
		}
	}
	return nil
}

// poke wakes one who waits at a channel.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is awake
	}
}

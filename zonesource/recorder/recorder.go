package recorder

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"inside53/zonesource"
	"inside53/zonesource/clock"
	"inside53/zonesource/ledger"
)

// Options make a Recorder.
type Options struct {
	Ledger *ledger.Ledger
	Name   string // of this server
	// Retention is how much of the past is kept; asked each time.
	Retention func() (keep time.Duration, most int64)
	// Config is the hash of the configuration that is in force; asked each time. nil is none.
	Config func() string
	// Hold says why nothing may be written, nil while it may; Note is told how each try to write
	// went. nil: it always may, and the log is told.
	Hold   func() error
	Note   func(error)
	Log    *slog.Logger
	Window time.Duration // for which changes are gathered; 0 = 50 ms

	// Writer writes, where a fleet has it; nil: the recorder's own, which is alone. Then Run ends
	// with an error as soon as another server leads, or the store has lost something, and
	// Committed is called with each version and the parts that it was made of.
	Writer    *ledger.Writer
	Known     map[zonesource.Key]zonesource.Part // what the newest version of Writer has, as far as known
	Committed func(v *ledger.Version, made Made)
}

const (
	defaultWindow = 50 * time.Millisecond
	firstPause    = time.Second // after a failure; it doubles up to lastPause
	lastPause     = 30 * time.Second
	fleetPause    = 200 * time.Millisecond // the first one where others wait for what is written
	fleetLast     = 3 * time.Second
	writeTime     = 30 * time.Second // of one version
	endTime       = time.Second      // of what is written when the process ends

	firstHouse = 10 * time.Minute // after a start
	houseEvery = time.Hour
	sweepEvery = 7 * 24 * time.Hour
)

// Recorder writes what a keeper accepts. Its methods are safe for concurrent use.
type Recorder struct {
	o      Options
	writer *ledger.Writer
	wake   chan struct{}

	mu      sync.Mutex
	waiting []*group
	current map[zonesource.Key]zonesource.Part // all parts as accepted last
	status  Status
	version *ledger.Version
	ended   error // nothing is committed any more

	// Of the goroutine of Run:
	committed map[zonesource.Key]zonesource.Part // what the newest version has, where it is known
	damaged   map[zonesource.Key]bool            // parts to be written whole
	inflight  *inflight                          // of the version in doubt
	failed    bool                               // the last try
}

// Status is how the ledger stands.
type Status struct {
	Version uint64
	Gap     bool  // something accepted isn't written yet
	Err     error // of the last try to write; nil while it works
	Alarms  map[string]uint64
}

// Text is the version as people see it: "12", "12+" with a gap, "-" before there is any.
func (s Status) Text() string {
	switch {
	case s.Version == 0 && !s.Gap:
		return "-"
	case s.Gap:
		return fmt.Sprintf("%d+", s.Version)
	}
	return fmt.Sprint(s.Version)
}

// inflight is a version that is being written, with what it holds.
type inflight struct {
	groups int // of waiting, that it holds
	parts  map[zonesource.Key]zonesource.Part
	extra  extra
}

// New returns a recorder, and reads nothing.
func New(o Options) *Recorder {
	if o.Window <= 0 {
		o.Window = defaultWindow
	}
	if o.Config == nil {
		o.Config = func() string { return "" }
	}
	if o.Hold == nil {
		o.Hold = func() error { return nil }
	}
	r := &Recorder{
		o: o, wake: make(chan struct{}, 1), current: map[zonesource.Key]zonesource.Part{},
		writer:    o.Writer,
		committed: map[zonesource.Key]zonesource.Part{}, damaged: map[zonesource.Key]bool{},
		status: Status{Alarms: map[string]uint64{}},
	}
	maps.Copy(r.committed, o.Known)
	if o.Writer == nil {
		r.writer = o.Ledger.NewWriter(ledger.WriterOptions{Node: NewNode(o.Name), Alone: true})
	} else if v := o.Writer.Version(); v != nil {
		r.version, r.status.Version = v, v.Number()
	}
	return r
}

// NewNode is the name of a process that writes: that of its server, and a nonce.
func NewNode(name string) string {
	nonce := make([]byte, 8)
	_, _ = rand.Read(nonce) // it never fails
	return name + "/" + hex.EncodeToString(nonce)
}

// isAlone reports whether no other server may write.
func (r *Recorder) isAlone() bool { return r.o.Writer == nil }

// Accept notes what has changed. It doesn't block.
func (r *Recorder) Accept(all []zonesource.Accepted) {
	r.mu.Lock()
	for _, a := range all {
		if a.Part.Err != nil && r.isAlone() {
			continue // how what isn't there stands concerns others alone
		}
		r.put(groupOf(a))
	}
	r.status.Gap = len(r.waiting) > 0
	r.mu.Unlock()
	r.awake()
}

func (r *Recorder) awake() {
	select {
	case r.wake <- struct{}{}:
	default: // it is awake
	}
}

// Status returns how things stand.
func (r *Recorder) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	s.Alarms = maps.Clone(s.Alarms)
	return s
}

// Text is the version as people see it.
func (r *Recorder) Text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status.Text()
}

// Newest is the newest version that was written, nil while none is known.
func (r *Recorder) Newest() *ledger.Version {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.version
}

// Current are all parts as they were accepted last.
func (r *Recorder) Current() map[zonesource.Key]zonesource.Part {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.current)
}

// Ledger is where it writes.
func (r *Recorder) Ledger() *ledger.Ledger { return r.o.Ledger }

func (r *Recorder) alarm(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Alarms[reason]++
}

// Run writes until ctx ends, and then what is left, for as long as a moment.
func (r *Recorder) Run(ctx context.Context) error {
	err := r.run(ctx)
	r.end(err)
	return err
}

func (r *Recorder) run(ctx context.Context) error {
	house := time.NewTimer(clock.Age(firstHouse))
	defer house.Stop()
	var swept time.Time
	least, most := firstPause, lastPause
	if !r.isAlone() {
		least, most = fleetPause, fleetLast
	}
	pause, retry := least, time.NewTimer(0) // what the ledger has is read at once
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			end, stop := context.WithTimeout(context.WithoutCancel(ctx), endTime)
			defer stop()
			_ = r.write(end) // what isn't written is found at the next start
			return ctx.Err()
		case <-house.C:
			r.keepHouse(ctx, &swept)
			house.Reset(clock.Age(houseEvery))
			continue
		case <-r.wake:
			if r.failed {
				continue // the retry is due
			}
		case <-retry.C:
		}
		gather := time.NewTimer(r.o.Window)
		select {
		case <-gather.C:
		case <-ctx.Done():
			gather.Stop()
			continue
		}
		try, stop := context.WithTimeout(ctx, writeTime)
		err := r.write(try)
		stop()
		r.report(err)
		if err != nil && !r.isAlone() && isOver(err) {
			return err
		}
		if err != nil {
			retry.Reset(pause)
			pause = min(2*pause, most)
			continue
		}
		pause = least
	}
}

// report notes and logs how a try went.
func (r *Recorder) report(err error) {
	r.mu.Lock()
	r.status.Gap, r.status.Err = len(r.waiting) > 0, err
	text := r.status.Text()
	r.mu.Unlock()
	if err != nil && !r.failed {
		r.alarm("unwritable")
	}
	switch {
	case r.o.Note != nil:
		r.o.Note(err)
	case err != nil && !r.failed:
		r.o.Log.Warn("ledger can't be written; what is served goes on without a past", "version", text, "error", err)
	case err == nil && r.failed:
		r.o.Log.Info("ledger is written again", "version", text)
	}
	r.failed = err != nil
}

// write writes all that waits.
func (r *Recorder) write(ctx context.Context) error {
	err := r.o.Hold()
	if err != nil {
		return err
	}
	err = r.open(ctx)
	if err != nil {
		return err
	}
	if r.inflight != nil {
		v, err := r.writer.Settle(ctx)
		err = r.settle(ctx, v, err)
		if err != nil {
			return err
		}
	}
	for {
		g := r.begin()
		if g == nil {
			return nil
		}
		err = r.commit(ctx, g)
		if err != nil {
			return err
		}
	}
}

// begin returns the group that is to be written, to which nothing is added any more; nil when
// none waits.
func (r *Recorder) begin() *group {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 {
		return nil
	}
	g := r.waiting[0]
	r.inflight = &inflight{1, g.parts, g.extra}
	if g.rewrite {
		for key := range g.parts {
			r.damaged[key] = true
		}
	}
	return g
}

// open reads the newest version, once.
func (r *Recorder) open(ctx context.Context) error {
	if r.writer.Version() != nil {
		return nil
	}
	v, err := r.writer.Open(ctx)
	if errors.Is(err, ledger.ErrRolledBack) || errors.Is(err, ledger.ErrDamaged) || errors.Is(err, ledger.ErrAbsent) {
		return r.repair(ctx, err)
	}
	if err != nil {
		return err
	}
	r.adopt(v)
	return nil
}

func (r *Recorder) adopt(v *ledger.Version) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.version, r.status.Version = v, v.Number()
}

// commit writes one version.
func (r *Recorder) commit(ctx context.Context, g *group) error {
	d, err := r.draft(ctx, g)
	if err != nil {
		return r.settle(ctx, nil, err)
	}
	if len(d.Parts) == 0 {
		return r.settle(ctx, r.writer.Version(), nil)
	}
	v, err := r.writer.Commit(ctx, d)
	return r.settle(ctx, v, err)
}

// keepHouse packs the past, and removes what isn't to be kept.
func (r *Recorder) keepHouse(ctx context.Context, swept *time.Time) {
	v, l, now := r.Newest(), r.o.Ledger, clock.Now()
	if v == nil || v.Name == "" {
		return
	}
	keep, most := r.o.Retention()
	err := l.Pack(ctx, v, now)
	if err == nil {
		var out ledger.Retained
		out, err = l.Retain(ctx, v, ledger.Retention{Keep: clock.Age(keep), Max: most, Now: now})
		if out.Over {
			r.alarm("over")
			r.o.Log.Warn("the past of the last day alone is more than history.max", "octets", out.Octets, "max", most)
		}
	}
	if err == nil && time.Since(*swept) > clock.Age(sweepEvery) {
		_, err = l.Sweep(ctx, v)
		*swept = time.Now()
	}
	if err != nil && ctx.Err() == nil {
		r.alarm("retention")
		r.o.Log.Warn("the past isn't kept in order", "error", err)
	}
}

package observe

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"inside53/resolver"
)

// Answers is where answers are shown; [*resolver.Resolver] is one.
type Answers interface {
	SetWatch(w resolver.Watch)
	Watched() <-chan struct{}
	Observe(each func(*resolver.Observed)) (lost uint64)
	// AppendUses appends the times at which record sets were used, and AddUses adds those of an earlier process.
	AppendUses(b []byte, last bool) []byte
	AddUses(b []byte) error
}

// Options make an [Observer].
type Options struct {
	Answers Answers
	Log     *slog.Logger // what goes wrong is said there
}

// Observer reads answers and hands them to all who are interested. Its methods are safe for
// concurrent use.
type Observer struct {
	opts  Options
	top   tops
	users users

	mu    sync.Mutex
	log   *queryLog         // nil: none
	whole resolver.Messages // nil: nobody sees whole messages
	tails map[*Tail]bool
	lost  uint64 // answers that came too fast for the query log
}

// New returns an observer. Answers are shown from now on, and read once it runs.
func New(o Options) *Observer {
	w := &Observer{opts: o, tails: map[*Tail]bool{}}
	w.top.init(time.Now())
	w.users.init()
	w.watch()
	return w
}

// watch says which answers are wanted. The caller holds mu, or is alone.
func (w *Observer) watch() {
	wanted := resolver.Watch{Count: counting, All: len(w.tails) > 0, Messages: w.whole}
	if w.log != nil {
		wanted.Log = w.log.settings.Sample
	}
	w.opts.Answers.SetWatch(wanted)
}

// readEvery is how often answers are read where few come.
const readEvery = 100 * time.Millisecond

// Run reads answers until ctx ends, and returns its error.
func (w *Observer) Run(ctx context.Context) error {
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	defer w.finish()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		case <-w.opts.Answers.Watched():
		}
		w.read()
	}
}

// read hands on what waits.
func (w *Observer) read() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.top.turn(now)
	lost := w.opts.Answers.Observe(func(o *resolver.Observed) {
		if o.Purpose&resolver.ForCount != 0 && !o.Further {
			w.top.add(o)
		}
		if o.Purpose&(resolver.ForCount|resolver.ForUse) != 0 && o.UsedType != 0 {
			w.users.add(o)
		}
		if o.Further {
			return
		}
		if w.log != nil && o.Purpose&resolver.ForLog != 0 {
			w.log.add(o)
		}
		if o.Purpose&resolver.ForAll != 0 {
			for t := range w.tails {
				t.add(o)
			}
		}
	})
	for t := range w.tails {
		t.flush(lost)
	}
	if w.log != nil || len(w.tails) > 0 {
		w.lost += lost
	}
	if w.log != nil {
		w.log.flush(lost)
	}
}

// finish reads what is left, and closes the query log.
func (w *Observer) finish() {
	w.read()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.log != nil {
		w.log.close()
	}
}

// SetLog makes settings those of the query log. What goes on in the same file goes on.
func (w *Observer) SetLog(s QueryLog) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.log
	w.log = nil
	if s.Sample > 0 {
		w.log = newQueryLog(s, old)
	}
	if old != nil {
		old.release(w.log)
	}
	w.watch()
}

// SetMessages says who sees whole messages from now on; nil for nobody.
func (w *Observer) SetMessages(m resolver.Messages) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.whole = m
	w.watch()
}

// LogFault returns why lines of the query log can't be written to its file, nil while they can.
func (w *Observer) LogFault() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.log == nil || w.log.file == nil {
		return nil
	}
	return w.log.file.fault
}

// Lost is how many answers the query log and those who watched have missed as they came too fast.
func (w *Observer) Lost() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

// maxTails is how many may watch at the same time.
const maxTails = 4

// ErrBusy says that as many watch already as may.
var ErrBusy = errors.New("4 watch already, as many as may")

// Tail shows the answers from now on that a filter wants, until it is closed.
func (w *Observer) Tail(f Filter) (*Tail, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.tails) >= maxTails {
		return nil, ErrBusy
	}
	t := &Tail{filter: f, observer: w, wake: make(chan struct{}, 1)}
	w.tails[t] = true
	w.watch()
	return t, nil
}

func (w *Observer) remove(t *Tail) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.tails, t)
	w.watch()
}

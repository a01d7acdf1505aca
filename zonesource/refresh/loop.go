package refresh

import (
	"context"
	"math/rand/v2"
	"time"
)

// Loop says when rounds are made.
type Loop struct {
	// Start is the pause before the first round.
	Start time.Duration
	// Every is the pause between the begins of two rounds. With Rest it is that between
	// the end of one and the begin of the next.
	Every time.Duration
	Rest  bool
	// Early has pauses be shortened at random alone: Every is a bound.
	Early bool
	// Least is the shortest pause after a round.
	Least time.Duration
	// Retry is the pause after a round that failed, doubled with each in a row up to 64
	// times, where that is shorter than Every. 0: failed rounds come again like others.
	Retry time.Duration
	// Most is the longest pause that throttling leads to, unless Every is longer: it
	// doubles with each throttled round in a row. 0: it doesn't.
	Most time.Duration

	// Now has the next round begin at once, if NowPause has gone by since the last one
	// ended. Nil: nothing does.
	Now      <-chan struct{}
	NowPause time.Duration
	// Plan, when it is there, says when the next round begins, and has it begin at once as
	// Now does.
	Plan *Plan
}

// Result is how a round went.
type Result int

// The results of rounds.
const (
	Done Result = iota
	Failed
	// Throttled is a round that was refused for its rate. Failed rounds between throttled
	// ones neither count as such nor say that it is over.
	Throttled
	// Refused is a round that is refused for good: there is no other.
	Refused
)

// Next is what a round says of the next one.
type Next struct {
	Result Result
	// In is a pause in place of Every, 0 for none.
	In time.Duration
}

// maxDoubles is how often Retry is doubled.
const maxDoubles = 6

// Run makes rounds until ctx ends, which is its error.
func (l Loop) Run(ctx context.Context, round func(context.Context) Next) error {
	if l.Start > 0 {
		_, err := l.wait(ctx, l.Start)
		if err != nil {
			return err
		}
	}
	failed, throttled := 0, 0
	for {
		began := time.Now()
		l.Plan.set(began)
		next := round(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		ended := time.Now()
		switch next.Result {
		case Done:
			failed, throttled = 0, 0
		case Failed:
			failed++
		case Throttled:
			throttled++
		case Refused:
			l.Plan.set(time.Time{})
			<-ctx.Done()
			return ctx.Err()
		}
		pause := l.pause(next, failed, throttled)
		if !l.Rest {
			pause -= ended.Sub(began)
		}
		if next.Result == Failed && l.Retry > 0 {
			pause = min(pause, l.jitter(l.Retry<<min(failed-1, maxDoubles)))
		}
		told, err := l.wait(ctx, max(pause, l.Least))
		if err == nil && told {
			err = Pause(ctx, time.Until(ended.Add(l.NowPause)))
		}
		if err != nil {
			return err
		}
	}
}

// pause is the time from one round to the next.
func (l Loop) pause(next Next, failed, throttled int) time.Duration {
	every := l.Every
	if next.In > 0 {
		every = next.In
	}
	d := every
	for ; throttled > 0 && d < l.Most; throttled-- {
		d = min(2*d, max(l.Most, every))
	}
	return l.jitter(d)
}

// jitter moves a pause by up to a tenth.
func (l Loop) jitter(d time.Duration) time.Duration {
	if l.Early {
		return d - rand.N(d/10+1)
	}
	return Jitter(d)
}

// Jitter moves a pause by up to a tenth, so that servers started together part.
func Jitter(d time.Duration) time.Duration { return d - d/10 + rand.N(d/5+1) }

// wait waits for d or word by Now, and reports whether it was that.
func (l Loop) wait(ctx context.Context, d time.Duration) (told bool, err error) {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	l.Plan.set(time.Now().Add(max(d, 0)))
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-timer.C:
		return false, nil
	case <-l.Now:
		return true, nil
	case <-l.Plan.hastened():
		return true, nil
	}
}

// Pause waits for d. The error is that of ctx, if it ends before.
func Pause(ctx context.Context, d time.Duration) error {
	_, err := Loop{}.wait(ctx, d)
	return err
}

package awscall

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"inside53/zonesource/refresh"
)

// Call is how one operation of AWS is called. The SDK's client must not repeat it by
// itself (aws.NopRetryer): each attempt is counted and paid.
type Call struct {
	Account string // its configured name
	What    string // it is about, for people: "listing the hosted zones of the base account"

	// Budgets are what each attempt is paid from. The first is the one that AWS's
	// throttling of this operation is about. None: it is free.
	Budgets []*Budget
	// Timeout bounds one attempt.
	Timeout time.Duration
	// Changes says that the operation changes something: it is repeated only after an
	// answer which says that it did not happen.
	Changes bool
	// Busy is an error code that is waited out as throttling is, though it says nothing of
	// the rate. "": none.
	Busy string
	// Patience is for how long throttling and Busy are waited out; 0: six attempts.
	Patience time.Duration

	// OnCall is told each attempt: the operation, and what [Result] says of it. It isn't
	// told those that the end of the context cut short.
	OnCall func(operation, result string)
	Log    *slog.Logger

	operation, action string
}

// How often a call is tried.
const (
	attempts         = 3 // against faults of the service and of the network
	timeoutAttempts  = 2 // against silence: each costs the whole timeout
	throttleAttempts = 6 // against throttling, without Patience
	firstPause       = 200 * time.Millisecond
	maxPause         = 5 * time.Second
)

// Do calls an operation, again if that may help. The error says what it was about, and
// which permission is missing where that is it; it wraps that of the SDK, or of ctx.
func Do[In, Out any](ctx context.Context, c Call, op Op[In, Out], in *In) (*Out, error) {
	c.operation, c.action = op.Name, op.Action()
	began := time.Now()
	pause := firstPause
	for n, faults := 1, 1; ; n++ {
		out, err := attempt(ctx, &c, op, in)
		if err == nil {
			return out, nil
		}
		if ctx.Err() != nil {
			return out, fmt.Errorf("%s: %w", c.What, ctx.Err())
		}
		busy := c.Busy != "" && HasCode(err, c.Busy)
		switch throttled := IsThrottled(err); {
		case throttled || busy:
			if throttled && !busy && len(c.Budgets) > 0 {
				c.Budgets[0].Throttled()
			}
			if !c.waits(n, time.Since(began)) {
				return out, describe(err, &c)
			}
		case c.Changes || faults >= worth(err):
			return out, describe(err, &c)
		default:
			faults++
		}
		c.Log.Debug("repeating an aws call", "operation", c.operation, "account", c.Account, "attempt", n, "error", err)
		if IsThrottled(err) && len(c.Budgets) > 0 && c.Patience == 0 {
			continue // the budget makes the pause
		}
		err = refresh.Pause(ctx, pause/2+rand.N(pause))
		if err != nil {
			return out, fmt.Errorf("%s: %w", c.What, err)
		}
		pause = min(2*pause, maxPause)
	}
}

// waits reports whether throttling is waited out any longer, after n attempts.
func (c *Call) waits(n int, since time.Duration) bool {
	if c.Patience > 0 {
		return since < c.Patience
	}
	return n < throttleAttempts
}

// attempt makes one call that the budgets pay.
func attempt[In, Out any](ctx context.Context, c *Call, op Op[In, Out], in *In) (*Out, error) {
	for _, b := range c.Budgets {
		err := b.Wait(ctx)
		if err != nil {
			return nil, err
		}
	}
	bounded, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	out, err := op.Call(bounded, in)
	if ctx.Err() == nil {
		c.OnCall(c.operation, Result(err))
	}
	return out, err
}

// worth is how many attempts a call is worth that ended with err, which isn't throttling.
func worth(err error) int {
	status := Status(err)
	switch {
	case status >= 400 && status < 500 || status == 501, Code(err) != "" && status < 500 && !isServerFault(err):
		return 1
	case isTimeout(err):
		return timeoutAttempts
	}
	return attempts
}

// describe says what was done, and which permission is missing or what to do where that is
// known.
func describe(err error, c *Call) error {
	if IsDenied(err) {
		return fmt.Errorf("%s: needs the IAM action %s: %w", c.What, deniedAction(err, c), err)
	}
	if Status(err) == 0 {
		err = awayError{err}
	}
	return fmt.Errorf("%s: %w", c.What, WithCure(err))
}

// awayError is the lack of any response: it says nothing about what was asked for.
type awayError struct{ error }

// Unwrap returns why there is none.
func (e awayError) Unwrap() error { return e.error }

// IsAway reports whether an error of [Do] is that the service can't be reached.
func IsAway(err error) bool {
	var away awayError
	return errors.As(err, &away)
}

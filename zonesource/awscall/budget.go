package awscall

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"inside53/zonesource/refresh"
)

// How a Budget lives with throttling.
const (
	// defaultRate is a fifth of what AWS grants an account: others live there too.
	defaultRate = 2.0 // requests a second
	// burstSeconds is how many seconds of the rate may be spent at once, so that a
	// small account is loaded at once. AWS itself allows a burst of 50.
	burstSeconds = 10
	maxBurst     = 50
	// leastShare is the part of the full rate that is always left.
	leastShare = 1.0 / 16
	// cooling is for how long further throttling means the same event.
	cooling = time.Second
	// recovery is how often a lowered rate gains a tenth of the full one: a
	// halving is made good in some two and a half minutes.
	recovery = 30 * time.Second
	gain     = 0.1
)

// Budget is a rate of requests with jitter. It is halved when AWS throttles and
// recovers slowly. The zero value is not useful; see [NewBudget].
type Budget struct {
	full float64 // requests a second

	mu      sync.Mutex // guards the following fields
	limiter *rate.Limiter
	rate    float64   // requests a second now
	changed time.Time // when rate changed last
	closed  time.Time // no request before
}

// NewBudget returns a budget of so many requests a second, 0 = 2.
func NewBudget(perSecond float64) *Budget {
	perSecond = Rate(perSecond)
	return &Budget{full: perSecond, rate: perSecond, limiter: rate.NewLimiter(rate.Limit(perSecond), burst(perSecond))}
}

// Rate is the rate that a configured one means, in requests a second: 2 for 0.
func Rate(perSecond float64) float64 {
	if perSecond <= 0 {
		return defaultRate
	}
	return perSecond
}

func burst(perSecond float64) int { return int(min(max(1, perSecond*burstSeconds), maxBurst)) }

// Empty takes the burst away that a new budget has: whoever goes on with what an earlier
// process knew has no use for one, and a process that is started again and again would spend
// one each time.
func (b *Budget) Empty() {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	spare := int(b.limiter.TokensAt(now)) - 1
	if spare > 0 {
		b.limiter.AllowN(now, spare)
	}
}

// Wait returns when one request may be made. The error is ctx's.
func (b *Budget) Wait(ctx context.Context) error {
	now := time.Now()
	r, delay := b.reserve(now)
	if delay <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		r.CancelAt(now)
		return ctx.Err()
	}
}

// Delay returns how long so many requests would have to wait, if nobody else made any.
func (b *Budget) Delay(requests int) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.recover(now)
	lacking := float64(requests) - b.limiter.TokensAt(now)
	return max(0, time.Duration(lacking/b.rate*float64(time.Second)), b.closed.Sub(now))
}

// Ready returns when a request could be made at once. It makes none: what the caller asks for may
// grow until then. The error is ctx's.
func (b *Budget) Ready(ctx context.Context) error {
	for {
		b.mu.Lock()
		now := time.Now()
		b.recover(now)
		lacking := 1 - b.limiter.TokensAt(now)
		delay := max(b.closed.Sub(now), time.Duration(lacking/b.rate*float64(time.Second)))
		b.mu.Unlock()
		if delay <= 0 {
			return ctx.Err()
		}
		err := refresh.Pause(ctx, delay)
		if err != nil {
			return err
		}
	}
}

// reserve takes a token and says how long to wait for it. A wait has up to a
// quarter of itself added, so that a fleet does not march in step.
func (b *Budget) reserve(now time.Time) (*rate.Reservation, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recover(now)
	r := b.limiter.ReserveN(now, 1)
	delay := max(r.DelayFrom(now), b.closed.Sub(now))
	if delay > 0 {
		delay += rand.N(delay/4 + 1)
	}
	return r, delay
}

// recover gives back what time has earned since the last halving. Call it with mu
// held.
func (b *Budget) recover(now time.Time) {
	if b.rate >= b.full {
		return
	}
	steps := now.Sub(b.changed) / recovery
	if steps <= 0 {
		return
	}
	b.changed = b.changed.Add(steps * recovery)
	b.set(now, min(b.full, b.rate+float64(steps)*gain*b.full))
}

// set changes the rate. Below the full one there are no bursts. Call it with mu
// held.
func (b *Budget) set(now time.Time, perSecond float64) {
	b.rate = perSecond
	b.limiter.SetLimitAt(now, rate.Limit(perSecond))
	size := 1
	if perSecond >= b.full {
		size = burst(perSecond)
	}
	b.limiter.SetBurstAt(now, size)
}

// Throttled says that AWS refused a request for its rate: the budget is halved, and
// nothing is sent for as long as one request takes at the new rate.
func (b *Budget) Throttled() {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rate < b.full && now.Sub(b.changed) < cooling {
		return
	}
	b.set(now, max(b.rate/2, b.full*leastShare))
	b.changed = now
	b.closed = now.Add(time.Duration(float64(time.Second) / b.rate))
}

// PerSecond returns the rate as it is now, and the full one, in requests a second.
func (b *Budget) PerSecond() (now, full float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recover(time.Now())
	return b.rate, b.full
}

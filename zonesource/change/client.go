package change

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"inside53/zonesource/account"
)

// Options make a Client. The zero value is a working default.
type Options struct {
	// Timeout bounds one attempt of one call, 0 = 20 s.
	Timeout time.Duration
	// Patience is for how long throttling and PriorRequestNotComplete are waited out,
	// a call each, 0 = 5 min.
	Patience time.Duration
	// Poll is the pause between two questions whether a change is INSYNC, 0 = 2 s.
	Poll time.Duration
	// OnCall is told each attempt of a call: the operation, and "ok", the error code of
	// AWS, "timeout" or "error".
	OnCall func(operation, code string)
	Log    *slog.Logger // nil discards
}

// Client calls Route 53 in one account.
type Client struct {
	api     api
	account *account.Account
	options Options
}

const (
	defaultTimeout  = 20 * time.Second
	defaultPatience = 5 * time.Minute
	defaultPoll     = 2 * time.Second
)

// New returns a client of an account, whose budget it pays from. It calls nobody.
func New(a *account.Account, o Options) *Client {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Patience <= 0 {
		o.Patience = defaultPatience
	}
	if o.Poll <= 0 {
		o.Poll = defaultPoll
	}
	if o.OnCall == nil {
		o.OnCall = func(string, string) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{api: newAPI(a.Config), account: a, options: o}
}

// How a call is repeated.
const (
	attempts   = 3 // against faults of the service and of the network
	firstPause = 200 * time.Millisecond
	maxPause   = 5 * time.Second
)

// call makes one call, again if it may help. what says for people what it is about.
// A call that changes something is repeated only after answers which say that it did
// not happen; safe says that it changes nothing.
func call[In, Out any](ctx context.Context, c *Client, o operation[In, Out], safe bool, what string, in *In) (*Out, error) {
	began := time.Now()
	pause := firstPause
	for n, faults := 1, 0; ; n++ {
		out, err := attempt(ctx, c, o, in)
		if err == nil {
			return out, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", what, ctx.Err())
		}
		prior := hasCode(err, "PriorRequestNotComplete") // of the zone, whatever the rate
		refused := prior || isThrottling(err)
		switch {
		case refused && time.Since(began) < c.options.Patience:
			if !prior {
				budgets := c.budgets(o.name)
				budgets[0].Throttled()
			}
		case !refused && safe && isUnanswered(err) && !IsUnknown(err) && faults+1 < attempts:
			faults++
		default:
			return nil, describe(err, o.name, what)
		}
		c.options.Log.Debug("repeating an aws call", "operation", o.name, "account", c.account.Name, "attempt", n, "error", err)
		err = sleep(ctx, pause/2+rand.N(pause))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		pause = min(2*pause, maxPause)
	}
}

// budgets are what a call is paid from. The first is the one that AWS's throttling of
// such calls is about.
func (c *Client) budgets(operation string) []*account.Budget {
	if operation == opChange && c.account.Changes != nil {
		return []*account.Budget{c.account.Changes, c.account.Budget}
	}
	return []*account.Budget{c.account.Budget}
}

// attempt makes one call that the budgets pay.
func attempt[In, Out any](ctx context.Context, c *Client, o operation[In, Out], in *In) (*Out, error) {
	for _, b := range c.budgets(o.name) {
		err := b.Wait(ctx)
		if err != nil {
			return nil, err
		}
	}
	bounded, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	out, err := o.call(bounded, in)
	if ctx.Err() == nil {
		c.options.OnCall(o.name, resultOf(err))
	}
	return out, err
}

// resultOf is the result of an attempt for metrics.
func resultOf(err error) string {
	var fault smithy.APIError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &fault):
		return fault.ErrorCode()
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "error"
}

func isThrottling(err error) bool {
	return retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool()
}

// IsUnknown reports whether an error is that the service has no such operation, as
// other implementations of the API say it.
func IsUnknown(err error) bool {
	var fault smithy.APIError
	var response interface{ HTTPStatusCode() int }
	if !errors.As(err, &response) {
		return false
	}
	status := response.HTTPStatusCode()
	// What is no error document of the API has this code, or none.
	plain := !errors.As(err, &fault) || fault.ErrorCode() == "UnknownError"
	return plain && (status == 404 || status == 405 || status == 501)
}

// isUnanswered reports whether an error says nothing of what has become of the call:
// there was no answer, or one of a service that broke down.
func isUnanswered(err error) bool {
	var fault smithy.APIError
	if !errors.As(err, &fault) {
		return true
	}
	var response interface{ HTTPStatusCode() int }
	return errors.As(err, &response) && response.HTTPStatusCode() >= 500
}

func hasCode(err error, codes ...string) bool {
	var fault smithy.APIError
	if !errors.As(err, &fault) {
		return false
	}
	for _, code := range codes {
		if fault.ErrorCode() == code {
			return true
		}
	}
	return false
}

// describe says what was done, what AWS said, and which permission is missing where
// that is it.
func describe(err error, operation, what string) error {
	if IsDenied(err) {
		return fmt.Errorf("%s: needs the IAM action %s: %w", what, deniedAction(err, operation), err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// deniedAction is the action that was denied: where the credentials of a role could not
// be had, that is not the one called.
func deniedAction(err error, operation string) string {
	for e := err; e != nil; e = errors.Unwrap(e) {
		inner, is := e.(*smithy.OperationError)
		if is && inner.Service() == sts.ServiceID {
			return "sts:" + inner.Operation()
		}
	}
	return "route53:" + operation
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Read makes one reading call of an operation that this package has no method for, as
// the client makes its own: paid from the budget, and repeated where that may help. f is
// a method of an SDK client that repeats nothing by itself; what says for people what it
// is about.
func Read[In, Out any](ctx context.Context, c *Client, name, what string, f func(context.Context, *In, ...func(*route53.Options)) (*Out, error), in *In) (*Out, error) {
	return call(ctx, c, operation[In, Out]{name, f}, true, what, in)
}

// IsDenied reports whether an error is the lack of a permission.
func IsDenied(err error) bool { return hasCode(err, "AccessDenied", "AccessDeniedException") }

// IsInvalid reports whether AWS found the input of a call wrong.
func IsInvalid(err error) bool { return hasCode(err, "InvalidInput") }

// Region is the region of the account's configuration.
func (c *Client) Region() string { return c.account.Config.Region }

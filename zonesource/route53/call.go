package route53

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// api is what this package calls of Route 53.
type api interface {
	ListHostedZones(context.Context, *route53.ListHostedZonesInput) (*route53.ListHostedZonesOutput, error)
	ListHostedZonesByVPC(context.Context, *route53.ListHostedZonesByVPCInput) (*route53.ListHostedZonesByVPCOutput, error)
	GetHostedZone(context.Context, *route53.GetHostedZoneInput) (*route53.GetHostedZoneOutput, error)
	ListResourceRecordSets(context.Context, *route53.ListResourceRecordSetsInput) (*route53.ListResourceRecordSetsOutput, error)
	ListCidrCollections(context.Context, *route53.ListCidrCollectionsInput) (*route53.ListCidrCollectionsOutput, error)
	ListCidrBlocks(context.Context, *route53.ListCidrBlocksInput) (*route53.ListCidrBlocksOutput, error)
}

// Operations of the api, as metrics and IAM call them.
const (
	opListZones       = "ListHostedZones"
	opListByVPC       = "ListHostedZonesByVPC"
	opGetZone         = "GetHostedZone"
	opListRecords     = "ListResourceRecordSets"
	opListCollections = "ListCidrCollections"
	opListBlocks      = "ListCidrBlocks"
)

// Actions are the IAM actions that this package needs, in alphabetical order. AWS
// checks ec2:DescribeVpcs besides for ListHostedZonesByVPC.
func Actions() []string {
	return []string{action(opGetZone), action(opListBlocks), action(opListCollections), action(opListZones), action(opListByVPC), action(opListRecords)}
}

func action(operation string) string { return "route53:" + operation }

// sdk holds method values: were the client itself behind the interface, the linker
// would keep each of its operations.
type sdk struct {
	zones       func(context.Context, *route53.ListHostedZonesInput, ...func(*route53.Options)) (*route53.ListHostedZonesOutput, error)
	byVPC       func(context.Context, *route53.ListHostedZonesByVPCInput, ...func(*route53.Options)) (*route53.ListHostedZonesByVPCOutput, error)
	zone        func(context.Context, *route53.GetHostedZoneInput, ...func(*route53.Options)) (*route53.GetHostedZoneOutput, error)
	records     func(context.Context, *route53.ListResourceRecordSetsInput, ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error)
	collections func(context.Context, *route53.ListCidrCollectionsInput, ...func(*route53.Options)) (*route53.ListCidrCollectionsOutput, error)
	blocks      func(context.Context, *route53.ListCidrBlocksInput, ...func(*route53.Options)) (*route53.ListCidrBlocksOutput, error)
}

// newSDK makes the client. It never repeats a call by itself: each attempt has to be
// paid from the budget.
func newSDK(c aws.Config) api {
	client := route53.NewFromConfig(c, func(o *route53.Options) { o.Retryer = aws.NopRetryer{} })
	return &sdk{
		client.ListHostedZones, client.ListHostedZonesByVPC, client.GetHostedZone, client.ListResourceRecordSets,
		client.ListCidrCollections, client.ListCidrBlocks,
	}
}

func (s *sdk) ListHostedZones(ctx context.Context, in *route53.ListHostedZonesInput) (*route53.ListHostedZonesOutput, error) {
	return s.zones(ctx, in)
}

func (s *sdk) ListHostedZonesByVPC(ctx context.Context, in *route53.ListHostedZonesByVPCInput) (*route53.ListHostedZonesByVPCOutput, error) {
	return s.byVPC(ctx, in)
}

func (s *sdk) GetHostedZone(ctx context.Context, in *route53.GetHostedZoneInput) (*route53.GetHostedZoneOutput, error) {
	return s.zone(ctx, in)
}

func (s *sdk) ListResourceRecordSets(ctx context.Context, in *route53.ListResourceRecordSetsInput) (*route53.ListResourceRecordSetsOutput, error) {
	return s.records(ctx, in)
}

func (s *sdk) ListCidrCollections(ctx context.Context, in *route53.ListCidrCollectionsInput) (*route53.ListCidrCollectionsOutput, error) {
	return s.collections(ctx, in)
}

func (s *sdk) ListCidrBlocks(ctx context.Context, in *route53.ListCidrBlocksInput) (*route53.ListCidrBlocksOutput, error) {
	return s.blocks(ctx, in)
}

// How often a call is tried before the cycle goes on without it.
const (
	attempts         = 3 // against faults of the service and of the network
	timeoutAttempts  = 2 // against silence: each costs the whole timeout
	throttleAttempts = 6 // against throttling: the budget spaces them
	firstPause       = 200 * time.Millisecond
)

// call makes one call of an operation, again if it may help, each attempt paid from
// the budget and bounded in time. what says for people what it is about.
func call[In, Out any](ctx context.Context, l *lister, operation, what string, f func(context.Context, In) (Out, error), in In) (Out, error) {
	pause := firstPause
	for n := 1; ; n++ {
		out, err := attempt(ctx, l, operation, f, in)
		if err == nil {
			return out, nil
		}
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		throttled := isThrottling(err)
		if throttled {
			l.account.Budget.Throttled()
		}
		if n >= patience(err) {
			return out, describe(err, operation, what)
		}
		l.source.log.Debug("repeating an aws call", "operation", operation, "account", l.account.Name, "attempt", n, "error", err)
		if throttled {
			continue // the budget makes the pause
		}
		err = sleep(ctx, pause/2+rand.N(pause))
		if err != nil {
			return out, err
		}
		pause *= 4
	}
}

// attempt makes one call.
func attempt[In, Out any](ctx context.Context, l *lister, operation string, f func(context.Context, In) (Out, error), in In) (Out, error) {
	var none Out
	err := l.account.Budget.Wait(ctx)
	if err != nil {
		return none, err
	}
	bounded, cancel := context.WithTimeout(ctx, l.source.options.Timeout)
	defer cancel()
	out, err := f(bounded, in)
	if ctx.Err() == nil {
		l.source.options.OnCall(operation, code(err))
	}
	return out, err
}

// code is the result of an attempt for metrics.
func code(err error) string {
	var fault smithy.APIError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &fault):
		return fault.ErrorCode()
	case isTimeout(err):
		return "timeout"
	}
	return "error"
}

// patience is how many attempts a call is worth after this error.
func patience(err error) int {
	var fault smithy.APIError
	switch {
	case isThrottling(err):
		return throttleAttempts
	case errors.As(err, &fault):
		if status(err) >= 500 {
			return attempts
		}
		return 1
	case isTimeout(err):
		return timeoutAttempts
	}
	return attempts
}

func isThrottling(err error) bool {
	return retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool()
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// awayError is the lack of any response: it says nothing about what was asked for.
type awayError struct{ error }

// Unwrap returns why there is none.
func (e awayError) Unwrap() error { return e.error }

// isAway reports whether an error is that the service can't be reached.
func isAway(err error) bool {
	var away awayError
	return errors.As(err, &away)
}

// status is the HTTP status of the response that an error is of, 0 for none.
func status(err error) int {
	var response interface{ HTTPStatusCode() int }
	if !errors.As(err, &response) {
		return 0
	}
	return response.HTTPStatusCode()
}

func isDenied(err error) bool { return hasCode(err, "AccessDenied", "AccessDeniedException") }

func isNoSuchZone(err error) bool { return hasCode(err, "NoSuchHostedZone") }

func hasCode(err error, codes ...string) bool {
	var fault smithy.APIError
	if !errors.As(err, &fault) {
		return false
	}
	for _, c := range codes {
		if fault.ErrorCode() == c {
			return true
		}
	}
	return false
}

// describe says what was done, and which permission is missing where that is it.
func describe(err error, operation, what string) error {
	if isDenied(err) {
		return fmt.Errorf("%s: needs the IAM action %s: %w", what, deniedAction(err, operation), err)
	}
	if status(err) == 0 {
		err = awayError{err}
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
	return action(operation)
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

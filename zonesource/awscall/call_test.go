package awscall

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// answer is an error of AWS.
func answer(status int, code string) error {
	return &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
		Err:      &smithy.GenericAPIError{Code: code, Message: "so"},
	}
}

var errHangs = errors.New("hangs until the context ends")

func TestDo(t *testing.T) {
	broken := errors.New("connection refused")
	always := func(err error) []error { return []error{err, err, err, err, err, err, err, err, err} }
	tests := []struct {
		name string
		call Call // what differs
		errs []error
		// attempts are what is made, results what OnCall is told.
		attempts int
		results  string
		err      string // part of the error, "" for none
		away     bool
		rate     float64 // of the first budget afterwards at most, of 8
	}{
		{"well", Call{}, nil, 1, "ok", "", false, 8},
		{"service", Call{}, always(answer(500, "InternalFailure")), 3, "InternalFailure InternalFailure InternalFailure",
			"listing: ", false, 8},
		{"service, then well", Call{}, []error{answer(503, "Unavailable")}, 2, "Unavailable ok", "", false, 8},
		{"network", Call{}, always(broken), 3, "error error error", "listing: connection refused", true, 8},
		{"silence", Call{}, always(errHangs), 2, "timeout timeout", "listing: ", true, 8},
		{"wrong input", Call{}, always(answer(400, "InvalidInput")), 1, "InvalidInput", "listing: ", false, 8},
		{"not the API", Call{}, always(answer(404, "")), 1, "error", "listing: ", false, 8},
		{"denied", Call{}, always(answer(403, "AccessDenied")), 1, "AccessDenied",
			"listing: needs the IAM action route53:ListThings: ", false, 8},
		{"denied by EC2", Call{}, always(answer(403, "UnauthorizedOperation")), 1, "UnauthorizedOperation",
			"needs the IAM action route53:ListThings: ", false, 8},
		{"role denied", Call{}, always(&smithy.OperationError{ServiceID: "Route 53", OperationName: "ListThings",
			Err: &smithy.OperationError{ServiceID: sts.ServiceID, OperationName: "AssumeRole",
				Err: answer(403, "AccessDenied")}}), 1, "AccessDenied", "needs the IAM action sts:AssumeRole: ", false, 8},
		{"throttled", Call{}, always(answer(400, "Throttling")), 6, strings.TrimSpace(strings.Repeat("Throttling ", 6)),
			"Throttling", false, 4},
		{"throttled once", Call{}, []error{answer(400, "Throttling")}, 2, "Throttling ok", "", false, 4},
		{"busy", Call{Busy: "PriorRequestNotComplete", Patience: time.Hour, Changes: true},
			always(answer(400, "PriorRequestNotComplete"))[:8], 9,
			strings.Repeat("PriorRequestNotComplete ", 8) + "ok", "", false, 8},
		{"busy for too long", Call{Busy: "PriorRequestNotComplete", Patience: time.Second, Changes: true},
			always(answer(400, "PriorRequestNotComplete")), 0, "", "PriorRequestNotComplete", false, 8},
		{"a change that may have happened", Call{Changes: true}, always(answer(500, "InternalFailure")), 1, "InternalFailure",
			"listing: ", false, 8},
		{"a change without an answer", Call{Changes: true}, always(broken), 1, "error", "connection refused", true, 8},
		{"a change that was throttled", Call{Changes: true}, []error{answer(400, "Throttling")}, 2, "Throttling ok", "",
			false, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := tt.call
				c.What = "listing"
				c.Budgets, c.Timeout, c.Log = []*Budget{NewBudget(8), NewBudget(8)}, 20*time.Second, slog.New(slog.DiscardHandler)
				var results []string
				c.OnCall = func(operation, result string) {
					if operation != "ListThings" {
						t.Errorf("told of %s", operation)
					}
					results = append(results, result)
				}
				n := 0
				op := Op[int, string]{"route53", "ListThings", func(ctx context.Context, in *int) (*string, error) {
					n++
					if n > len(tt.errs) {
						out := fmt.Sprint("out of ", *in)
						return &out, nil
					}
					if tt.errs[n-1] == errHangs {
						<-ctx.Done()
						return nil, fmt.Errorf("asking: %w", ctx.Err())
					}
					return nil, tt.errs[n-1]
				}}
				in := 53
				out, err := Do(t.Context(), c, op, &in)
				if tt.attempts != 0 && (n != tt.attempts || strings.Join(results, " ") != tt.results) {
					t.Errorf("%d attempts: %q", n, results)
				}
				if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) || err == nil &&
					*out != "out of 53" {
					t.Errorf("%v, error %v", out, err)
				}
				if IsAway(err) != tt.away {
					t.Errorf("away %t: %v", IsAway(err), err)
				}
				now, _ := c.Budgets[0].PerSecond()
				second, _ := c.Budgets[1].PerSecond()
				if now > tt.rate || tt.rate == 8 && now != 8 {
					t.Errorf("the rate is %g, want %g", now, tt.rate)
				}
				if second != 8 {
					t.Errorf("the rate of the second budget is %g", second)
				}
			})
		})
	}
}

// TestDoEnds with its context, wherever it waits, and tells nobody of what was cut short.
func TestDoEnds(t *testing.T) {
	for name, f := range map[string]func(context.Context, *int) (*int, error){
		"calling": func(ctx context.Context, _ *int) (*int, error) { <-ctx.Done(); return nil, ctx.Err() },
		"pausing": func(context.Context, *int) (*int, error) { return nil, answer(400, "Throttling") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				began := time.Now()
				c := Call{What: "listing", Timeout: time.Minute, Patience: time.Hour, Log: slog.New(slog.DiscardHandler)}
				c.OnCall = func(_, result string) {
					if name == "calling" {
						t.Errorf("told of %s", result)
					}
				}
				_, err := Do(ctx, c, Op[int, int]{Call: f}, nil)
				if !errors.Is(err, context.DeadlineExceeded) || IsAway(err) || time.Since(began) != 10*time.Second {
					t.Errorf("after %v: %v", time.Since(began), err)
				}
			})
		})
	}
}

func TestIsRefused(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{answer(400, "InvalidInput"), true},
		{answer(403, "AccessDenied"), true},
		{answer(404, "NoSuchHostedZone"), true},
		{answer(501, ""), true},
		{answer(400, "Throttling"), false},
		{answer(500, "InternalFailure"), false},
		{errors.New("connection refused"), false},
		{context.DeadlineExceeded, false},
	} {
		if IsRefused(tt.err) != tt.want {
			t.Errorf("%v: %t", tt.err, !tt.want)
		}
	}
}

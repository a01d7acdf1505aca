package awscall

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// Result says for metrics how an attempt ended: "ok", the error code of AWS, "timeout" or
// "error".
func Result(err error) string {
	code := Code(err)
	switch {
	case err == nil:
		return "ok"
	case code != "":
		return code
	case isTimeout(err):
		return "timeout"
	}
	return "error"
}

// Code is AWS's code of an error, "" where it isn't AWS's.
func Code(err error) string {
	var fault smithy.APIError
	if !errors.As(err, &fault) {
		return ""
	}
	return fault.ErrorCode()
}

// HasCode reports whether an error has one of these codes of AWS.
func HasCode(err error, codes ...string) bool {
	code := Code(err)
	return code != "" && slices.Contains(codes, code)
}

// Status is the HTTP status of the response that an error is of, 0 for none.
func Status(err error) int {
	var response interface{ HTTPStatusCode() int }
	if !errors.As(err, &response) {
		return 0
	}
	return response.HTTPStatusCode()
}

// IsThrottled reports whether AWS refused a call for its rate.
func IsThrottled(err error) bool {
	return retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool()
}

// IsDenied reports whether an error is the lack of a permission, as any service says it.
func IsDenied(err error) bool {
	return HasCode(err, "AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
}

// IsRefused reports whether AWS gave an answer that it will give again: it found the
// request wrong, or not allowed.
func IsRefused(err error) bool { return !IsThrottled(err) && worth(err) == 1 }

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

func isServerFault(err error) bool {
	var fault smithy.APIError
	return errors.As(err, &fault) && fault.ErrorFault() == smithy.FaultServer
}

// deniedAction is the action that was denied: where the credentials of a role could not
// be had, that is not the one called.
func deniedAction(err error, c *Call) string {
	for e := err; e != nil; e = errors.Unwrap(e) {
		inner, is := e.(*smithy.OperationError)
		if is && inner.Service() == sts.ServiceID {
			return "sts:" + inner.Operation()
		}
	}
	return c.action
}

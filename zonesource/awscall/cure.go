package awscall

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
)

// Cured is an error of AWS with what to do about it before the SDK's text, which is long and
// begins with what failed last.
type Cured struct {
	Cure string
	Err  error
}

// Error is the cure, then the text of the SDK.
func (c *Cured) Error() string { return c.Cure + ": " + c.Err.Error() }

// Unwrap returns the error of the SDK.
func (c *Cured) Unwrap() error { return c.Err }

// WithCure returns an error with what to do about it, where that is known: the credentials,
// the clock of this host, or the way to AWS are at fault. Other errors, and such as have
// their cure, come back as they are.
func WithCure(err error) error {
	var cured *Cured
	if err == nil || errors.As(err, &cured) {
		return err
	}
	cure := cureOf(err)
	if cure == "" {
		return err
	}
	return &Cured{cure, err}
}

// The cures.
const (
	cureNone = "there are no credentials: give the instance a role, or set AWS_PROFILE, " +
		"or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	cureExpired = "the credentials have expired: log in again (aws sso login), or renew AWS_SESSION_TOKEN"
	cureClock   = "the clock of this host is wrong: set it, by NTP"
	cureKey     = "AWS knows no such access key: look at AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN"
	cureSecret  = "the secret is not that of the access key: look at AWS_SECRET_ACCESS_KEY and AWS_PROFILE"
)

func cureOf(err error) string {
	text := err.Error()
	contains := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(text, part) {
				return true
			}
		}
		return false
	}
	const mismatch, late = "SignatureDoesNotMatch", "Signature expired"
	switch {
	case HasCode(err, "RequestExpired"): // of EC2, for either
		return cureExpired + "; or " + cureClock
	case HasCode(err, "RequestTimeTooSkewed", "RequestInTheFuture"),
		HasCode(err, mismatch, "InvalidSignatureException") && contains(late, "Signature not yet current"):
		return cureClock
	case HasCode(err, "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"):
		return cureExpired
	case HasCode(err, "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure"):
		return cureKey
	case HasCode(err, mismatch, "InvalidSignatureException"):
		return cureSecret
	case contains("SSO session has expired", "refresh cached SSO token failed", "cached SSO token is expired"):
		return cureExpired
	case contains("no EC2 IMDS role found", "static credentials are empty"):
		return cureNone
	case Code(err) == "" && Status(err) == http.StatusNotFound:
		return "what answers has no such operation: look at AWS_ENDPOINT_URL"
	}
	return cureOfWay(err)
}

// cureOfWay is the cure where nobody answered.
func cureOfWay(err error) string {
	var resolving *net.DNSError
	var dialing *net.OpError
	switch {
	case errors.As(err, &resolving):
		return resolving.Name + " has no address: look at the region, AWS_ENDPOINT_URL and the resolver of this host"
	case errors.As(err, &dialing) && dialing.Op == "dial" && dialing.Addr != nil:
		at := dialing.Addr.String()
		if errors.Is(err, syscall.ECONNREFUSED) {
			return "nothing listens at " + at + ": look at AWS_ENDPOINT_URL"
		}
		return "no way to " + at + ": look at routes, security groups, proxies and AWS_ENDPOINT_URL"
	}
	return ""
}

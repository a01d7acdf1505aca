package awscall

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/smithy-go"
)

func TestWithCure(t *testing.T) {
	api := func(code, message string) error {
		return fmt.Errorf("operation error: %w", &smithy.GenericAPIError{Code: code, Message: message})
	}
	dial := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 443}, Err: err}
	}
	tests := []struct {
		err  error
		want string // beginning; "" for an error without a cure
	}{
		{api("ExpiredToken", ""), "the credentials have expired: log in again"},
		{api("ExpiredTokenException", ""), "the credentials have expired"},
		{api("RequestTimeTooSkewed", ""), "the clock of this host is wrong"},
		{api("RequestExpired", ""), "the credentials have expired: log in again"},
		{api("SignatureDoesNotMatch", "Signature expired: 20260101T000000Z is now earlier than"), "the clock"},
		{api("InvalidSignatureException", "Signature not yet current: 2026"), "the clock"},
		{api("SignatureDoesNotMatch", "The request signature we calculated does not match"), "the secret is not that"},
		{api("InvalidClientTokenId", ""), "AWS knows no such access key"},
		{api("AuthFailure", ""), "AWS knows no such access key"},
		{
			errors.New("get identity: get credentials: failed to refresh cached credentials, no EC2 IMDS role found"),
			"there are no credentials",
		},
		{errors.New("refresh cached SSO token failed, unable to refresh SSO token"), "the credentials have expired"},
		{&net.DNSError{Err: "no such host", Name: "ec2.amazonaws.example"}, "ec2.amazonaws.example has no address"},
		{dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), "nothing listens at 10.0.0.1:443"},
		{dial(os.NewSyscallError("connect", syscall.ENETUNREACH)), "no way to 10.0.0.1:443"},
		{api("NoSuchHostedZone", ""), ""},
		{api("Throttling", "Rate exceeded"), ""},
		{errors.New("anything"), ""},
	}
	for _, test := range tests {
		got := WithCure(test.err)
		switch {
		case !errors.Is(got, test.err) || !strings.HasSuffix(got.Error(), test.err.Error()):
			t.Errorf("%v is %v: the SDK's text has gone", test.err, got)
		case test.want == "" && got != test.err, !strings.HasPrefix(got.Error(), test.want):
			t.Errorf("%v is %v, want %q", test.err, got, test.want)
		}
		again := WithCure(fmt.Errorf("more: %w", got))
		if test.want != "" && strings.Count(again.Error(), test.want) != 1 {
			t.Errorf("twice: %v", again)
		}
	}
	if WithCure(nil) != nil {
		t.Error("a cure for nothing")
	}
}

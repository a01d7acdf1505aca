package awscall

import (
	"context"
	"errors"
	"fmt"
)

// Op is one operation of AWS.
type Op[In, Out any] struct {
	Service string // as IAM has it: route53
	Name    string // as IAM and metrics have it: ListHostedZones
	// Call makes one attempt.
	Call func(context.Context, *In) (*Out, error)
}

// Bind makes an operation of a method of an SDK's client. It is a method value: were the
// client kept as a whole, or behind an interface, the linker would keep each of its
// operations in the program, since it can't tell which of them reflection may reach.
func Bind[In, Out, Opt any](
	service, name string, method func(context.Context, *In, ...func(*Opt)) (*Out, error),
) Op[In, Out] {
	return Op[In, Out]{service, name, func(ctx context.Context, in *In) (*Out, error) { return method(ctx, in) }}
}

// Action is the IAM action of the operation.
func (o Op[In, Out]) Action() string { return o.Service + ":" + o.Name }

// ErrStuck says that a page of a listing leads to one that was there before. The SDK's
// paginators follow such a page for ever, or end at it as if the listing were whole.
var ErrStuck = errors.New("the page doesn't advance")

// maxPages bounds how many pages of one listing are followed.
const maxPages = 100_000

// Pages calls page with the token of each page, the zero value for the first, until page
// returns the zero value. Errors of its own begin with what the listing is about.
func Pages[Token comparable](what string, page func(Token) (next Token, err error)) error {
	var token, end Token
	seen := map[Token]bool{}
	for n := 1; n <= maxPages; n++ {
		next, err := page(token)
		if err != nil || next == end {
			return err
		}
		if seen[next] {
			return fmt.Errorf("%s: page %d: %w", what, n, ErrStuck)
		}
		seen[next], token = true, next
	}
	return fmt.Errorf("%s: more than %d pages", what, maxPages)
}

// Token is a token of a page as the SDK takes it: nil for the first.
func Token(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

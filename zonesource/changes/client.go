package changes

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
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
	// Hinted says that the calls are about what an event names: they are paid from the part of
	// the budget that there is for that, too.
	Hinted bool
	// OnCall is told each attempt of a call: the operation, and "ok", the error code of
	// AWS, "timeout" or "error".
	OnCall func(operation, code string)
	Log    *slog.Logger // nil discards
	// Comment stands at each batch that is sent, where GetChange and CloudTrail show it;
	// "" = inside53.
	Comment string
}

// Client calls Route 53 in one account.
type Client struct {
	api     api
	account *awsclient.Account
	options Options
}

const (
	defaultTimeout  = 20 * time.Second
	defaultPatience = 5 * time.Minute
	defaultPoll     = 2 * time.Second
	defaultComment  = "inside53"
)

// MaxComment is the most characters of the comment of a batch.
const MaxComment = 256

// New returns a client of an account, whose budget it pays from. It calls nobody.
func New(a *awsclient.Account, o Options) *Client {
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
	o.Comment = cmp.Or(o.Comment, defaultComment)
	return &Client{api: newAPI(a.Config), account: a, options: o}
}

// Commented returns a client whose batches have another comment; "" leaves it as it is.
func (c *Client) Commented(text string) *Client {
	next := *c
	next.options.Comment = cmp.Or(text, c.options.Comment)
	return &next
}

// call makes one call, again if it may help. what says for people what it is about.
// A call that changes something is repeated only after answers which say that it did
// not happen; safe says that it changes nothing.
func call[In, Out any](ctx context.Context, c *Client, op awscall.Op[In, Out], safe bool, what string, in *In) (*Out,
	error) {
	return awscall.Do(ctx, awscall.Call{
		Account: c.account.Name, What: what, Budgets: c.budgets(op.Name), Timeout: c.options.Timeout,
		Changes: !safe, Busy: priorRequest, Patience: c.options.Patience,
		OnCall: c.options.OnCall, Log: c.options.Log,
	}, op, in)
}

// priorRequest is said while another batch for the same zone is being made, whatever the
// rate.
const priorRequest = "PriorRequestNotComplete"

// budgets are what a call is paid from. The first is the one that AWS's throttling of
// such calls is about.
func (c *Client) budgets(operation string) []*awscall.Budget {
	if operation == opChange && c.account.Changes != nil {
		return []*awscall.Budget{c.account.Changes, c.account.Budget}
	}
	if operation == opStatus && c.account.Status != nil {
		return []*awscall.Budget{c.account.Budget, c.account.Status}
	}
	if c.options.Hinted && c.account.Hints != nil {
		return []*awscall.Budget{c.account.Budget, c.account.Hints}
	}
	return []*awscall.Budget{c.account.Budget}
}

// IsUnknown reports whether an error is that the service has no such operation, as
// other implementations of the API say it.
func IsUnknown(err error) bool {
	// What is no error document of the API has this code, or none.
	code := awscall.Code(err)
	if code != "" && code != "UnknownError" {
		return false
	}
	status := awscall.Status(err)
	return status == 404 || status == 405 || status == 501
}

// Read makes one reading call of an operation that this package has no method for, as
// the client makes its own: paid from the budget, and repeated where that may help. The
// operation's client repeats nothing by itself; what says for people what it is about.
func Read[In, Out any](ctx context.Context, c *Client, op awscall.Op[In, Out], what string, in *In) (*Out, error) {
	return call(ctx, c, op, true, what, in)
}

// isUnanswered reports whether an error says nothing of what has become of the call:
// there was no answer, or one of a service that broke down.
func isUnanswered(err error) bool { return awscall.Code(err) == "" || awscall.Status(err) >= 500 }

// IsInvalid reports whether AWS found the input of a call wrong.
func IsInvalid(err error) bool { return awscall.HasCode(err, "InvalidInput") }

// Region is the region of the account's configuration.
func (c *Client) Region() string { return c.account.Config.Region }

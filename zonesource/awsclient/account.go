package awsclient

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"inside53/zonesource/awscall"
	"inside53/zonesource/breath"
)

// Options say which accounts there are and how AWS is reached.
type Options struct {
	// Region is the base region. Empty: as the SDK's chain says (environment and
	// profile), else us-east-1, which is right for Route 53 and STS.
	Region string
	// FindRegion asks the instance metadata service for the region where nothing
	// names one: the SDK's chain doesn't.
	FindRegion bool
	// KnownRegion is what FindRegion has found before, for when the service isn't there.
	KnownRegion string
	// Roles are the accounts besides the base account.
	Roles []Role
	// Resolve resolves the hosts of AWS, instead of the host's own resolver. Nil
	// leaves them to the host.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// ConnectTimeout bounds one TCP connection, 0 = 5 s; HeaderTimeout bounds the
	// wait for the header of an answer, 0 = 15 s.
	ConnectTimeout, HeaderTimeout time.Duration
	// RequestsPerSecond is the Route 53 budget of each account, 0 = 2. All of it may be
	// changes.
	RequestsPerSecond float64
}

// Role is an account that is reached by a role.
type Role struct {
	Name       string // as configured; unique
	ARN        string
	ExternalID string // "" for none
}

// Account is one AWS account as the sources use it.
type Account struct {
	Name   string // configured name, "" for the base account
	Config aws.Config
	Budget *awscall.Budget // of Route 53 requests
	// Changes is the budget that batches of changes to records are paid from besides:
	// AWS counts these by themselves, and what it refuses there says nothing of the other
	// requests. Nil for none.
	Changes *awscall.Budget
	// Status is the part of Budget that questions for what has become of changes may have:
	// many changes must not keep the listings from being made. Nil for all of it.
	Status *awscall.Budget
	// Hints is the part of Budget that readings of what events name may have. Nil for all of it.
	Hints *awscall.Budget
	// NoRegion: nothing says which region is meant, and that of Config is the default
	// of the global services.
	NoRegion bool

	idle func() // closes connections that nobody uses

	mu sync.Mutex // guards id
	id string
}

// CloseIdle closes the connections to AWS that no call uses, of all accounts that were
// loaded together: who loads accounts again and again gives back those of before. Calls that
// are under way end undisturbed.
func (a *Account) CloseIdle() {
	if a.idle != nil {
		a.idle()
	}
}

// statusShare is the part of the budget that questions for what has become of changes have.
const statusShare = 0.25

// hintShare is the part of the budget that readings of what events name have: a storm of changes
// must not keep the listings from being made.
const hintShare = 0.5

// StaticKeys identifies the credentials of an account, where they are keys that the
// environment or the SDK's files name; "" for those that are fetched and renewed. It asks
// nobody.
func (a *Account) StaticKeys(ctx context.Context) string {
	if !aws.IsCredentialsProvider(a.Config.Credentials, credentials.StaticCredentialsProvider{}) {
		return ""
	}
	keys, err := a.Config.Credentials.Retrieve(ctx)
	if err != nil {
		return "" // none: calls say so
	}
	return fmt.Sprintf("%s %x", keys.AccessKeyID, sha256.Sum256([]byte(keys.SecretAccessKey+" "+keys.SessionToken)))
}

// defaultRegion serves the global services where nobody names a region.
const defaultRegion = "us-east-1"

// Load returns the base account, then the roles in their order. It reads the
// environment and the SDK's files, with FindRegion the instance metadata service too;
// credentials are fetched with the first call, so that Load works with AWS away. The
// error names the role that is at fault.
func Load(ctx context.Context, o Options) ([]*Account, error) {
	err := o.validate()
	if err != nil {
		return nil, err
	}
	load := []func(*config.LoadOptions) error{
		config.WithHTTPClient(newHTTPClient(o)),
		config.WithRetryer(newRetryer),
		config.WithLogger(logging.Nop{}), // what matters comes as an error
		config.WithAPIOptions([]func(*middleware.Stack) error{
			requireDocument, awscall.ComparePages(breath.Take, xmlServices()...),
		}),
	}
	if o.Region != "" {
		load = append(load, config.WithRegion(o.Region))
	}
	base, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fmt.Errorf("loading the AWS configuration: %w", err)
	}
	if base.Region == "" && o.FindRegion {
		base.Region = cmp.Or(Self(ctx, &Account{Config: base}).Region, o.KnownRegion)
	}
	noRegion := base.Region == ""
	if noRegion {
		base.Region = defaultRegion
	}
	var idle func()
	base.HTTPClient, idle = closable(base.HTTPClient)
	account := func(name string, config aws.Config) *Account {
		return &Account{
			Name: name, Config: config, NoRegion: noRegion, idle: idle,
			Budget: awscall.NewBudget(o.RequestsPerSecond), Changes: awscall.NewBudget(o.RequestsPerSecond),
			Status: awscall.NewBudget(statusShare * awscall.Rate(o.RequestsPerSecond)),
			Hints:  awscall.NewBudget(hintShare * awscall.Rate(o.RequestsPerSecond)),
		}
	}
	accounts := []*Account{account("", base)}
	for _, r := range o.Roles {
		accounts = append(accounts, account(r.Name, assume(base, r)))
	}
	return accounts, nil
}

func (o *Options) validate() error {
	var errs []error
	seen := map[string]bool{"": true}
	for i, r := range o.Roles {
		if r.Name == "" {
			errs = append(errs, fmt.Errorf("account %d: has no name", i+1))
		} else if seen[r.Name] {
			errs = append(errs, fmt.Errorf("account %q: named twice", r.Name))
		}
		seen[r.Name] = true
		if r.ARN == "" {
			errs = append(errs, fmt.Errorf("account %q: has no role_arn", r.Name))
		}
	}
	if o.RequestsPerSecond < 0 || o.ConnectTimeout < 0 || o.HeaderTimeout < 0 {
		errs = append(errs, errors.New("rates and timeouts can't be negative"))
	}
	return errors.Join(errs...)
}

// newRetryer makes the retryer of calls that have none of their own: few attempts,
// because the sources come again by themselves. The SDK's backoff has jitter.
func newRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 3
		o.MaxBackoff = 5 * time.Second
	})
}

// sessionName stands in the other account's CloudTrail.
const sessionName = "inside53"

func assume(base aws.Config, r Role) aws.Config {
	client := sts.NewFromConfig(base)
	provider := stscreds.NewAssumeRoleProvider(assumeRole(client.AssumeRole), r.ARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = sessionName
		if r.ExternalID != "" {
			o.ExternalID = aws.String(r.ExternalID)
		}
	})
	c := base.Copy()
	c.Credentials = aws.NewCredentialsCache(provider, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow = time.Minute
		o.ExpiryWindowJitterFrac = 0.5
	})
	return c
}

// assumeRole is a method value: an interface around the client would keep all of
// its operations in the binary.
type assumeRole func(context.Context, *sts.AssumeRoleInput, ...func(*sts.Options)) (*sts.AssumeRoleOutput, error)

// AssumeRole implements stscreds.AssumeRoleAPIClient.
func (f assumeRole) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput,
	o ...func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
	return f(ctx, in, o...)
}

// ID returns the 12-digit id of the account. The first call that succeeds asks STS
// (GetCallerIdentity, which needs no permission); later ones remember.
func (a *Account) ID(ctx context.Context) (string, error) {
	a.mu.Lock()
	id := a.id
	a.mu.Unlock()
	if id != "" {
		return id, nil
	}
	out, err := sts.NewFromConfig(a.Config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("asking for the id of %s: %w", a, awscall.WithCure(err))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.id = aws.ToString(out.Account)
	return a.id, nil
}

// KnownID returns the id of the account where a call of ID has found it; "" until then.
func (a *Account) KnownID() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.id
}

// String names the account for people.
func (a *Account) String() string {
	if a.Name == "" {
		return "the base account"
	}
	return fmt.Sprintf("account %q", a.Name)
}

// Actions are the IAM actions that this package needs, and only with roles.
func Actions() []string { return []string{"sts:AssumeRole"} }

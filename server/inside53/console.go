package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"inside53/server/config"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/changes"

	"github.com/spf13/cobra"
)

// console is where a subcommand talks to people.
type console struct {
	in          io.Reader
	out, errors io.Writer
	asks        bool // somebody is there to answer
}

// isTerminal reports whether somebody is there to read or to type.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// progress replaces one line on a terminal; elsewhere it says nothing.
func (c console) progress(format string, args ...any) {
	if isTerminal(c.errors) {
		_, _ = fmt.Fprintf(c.errors, "\r\x1b[K"+format, args...) // nobody depends on it
	}
}

// errUnconfirmed says that somebody said no.
var errUnconfirmed = errors.New("nothing was changed")

// confirm asks a question; any answer but yes is errUnconfirmed. Without a terminal
// nobody can answer, which is an error of usage.
func (c console) confirm(question string) error {
	if !c.asks {
		return usage{errors.New("nothing was changed: there is no terminal to ask on; --yes says yes")}
	}
	_, err := fmt.Fprintf(c.out, "%s [y/N] ", question)
	if err != nil {
		return err
	}
	answer, err := bufio.NewReader(c.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errUnconfirmed
}

// printJSON prints v with the indent of the AWS CLI.
func (c console) printJSON(v any) error {
	e := json.NewEncoder(c.out)
	e.SetIndent("", "    ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// untilSignal returns a context that ends with the first signal to end. The second one does
// what it does to any process, from before the context has ended: whoever sees that the first
// one has come may send it.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-signals:
		case <-ctx.Done():
		}
		signal.Stop(signals)
		cancel()
	}()
	return ctx, func() {
		cancel()
		<-ended
	}
}

// usage marks an error of what was asked for: the exit code is that of usage.
type usage struct{ error }

// Unwrap returns the error.
func (u usage) Unwrap() error { return u.error }

// workOn makes the body of a subcommand with arguments of f, whose errors are failures
// unless they are of what was asked for.
func workOn(f func(ctx context.Context, c console, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		err := f(c.Context(), console{c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr(), isTerminal(c.InOrStdin())}, args)
		var asked usage
		var ambiguous *changes.AmbiguousError
		if err == nil || errors.As(err, &asked) || errors.As(err, &ambiguous) {
			return err
		}
		return failure{err}
	}
}

// accountFlags say in which account a subcommand works.
type accountFlags struct {
	config  string
	account string
}

func (f *accountFlags) add(c *cobra.Command) {
	c.Flags().StringVarP(&f.config, "config", "c", "",
		"configuration `file` whose aws section counts (default: the environment of the SDK alone)")
	c.Flags().StringVar(&f.account, "account", "",
		"`name` of an account of aws.accounts (default: that of the credentials)")
}

// cliRequests is the budget of a command that somebody waits for: half of what AWS
// grants an account, in requests a second.
const cliRequests = 5

// client returns a client of the account that the flags name.
func (f *accountFlags) client(ctx context.Context) (*changes.Client, error) {
	a, err := f.chosen(ctx)
	if err != nil {
		return nil, err
	}
	return changes.New(a, changes.Options{}), nil
}

// zone returns a client of the account that the flags name, and the zone of it that a name or id means.
func (f *accountFlags) zone(ctx context.Context, which *zoneFlags, text string) (*changes.Client, changes.Zone, error) {
	client, err := f.client(ctx)
	if err != nil {
		return nil, changes.Zone{}, err
	}
	z, err := which.find(ctx, client, text)
	return client, z, err
}

// chosen returns the account that the flags name.
func (f *accountFlags) chosen(ctx context.Context) (*awsclient.Account, error) {
	conf := config.Default()
	if f.config != "" {
		var err error
		conf, err = loadConfig(f.config)
		if err != nil {
			return nil, err
		}
	}
	accounts, err := loadAccounts(ctx, conf)
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		if a.Name == f.account {
			return a, nil
		}
	}
	return nil, usage{fmt.Errorf("account %q is not among aws.accounts of the configuration", f.account)}
}

// loadAccounts returns the accounts of a configuration for a command line: the hosts of
// AWS are resolved as the host of the command does it.
func loadAccounts(ctx context.Context, c *config.Config) ([]*awsclient.Account, error) {
	o := awsclient.Options{Region: c.AWS.Region, FindRegion: c.FindsRegion(), RequestsPerSecond: cliRequests}
	if c.Route53 != nil {
		o.RequestsPerSecond = max(cliRequests, c.Route53.RequestsPerSecond)
	}
	for _, r := range c.AWS.Accounts {
		o.Roles = append(o.Roles, awsclient.Role{Name: r.Name, ARN: r.RoleARN, ExternalID: r.ExternalID})
	}
	accounts, err := awsclient.Load(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("preparing the access to AWS: %w", err)
	}
	return accounts, nil
}

// zoneFlags say which of the zones of one name is meant.
type zoneFlags struct {
	public, private bool
	vpc             string
}

func (f *zoneFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.public, "public", false, "the public zone of that name")
	c.Flags().BoolVar(&f.private, "private", false, "the private zone of that name")
	c.Flags().StringVar(&f.vpc, "vpc", "", "the private zone of that name that is associated with the VPC of this `id`")
	exclusive(c, "public", "private")
	exclusive(c, "public", "vpc")
}

func (f *zoneFlags) visibility() changes.Visibility {
	switch {
	case f.public:
		return changes.Public
	case f.private || f.vpc != "":
		return changes.Private
	}
	return changes.Any
}

// find returns the one zone that the flags and a name or id mean.
func (f *zoneFlags) find(ctx context.Context, client *changes.Client, text string) (changes.Zone, error) {
	return client.Find(ctx, changes.Selector{Text: text, Visibility: f.visibility(), VPC: f.vpc})
}

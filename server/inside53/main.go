package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2

	// exitUndecided is for failures of commands whose exitFailed is an answer.
	exitUndecided = 2
)

func main() {
	ctx := context.WithValue(context.Background(), processKey{}, true)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// processKey is the key of whether a command may give up rights of the whole process.
type processKey struct{}

// ownsProcess reports whether the process is there for this command alone.
func ownsProcess(ctx context.Context) bool {
	own, _ := ctx.Value(processKey{}).(bool)
	return own
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot(stdout, stderr)
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	var f failure
	if errors.As(err, &f) {
		_, _ = fmt.Fprintf(stderr, "inside53: %s\n", err)
		var u undecided
		if errors.As(err, &u) {
			return exitUndecided
		}
		return exitFailed
	}
	_, _ = fmt.Fprintf(stderr, "inside53: %s\n", err)
	_, _ = fmt.Fprintf(stderr, "Run '%s --help' for usage.\n", command.CommandPath())
	return exitUsage
}

// failure marks an error of the work itself. Every other error is one of usage.
type failure struct{ error }

// Unwrap returns the error.
func (f failure) Unwrap() error { return f.error }

// undecided marks an error for which a command can't say what its exit codes 0 and 1 say: whether
// things are the same, or right.
type undecided struct{ error }

// Unwrap returns the error.
func (u undecided) Unwrap() error { return u.error }

// work makes the body of a subcommand of f, whose errors are failures.
func work(f func(ctx context.Context) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) error {
		err := f(c.Context())
		if err != nil {
			return failure{err}
		}
		return nil
	}
}

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "inside53",
		Short: "Internal split-horizon DNS for AWS",
		Long: `inside53 answers internal clients from the Route 53 hosted zones and the EC2
inventory of your accounts, with private addresses where they can be reached, and
forwards and caches everything else.

Exit codes: 0 done, 1 failed, 2 usage; of zone diff and check --strict: 0 the same or
right, 1 it differs or there are warnings, 2 failed or usage.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		Version:           programVersion(),
		PersistentPreRunE: checkFlags,
		RunE:              needsSubcommand,
	}
	root.SetVersionTemplate("inside53 {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(
		newAccept(),
		newAWSSim(stdout),
		newCheck(stdout),
		newDemo(stdout, stderr),
		newExplain(stdout),
		newExport(),
		newFleet(),
		newFlush(),
		newFollow(),
		newHistory(),
		newReady(),
		newRecord(),
		newRefresh(),
		newServe(stdout, stderr),
		newStatus(),
		newTail(),
		newTop(),
		newVersion(stdout),
		newZone(),
	)
	root.AddCommand(buildCommands()...)
	root.InitDefaultCompletionCmd()
	completeValues(root)
	root.DisableFlagsInUseLine = true
	for _, sub := range root.Commands() {
		sub.DisableFlagsInUseLine = true // Use names the flags
		for _, below := range sub.Commands() {
			below.DisableFlagsInUseLine = true
		}
	}
	return root
}

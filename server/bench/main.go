//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `bench measures inside53 alone and against other servers.

  bench program [flags]    time to the first answer, memory, collector, cost of a change
  bench peers [flags]      processor time a query, next to the peers that are on PATH
  bench attack [flags]     clients that may ask, beside those that mean harm; the same at peers
  bench observe [flags]    what it costs to look: counters, metrics, dnstap, the query log
  bench hits [flags]       what caches of the same memory answer of traces that don't fit, next to Unbound
  bench chaos [flags]      everything goes wrong, and it starts with AWS away
  bench scale [flags]      how costs grow with zones, records, instances, views, files, checks, transfers
  bench fleet [flags]      servers that share a ledger, of which each has its troubles
  bench generate [flags]   ask one server, check what it says, print the result as JSON
  bench upstream [flags]   be a resolver that knows every name
  bench attacker [flags]   mean harm to one port
  bench spin               take what there is of a processor

'bench COMMAND -help' lists the flags.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit code: 0 done, 1 failed, 2 usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	commands := map[string]func(context.Context, *flag.FlagSet, []string, io.Writer, io.Writer) error{
		"program": runProgram, "peers": runPeers, "attack": runAttack, "hits": runHits,
		"generate": runGenerate, "upstream": runUpstream, "spin": runSpin, "chaos": runChaos,
		"attacker": runAttacker, "scale": runScale, "fleet": runFleet, "observe": runObserve,
	}
	name := "-help"
	if len(args) > 0 {
		name = args[0]
	}
	command := commands[name]
	if command == nil {
		fmt.Fprint(stderr, usage)
		if name == "-help" || name == "--help" || name == "-h" || name == "help" {
			return 0
		}
		return 2
	}
	flags := flag.NewFlagSet("bench "+name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	err := command(ctx, flags, args[1:], stdout, stderr)
	var wrong usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &wrong):
		return 2 // flag has said what is wrong
	}
	fmt.Fprintf(stderr, "bench: %v\n", err)
	return 1
}

// usageError marks what is wrong with the command line.
type usageError struct{ error }

// parse reads the flags of a command, which takes no arguments.
func parse(flags *flag.FlagSet, args []string) error {
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("%s takes no arguments, and got %q", flags.Name(), flags.Arg(0))
		fmt.Fprintln(flags.Output(), err)
	}
	if err != nil {
		return usageError{err}
	}
	return nil
}

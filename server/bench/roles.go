//go:build linux

package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"time"

	"inside53/server/bench/dataset"
	"inside53/server/bench/load"
	"inside53/server/bench/upstream"
)

// addrPort is a flag of an address and a port.
type addrPort struct{ netip.AddrPort }

// Set implements flag.Value.
func (a *addrPort) Set(text string) (err error) {
	a.AddrPort, err = netip.ParseAddrPort(text)
	return err
}

// runGenerate asks one server.
func runGenerate(ctx context.Context, flags *flag.FlagSet, args []string, stdout, _ io.Writer) error {
	var server addrPort
	var o load.Options
	flags.Var(&server, "server", "IPv4 `address:port` to ask")
	kind := flags.String("stream", "auth", "what to ask: "+dataset.Kinds)
	seed := flags.Uint64("seed", 1, "what `number` the choice of names follows from")
	flags.BoolVar(&o.TCP, "tcp", false, "ask by TCP, pipelined")
	flags.BoolVar(&o.Once, "once", false, "end with the stream (warm)")
	flags.IntVar(&o.Lanes, "lanes", 8, "how many `sockets` ask")
	flags.IntVar(&o.Window, "window", 32, "how many `queries` are outstanding on each")
	flags.Float64Var(&o.Rate, "rate", 0, "queries `a second`; 0 asks as fast as is answered")
	flags.DurationVar(&o.Warm, "warm", time.Second/2, "how `long` to ask before it counts")
	flags.DurationVar(&o.Measure, "measure", 2*time.Second, "how `long` it counts")
	flags.BoolVar(&o.Drain, "drain", false, "wait for what is outstanding at the end")
	flags.DurationVar(&o.Timeout, "timeout", time.Second, "how `long` an answer is waited for")
	flags.IntVar(&o.Process, "process", 0, "`id` of the server's process, to measure what it uses")
	err := parse(flags, args)
	if err != nil {
		return err
	}
	s, err := dataset.NewStream(*kind, *seed)
	if err != nil {
		return err
	}
	o.Server = server.AddrPort
	runtime.LockOSThread()
	result, err := load.Run(ctx, s, o)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(result)
}

// runUpstream is the world outside.
func runUpstream(ctx context.Context, flags *flag.FlagSet, args []string, stdout, _ io.Writer) error {
	listen := addrPort{netip.MustParseAddrPort("127.0.0.1:5400")}
	flags.Var(&listen, "listen", "IPv4 `address:port` to answer on")
	lies := flags.Bool("lies", false, "send false answers before the true one")
	err := parse(flags, args)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, "answering on", listen)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	return upstream.Run(ctx, listen.AddrPort, upstream.Options{Lies: *lies})
}

// runSpin is a competitor for a processor.
func runSpin(ctx context.Context, flags *flag.FlagSet, args []string, _, _ io.Writer) error {
	err := parse(flags, args)
	for err == nil && ctx.Err() == nil {
		for range 1 << 20 {
			runtime.KeepAlive(ctx)
		}
	}
	return err
}

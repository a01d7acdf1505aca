package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"inside53/server"

	"github.com/spf13/cobra"
)

func newServe(stdout, stderr io.Writer) *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "serve --config F",
		Short: "Run the server",
		Long: `serve runs the server until SIGTERM or SIGINT. It logs to standard error and prints
one line when it is ready, with the ports it got:

  ready dns=127.0.0.1:5300 admin=127.0.0.1:8053

SIGHUP loads the configuration again; a file with a fault changes nothing. SIGTERM and
SIGINT make it unready at once; it goes on answering for the time of drain, then ends.
A second one ends it at once.`,
		Example: "  inside53 serve --config /etc/inside53/inside53.yaml",
		Args:    cobra.NoArgs,
		RunE: work(func(ctx context.Context) error {
			config, err := loadConfig(path)
			if err != nil {
				return err
			}
			// A reader of the log that has gone fails the write, and nothing else.
			signal.Ignore(syscall.SIGPIPE)
			defer signal.Reset(syscall.SIGPIPE)
			lines := server.NewLogWriter(stderr)
			log := config.Log.Logger(lines)
			defer server.FitMemory(log)()
			writing, end := context.WithCancel(context.Background())
			written := make(chan error, 1)
			go func() { written <- lines.Run(writing, log) }()
			err = serve(ctx, server.AppOptions{
				Config: config, Stdout: stdout, Log: log, LogFault: lines.Fault, Version: programVersion(),
			})
			end()
			return errors.Join(err, <-written)
		}),
	}
	configFlag(c, &path)
	return c
}

// serve runs the server with the signals of the process.
func serve(ctx context.Context, o server.AppOptions) error {
	ctx, stop := untilSignal(ctx)
	defer stop()

	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	reload := make(chan struct{}, 1)
	o.Reload = reload
	app, err := server.NewApp(ctx, o)
	if err != nil {
		return err
	}
	running, end := context.WithCancel(context.Background())
	relayed := make(chan struct{})
	go func() {
		defer close(relayed)
		relay(running, hangups, reload)
	}()
	err = app.Run(ctx)
	end()
	<-relayed
	return err
}

// relay turns signals into reloads until ctx ends. Of those that come while one is
// waiting none is lost: that one will load what is there then.
func relay(ctx context.Context, hangups <-chan os.Signal, reload chan<- struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		select {
		case reload <- struct{}{}:
		default:
		}
	}
}

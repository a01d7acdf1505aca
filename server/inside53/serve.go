package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"inside53/server"
	serverconfig "inside53/server/config"
	"inside53/server/confine"
	"inside53/server/handover"
	"inside53/server/limits"
	"inside53/server/logs"

	"github.com/spf13/cobra"
)

func newServe(stdout, stderr io.Writer) *cobra.Command {
	var path, user string
	var past asOf
	c := &cobra.Command{
		Use:   "serve --config F [--user NAME | --as-of T [--listen ADDR] [--admin ADDR]]",
		Short: "Run the server",
		Long: `serve runs the server until SIGTERM or SIGINT. It logs to standard error and prints
one line when it is ready, with the ports it got:

  ready dns=127.0.0.1:5300 admin=127.0.0.1:8053

SIGHUP loads the configuration again; a file with a fault changes nothing. SIGTERM and
SIGINT make it unready at once; it goes on answering for the time of drain, then ends.
A second one ends it at once.

Started beside a server of the same user and the same first address in listen.dns, it
goes on with that one's sockets and state directory: the old one answers until the new
one does, and then ends. Sockets that systemd passes are used in place of own ones.

Started as root it gives state_dir to the user NAME, binds its sockets, and becomes
that user for good; without --user that is inside53 if there is such a user, else
nobody, unless that one can't read what the configuration names. --user root stays
root. Whoever it is, it writes below state_dir alone and executes nothing, where the
kernel has landlock.

With --as-of it serves what names were at T, beside a running server too: it reads the
ledger in state_dir without a lock, asks no AWS, writes nothing, and refuses updates and
transfers. It listens on free ports of 127.0.0.1 unless --listen and --admin say
otherwise. T is RFC 3339, a date, or how long ago: 2h, 3d.`,
		Example: "  inside53 serve --config /etc/inside53/inside53.yaml",
		Args:    noFile,
		RunE: work(func(ctx context.Context) error {
			config, err := loadConfig(path)
			if err != nil {
				return err
			}
			// A reader of the log that has gone fails the write, and nothing else.
			signal.Ignore(syscall.SIGPIPE)
			defer signal.Reset(syscall.SIGPIPE)
			var below *underLog
			to := stderr
			if isTerminal(stderr) {
				below = &underLog{to: stderr}
				to = below
			}
			lines := logs.New(to)
			log, change := logs.NewLogger(lines)
			setLog := func(l serverconfig.Log) { change.Set(l.Level, l.Format == serverconfig.LogJSON) }
			setLog(config.Log)
			defer limits.FitMemory(log)()
			writing, end := context.WithCancel(context.Background())
			written := make(chan error, 1)
			go func() { written <- lines.Run(writing, log) }()
			o := server.AppOptions{
				Config: config, Stdout: stdout, Log: log, LogFault: lines.Fault, SetLog: setLog,
				Version: programVersion(),
			}
			if past.is() {
				err = past.apply(&o)
			} else {
				err = prepare(ctx, user, &o)
			}
			if err == nil {
				err = serve(ctx, o, below)
			}
			end()
			return errors.Join(err, <-written)
		}),
	}
	configFlag(c, &path)
	past.add(c)
	c.Flags().StringVar(&user, "user", "", "who the process becomes after root has bound its sockets")
	return c
}

// prepare opens what is there before the server is, and gives up what the process has no need
// of after that.
func prepare(ctx context.Context, name string, o *server.AppOptions) error {
	if !ownsProcess(ctx) {
		var err error
		o.Sockets, err = handover.Open(o.Config, os.Geteuid(), o.Log)
		return err
	}
	user, err := confine.Choose(o.Config, name, o.Log)
	if err != nil {
		return err
	}
	o.Sockets, err = handover.Open(o.Config, user.ID(), o.Log)
	if err != nil {
		return err
	}
	if user != nil {
		o.User = user.Name
		err = o.Sockets.Bind(o.Config)
		if err == nil {
			err = user.Become()
		}
		if err != nil {
			o.Sockets.Close()
			return err
		}
		o.Log.Info("root is given up", "user", user.Name)
	}
	confine.Process(o.Config, o.Log)
	return nil
}

// serve runs the server with the signals of the process, and shows on a terminal how far the
// first reading is; below is nil where there is none.
func serve(ctx context.Context, o server.AppOptions, below *underLog) error {
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
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if below != nil {
			below.watch(running, app.Reading)
		}
	}()
	err = app.Run(ctx)
	end()
	<-relayed
	select {
	case <-watched:
	case <-time.After(time.Second): // the terminal stands still
	}
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

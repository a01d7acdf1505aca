package server

import (
	"context"
	"io"
	"net/netip"
	"os"

	"inside53/server/handover"
)

// firstAddress is that by which a process that is started beside this one finds it.
func (a *App) firstAddress() netip.AddrPort { return a.server.Addrs()[0] }

// files returns duplicates of every socket that clients know.
func (a *App) files() ([]*os.File, error) {
	files, err := a.server.Files()
	if err != nil {
		return nil, err
	}
	web, err := a.admin.Files()
	if err != nil {
		handover.CloseFiles(files)
		return nil, err
	}
	return append(files, web...), nil
}

// next makes an App with the configuration in force that goes on for this one, with its sockets.
func (a *App) next(ctx context.Context, s *handover.Sockets) (handover.Runner, error) {
	o := a.opts
	o.Config, o.Stdout = a.config.Load(), io.Discard // who waited for it has read that it is ready
	o.Sockets = s
	return NewApp(ctx, o)
}

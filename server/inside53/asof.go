package main

import (
	"fmt"
	"net/netip"
	"time"

	"inside53/server"
	"inside53/zonesource/recorder"

	"github.com/spf13/cobra"
)

// asOf are the flags that serve the past.
type asOf struct {
	at            string
	listen, admin address
}

func (f *asOf) add(c *cobra.Command) {
	free := address(netip.MustParseAddrPort("127.0.0.1:0"))
	f.listen, f.admin = free, free
	c.Flags().StringVar(&f.at, "as-of", "", "serve what names were at this `time`")
	c.Flags().Var(&f.listen, "listen", "with --as-of: address and port of DNS; port 0 is a free one")
	c.Flags().Var(&f.admin, "admin", "with --as-of: loopback address and port of the admin address")
}

func (f *asOf) is() bool { return f.at != "" }

// apply makes a server of today's configuration one of the past.
func (f *asOf) apply(o *server.AppOptions) error {
	at, err := recorder.ParseMoment(f.at, time.Now())
	if err != nil {
		return fmt.Errorf("--as-of: %w", err)
	}
	c := *o.Config
	c.Listen.DNS = []netip.AddrPort{netip.AddrPort(f.listen)}
	c.Admin, c.Health, c.Metrics = netip.AddrPort(f.admin), netip.AddrPort{}, netip.AddrPort{}
	c.Drain = 0
	o.Config, o.AsOf = &c, at
	return nil
}

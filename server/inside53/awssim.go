package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"inside53/zonesource/awssim"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

func newAWSSim(stdout io.Writer) *cobra.Command {
	var dir string
	var listen, dns address
	var unlimited bool
	c := &cobra.Command{
		Use:   "awssim --data DIR --listen ADDR [--dns ADDR] [--unlimited]",
		Short: "Run the AWS simulator alone",
		Long: `awssim answers the AWS SDK and the AWS CLI as Route 53, EC2, ELB, SQS, S3 and STS do, from the
CLI's own output in a directory. Writes stay in memory.

  aws route53 list-hosted-zones         > DIR/route53/list-hosted-zones.json
  aws route53 get-hosted-zone --id Z1   > DIR/route53/Z1/get-hosted-zone.json
  aws route53 list-resource-record-sets --hosted-zone-id Z1
                                        > DIR/route53/Z1/list-resource-record-sets.json
  aws ec2 describe-instances            > DIR/REGION/describe-instances.json
  (so too describe-network-interfaces, describe-addresses, describe-vpcs,
  describe-subnets, describe-vpc-peering-connections; aws elbv2 describe-load-balancers)

A missing file is empty. With --dns it answers the DNS names of its load balancers, and
those of DIR/dns.zone. It prints one line when it is ready:

  ready endpoint=http://127.0.0.1:4566 dns=127.0.0.1:5301

It refuses requests above the rates of AWS; --unlimited takes all.
Faults are switched by PUT /_sim/faults: {"operation","fault","page","count"}.
Events of changes go to a queue by PUT /_sim/events:
{"queue","delay_ms","loss","double","reorder"}.
POST /_sim/reload reads DIR again.`,
		Example: `  inside53 awssim --data export --listen 127.0.0.1:4566
  aws --endpoint-url http://127.0.0.1:4566 route53 list-hosted-zones`,
		Args: cobra.NoArgs,
		RunE: work(func(ctx context.Context) error {
			ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			return runAWSSim(ctx, awssimOptions(dir, unlimited), dir, listen, dns, stdout)
		}),
	}
	c.Flags().StringVar(&dir, "data", "", "`directory` with the output of the AWS CLI")
	c.Flags().Var(&listen, "listen", "address and port of HTTP; port 0 is a free one")
	c.Flags().Var(&dns, "dns", "address and port of DNS (default none)")
	c.Flags().BoolVar(&unlimited, "unlimited", false, "switch the rate limits off")
	required(c, "data", "listen")
	return c
}

// awssimOptions are those of a simulator of the data in dir.
func awssimOptions(dir string, unlimited bool) awssim.Options {
	o := awssim.Options{Data: os.DirFS(dir)}
	if unlimited {
		all := awssim.Unlimited()
		o.Reads, o.Changes, o.HealthStatus, o.Inventory = all, all, all, all
	}
	return o
}

func runAWSSim(ctx context.Context, o awssim.Options, dir string, listen, dns address, stdout io.Writer) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("reading the data: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("reading the data: %s is no directory", dir)
	}
	sim, err := awssim.New(o)
	if err != nil {
		return fmt.Errorf("reading the data in %s: %w", dir, err)
	}
	s, err := bindSim(sim, netip.AddrPort(listen), netip.AddrPort(dns))
	if err != nil {
		return err
	}
	line := "ready endpoint=" + s.endpoint()
	if s.packets != nil {
		line += " dns=" + s.packets.LocalAddr().String()
	}
	_, err = fmt.Fprintln(stdout, line)
	if err != nil {
		return errors.Join(err, s.close())
	}
	return s.run(ctx)
}

// boundSim is a simulator with its sockets.
type boundSim struct {
	sim     *awssim.Sim
	http    net.Listener
	packets net.PacketConn // nil without DNS
	streams net.Listener
}

// bindSim opens the sockets of sim; without a valid dns none for DNS.
func bindSim(sim *awssim.Sim, listen, dns netip.AddrPort) (*boundSim, error) {
	s := &boundSim{sim: sim}
	var err error
	s.http, err = net.Listen("tcp", listen.String())
	if err != nil {
		return nil, fmt.Errorf("listening for HTTP: %w", err)
	}
	if !dns.IsValid() {
		return s, nil
	}
	// A free port for UDP may be taken for TCP.
	for range 16 {
		s.packets, s.streams, err = bindDNS(dns)
		if err == nil {
			return s, nil
		}
		if dns.Port() != 0 {
			break
		}
	}
	return nil, errors.Join(fmt.Errorf("listening for DNS: %w", err), s.http.Close())
}

// bindDNS opens one port for UDP and TCP.
func bindDNS(addr netip.AddrPort) (net.PacketConn, net.Listener, error) {
	packets, err := net.ListenPacket("udp", addr.String())
	if err != nil {
		return nil, nil, err
	}
	streams, err := net.Listen("tcp", packets.LocalAddr().String())
	if err != nil {
		return nil, nil, errors.Join(err, packets.Close())
	}
	return packets, streams, nil
}

// endpoint is what AWS_ENDPOINT_URL has to be.
func (s *boundSim) endpoint() string { return "http://" + s.http.Addr().String() }

// close closes the sockets of a simulator that does not run.
func (s *boundSim) close() error {
	err := s.http.Close()
	if s.packets != nil {
		err = errors.Join(err, s.packets.Close(), s.streams.Close())
	}
	return err
}

// run serves until ctx ends, and closes the sockets.
func (s *boundSim) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.sim.Run(ctx, s.http) })
	if s.packets != nil {
		group.Go(func() error { return s.sim.RunDNS(ctx, s.packets, s.streams) })
	}
	return group.Wait()
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"inside53/examples"
	"inside53/server"
	"inside53/zonesource/awssim"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

func newDemo(stdout, stderr io.Writer) *cobra.Command {
	o := demoOptions{listen: address(netip.MustParseAddrPort("127.0.0.1:5300")),
		admin: address(netip.MustParseAddrPort("127.0.0.1:8053"))}
	c := &cobra.Command{
		Use:   "demo [--listen ADDR] [--admin ADDR] [--fleet N | --data DIR]",
		Short: "Run the server on a simulated AWS, to try it",
		Long: `demo starts the AWS simulator with the data of a company, and the server on it. It needs
no network and no account, ignores AWS_* and every other setting, keeps its state in a
directory that goes when it ends, and prints dig commands with the answers they give.

With --fleet it starts so many servers, which share what one of them reads from AWS, on
ports one after the other, and prints what to try with them. With --data it serves your
own data, as export json writes them; all private zones are seen, over the public ones.`,
		Example: "  inside53 demo --listen 127.0.0.1:5300\n  inside53 demo --fleet 3\n  inside53 demo --data export",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if o.fleet < 0 || o.fleet > mostServers {
				return fmt.Errorf("--fleet %d: from 1 to %d servers", o.fleet, mostServers)
			}
			return work(func(ctx context.Context) error { return demo(ctx, o, stdout, stderr) })(c, args)
		},
	}
	c.Flags().Var(&o.listen, "listen", "address and port of DNS; port 0 is a free one")
	c.Flags().Var(&o.admin, "admin", "loopback address and port of health, metrics, zones")
	c.Flags().IntVar(&o.fleet, "fleet", 0, "so `many` servers that share what is read")
	c.Flags().StringVar(&o.data, "data", "", "`directory` with data of your own, as export json writes them")
	c.MarkFlagsMutuallyExclusive("fleet", "data")
	return c
}

// demoOptions are the flags of demo.
type demoOptions struct {
	listen, admin address
	fleet         int
	data          string
}

// demoConfig is the configuration of the demo: a view for each of the clients that dig
// can be on one host.
const demoConfig = `listen: { dns: ["%s"] }
admin: "%s"
state_dir: state
drain: 0s
log: { level: warn }
aws: { region: eu-west-1 }
route53: { refresh: 5s, requests_per_second: 10 }
ec2: { regions: [eu-west-1, us-east-1], refresh: 5s }
health_checks: { source: aws, refresh: 5s }
views:
  - { name: dublin, clients: [0.0.0.0/0, "::/0"], vpcs: [vpc-0a1b2c3d4e5f60718], region: eu-west-1 }
  - { name: virginia, clients: [127.0.0.2/32], vpcs: [vpc-0b7c1d2e3f4a59687], region: us-east-1 }
  - { name: outside, clients: [127.0.0.3/32], vpcs: [], region: eu-west-1, addresses: public }
forward:
  - { zone: ".", upstreams: ["%s"] }
`

// demo runs simulator and servers until ctx ends or a signal comes.
func demo(ctx context.Context, o demoOptions, stdout, stderr io.Writer) (err error) {
	data, own := examples.Demo(), o.data != ""
	if own {
		data, err = ownData(o.data)
		if err != nil {
			return err
		}
	}
	sim, err := awssim.New(awssim.Options{Data: data})
	if err != nil {
		return fmt.Errorf("reading the data of the demo: %w", err)
	}
	loopback := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	aws, err := bindSim(sim, loopback, loopback)
	if err != nil {
		return err
	}
	err = demoEnvironment(aws.endpoint())
	if err != nil {
		return errors.Join(err, aws.close())
	}
	dir, err := os.MkdirTemp("", "inside53-demo-")
	if err != nil {
		return errors.Join(err, aws.close())
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	listen, admin := netip.AddrPort(o.listen), netip.AddrPort(o.admin)
	if o.fleet > 0 {
		fleet, err := newDemoFleet(aws, dir, o.fleet, listen, admin, stdout, stderr)
		if err != nil {
			return errors.Join(err, aws.close())
		}
		ctx, stop := untilSignal(ctx)
		defer stop()
		return besideAWS(ctx, aws, fleet.run)
	}
	path := filepath.Join(dir, "inside53.yaml")
	text := fmt.Sprintf(demoConfig, listen, admin, aws.packets.LocalAddr())
	if own {
		text, err = ownConfig(data, listen, admin, aws.packets.LocalAddr())
		if err != nil {
			return errors.Join(err, aws.close())
		}
	}
	err = os.WriteFile(path, []byte(text), 0o600)
	if err != nil {
		return errors.Join(err, aws.close())
	}
	config, err := loadConfig(path)
	if err != nil {
		return errors.Join(err, aws.close())
	}
	return besideAWS(ctx, aws, func(ctx context.Context) error {
		return serve(ctx, server.AppOptions{
			Config: config,
			Stdout: &demoTour{out: stdout, program: os.Args[0], endpoint: aws.endpoint(), config: path, own: own},
			Log:    config.Log.Logger(stderr), Version: programVersion(),
		}, nil)
	})
}

// besideAWS runs what needs the simulator beside it. The simulator outlives it, and it ends when the simulator does.
func besideAWS(ctx context.Context, aws *boundSim, run func(context.Context) error) error {
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	group, running := errgroup.WithContext(running)
	group.Go(func() error { return aws.run(running) })
	group.Go(func() error {
		defer end()
		serving, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(running, stop)()
		return run(serving)
	})
	return group.Wait()
}

// demoEnvironment makes the environment of this process one in which the SDK can but
// reach the simulator.
func demoEnvironment(endpoint string) error {
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "AWS_") {
			continue
		}
		err := os.Unsetenv(name)
		if err != nil {
			return err
		}
	}
	for _, pair := range [][2]string{
		{"AWS_ENDPOINT_URL", endpoint},
		{"AWS_ACCESS_KEY_ID", "AKIADEMO"},
		{"AWS_SECRET_ACCESS_KEY", "demo"},
		{"AWS_EC2_METADATA_DISABLED", "true"},
		{"AWS_CONFIG_FILE", os.DevNull},
		{"AWS_SHARED_CREDENTIALS_FILE", os.DevNull},
	} {
		err := os.Setenv(pair[0], pair[1])
		if err != nil {
			return err
		}
	}
	return nil
}

// demoQuestion is a question to the demo and its answer, as dig +short prints it.
type demoQuestion struct {
	why  string
	from string // the client's address; "" is any
	name string
	kind string // type of record; "" is A
	want []string
}

const (
	virginia = "127.0.0.2"
	outside  = "127.0.0.3"
)

// primaryCheck is the health check of the primary of app.example.com.
const primaryCheck = "3c9d2e7b-61f4-4b8a-8e0d-9f1a2b3c4d5e"

// demoQuestions are what the tour shows. All of them hold with any draw and order.
func demoQuestions() []demoQuestion {
	return []demoQuestion{
		{"a record with an elastic IP: the private address of its instance", "", "bastion.example.com", "",
			[]string{"10.0.1.10"}},
		{"the same for a client that can't reach it privately", outside, "bastion.example.com", "", []string{"203.0.113.10"}},
		{"the private zone lies over the public one of the same name ...", "", "www.example.com", "",
			[]string{"10.0.1.21", "10.0.2.21"}},
		{"... which shows through where the private one has nothing", "", "example.com", "MX",
			[]string{"10 mail.example.com.", "20 mx2.example.net."}},
		{"who is in no VPC sees the public zone: an alias to a load balancer", outside, "www.example.com", "",
			[]string{"203.0.113.101", "203.0.113.102"}},
		{"failover: the primary, by its private address", "", "app.example.com", "", []string{"10.0.2.40"}},
		{"latency: the nearest to the client", virginia, "cdn.example.com", "", []string{"10.1.1.21"}},
		{"a wildcard, a CNAME, and an alias to an internal load balancer", "", "anything.dev.example.com", "",
			[]string{"intranet.example.com.", "10.0.1.110", "10.0.2.110"}},
		{"a service", "", "_ldap._tcp.example.com", "SRV",
			[]string{"0 100 389 ldap-1.corp.example.com.", "0 100 389 ldap-2.corp.example.com."}},
		{"text with quotes and octal escapes", "", "motto.example.com", "TXT",
			[]string{`"a \"quoted\" word, a backslash \\ and caf\195\169"`}},
		{"the tag dns: two instances of one name", "", "web.internal", "", []string{"10.0.1.21", "10.0.2.21"}},
		{"who reaches none of them, and they have no public address, gets none", outside, "web.internal", "", nil},
		{"the tag of an instance with a public address, for who reaches no private one", outside, "mail.internal", "",
			[]string{"203.0.113.25"}},
		{"the public name of an instance, from the other VPC of a peering", virginia,
			"ec2-203-0-113-10.eu-west-1.compute.amazonaws.com", "", []string{"10.0.1.10"}},
		{"the private name of an instance", "", "ip-10-0-1-10.eu-west-1.compute.internal", "", []string{"10.0.1.10"}},
		{"a reverse zone", "", "15.20.0.10.in-addr.arpa", "PTR", []string{"db-1.example.com."}},
		{"the tag dns, backwards", "", "25.1.0.10.in-addr.arpa", "PTR", []string{"mail.internal."}},
		{"forwarded and cached", "", "www.example.org", "", []string{"example.org.", "192.0.2.80"}},
		{"forwarded, to an address that is ours", "", "partner.example.org", "", []string{"10.0.1.10"}},
		{"a CNAME that leaves our zones", "", "status.example.com", "",
			[]string{"example.statuspage.example.org.", "edge.statuspage.example.org.", "192.0.2.44"}},
	}
}

// dig returns the command that asks q at addr.
func (q demoQuestion) dig(addr netip.AddrPort) string {
	host := addr.Addr()
	if host.IsUnspecified() {
		host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	words := []string{"dig", fmt.Sprintf("@%s -p %d", host, addr.Port())}
	if q.from != "" {
		words = append(words, "-b", q.from)
	}
	words = append(words, "+short", q.name)
	if q.kind != "" {
		words = append(words, q.kind)
	}
	return strings.Join(words, " ")
}

// explain returns the command that asks the server about q, whatever addresses this host has.
func (q demoQuestion) explain(program, admin string) string {
	words := []string{program, "explain", q.name}
	if q.kind != "" {
		words = append(words, q.kind)
	}
	return strings.Join(append(words, "--client", q.from, "--admin", "http://"+admin), " ")
}

// demoTour passes on what the server prints, and prints the questions once it is ready.
type demoTour struct {
	out      io.Writer
	program  string // as it was called: bin/inside53, by make run
	endpoint string
	config   string
	own      bool // the data are somebody's own
}

// Write implements io.Writer; the server writes a line at a time.
func (t *demoTour) Write(line []byte) (int, error) {
	n, err := t.out.Write(line)
	if err != nil {
		return n, err
	}
	rest, ok := strings.CutPrefix(string(line), "ready dns=")
	if !ok {
		return n, nil
	}
	text, admin, _ := strings.Cut(strings.TrimSpace(rest), " admin=")
	addr, err := netip.ParseAddrPort(text)
	if err != nil {
		return n, fmt.Errorf("reading the address in %q: %w", line, err)
	}
	_, err = t.out.Write(t.text(addr, admin))
	return n, err
}

// text is the tour of a server at addr with its admin address, "" for none.
func (t *demoTour) text(addr netip.AddrPort, admin string) []byte {
	if t.own {
		return t.ownText(addr, admin)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "\nTry it in another terminal; below each command stands its answer, whose lines come in any order.\n"+
		"Clients from 127.0.0.1 are in a VPC in Dublin, from %s in Virginia, from %s in none.\n\n", virginia, outside)
	loopback := addr.Addr().Is4() && (addr.Addr().IsLoopback() || addr.Addr().IsUnspecified())
	for _, q := range demoQuestions() {
		if q.from != "" && !loopback {
			continue // dig can't be that client
		}
		fmt.Fprintf(&b, "# %s\n%s\n", q.why, q.dig(addr))
		for _, line := range q.want {
			fmt.Fprintf(&b, "  %s\n", line)
		}
		if q.from != "" && admin != "" {
			// The loopback interface of macOS has 127.0.0.1 alone.
			fmt.Fprintf(&b, "%s   # or so, where dig can't be %s: macOS\n", q.explain(t.program, admin), q.from)
		}
	}
	if admin != "" {
		fmt.Fprintf(&b, "\nWhy an answer is what it is, and what a client outside gets:\n\n")
		fmt.Fprintf(&b, "%s explain app.example.com --admin http://%s --diff public\n", t.program, admin)
		fmt.Fprintf(&b, "\nThe same and more in a browser: http://%s/\n", admin)
	}
	fmt.Fprintf(&b, "\nThe simulated AWS, which shows changes within seconds:\n\n")
	fmt.Fprintf(&b, "AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo aws --region eu-west-1 --endpoint-url %s route53 "+
		"list-hosted-zones\n", t.endpoint)
	fmt.Fprintf(&b, "\nThe health check of the primary of app.example.com fails, and the secondary answers (10.1.1.30); "+
		"true heals it:\n\n")
	fmt.Fprintf(&b, "curl -X PUT %s/_sim/health -d '{\"id\": %q, \"healthy\": false}'\n", t.endpoint, primaryCheck)
	fmt.Fprintf(&b, "\nThe configuration is %s. Ctrl-C ends the demo.\n", t.config)
	return b.Bytes()
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"inside53/resolver"

	"github.com/spf13/cobra"
)

// explainQuestion is what the command line asks.
type explainQuestion struct {
	name, rrtype string
	client       string
	subnet       string
	admin        string
	diff         string
	json         bool
	depth        int
}

func newExplain(stdout io.Writer) *cobra.Command {
	var q explainQuestion
	c := &cobra.Command{
		Use:   "explain NAME [TYPE] [--client IP [--subnet PREFIX]] [--depth N] [--admin URL] [--json] [--diff public]",
		Short: "Why a running server answers as it does",
		Long: `explain asks the admin address of a running server (serve or demo) why the answer to a
question is what it is, and draws the way there as a tree: view, layers of zones, routing
policies with every member's chance and health, aliases, forwarders and cache, translated
addresses, and why not the others. TYPE is A where it is not given.

With --client it is the answer for that address; with --subnet too, for a client of that
forwarder, which has to be in ecs.trust. With --diff public it is also what a
client outside would get from Route 53, and what makes the difference.

With --depth the tree is folded, and how much is in what isn't shown is counted. Of an address
it says which question asks for its name, of a name that there isn't the nearest zone.

The exit code is 0 for any answer that was explained, NXDOMAIN and SERVFAIL too.`,
		Example: "  inside53 explain www.example.com\n  inside53 explain www.example.com AAAA --client 10.0.1.2 --diff " +
			"public",
		Args: arguments(1, 2),
		PreRunE: func(_ *cobra.Command, args []string) error {
			q.name, q.rrtype = args[0], "A"
			if len(args) > 1 {
				q.rrtype = args[1]
			}
			return q.check()
		},
		RunE: work(func(ctx context.Context) error { return q.run(ctx, stdout) }),
	}
	c.Flags().StringVar(&q.client, "client", "", "`address` of the client; that of this host by default")
	c.Flags().StringVar(&q.subnet, "subnet", "",
		"client `prefix` that the client, a forwarder, tells (EDNS client subnet)")
	c.Flags().StringVar(&q.admin, "admin", defaultAdmin, "`URL` of the server's admin address")
	c.Flags().IntVar(&q.depth, "depth", 0, "fold what is deeper than so `many` steps below each other; 0 folds nothing")
	c.Flags().BoolVar(&q.json, "json", false, "print what the server says, for programs")
	c.Flags().StringVar(&q.diff, "diff", "", "compare: `public` is what a client outside would get")
	return c
}

// check says what is wrong with the question before a server is asked.
func (q *explainQuestion) check() error {
	_, _, err := resolver.ParseQuestion(q.name, q.rrtype)
	if err != nil {
		return err
	}
	if q.client != "" {
		_, err = netip.ParseAddr(q.client)
		if err != nil {
			return fmt.Errorf("--client %q: not an address", q.client)
		}
	}
	if q.subnet != "" {
		p, err := netip.ParsePrefix(q.subnet)
		if err != nil || p != p.Masked() || p.Addr().Is4In6() {
			return fmt.Errorf("--subnet %q: not a prefix like 10.1.2.0/24", q.subnet)
		}
	}
	if q.depth < 0 {
		return fmt.Errorf("--depth %d: write a number from 0", q.depth)
	}
	if q.diff != "" && q.diff != "public" {
		return fmt.Errorf("--diff %q: there is only public", q.diff)
	}
	q.admin, err = parseAdmin(q.admin)
	return err
}

// run asks the server and prints what it says.
func (q *explainQuestion) run(ctx context.Context, stdout io.Writer) error {
	body, err := q.ask(ctx)
	if err != nil {
		return err
	}
	if q.json {
		_, err = stdout.Write(body)
		return err
	}
	var e resolver.Explanation
	err = json.Unmarshal(body, &e)
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", q.admin, err)
	}
	lines := e.Draw(terminalOf(stdout, os.Getenv).drawing(q.depth))
	lines = append(lines, q.hints(ctx, &e)...)
	_, err = fmt.Fprintln(stdout, strings.Join(lines, "\n"))
	return err
}

// explainWait is how long explain waits for the server, which may wait for upstreams.
const explainWait = 40 * time.Second

// explainLimit is the most that an answer of the server may have, in octets.
const explainLimit = 16 << 20

// ask returns the body of the server's answer.
func (q *explainQuestion) ask(ctx context.Context) ([]byte, error) {
	values := url.Values{"name": {q.name}, "type": {q.rrtype}}
	if q.client != "" {
		values.Set("client", q.client)
	}
	if q.subnet != "" {
		values.Set("subnet", q.subnet)
	}
	if q.diff != "" {
		values.Set("diff", q.diff)
	}
	return askAdmin(ctx, q.admin, "/explain", values)
}

func firstLine(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	return line[:min(len(line), 300)]
}

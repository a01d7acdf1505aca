package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"inside53/resolver"
	"inside53/server/admin"

	"github.com/spf13/cobra"
)

func newTop() *cobra.Command {
	var f serverFlags
	var by string
	var limit int
	c := &cobra.Command{
		Use:   "top [--by name, client, nxdomain, servfail or slow] [--limit N] [--json] [--admin URL]",
		Short: "Who and what a running server is asked most",
		Long: `top asks a running server for the names that are asked most in the last five to ten minutes, the
clients that ask most, or the names that get NXDOMAIN, SERVFAIL or an answer that took 100 ms.
Counts are made from a sample where much is asked.`,
		Example: "  inside53 top --by client",
		Args:    arguments(0, 0),
		RunE: workOn(func(ctx context.Context, c console, _ []string) error {
			if !slices.Contains(admin.TopBy(), by) {
				return usage{fmt.Errorf("--by %q: there are %s", by, strings.Join(admin.TopBy(), ", "))}
			}
			values := url.Values{"by": {by}, "limit": {strconv.Itoa(limit)}}
			var top admin.Top
			return f.ask(ctx, c, http.MethodGet, "/top", values, &top, func() error { return showTop(c, by, &top) })
		}),
	}
	f.add(c)
	c.Flags().StringVar(&by, "by", "name", "what is counted: `word`")
	c.Flags().IntVar(&limit, "limit", 20, "at most so `many` rows")
	return c
}

func showTop(c console, by string, top *admin.Top) error {
	rows := [][]string{{strings.ToUpper(by), "COUNT", "A SECOND"}}
	for _, r := range top.Rows {
		rows = append(rows, []string{r.Key, strconv.FormatUint(r.Count, 10), strconv.FormatFloat(r.PerSecond, 'f', 1, 64)})
	}
	err := c.table(rows)
	if err != nil {
		return err
	}
	sampled := ""
	if top.Sampled > 1 {
		sampled = fmt.Sprintf(", from a sample of one in %d at least", top.Sampled)
	}
	_, err = fmt.Fprintf(c.out, "since %s%s\n", top.Since.UTC().Format(time.RFC3339), sampled)
	return err
}

// tailFlags say which queries are wanted.
type tailFlags struct {
	serverFlags
	client, name, rcode string
	slow, lasts         time.Duration
}

func newTail() *cobra.Command {
	var f tailFlags
	c := &cobra.Command{
		Use:   "tail [--client P] [--name N] [--rcode R] [--slow D] [--for D] [--json] [--admin URL]",
		Short: "Queries as they come",
		Long: `tail shows the queries that a running server is asked, as they come, until it is interrupted or for
as long as --for says: those of a client or prefix, of a name and all below it, with a response
code, or whose answer took a time. The server's own probes are not among them. Whoever reads
too slowly loses lines, and is told how many.`,
		Example: "  inside53 tail --client 10.1.0.0/16 --rcode NXDOMAIN --for 5m",
		Args:    arguments(0, 0),
		RunE:    workOn(func(ctx context.Context, c console, _ []string) error { return f.run(ctx, c) }),
	}
	f.add(c)
	c.Flags().StringVar(&f.client, "client", "", "only those of an address or `prefix`")
	c.Flags().StringVar(&f.name, "name", "", "only those of a `name` and all below it")
	c.Flags().StringVar(&f.rcode, "rcode", "", "only those with this response `code`")
	c.Flags().DurationVar(&f.slow, "slow", 0, "only those whose answer took this `time`")
	c.Flags().DurationVar(&f.lasts, "for", 0, "end after this `time`")
	return c
}

// run prints queries until it is interrupted.
func (f *tailFlags) run(ctx context.Context, c console) error {
	at, err := parseAdmin(f.admin)
	if err != nil {
		return usage{err}
	}
	values := url.Values{}
	for key, value := range map[string]string{"client": f.client, "name": f.name, "rcode": f.rcode} {
		if value != "" {
			values.Set(key, value)
		}
	}
	if f.name != "" {
		_, _, err = resolver.ParseQuestion(f.name, "A")
		if err != nil {
			return usage{err}
		}
	}
	for key, d := range map[string]time.Duration{"slow": f.slow, "for": f.lasts} {
		if d < 0 {
			return usage{fmt.Errorf("--%s %s is negative", key, d)}
		}
		if d > 0 {
			values.Set(key, d.String())
		}
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	response, err := openAdmin(ctx, at, http.MethodGet, "/tail", values)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	err = f.copy(c, response.Body)
	switch {
	case ctx.Err() != nil:
		return nil // interrupted
	case err == nil && f.lasts == 0:
		return errors.New("the server has ended")
	}
	return err
}

// tailLine is a line of /tail.
type tailLine struct {
	At        time.Time
	Client    string
	View      string
	Transport string
	Name      string
	Type      string
	Rcode     string
	Result    string
	Upstream  string
	Seconds   float64
	Lost      uint64
}

// copy prints lines until they end.
func (f *tailFlags) copy(c console, from io.Reader) error {
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		if f.asJSON {
			_, err := fmt.Fprintf(c.out, "%s\n", lines.Bytes())
			if err != nil {
				return err
			}
			continue
		}
		var l tailLine
		err := json.Unmarshal(lines.Bytes(), &l)
		if err != nil {
			return fmt.Errorf("reading a line of the server: %w", err)
		}
		_, err = fmt.Fprintln(c.out, l.text())
		if err != nil {
			return err
		}
	}
	return lines.Err()
}

// text is a line for people.
func (l *tailLine) text() string {
	if l.Lost > 0 {
		return fmt.Sprintf("... %d lost: they came faster than they were read", l.Lost)
	}
	text := fmt.Sprintf("%s  %-15s  %-8s %-3s  %s %s  %s  %s", l.At.UTC().Format("15:04:05.000"), l.Client, l.View,
		l.Transport, l.Name, l.Type, l.Rcode, l.Result)
	if l.Upstream != "" {
		text += " " + l.Upstream
	}
	return fmt.Sprintf("%s  %.3g ms", text, 1000*l.Seconds)
}

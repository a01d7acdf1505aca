package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
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

// defaultAdmin is where a server says how it is, where the configuration doesn't say otherwise.
const defaultAdmin = "http://127.0.0.1:8053"

// serverFlags say which running server is meant, and how it is printed.
type serverFlags struct {
	admin  string
	asJSON bool
}

func (f *serverFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.admin, "admin", defaultAdmin, "`URL` of the server's admin address")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print what the server says, for programs")
}

// ask sends a request to the server. With --json its answer is printed as it is; else it is read
// into answer and printed by show.
func (f *serverFlags) ask(ctx context.Context, c console, method, path string, values url.Values, answer any,
	show func() error,
) error {
	at, err := parseAdmin(f.admin)
	if err != nil {
		return usage{err}
	}
	body, err := requestAdmin(ctx, at, method, path, values)
	if err != nil {
		return err
	}
	if f.asJSON {
		_, err = c.out.Write(body)
		return err
	}
	err = json.Unmarshal(body, answer)
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", at, err)
	}
	return show()
}

func newStatus() *cobra.Command {
	var f serverFlags
	c := &cobra.Command{
		Use:   "status [--json] [--admin URL]",
		Short: "How a running server is, on one screen",
		Long: `status asks a running server (serve or demo) whether it is ready and why not, what is degraded,
how much it is asked, how old its data are, and how its upstreams are. The exit code is 0 for a
server that answers, ready or not.`,
		Args: arguments(0, 0),
		RunE: workOn(func(ctx context.Context, c console, _ []string) error {
			var s admin.Status
			return f.ask(ctx, c, http.MethodGet, "/status", nil, &s, func() error { return showStatus(c, &s) })
		}),
	}
	f.add(c)
	return c
}

// showStatus prints a status for people.
func showStatus(c console, s *admin.Status) error {
	ready := "yes"
	if !s.Ready {
		ready = "no: " + strings.Join(s.Reasons, "; ")
	}
	rows := [][]string{
		{"version", s.Version},
		{"started", fmt.Sprintf("%s (%s ago)", s.Started.UTC().Format(time.RFC3339), age(time.Since(s.Started).Seconds()))},
		{"configuration", s.Config},
		{"ready", ready},
	}
	if len(s.Degraded) > 0 {
		rows = append(rows, []string{"degraded", strings.Join(s.Degraded, ", ") + " (see /report)"})
	}
	rows = append(rows, []string{"queries", fmt.Sprintf("%.1f a second, %.1f SERVFAIL a second", s.QueriesPerSecond,
		s.ServfailPerSec)}, []string{"cache", fmt.Sprintf("%.0f %% hits", 100*s.HitRatio)})
	if s.Fleet.Version > 0 {
		version := strconv.FormatUint(s.Fleet.Version, 10)
		if s.Fleet.Leader != "" {
			version += ", led by " + s.Fleet.Leader
		}
		rows = append(rows, []string{"data", version})
	}
	err := c.table(rows)
	if err != nil {
		return err
	}
	rows = [][]string{{"\nSOURCE", "AGE", "ERROR"}}
	for _, name := range slices.Sorted(maps.Keys(s.Sources)) {
		one := s.Sources[name]
		rows = append(rows, []string{name, ageOrUnknown(one.AgeSeconds), firstLine([]byte(one.Error))})
	}
	if len(s.Upstreams) > 0 {
		rows = append(rows, []string{"\nUPSTREAM", "STATE", "SINCE", "RTT", "FAILED"})
	}
	for _, u := range s.Upstreams {
		state, rtt := "up", "-"
		if !u.Up {
			state = "down"
		}
		if u.RTT != nil {
			rtt = fmt.Sprintf("%.1f ms", 1000**u.RTT)
		}
		rows = append(rows, []string{u.Name, state, u.Since.UTC().Format(time.RFC3339), rtt,
			strconv.FormatUint(u.Failed, 10)})
	}
	return c.table(rows)
}

// age is a time for people.
func age(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func ageOrUnknown(seconds *float64) string {
	if seconds == nil {
		return "never read"
	}
	return age(*seconds)
}

func newFlush() *cobra.Command {
	var f serverFlags
	var tree bool
	c := &cobra.Command{
		Use:   "flush NAME [--tree] [--json] [--admin URL]",
		Short: "Forget what the cache has of a name",
		Long: `flush has a running server forget what upstreams have said of a name: answers, negative ones,
failures, and the answers to other names that lead through it. What an upstream is being asked
meanwhile isn't kept. With --tree all names below go, too. Escapes in NAME are decimal, as dig
prints them.`,
		Example: "  inside53 flush www.example.org\n  inside53 flush example.org --tree",
		Args:    arguments(1, 1),
		RunE: workOn(func(ctx context.Context, c console, args []string) error {
			_, _, err := resolver.ParseQuestion(args[0], "A")
			if err != nil {
				return usage{err}
			}
			values := url.Values{"name": {args[0]}}
			if tree {
				values.Set("tree", "true")
			}
			var answer admin.Flushed
			return f.ask(ctx, c, http.MethodPost, "/flush", values, &answer, func() error {
				_, err := fmt.Fprintf(c.out, "%d answers forgotten\n%s", answer.Removed, octalHint(args[0]))
				return err
			})
		}),
	}
	f.add(c)
	c.Flags().BoolVar(&tree, "tree", false, "all names below, too")
	return c
}

func newRefresh() *cobra.Command {
	var f serverFlags
	c := &cobra.Command{
		Use:   "refresh [ZONE] [--json] [--admin URL]",
		Short: "Have a running server read a zone, or all, now",
		Long: `refresh has a running server read a zone (its name or id) or a region now, as soon as the budget
of its account allows, or all that it reads. Zone files are read when they change.`,
		Example: "  inside53 refresh example.com\n  inside53 refresh eu-west-1",
		Args:    arguments(0, 1),
		RunE: workOn(func(ctx context.Context, c console, args []string) error {
			values := url.Values{}
			if len(args) > 0 {
				values.Set("zone", args[0])
			}
			var answer admin.Scheduled
			return f.ask(ctx, c, http.MethodPost, "/refresh", values, &answer, func() error {
				return showScheduled(c, &answer)
			})
		}),
	}
	f.add(c)
	return c
}

func showScheduled(c console, s *admin.Scheduled) error {
	if len(s.Scheduled) == 0 {
		_, err := fmt.Fprintln(c.out, "nothing to read: files are read when they change")
		return err
	}
	rows := [][]string{{"READ NOW"}}
	for _, key := range s.Scheduled {
		rows = append(rows, []string{key})
	}
	err := c.table(rows)
	if err == nil && s.WaitSeconds > 0 {
		_, err = fmt.Fprintf(c.out, "the budget makes that wait %s at most\n", age(s.WaitSeconds))
	}
	return err
}

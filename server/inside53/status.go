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
how much it is asked, how old its data are, how its upstreams are, and which zones and regions can't
be read or are held back, with the command that helps. The exit code is 0 for a server that answers,
ready or not.`,
		Args: arguments(0, 0),
		RunE: workOn(func(ctx context.Context, c console, _ []string) error {
			var s admin.Status
			return f.ask(ctx, c, http.MethodGet, "/status", nil, &s, func() error {
				parts, err := f.failing(ctx)
				if err != nil {
					return err
				}
				withoutErrors(&s, parts)
				err = showStatus(c, &s)
				if err != nil {
					return err
				}
				return f.showFailing(c, parts)
			})
		}),
	}
	f.add(c)
	return c
}

// withoutErrors leaves those errors out of a status that stand beside their parts, below it.
func withoutErrors(s *admin.Status, parts []admin.Part) {
	shorten := func(text string) string {
		for i := range parts[:min(len(parts), failingShown)] {
			if parts[i].Error != "" {
				text = strings.ReplaceAll(text, ": "+parts[i].Error, ": see below")
			}
		}
		return text
	}
	for i := range s.Reasons {
		s.Reasons[i] = shorten(s.Reasons[i])
	}
	for name, one := range s.Sources {
		one.Error = shorten(one.Error)
		s.Sources[name] = one
	}
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
		s.ServfailPerSec)}, []string{"cache", cacheText(s)})
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

// cacheText is how often the cache has the answer, of what it was asked in the last seconds.
func cacheText(s *admin.Status) string {
	if s.CacheAsked == 0 && s.HitRatio == 0 {
		return "not asked"
	}
	return fmt.Sprintf("%.0f %% hits", 100*s.HitRatio)
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

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"inside53/resolver"
	"inside53/zonesource/recorder"

	"github.com/spf13/cobra"
)

// historyFlags are those of history and of history show.
type historyFlags struct {
	admin  string
	asJSON bool
}

func (f *historyFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.admin, "admin", defaultAdmin, "`URL` of the server's admin address")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print what the server says, for programs")
}

func newHistory() *cobra.Command {
	var f historyFlags
	var since, until string
	var limit int
	c := &cobra.Command{
		Use:   "history [NAME or ZONE] [--since T] [--until T] [--limit N] [--json] [--admin URL]",
		Short: "What has changed, when, from what to what, by whom",
		Long: `history asks a running server what has changed of a name, of all of a zone (its name or its
id), or of everything, the newest first. T is RFC 3339, a date, or how long ago: 2h, 3d. How
much of the past is kept says history in the configuration. Escapes in names are decimal, as
dig prints them.`,
		Example: "  inside53 history www.example.com --since 3d\n  inside53 history show 1234",
		Args:    arguments(0, 1),
		RunE: workOn(func(ctx context.Context, c console, args []string) error {
			values := url.Values{"limit": {strconv.Itoa(limit)}}
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			switch {
			case name == "":
			case strings.HasPrefix(name, "Z") && !strings.Contains(name, "."):
				values.Set("zone", name)
			default:
				_, _, err := resolver.ParseQuestion(name, "A")
				if err != nil {
					return usage{err}
				}
				values.Set("name", name)
			}
			for key, text := range map[string]string{"since": since, "until": until} {
				if text == "" {
					continue
				}
				_, err := recorder.ParseMoment(text, time.Now())
				if err != nil {
					return usage{fmt.Errorf("--%s: %w", key, err)}
				}
				values.Set(key, text)
			}
			return f.print(ctx, c, values, octalHint(name))
		}),
	}
	f.add(c)
	c.Flags().StringVar(&since, "since", "", "only what was changed after this `time`")
	c.Flags().StringVar(&until, "until", "", "only what was changed before this `time`")
	c.Flags().IntVar(&limit, "limit", 100, "at most so `many` changes")
	c.AddCommand(newHistoryShow())
	return c
}

func newHistoryShow() *cobra.Command {
	var f historyFlags
	c := &cobra.Command{
		Use:     "show VERSION [--json] [--admin URL]",
		Short:   "All that one version has changed",
		Example: "  inside53 history show 1234",
		Args:    arguments(1, 1),
		RunE: workOn(func(ctx context.Context, c console, args []string) error {
			_, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil {
				return usage{fmt.Errorf("%q is no version; history prints their numbers", args[0])}
			}
			return f.print(ctx, c, url.Values{"version": {args[0]}, "limit": {"100000"}}, "")
		}),
	}
	f.add(c)
	return c
}

// print asks the server and prints what it says.
func (f *historyFlags) print(ctx context.Context, c console, values url.Values, hint string) error {
	admin, err := parseAdmin(f.admin)
	if err != nil {
		return usage{err}
	}
	body, err := askAdmin(ctx, admin, "/history", values)
	if err != nil {
		return err
	}
	if f.asJSON {
		_, err = c.out.Write(body)
		return err
	}
	var lines []recorder.Line
	err = json.Unmarshal(body, &lines)
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", admin, err)
	}
	if len(lines) == 0 {
		_, err = fmt.Fprintf(c.out, "nothing of it has changed in what is kept of the past\n%s", hint)
		return err
	}
	rows := [][]string{{"VERSION", "AT", "NAME", "TYPE", "FROM", "TO", "BY"}}
	for i := range lines {
		l := &lines[i]
		what := l.Type
		if l.Set != "" {
			what += " " + l.Set
		}
		by := l.Actor
		if l.Cause != "listing" {
			by = l.Cause + ": " + by
		}
		rows = append(rows, []string{strconv.FormatUint(l.Version, 10), l.At.UTC().Format(time.RFC3339), l.Name, what,
			valuesOf(l.Before, l.BeforeTTL, l.AfterTTL), valuesOf(l.After, l.AfterTTL, l.BeforeTTL), by})
	}
	err = c.table(rows)
	if err == nil {
		_, err = fmt.Fprint(c.out, hint)
	}
	return err
}

// valuesOf are values for people, with the TTL where that has changed.
func valuesOf(values []string, ttl, other uint32) string {
	if len(values) == 0 {
		return "-"
	}
	shown := make([]string, len(values))
	for i := range values {
		shown[i] = plainValue(values[i])
	}
	text := strings.Join(shown, ", ")
	if ttl != other && ttl > 0 && other > 0 {
		text = fmt.Sprintf("%s (%d s)", text, ttl)
	}
	return text
}

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"inside53/resolver"
	"inside53/server/admin"

	"github.com/spf13/cobra"
)

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
				forgotten := fmt.Sprintf("%d answers forgotten", answer.Removed)
				if answer.Removed == 1 {
					forgotten = "1 answer forgotten"
				}
				_, err := fmt.Fprintf(c.out, "%s\n%s", forgotten, octalHint(args[0]))
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

func newAccept() *cobra.Command {
	var at string
	c := &cobra.Command{
		Use:   "accept ZONE [--admin URL]",
		Short: "Accept a listing that is held back because it lacks much",
		Long: `accept has a running server believe what AWS says of a zone (its name or id) or region that has
lost many names, or is gone: it is held back until a second reading says the same. What would go is
shown by status, and with all names at /parts.`,
		Example: "  inside53 accept example.com\n  inside53 accept eu-west-1",
		Args:    arguments(1, 1),
		RunE: workOn(func(ctx context.Context, c console, args []string) error {
			to, err := parseAdmin(at)
			if err != nil {
				return usage{err}
			}
			_, err = requestAdmin(ctx, to, http.MethodPost, "/accept", url.Values{"zone": {args[0]}})
			if err != nil {
				return err
			}
			_, err = io.WriteString(c.out, "accepted\n")
			return err
		}),
	}
	c.Flags().StringVar(&at, "admin", defaultAdmin, "`URL` of the server's admin address")
	return c
}

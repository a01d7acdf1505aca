package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

func newReady() *cobra.Command {
	var admin string
	c := &cobra.Command{
		Use:   "ready [--admin URL]",
		Short: "Whether a running server is ready: exit code 0, else 1",
		Long: `ready asks a running server whether it is ready, as /readyz says it: all data are there and
every packet loop answers. It prints one word, and beside it what doesn't work though it is
ready; the exit code is 1 when it isn't ready or can't be asked. It is the health check of the
image. --admin may be the address of health, too.`,
		Example: "  inside53 ready",
		Args:    cobra.NoArgs,
		RunE: workOn(func(ctx context.Context, c console, _ []string) error {
			from, err := parseAdmin(admin)
			if err != nil {
				return usage{err}
			}
			body, err := askAdmin(ctx, from, "/readyz", nil)
			if err != nil {
				return unready(err)
			}
			var says struct{ Degraded []string }
			err = json.Unmarshal(body, &says)
			if err != nil {
				return fmt.Errorf("reading the answer of %s: %w", from, err)
			}
			line := "ready"
			if len(says.Degraded) > 0 {
				line += ", degraded: " + strings.Join(says.Degraded, ", ")
			}
			_, err = fmt.Fprintln(c.out, line)
			return err
		}),
	}
	c.Flags().StringVar(&admin, "admin", "http://127.0.0.1:8053", "`URL` of the server's admin address")
	return c
}

// unready is the error with the reasons that the server gives, where it gives some.
func unready(err error) error {
	var answer *refused
	if !errors.As(err, &answer) || answer.code != http.StatusServiceUnavailable {
		return err
	}
	var says struct{ Reasons []string }
	unread := json.Unmarshal(answer.body, &says)
	if unread != nil || len(says.Reasons) == 0 {
		return err
	}
	return fmt.Errorf("asking %s: not ready: %s", answer.admin, strings.Join(says.Reasons, "; "))
}

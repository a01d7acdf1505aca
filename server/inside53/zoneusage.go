package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"inside53/server/admin"
)

// showUsage prints when the record sets of a zone, or of a name in it, were asked for last.
func (f *serverFlags) showUsage(ctx context.Context, c console, zone, name string) error {
	values := url.Values{"zone": {zone}}
	if name != "" {
		values.Set("name", name)
	}
	var sets []admin.Usage
	return f.ask(ctx, c, http.MethodGet, "/usage", values, &sets, func() error {
		if len(sets) == 0 {
			_, err := fmt.Fprintln(c.out, "no such record set is served")
			return err
		}
		rows := [][]string{{"NAME", "TYPE", "ZONE", "LAST", "ABOUT", "BY"}}
		for i := range sets {
			rows = append(rows, usageRow(&sets[i]))
		}
		return c.table(rows)
	})
}

func usageRow(u *admin.Usage) []string {
	last, about := "never since "+u.Since.UTC().Format(time.RFC3339), "-"
	if u.Last != nil {
		last = u.Last.UTC().Format(time.RFC3339)
		if u.WithinSeconds > 0 {
			last += fmt.Sprintf(" +%.0fm", u.WithinSeconds/60)
		}
	}
	if u.Count > 0 {
		about = strconv.FormatUint(u.Count, 10)
	}
	var by []string
	for _, client := range u.Clients {
		text := client.Address
		if client.Instance != "" {
			text = strings.TrimSpace(strings.TrimSuffix(client.Name, ".") + " " + client.Instance)
		}
		by = append(by, text)
	}
	return []string{u.Name, u.Type, u.Zone, last, about, strings.Join(by, ", ")}
}

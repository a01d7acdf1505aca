package policy

import (
	"log/slog"
	"path/filepath"

	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/observe"
)

// QueryLog is what a configuration wants logged of the queries, in files below a directory.
func QueryLog(c *config.Config, dir string, log *slog.Logger) observe.QueryLog {
	q := c.Queries()
	s := observe.QueryLog{
		Sample: uint64(q.Sample), Filter: observe.Filter{Clients: q.Clients, Slower: q.Slower}, Log: log,
		NewLogger: func(to *observe.File) *slog.Logger { return c.Log.Logger(to) },
	}
	for _, name := range q.Names {
		s.Filter.Names = append(s.Filter.Names, zone.MustName(string(name)))
	}
	for _, code := range q.Rcodes {
		s.Filter.Rcodes = append(s.Filter.Rcodes, code.Number())
	}
	if q.File != "" {
		s.File = filepath.Join(dir, q.File)
	}
	return s
}

package config

import (
	"io"
	"log/slog"
)

// Log is the section log.
type Log struct {
	// Level is debug, info, warn or error. Default info.
	Level slog.Level `yaml:"level"`

	// Format is text or json. Default text.
	Format LogFormat `yaml:"format"`

	// SampleQueries logs one query in so many where query_log logs none: 1 logs each, 1000 each
	// thousandth. 0 logs none. Default 0.
	SampleQueries int `yaml:"sample_queries"`
}

// Logger returns the logger that l describes, writing to w.
func (l Log) Logger(w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: l.Level}
	if l.Format == LogJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// LogFormat is a value of log.format.
type LogFormat string

// The formats of the log.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

func (f *LogFormat) parse(text string) error { return parseWord(f, text, LogText, LogJSON) }

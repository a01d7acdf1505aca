package config

import (
	"errors"
	"strconv"
	"strings"
)

// Fault is one thing wrong with a configuration.
type Fault struct {
	File string `json:"file"`
	Line int    `json:"line"` // 0 = unknown
	Key  string `json:"key"`  // its path: forward[0].zone; "" for the file as a whole
	Text string `json:"text"`
}

// Error implements error.
func (f Fault) Error() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File)
		if f.Line > 0 {
			b.WriteString(":" + strconv.Itoa(f.Line))
		}
		b.WriteString(": ")
	}
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Text)
	return b.String()
}

// Faults are the faults that an error joins, each by itself. What is no [Fault] has its text
// alone.
func Faults(err error) []Fault {
	if err == nil {
		return nil
	}
	joined, several := err.(interface{ Unwrap() []error })
	if !several {
		f, is := err.(Fault)
		var below interface{ Unwrap() []error }
		switch {
		case is:
			return []Fault{f}
		case errors.As(err, &below):
			return Faults(errors.Unwrap(err))
		}
		return []Fault{{Text: err.Error()}}
	}
	var all []Fault
	for _, e := range joined.Unwrap() {
		all = append(all, Faults(e)...)
	}
	return all
}

// At is the fault of the key at path that text says, with its line in the file.
func (c *Config) At(path, text string) Fault {
	at := path
	for c.lines[at] == 0 && at != "" {
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
	}
	return Fault{c.file, c.lines[at], path, text}
}

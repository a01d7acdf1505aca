package logs

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
)

// Switch changes what a logger writes while it is in use. It is safe for concurrent use.
type Switch struct {
	level slog.LevelVar
	json  atomic.Bool
}

// Set says from which level on lines are written, and whether as JSON.
func (s *Switch) Set(level slog.Level, json bool) {
	s.level.Set(level)
	s.json.Store(json)
}

// NewLogger returns a logger that writes to w, and what changes it.
func NewLogger(w io.Writer) (*slog.Logger, *Switch) {
	s := new(Switch)
	o := &slog.HandlerOptions{Level: &s.level}
	return slog.New(&switched{s, slog.NewTextHandler(w, o), slog.NewJSONHandler(w, o)}), s
}

// switched is a handler of two formats.
type switched struct {
	*Switch
	text, json slog.Handler
}

// Enabled implements [slog.Handler].
func (h *switched) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level.Level() }

// Handle implements [slog.Handler].
func (h *switched) Handle(ctx context.Context, r slog.Record) error {
	if h.Switch.json.Load() {
		return h.json.Handle(ctx, r)
	}
	return h.text.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h *switched) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &switched{h.Switch, h.text.WithAttrs(attrs), h.json.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h *switched) WithGroup(name string) slog.Handler {
	return &switched{h.Switch, h.text.WithGroup(name), h.json.WithGroup(name)}
}

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"inside53/server"
)

// underLog is a log on a terminal with a line below it that says what is going on. Each line
// of the log erases it first, and has it below again. It is safe for concurrent use.
type underLog struct {
	mu   sync.Mutex // guards the rest, and the order of what is written
	to   io.Writer
	line string
}

// Write implements io.Writer, for the log.
func (u *underLog) Write(text []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.erase()
	n, err := u.to.Write(text)
	u.draw()
	return n, err
}

// show replaces the line; "" is none.
func (u *underLog) show(line string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if line == u.line {
		return
	}
	u.erase()
	u.line = line
	u.draw()
}

// erase and draw write for people; nobody depends on it.
func (u *underLog) erase() {
	if u.line != "" {
		_, _ = io.WriteString(u.to, "\r\x1b[K")
	}
}

func (u *underLog) draw() {
	if u.line != "" {
		_, _ = io.WriteString(u.to, u.line)
	}
}

// Pauses between two looks at what was read.
const progressPause = 100 * time.Millisecond

// watch shows how far the first reading is, until all is there or ctx ends.
func (u *underLog) watch(ctx context.Context, reading func() server.Reading) {
	defer u.show("")
	tick := time.NewTicker(progressPause)
	defer tick.Stop()
	for {
		r := reading()
		if r.Complete {
			return
		}
		u.show(progressOf(r))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// progressOf says how far a reading is.
func progressOf(r server.Reading) string {
	if r.Done == 0 && len(r.Missing) == 0 {
		return "reading what there is ..."
	}
	text := fmt.Sprintf("read %d of %d parts", r.Done, r.Done+len(r.Missing))
	if len(r.Missing) > 0 {
		text += ", next " + r.Missing[0]
	}
	return strings.Map(printableRune, text)
}

// printableRune keeps what data say of themselves from steering a terminal.
func printableRune(r rune) rune {
	if r < ' ' || r == 0x7f {
		return '?'
	}
	return r
}

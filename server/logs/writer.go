package logs

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// maxWaitingLog is how many bytes of the log wait for who takes it.
	maxWaitingLog = 1 << 20
	// lastLog is how long the end of the process waits for that.
	lastLog = time.Second
)

// Writer hands the log over to a writer that may stand still, such as the pipe to a
// journal that hangs. While Run runs nobody waits for that writer: neither the packet
// loops, which log sampled queries, nor the sources. What comes when too much waits
// already is lost, and counted. Before and after Run, lines are written at once.
// Write is safe for concurrent use.
type Writer struct {
	to   io.Writer
	wake chan struct{}

	mu      sync.Mutex
	waiting []byte // whole lines
	lost    int    // lines, since that was said
	fault   error  // of the last write; nil: it succeeded
	running bool
}

// New returns a Writer to w.
func New(w io.Writer) *Writer {
	return &Writer{to: w, wake: make(chan struct{}, 1)}
}

// Write takes one line, which is borrowed.
func (l *Writer) Write(line []byte) (int, error) {
	if !l.queue(line) {
		n, err := l.to.Write(line)
		l.note(line, err)
		return n, err
	}
	select {
	case l.wake <- struct{}{}:
	default: // it is awake
	}
	return len(line), nil
}

// queue keeps a line for Run, or counts it as lost; false says that Run doesn't run.
func (l *Writer) queue(line []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !l.running:
		return false
	case len(l.waiting)+len(line) > maxWaitingLog:
		l.lost++
	default:
		l.waiting = append(l.waiting, line...)
	}
	return true
}

// note keeps what came of writing lines.
func (l *Writer) note(lines []byte, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = err
	if err != nil {
		l.lost += bytes.Count(lines, []byte("\n"))
	}
}

// Fault returns why the log can't be written, nil while it can: by the last line of it.
func (l *Writer) Fault() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fault
}

// Run hands lines over until ctx ends, and returns nil when the rest is handed over too,
// or nobody has taken it for a second: a journal that hangs must not keep the process.
// Only then a goroutine stays behind, in that write. log, which writes to l, tells of
// lines that were lost.
func (l *Writer) Run(ctx context.Context, log *slog.Logger) error {
	l.mu.Lock()
	l.running = true
	l.mu.Unlock()
	done := make(chan struct{})
	go l.handOver(ctx, log, done)
	<-ctx.Done()
	timer := time.NewTimer(lastLog)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
	return nil
}

// handOver is the goroutine of Run.
func (l *Writer) handOver(ctx context.Context, log *slog.Logger, done chan<- struct{}) {
	defer close(done)
	var spare []byte
	for ended := false; ; {
		out, lost := l.swap(spare, ended)
		if len(out) > 0 {
			_, err := l.to.Write(out)
			l.note(out, err)
		}
		spare = out[:0]
		if lost > 0 {
			log.Warn("lines of the log lost: nobody read them", "lines", lost)
			continue
		}
		if ended && len(out) == 0 {
			return
		}
		if ended || len(out) > 0 {
			continue
		}
		select {
		case <-l.wake:
		case <-ctx.Done():
			ended = true
		}
	}
}

// swap returns what waits, and leaves spare for what comes. What is lost is said when the
// log can be written again: a line about it would be the next to be lost. At the end, with
// nothing left, the next line is written at once.
func (l *Writer) swap(spare []byte, ended bool) (out []byte, lost int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out = l.waiting
	l.waiting = spare[:0]
	if l.fault == nil {
		lost, l.lost = l.lost, 0
	}
	if ended && len(out) == 0 && lost == 0 {
		l.running = false
	}
	return out, lost
}

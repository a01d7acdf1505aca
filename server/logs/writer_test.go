package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// journal takes what is written while it isn't stuck.
type journal struct {
	stuck sync.Mutex
	text  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.stuck.Lock()
	defer j.stuck.Unlock()
	return j.text.Write(p)
}

// TestWriterNeverWaits logs to a journal that hangs for a while.
func TestWriterNeverWaits(t *testing.T) {
	var to journal
	l := New(&to)
	log := slog.New(slog.NewTextHandler(l, nil))
	log.Info("before")
	if !strings.Contains(to.text.String(), "msg=before\n") {
		t.Fatalf("before Run: %q", &to.text)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, log) }()
	eventually(t, "it runs", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.running
	})

	to.stuck.Lock()
	line := strings.Repeat("x", 1000)
	const lines = 3 * maxWaitingLog / 1000
	for i := range lines {
		log.Info(line, "n", i)
	}
	to.stuck.Unlock()
	eventually(t, "each line is kept, or told as lost", func() bool {
		to.stuck.Lock()
		defer to.stuck.Unlock()
		kept, lost := accountOf(t, to.text.String(), line)
		return kept+lost == lines
	})
	log.Info("after")
	end()
	err := <-ended
	if err != nil {
		t.Fatal(err)
	}
	log.Info("at the end")

	text := to.text.String()
	kept, lost := accountOf(t, text, line)
	if kept+lost != lines || kept < lines/4 || lost == 0 {
		t.Errorf("of %d lines %d are kept, %d lost", lines, kept, lost)
	}
	if !strings.Contains(text, "msg=after\n") || !strings.HasSuffix(text, "msg=\"at the end\"\n") {
		t.Errorf("the end is %q", text[max(0, len(text)-300):])
	}
	for got := range strings.Lines(text) {
		if !strings.HasPrefix(got, "time=") || !strings.HasSuffix(got, "\n") {
			t.Fatalf("not a line: %q", got)
		}
	}
}

// accountOf returns how often a log has a line, and how many lines it says are lost, in
// all: that may be told in several parts.
func accountOf(t *testing.T, text, line string) (kept, lost int) {
	t.Helper()
	for got := range strings.Lines(text) {
		if strings.Contains(got, line) {
			kept++
		}
		_, count, told := strings.Cut(got, "lines of the log lost: nobody read them\" lines=")
		if told {
			var n int
			_, err := fmt.Sscan(count, &n)
			if err != nil {
				t.Fatalf("%q: %v", got, err)
			}
			lost += n
		}
	}
	return kept, lost
}

// TestWriterEnds ends the process although the journal hangs for good.
func TestWriterEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &hangs{freed: make(chan struct{})}
		l := New(to)
		log := slog.New(slog.NewTextHandler(l, nil))
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx, log) }()
		synctest.Wait()
		log.Info("a line")
		end()
		began := time.Now()
		err := <-ended
		if took := time.Since(began); err != nil || took != lastLog {
			t.Errorf("it ended after %s with %v", took, err)
		}
		log.Info("nobody takes this one either")
		close(to.freed)
	})
}

// hangs takes nothing until it is freed.
type hangs struct{ freed chan struct{} }

func (h *hangs) Write(p []byte) (int, error) {
	<-h.freed
	return len(p), nil
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never came about: " + what)
		}
	}
}

// TestWriterHeals: lines that fail to be written are counted, the fault is there as long
// as it lasts, and both are said when somebody reads again.
func TestWriterHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &broken{fault: syscall.EPIPE}
		l := New(to)
		log := slog.New(slog.NewTextHandler(l, nil))
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx, log) }()
		synctest.Wait()
		if l.Fault() != nil {
			t.Errorf("before any line: %v", l.Fault())
		}
		for range 3 {
			log.Info("a line")
			synctest.Wait()
		}
		if !errors.Is(l.Fault(), syscall.EPIPE) {
			t.Errorf("the fault is %v", l.Fault())
		}
		to.set(nil)
		log.Info("read again")
		synctest.Wait()
		text := to.text.String()
		if l.Fault() != nil || !strings.Contains(text, "read again") || !strings.Contains(text, "lines=3") {
			t.Errorf("fault %v, log %q", l.Fault(), text)
		}
		end()
		err := <-ended
		if err != nil {
			t.Error(err)
		}
	})
}

// broken fails as long as it has a fault.
type broken struct {
	mu    sync.Mutex
	fault error
	text  bytes.Buffer
}

func (b *broken) set(fault error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fault = fault
}

func (b *broken) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fault != nil {
		return 0, b.fault
	}
	return b.text.Write(p)
}

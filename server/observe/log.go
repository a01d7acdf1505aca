package observe

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"inside53/resolver"
)

// QueryLog says what of the answers is logged.
type QueryLog struct {
	Sample uint64 // one in so many: 1 is each, 0 none
	Filter Filter
	// Log is where lines go where there is no file.
	Log *slog.Logger
	// File is the path of the file that lines go to; "" for none. NewLogger makes the logger that
	// writes to it.
	File      string
	NewLogger func(to *File) *slog.Logger
}

// queryLog is the query log.
type queryLog struct {
	settings QueryLog
	log      *slog.Logger
	file     *File // nil: none
}

func newQueryLog(s QueryLog, old *queryLog) *queryLog {
	l := &queryLog{settings: s, log: s.Log}
	if s.File == "" {
		return l
	}
	if old != nil && old.file != nil && old.file.path == s.File {
		l.file = old.file
	} else {
		l.file = &File{path: s.File, most: fileBytes}
	}
	l.log = s.NewLogger(l.file)
	return l
}

// release closes the file, unless the query log after this one goes on with it.
func (l *queryLog) release(next *queryLog) {
	if l.file != nil && (next == nil || next.file != l.file) {
		l.close()
	}
}

// add logs an answer, if it is wanted.
func (l *queryLog) add(o *resolver.Observed) {
	if !l.settings.Filter.wants(o) {
		return
	}
	one := lineOf(o)
	r := slog.NewRecord(one.At, slog.LevelInfo, "query", 0)
	r.AddAttrs(one.attributes()...)
	_ = l.log.Handler().Handle(context.Background(), r) // the file, or the log, knows why it failed
}

// flush has what waits be written.
func (l *queryLog) flush(lost uint64) {
	if lost > 0 {
		l.log.Warn("lines of the query log lost: answers came too fast", "lines", lost)
	}
	if l.file != nil {
		l.file.flush()
	}
}

func (l *queryLog) close() {
	if l.file != nil {
		l.file.close()
	}
}

const (
	// fileBytes is how large the file may become before it is turned.
	fileBytes = 100 << 20
	// fileAgain is how soon a file that can't be written is tried again.
	fileAgain = 5 * time.Second
)

// File is a file of lines. When it is full it becomes FILE.1, in place of what was that before, and
// a new one begins. One that can't be written costs the lines that come meanwhile, and is tried
// again. It belongs to who holds the observer.
type File struct {
	path  string
	most  int64
	file  *os.File
	to    *bufio.Writer
	size  int64
	fault error     // of the last try
	tried time.Time // when that was
}

// Write implements [io.Writer]: it accepts one line.
func (f *File) Write(line []byte) (int, error) {
	if f.file != nil && f.size > 0 && f.size+int64(len(line)) > f.most {
		f.turn()
	}
	if f.file == nil {
		err := f.open()
		if err != nil {
			return 0, err
		}
	}
	n, err := f.to.Write(line)
	f.size += int64(n)
	if err != nil {
		f.fail(err)
	}
	return n, err
}

// open opens the file to append to it, if it is time to try.
func (f *File) open() error {
	if f.fault != nil && time.Since(f.tried) < fileAgain {
		return f.fault
	}
	f.tried = time.Now()
	_ = os.MkdirAll(filepath.Dir(f.path), 0o700) // an error is that of opening
	file, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	var info fs.FileInfo
	if err == nil {
		info, err = file.Stat()
		if err != nil {
			_ = file.Close() // nothing was written
		}
	}
	if err != nil {
		f.fault = fmt.Errorf("opening the query log: %w", err)
		return f.fault
	}
	f.file, f.to, f.size, f.fault = file, bufio.NewWriterSize(file, 64<<10), info.Size(), nil
	return nil
}

// turn puts the file aside.
func (f *File) turn() {
	f.flush()
	if f.file == nil {
		return
	}
	f.close()
	err := os.Rename(f.path, f.path+".1")
	if err != nil {
		f.fault, f.tried = fmt.Errorf("turning the query log %s: %w", filepath.Base(f.path), err), time.Now()
	}
}

// flush writes what is buffered.
func (f *File) flush() {
	if f.file == nil {
		return
	}
	err := f.to.Flush()
	if err != nil {
		f.fail(err)
	}
}

// fail gives up the open file; it is opened again later.
func (f *File) fail(err error) {
	f.fault, f.tried = fmt.Errorf("writing the query log: %w", err), time.Now()
	_ = f.file.Close() // it failed already
	f.file, f.to = nil, nil
}

// close writes what is buffered, and closes.
func (f *File) close() {
	f.flush()
	if f.file == nil {
		return
	}
	err := f.file.Close()
	if err != nil {
		f.fault, f.tried = fmt.Errorf("closing the query log: %w", err), time.Now()
	}
	f.file, f.to = nil, nil
}

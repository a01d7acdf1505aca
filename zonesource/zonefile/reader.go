package zonefile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"inside53/resolver/zone"
	"inside53/zonesource/rdata"
)

// Bounds of what one zone may be made of.
const (
	maxEntry    = 1 << 20 // bytes of one entry, over all its lines
	maxDepth    = 8       // files inside files
	maxFiles    = 1000
	readAtOnce  = 64 << 10
	checkCancel = 1 << 12 // entries between two looks at the context
)

// place is where something stands.
type place struct {
	file string
	line int
}

// String is FILE:LINE, or FILE for the file as a whole.
func (p place) String() string {
	if p.line == 0 {
		return p.file
	}
	return fmt.Sprintf("%s:%d", p.file, p.line)
}

// reader reads one file of a zone, entry by entry.
type reader struct {
	load   *loader
	path   string
	depth  int
	origin []byte // wire form, case as written
	owner  []byte // of the record before, lower-case wire form; empty: none yet

	in      *bufio.Reader
	line    int // lines read
	first   int // first line of the entry
	lexer   lexer
	entry   []byte // of an entry over several lines
	data    []byte // rdata of the record
	joined  []byte
	entries int
}

func (r *reader) place() place { return place{r.path, r.first} }

// include reads the file at path into the zone. Its fault, if it can't be read
// at all, is the caller's to place.
func (l *loader) include(path string, origin []byte, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("$INCLUDE nested more than %d deep", maxDepth)
	}
	if len(l.files) >= maxFiles {
		return fmt.Errorf("more than %d files", maxFiles)
	}
	file, err := l.open(path)
	if err != nil {
		return err
	}
	size := l.files[len(l.files)-1].info.Size()
	return errors.Join(newReader(l, file, size, path, origin, depth).read(), file.Close())
}

// newReader reads a file that was of some size when it was opened.
func newReader(l *loader, in io.Reader, size int64, path string, origin []byte, depth int) *reader {
	r := &reader{
		load: l, path: path, depth: depth, origin: origin,
		in: bufio.NewReaderSize(in, int(min(size+1, readAtOnce))), // there may be very many small ones
	}
	r.skipMark()
	return r
}

// byteOrderMark is what editors of Windows put before UTF-8.
const byteOrderMark = "\ufeff"

// skipMark skips a byte order mark. An error of reading comes again with the first line.
func (r *reader) skipMark() {
	start, err := r.in.Peek(len(byteOrderMark))
	if err == nil && string(start) == byteOrderMark {
		_, _ = r.in.Discard(len(byteOrderMark))
	}
}

// open opens a file and remembers its state. Only regular files can be watched,
// and others may block.
func (l *loader) open(path string) (*os.File, error) {
	l.files = append(l.files, watched{path: path})
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err = file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	l.files[len(l.files)-1].info = info
	return file, nil
}

// read reads to the end of the file. Faults of single entries go to the loader;
// the error is one after which nothing more can be read.
func (r *reader) read() error {
	for {
		more, err := r.next()
		if err != nil || !more {
			return err
		}
		r.entries++
		if r.entries%checkCancel == 0 && r.load.ctx.Err() != nil {
			return r.load.ctx.Err()
		}
		if len(r.lexer.tokens) == 0 && !r.hidden() {
			continue
		}
		err = r.handle()
		switch {
		case err == nil:
		case errors.Is(err, errGaveUp) || r.load.ctx.Err() != nil:
			return err
		case !r.load.fault(r.place(), err):
			return errGaveUp
		}
	}
}

// next cuts the next entry into tokens; false at the end of the file. Entries
// that can't be cut are faults and come without tokens.
func (r *reader) next() (bool, error) {
	x := &r.lexer
	x.reset()
	line, err := r.readLine()
	if err != nil {
		return false, ignoreEOF(err)
	}
	r.first = r.line
	x.text = line
	err = x.line(0)
	if err == nil && x.depth > 0 {
		r.entry = append(r.entry[:0], line...)
	}
	for err == nil && x.depth > 0 {
		line, err = r.readLine()
		if err != nil {
			err = errors.Join(errors.New("no closing parenthesis"), ignoreEOF(err))
			break
		}
		from := len(r.entry)
		r.entry = append(r.entry, line...)
		if len(r.entry) > maxEntry {
			err = fmt.Errorf("entry of more than %d bytes; is a parenthesis not closed?", maxEntry)
			break
		}
		x.text = r.entry
		err = x.line(from)
	}
	if err == nil {
		return true, nil
	}
	x.tokens = x.tokens[:0]
	if !r.load.fault(r.place(), err) {
		return false, errGaveUp
	}
	return true, nil
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// readLine returns the next line, which is good until the next call. The last one may
// lack its line feed. The error is io.EOF at the end.
func (r *reader) readLine() ([]byte, error) {
	line, err := r.in.ReadSlice('\n')
	if err == nil {
		r.line++
		return line, nil
	}
	long := append([]byte(nil), line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = r.in.ReadSlice('\n')
		long = append(long, line...)
		if len(long) > maxEntry {
			return nil, fmt.Errorf("%s:%d: line of more than %d bytes", r.path, r.line+1, maxEntry)
		}
	}
	line = long
	if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
		return nil, err
	}
	r.line++
	return line, nil
}

// handle reads one entry: a directive or a record.
func (r *reader) handle() error {
	x := &r.lexer
	first := x.bytes(x.tokens[0])
	if x.leading || x.tokens[0].quoted || len(first) == 0 || first[0] != '$' {
		return r.record(x)
	}
	arguments := x.tokens[1:]
	switch directive := strings.ToUpper(string(first)); directive {
	case "$ORIGIN":
		if len(arguments) != 1 {
			return errors.New("$ORIGIN takes one name")
		}
		return r.setOrigin(arguments[0])
	case "$TTL":
		if len(arguments) != 1 {
			return errors.New("$TTL takes one TTL")
		}
		ttl, long, err := parseTTL(x.bytes(arguments[0]))
		if err != nil {
			return err
		}
		if long {
			r.load.problem(r.load.apex, zone.TypeSOA, r.place(), longTTL)
		}
		r.load.ttls.byDefault, r.load.ttls.hasByDefault = ttl, true
		return nil
	case "$DATE": // when the file was written, which BIND once said so
		return nil
	case "$INCLUDE":
		return r.include(arguments)
	case "$GENERATE":
		return r.generate(arguments)
	default:
		return fmt.Errorf("unknown directive %s", directive)
	}
}

func (r *reader) setOrigin(argument token) error {
	origin, err := rdata.AppendMasterName(nil, r.lexer.bytes(argument), r.origin)
	if err != nil {
		return fmt.Errorf("$ORIGIN: %w", err)
	}
	r.origin = origin
	return nil
}

// include reads $INCLUDE FILE [ORIGIN]. Origin and owner are as before
// afterwards (RFC 1035 5.1).
func (r *reader) include(arguments []token) error {
	if len(arguments) < 1 || len(arguments) > 2 {
		return errors.New("$INCLUDE takes a file and perhaps an origin")
	}
	unescaped, err := appendUnescaped(nil, r.lexer.bytes(arguments[0]))
	if err != nil {
		return fmt.Errorf("$INCLUDE: %w", err)
	}
	path := string(unescaped)
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(r.path), path)
	}
	origin := r.origin
	if len(arguments) == 2 {
		origin, err = rdata.AppendMasterName(nil, r.lexer.bytes(arguments[1]), r.origin)
		if err != nil {
			return fmt.Errorf("origin of $INCLUDE: %w", err)
		}
	}
	err = r.load.include(path, origin, r.depth+1)
	if err != nil && !errors.Is(err, errGaveUp) {
		return fmt.Errorf("including %s: %w", path, err)
	}
	return err
}

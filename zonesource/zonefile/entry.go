package zonefile

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"inside53/resolver/zone"
	"inside53/zonesource/rdata"
)

// Entry is one record of a master file, with what only tools for Route 53 write there:
// its comment, and records of the class AWS.
type Entry struct {
	Owner []byte // lower-case wire form
	Type  uint16
	TTL   uint32 // seconds
	Data  []byte // packed rdata
	// Alias is set for an alias, which has neither type nor data of its own.
	Alias *Alias
	// Comment is what follows the semicolon on the line of the record, trimmed.
	Comment string
	// Hint says that an escape was read in decimal which looks like one that AWS prints; "" is none.
	Hint string
	// Place is FILE:LINE.
	Place string
}

// Alias is an alias record of Route 53 as cli53 writes it:
//
//	OWNER TTL AWS ALIAS TYPE TARGET ZONEID EVALUATE
type Alias struct {
	Type     string // as written
	Target   []byte // lower-case wire form
	ZoneID   string // "$self" is the zone of the record itself
	Evaluate bool
}

// hiddenMark begins a comment that holds a record which a name server doesn't know.
const hiddenMark = "AWS:"

// Entries reads the records of a master file for tools that write zones: visit gets each
// record in the order of the file, and owns what it gets; its error is a fault of the line.
// Nothing is checked that concerns several records, and no SOA record is needed. Records
// in comments that begin with ";AWS:" are read too. The error joins up to ten faults,
// each with file and line.
func Entries(ctx context.Context, origin []byte, path string, visit func(Entry) error) error {
	l := newLoader(ctx, origin)
	l.visit = visit
	err := l.include(path, origin, 0)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errGaveUp) || len(l.faults) >= maxFaults:
		l.faults = append(l.faults, errGaveUp)
	case err != nil:
		l.faults = append(l.faults, err)
	}
	if len(l.faults) > 0 {
		return fmt.Errorf("reading %s: %w", path, errors.Join(l.faults...))
	}
	return nil
}

// hidden makes the record in a comment the entry; false when there is none. A comment that
// doesn't read as a record up to its type is one for people.
func (r *reader) hidden() bool {
	x := &r.lexer
	text, marked := bytes.CutPrefix(x.comment, []byte(hiddenMark))
	if r.load.visit == nil || !marked {
		return false
	}
	x.reset()
	x.text = bytes.TrimLeft(text, " \t")
	fault := x.line(0)
	if fault == nil && x.depth > 0 {
		fault = errors.New("no closing parenthesis in the comment")
	}
	isRecord := len(x.tokens) > 1
	if isRecord {
		_, _, err := readHead(x, x.tokens[1:])
		isRecord = err == nil || isAlias(x, x.tokens[1:])
	}
	if isRecord && fault == nil {
		return true
	}
	if isRecord {
		r.load.fault(r.place(), fault)
	}
	x.tokens = x.tokens[:0]
	return false
}

// entryOf hands over the record under way.
func (r *reader) entryOf(x *lexer, rrtype uint16, ttl uint32, hint string) error {
	return r.load.visit(Entry{
		Owner: bytes.Clone(r.owner), Type: rrtype, TTL: ttl, Data: bytes.Clone(r.data),
		Comment: strings.TrimSpace(string(x.comment)), Hint: hint, Place: r.place().String(),
	})
}

// isAlias reports whether the tokens after the owner are those of an alias.
func isAlias(x *lexer, tokens []token) bool {
	for i := 0; i+1 < len(tokens) && i < 2; i++ {
		if strings.EqualFold(string(x.bytes(tokens[i])), "AWS") && strings.EqualFold(string(x.bytes(tokens[i+1])), "ALIAS") {
			return true
		}
	}
	return false
}

// alias hands over an alias. Its TTL is not read: aliases have none.
func (r *reader) alias(x *lexer, tokens []token, hint string) error {
	for !strings.EqualFold(string(x.bytes(tokens[0])), "ALIAS") {
		tokens = tokens[1:]
	}
	fields := tokens[1:]
	if len(fields) != 4 {
		return fmt.Errorf("an ALIAS record has a type, a target, a zone id, and true or false: 4 words, not %d", len(fields))
	}
	target, err := rdata.AppendMasterName(nil, x.bytes(fields[1]), r.origin)
	if err != nil {
		return fmt.Errorf("target of an ALIAS record: %w", err)
	}
	zone.Lower(target)
	a := &Alias{Type: strings.ToUpper(string(x.bytes(fields[0]))), Target: target, ZoneID: string(x.bytes(fields[2]))}
	switch text := string(x.bytes(fields[3])); text {
	case "true":
		a.Evaluate = true
	case "false":
	default:
		return fmt.Errorf("%q where an ALIAS record has true or false for EvaluateTargetHealth", text)
	}
	return r.load.visit(Entry{
		Owner: bytes.Clone(r.owner), Alias: a, Comment: strings.TrimSpace(string(x.comment)),
		Hint: cmp.Or(hint, octalHint(x, fields[1:2])), Place: r.place().String(),
	})
}

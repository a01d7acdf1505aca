// Package zonefile reads zones from master files (RFC 1035 section 5).
//
//	file ──> reader ──> lexer ──> record ──> loader ──> zone.Tree ──> Source ──> Part
//	           │  ▲                  │          │
//	      $INCLUDE │           rdata (names,    faults (FILE:LINE), problems
//	      $GENERATE┘            other types)
//
// The reader cuts a file into entries and follows the directives; the lexer cuts
// an entry into tokens; record reads owner, TTL, class and type, and the data of
// the common types itself. All other types, and all unusual forms, go to
// package rdata. The loader collects RRsets and puts them into
// an edit of the data model as they come: a file of a million records is never
// in memory as text.
//
// # Contract
//
// $ORIGIN, $TTL, $INCLUDE (paths relative to the including file, 8 deep, 1000
// files) and $GENERATE (65536 records each, with BIND's modifiers) are followed, $DATE is
// skipped. $TTL holds across $INCLUDE, origin and owner do not. A record without TTL has
// that of $TTL, else the last stated one. A SOA record without any makes its MINIMUM the
// $TTL of the file (RFC 2308 4), which is reported. A TTL of 2^31 seconds or more is 0. A
// byte order mark is skipped. What named reads is read alike, octet by octet (judge-files).
//
// A fault keeps the whole file from being taken, and the last good data stay:
// syntax, an unknown type or a class other than IN, no SOA record at the apex,
// SOA records that differ or stand below it, a CNAME record beside others, several CNAME
// or DNAME records at a name, an RRset too large for a message. Up to ten faults
// are reported, each with file and line. Where there are no good data yet, all names of the
// zone get SERVFAIL until the file is mended: nobody else answers for them.
//
// A problem is reported and the zone is served: records out of the zone are left
// out; where TTLs differ inside an RRset the least holds for all (RFC 2181 section 5.2), but
// signatures keep theirs;
// records below a DNAME are hidden; the apex has no NS records. Equal records
// count once.
//
// A Set is the source of many files, with one watcher (set.go, places.go): the kernel says in
// which directories something has changed, those of symbolic links on the way among them. What
// may have changed is looked at (identity, size, time of change; included files too) once a
// pause, and read when it has changed and then rested for a pause. Files that don't change cost
// nothing but a look a minute. Those of network file systems, of which the kernel doesn't know,
// are looked at in turn, a thousand a second at most.
// What changed while it was read is not taken. Reading again costs the
// whole file; the new tree shares what has not changed with the old one.
//
// # Use
//
//	source, err := zonefile.New(zonefile.Config{Origin: origin, Path: path}, log)
//	...
//	err = zonefile.NewSet(log, source, ..).Run(ctx, deliver)
//
// Load reads a file once, for checks and imports.
package zonefile

// Package zone is the immutable data model: what the sources write and what
// queries read.
//
//	Snapshot ── Views ── Apexes ── layers ──┐
//	   │                                    ├── Zone ── Tree ── pages ── nodes ── RRsets
//	   └─────── Zones ──────────────────────┘
//	Live ────── health of checks, serials of transferred zones
//
// A [Tree] holds the RRsets of one zone. It is a hash tree of pages, each page a
// run of bytes without pointers: a lookup is a hash, two or three array reads and
// one compare; the collector sees one pointer for some forty names. Empty
// non-terminals are real nodes. A [Tree] never changes; an [Edit] makes a new one
// that shares every page it did not touch, so that a change of one record costs
// the copy of one page and of the path to it, whatever the size of the zone.
//
// A [Zone] is a Tree with its apex, its identity and what is derived from both. A
// [View] is what one group of clients sees: a table of apexes, each with its
// layers, top down. Zones are shared by views and by snapshots.
//
// # Contract
//
// Names are lower-case, uncompressed wire form (RFC 1035 section 3.1), at most 255
// octets. RRsets are packed records whose owner is a compression pointer to offset
// 12, so that the usual answer is one copy. Everything reachable from a Snapshot
// is immutable and safe for concurrent use; slices handed out borrow from pages and
// must not be modified. Nothing here does I/O, logs, or reads a clock, and the
// package imports nothing of inside53 but wire.
package zone

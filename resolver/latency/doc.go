// Package latency counts how long things take, in buckets that are the same everywhere, so
// that what different parts of the program counted can be added. It is a leaf.
//
//	listen, resolver, forward ── Observe ──> [Histogram] ── Add ──> [Counts] ──> the metrics
//
// # Contract
//
// Observing costs two atomic additions and allocates nothing. A reading is not of one moment:
// its buckets and its sum may be some observations apart.
package latency

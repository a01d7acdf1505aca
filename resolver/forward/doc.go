// Package forward answers everything that the zones of this server do not: it
// asks upstreams, and caches what they say.
//
//	Cached ──> cache (shards of an LRU; keyed by group, name, type, DO, CD)
//	                     ^ add
//	Ask ──> flight ──────┼──────────────> remove ──> pool ──> done(message, error)
//	          │ one a question            ^
//	          │ deadlines: wheel          │ finish
//	          v                           │
//	        upstream  udp (8 sockets on random ports, replaced every 128 queries)
//	                  stream (TCP after truncation; tls:// always; pipelined)
//	                     └─ walker: strict parse, scrub, Message
//
// A caller looks with Cached first, and asks where it must. The cached answer is
// a [Message]: RRs in wire form with their places, made so that an encoder
// copies it behind a question and subtracts the age from the TTLs. Nothing
// parses names after admission.
//
// # Contract
//
// Cached allocates nothing and takes a shared lock of one shard. Ask writes the
// query to a socket that is open already, or leaves it to the pool, and returns;
// its done is called on the pool, once. What is in flight or waits is bounded:
// Ask returns [ErrFull] rather than queue without end. One group has three quarters
// of the places in flight at most, so that its dead upstreams leave room for others.
//
// Goroutines are those of [Forwarder.Run]: the pool, the deadlines, and one or
// two for each open socket. Lock order: flight shard, then upstream, cache shard,
// wheel or queue; never across I/O that waits.
//
// # Upstreams
//
// The first upstream of a group that is up is asked, or a later one that is
// clearly quicker. It has its smoothed round trip and four deviations to answer
// (RFC 6298), then the next one is asked too, and whichever answers first wins.
// SERVFAIL, REFUSED and the like, malformed answers and referrals lead to the
// next one at once; if nobody has an answer, that is SERVFAIL with the first
// extended error heard. An upstream that left two queries in a row unanswered,
// and was not heard of between, is down: others go first, and it gets a copy of a
// real query after 1, 2, 4 .. 30 seconds until it answers. In the same way an
// upstream that is not in use is measured every 30 seconds. Truncation leads to
// TCP, an upstream that knows no EDNS is asked without for 5 minutes.
//
// Replies must come from the upstream's address and port (the sockets are
// connected) to the random port with the random id and the question asked;
// the rest is counted and ignored (RFC 5452). Of the answer section only the
// records from the question along CNAME and DNAME to its answer are kept, of the
// authority section the SOA of a negative answer and DNSSEC proofs; DNSSEC
// records only where DO asked for them.
//
// A client with an upstream's own address that asks what this upstream is being
// asked is told [ErrLoop], so that no flight waits for itself. Where upstream and
// clients share this host's addresses, that is said after half of the budget only.
//
// # Lifetimes
//
// TTLs are capped at a day, negative answers at an hour and at the SOA's MINIMUM
// (RFC 2308); failures live 1 to 5 seconds (RFC 9520). TTL 0 is shared by those
// who wait and not kept. Expired answers stay for a day, unless evicted, for when
// the upstreams fail or take longer than 1.8 seconds (RFC 8767).
//
// # Use
//
//	f, err := forward.New(forward.Options{Logger: log})
//	g, err := f.Group(forward.GroupSpec{Upstreams: []string{"10.0.0.2", "tls://10.9.0.3#dns.example"}})
//	go f.Run(ctx)
//
//	found := f.Cached(g, &q, now)
//	switch found.State {
//	case forward.Fresh, forward.StaleFailing: // answer
//	case forward.Miss, forward.Stale:
//		err = f.Ask(g, &q, client, func(m *forward.Message, err error) { ... })
//	}
//	if found.Prefetch { // beside the answer
//		f.Ask(g, &q, client, nil)
//	}
package forward

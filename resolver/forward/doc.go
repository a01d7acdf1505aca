// Package forward answers everything that the zones of this server do not: it
// asks upstreams, and caches what they say.
//
//	Cached ──> cache (shards, each a 2Q in chunks of memory; keyed by group, name, type, DO, CD)
//	                     ^ add
//	Ask ──> flight ──────┼────> reader or pool ──> done(message, error)
//	          │ one a question            ^
//	          │ deadlines: wheel          │ finish
//	          v                           │
//	        outbox    where there is one: queries of a batch go together
//	          v                           │
//	        upstream  udp (8 sockets on random ports, replaced every 128 queries, while few are open)
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
// query to a socket that is open already, or leaves it to the pool, and returns; asked by an [Outbox]
// it waits for Flush, and goes with others from the same source port;
// its done is called once, by the reader of the reply or on the pool. The very query that waits already, as a client
// without an answer sends it again over UDP, is [ErrRepeated]: one answer is for both.
//
// Goroutines are those of [Forwarder.Run]: the pool, the deadlines, and one or
// two for each open socket. Lock order: flight shard, then shares, upstream, cache shard,
// wheel or queue; never across I/O that waits.
//
// # Shares
//
// What is in flight or waits is bounded, in all and for each: 8192 questions in flight and
// 32768 that wait for them, of which a client (an IPv4 address, a /64 of IPv6) has 1024 in a
// group, a group three quarters of those in flight, and a zone outside half. A forwarder
// doesn't know the zones outside: what stands for one are the last labels of its name.
// There is always room for whoever comes next: where a share is used up its own oldest
// question ends ([ErrClient], [ErrCut]), and where all places are taken the oldest one of
// the client that has most ([ErrFull]). The others that wait for the same answer stay.
//
// Of a client or zone with a quarter of its share in flight, or with half of all places
// taken, each upstream is asked twice for a name at most, not four times: a flood of names
// that nobody answers costs no more. Those that are answered by a failure are known for 1 to
// 5 seconds (see below), in the room of the cache.
//
// # Packets
//
// An upstream may have a budget of packets a second, repetitions counted: Amazon's resolver
// has, as it drops silently what is above 1024 from one network interface. An eighth of a
// second's packets may go at once. Then questions wait, clients have their turns one after
// the other, and what was known before is told at once ([ErrStale]). Who never got a packet
// is told [ErrPackets], and nothing is concluded from it. Probes don't wait, but count.
//
// # Upstreams
//
// The first upstream of a group that is up is asked, or a later one that is
// clearly quicker. It has its smoothed round trip and four deviations to answer
// (RFC 6298), then the next one is asked too, and whichever answers first wins.
// SERVFAIL, REFUSED and the like, malformed answers, referrals, and what is truncated by
// TCP lead to the next one at once. They are words about one name: an upstream that says
// them is up, keeps its place, and is asked the next question. If nobody has an answer,
// that is SERVFAIL with the first extended error there was; [Message.Tries] and
// [Message.Reason] say who did what.
//
// An upstream that leaves a query unanswered, and sent nothing since, is asked what it
// answered last. If it leaves that unanswered too, it is down: others go first, though it
// is asked before a question fails that it may have the answer to, and after 1, 2, 4 .. 30
// seconds it is asked once more what it answered last. Any reply has it up. One that has
// never answered is down after two queries. An upstream that is not in use is measured
// every 30 seconds by a copy of a real query; a quick error is no measure.
//
// Truncation leads to TCP, an upstream that knows no EDNS is asked without for 5 minutes.
// A connection that ends below queries costs them another one, while connections bring
// answers at all; one that closes with several queries on it gets them one by one. One
// that brings nothing for a second is left to bring late answers, and another is opened.
//
// Replies must come from the upstream's address and port (the sockets are
// connected) to the random port with the random id and the question asked;
// the rest is counted and ignored (RFC 5452). By TCP and TLS the id is enough, where there
// is no question section. Of the answer section only the
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
// # Flush
//
// [Forwarder.Flush] forgets a name, or all below it: entries of all groups and types, and those whose
// CNAMEs lead through it. A flight under way then answers who waits, is joined by nobody, and
// isn't kept.
//
// # Use
//
//	f, err := forward.New(forward.Options{Logger: log})
//	g, err := f.Group(forward.GroupSpec{Upstreams: []string{"10.0.0.2", "tls://10.9.0.3#dns.example"}})
//	defer f.Release(g)
//	go f.Run(ctx)
//
//	found := f.Cached(g, &q, now)
//	switch found.State {
//	case forward.Fresh, forward.StaleFailing: // answer
//	case forward.Miss, forward.Stale:
//		err = f.Ask(g, &q, asker, func(m *forward.Message, err error) { ... })
//	}
//	if found.Prefetch { // beside the answer
//		f.Ask(g, &q, asker, nil)
//	}
//
// A group belongs to who asked for it, as often as it was asked for: a publication holds
// those of its snapshot, a look-up of our own holds its group while it lasts. Look-ups wait:
//
//	m, err := f.Resolve(ctx, g, &q)
package forward

// Package resolver decides what the answer to a query is, and writes it.
//
//	packet ─> query.go ─> decide.go ─> (resolve.go <─> forward) ─> encode.go ─> packet
//	              │           │                                       │
//	            Query       Answer: references into the snapshot    encode_addresses.go
//	                        and into cached messages
//
// query.go is the door: a packet is gone over once, in a bounded number of steps, and
// nothing is built of it before its client is known to be allowed. UPDATE, NOTIFY,
// questions for SOA, IXFR and AXFR and signed ones are shown to a [Handler] first.
// worker.go takes a packet this way, serve.go holds what is published and what the
// transports see.
//
// Deciding and encoding are split and joined by an [Answer]. decide is pure; it
// sees one immutable state, loaded once a query. Where a name outside is needed, the
// Answer says so, resolve asks the cache or keeps what the exchange is made of until an
// upstream has spoken, and decide goes on where it was, in the room of another exchange: all
// that a waiting query holds is 2 KiB at most. The encoder, the metrics, the query log and
// explain are readers of the same Answer.
//
// explain answers a question by the same code, with an exchange of its own, and then
// tells the story: from the hops of the Answer, whose outcomes and RRsets are the
// reasons kept, and by looking again at the same snapshot with the functions that
// decided. Policies are walked once more with the same random bits. It decides nothing.
//
// watch.go shows answers to who watches, if anybody does: rings of fixed size, which another
// goroutine reads, or whole messages. uses.go notes when each record set was used last, and
// uses_saved.go writes that for the next process. An answer that nobody watches costs a look at
// the state that it has anyway. handled.go does the same for what a [Handler] answers.
//
// [Merger] asks the same code what a view has at each name of a zone, and makes one zone
// of it for secondaries; history numbers its versions.
//
// # The order of resolution
//
// Each clause is named in the code by its number.
//
//  1. View, by the transport's client address, longest prefix. Not allowed, or no
//     view: REFUSED, EDE 18.
//  2. Special names never leave (RFC 6761, RFC 6303, RFC 7686, RFC 8375, RFC 9462, RFC 9665), except at or
//     below a zone or forwarder of ours and in the reverse ranges of the view's VPC.
//     ready.inside53. TXT is whether this server is ready; it needs no view, and is not counted.
//  3. Longest match among the view's zones and conditional forwarders; on a tie the
//     forwarder wins, unless it is layered under the zone. A miss never falls to a
//     shorter apex. A DS question at an apex is the parent's, but for NXDOMAIN: the apex exists.
//  4. The layers of one apex, top down: file, private zones, tag names, public zone,
//     and the forwarder where it is layered.
//     a. The topmost layer that owns records at the name decides for its types;
//     other types fall through. A, AAAA, HTTPS and SVCB are one unit. CNAME and
//     other types never mix.
//     b. An upper zone cut (or DNAME) hides what is at or below it in lower
//     layers; a lower one doesn't hide names that an upper layer owns.
//     c. Wildcards only if no layer has the exact name, each from the closest
//     encloser inside its layer.
//     d. The name exists if any layer has it: NODATA, else NXDOMAIN, with the SOA of
//     the lowest layer that isn't tag names and the least TTL of all layers.
//     e. An alias resolves inside its own hosted zone; a CNAME starts in the view again.
//     f. A layer that is known and was not read makes the name fail, SERVFAIL with EDE 14,
//     unless a layer above has decided: neither the layers below nor NXDOMAIN tell what it
//     has. So does a public address of a hosted zone that may be one of an inventory that
//     was not read.
//  5. In a layer: delegation, exact name, CNAME, DNAME, wildcard. Policies and
//     aliases are walked down to plain records. External alias targets come through
//     the forwarder and answer under the alias's name. Whoever asks for recursion and
//     may have it gets no referral: the forwarder follows the delegation.
//  6. Addresses, when the answer is encoded: a public address of one of our instances
//     becomes the private one where the view can reach it; duplicates merge; the TTL is
//     capped; RRSIG and AD of what was changed go; EDE 29.
//  7. Computed names: the names that EC2 makes from addresses, and reverse names
//     (zone data, tag name, computed). What isn't in the inventory is forwarded, but for
//     the reverse name of a private address outside the view's VPC: there clause 2 wins, as
//     no resolver that may be asked knows who has it (RFC 6303 section 1); a network beside
//     ours, as behind a VPN, is a forwarder of its reverse zone, which clause 3 asks. The
//     fence: a name of instances gives a view the private address of each that it
//     reaches, else the public one, else nothing. Where nothing is left the answer is
//     NODATA, whatever wildcards and lower layers have. An instance is judged by itself
//     and its VPC, not by its address: two VPCs may have the same ones. Of what is left the
//     unhealthy ones go while a healthy one is there, and then those of the client's
//     availability zone come first, or alone while there is one. Where zones matter, names of
//     file systems, network load balancers and endpoints are answered from the inventory
//     likewise; load balancers that it knows are so in any case, where no upstream speaks.
//  8. A CNAME that leaves our zones continues in the forwarder, a forwarded one
//     that enters them in decide; eight steps in all, then SERVFAIL. No zone and no
//     forwarder: REFUSED, EDE 20; for a CNAME's target, what is known so far; for an
//     external alias SERVFAIL, EDE 22. An answer of the forwarder of "." with an
//     address that names of the internet may not have is NODATA, EDE 17 (rebinding).
//  9. Before the first data: SERVFAIL, EDE 14, but for files, special names and
//     forwarders of a name other than the root. The same to clients whose view isn't
//     known, as they may be in a VPC of an inventory that was not read.
//
// # Use
//
//	r := resolver.New(forwarder, resolver.Options{})
//	err := r.Publish(snapshot)
//	go r.Run(ctx)
//	w := r.NewWorker() // one a goroutine
//	answer, result := w.Serve(packet, client, resolver.UDP, out, suspender)
//	e, err := r.Explain(ctx, resolver.ExplainRequest{Name: name, Type: 1, Client: client.Addr()})
package resolver

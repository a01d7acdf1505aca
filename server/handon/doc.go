// Package handon carries what a server of a fleet may not do by itself to the one that leads.
//
//	client ── DNS, HTTP ──> member: [Client] ── TCP ──> leader: [Door], in server/listen ──> as from the client
//	                                  │
//	                                  └─ PROXY v2 header with the client's address, signed; one message; the answer
//
// A connection begins with a header of the PROXY protocol, version 2, and has one message of
// the kind that the header names: a DNS message with its length before it, or a request of
// HTTP/1.1 without a body. The answer comes back as the leader gives it, with the client's
// signature intact, and the connection ends.
//
//	octets   of the header
//	12       the signature of the protocol
//	1        0x21: version 2, PROXY
//	1        0x11, 0x12, 0x21, 0x22: IPv4 or IPv6, the client's by TCP or UDP
//	2        length of the rest
//	12, 36   the client's address, an unspecified one, the client's port, 0
//	3        0xE0, 42: one field, which is ours
//	1        kind: 0 DNS, 1 HTTP
//	1        hop: 1
//	8        Unix time
//	32       HMAC-SHA256 over the header, with zeros here, and the message
//
// # Contract
//
// A header is read in connections of members alone; anybody else's connection that begins with
// one ends. One that none of the keys has signed, that is older or newer than
// [MaxAge], or that was seen before, closes the connection. What was handed on once goes no
// further. A server that doesn't lead answers with two octets of zero, which begin no answer,
// and names who does, behind a length octet: "ADDRESS:PORT", or nothing.
//
// The keys are derived from those of the fleet: the first signs, all are believed. Messages
// aren't kept secret.
//
// # Use
//
//	known := handon.Fleet{Leader: fleet.Leader, Member: fleet.IsMember}
//	door := handon.NewDoor(known, paths)
//	err := door.SetKeys(secrets)
//	client := handon.NewClient(known, netip.Addr{})
//	err = client.SetKeys(secrets)
//	answer, err := client.Exchange(ctx, handon.Message{Client: addr, Octets: packet})
package handon

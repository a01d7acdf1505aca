// Package share says how much of a thing one client may have, beside how much all may: an
// IPv4 address, or a /64 of IPv6, is one client.
//
//	shares.go  [Shares]: what clients hold, such as connections; who has its share gets no more
//	queue.go   [Queue]: what clients have sent and waits for its turn; who has its share loses its own oldest
//	ranks.go   whoever holds most is found at once
//
// Where all is used up, the oldest of whoever holds most goes, not whoever comes next.
// Package share knows nothing of what is held.
package share

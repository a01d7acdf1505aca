//go:build linux

// Package attacker is who means harm: it sends what servers have to bear, beside clients
// that are measured by others.
//
//	flood.go        packets by UDP, from one address or many, at a rate
//	messages.go     what they say: names that nobody answers, signatures that are wrong
//	connections.go  connections that are held, not read from, or written to slowly
//
// It stays on loopback: sources are addresses of 127.0.0.0/8. It ends with its context.
package attacker

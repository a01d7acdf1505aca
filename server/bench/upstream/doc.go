//go:build linux

// Package upstream is a resolver that knows every name: it answers A with an address
// made from the name, TXT with as much text as a packet holds, and anything else with no
// data. Below [Dead] it answers nothing. Where it is to lie (lie.go), forgers answer before it.
//
//	query ──> [Answer] ──> 10.x.y.z, where x.y.z are 24 bits of a hash of the name
//
// The generator of load knows the same hash, so answers that came by way of a
// forwarder and its cache are still checked. It costs as little as can be, since it
// shares a processor with the generator.
package upstream

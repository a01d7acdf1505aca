// Command externaldns makes one round of external-dns with its provider for RFC 2136 and
// its registry of TXT records, as external-dns --once does, for a test of ours.
//
//	standard input: endpoints, JSON ──┐
//	                                  ├── plan ──> registry ──> provider: updates
//	provider: AXFR ──> registry ──────┘
//
// It takes the flags of external-dns and prints how much there was to do. It is a module
// of its own: external-dns needs some hundred others.
package main

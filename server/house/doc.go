// Package house holds the arrows of the house: which package may import what, and why
// not. Tests alone use it.
//
//	server/inside53 ──> server ──> server/listen, tsig, update, transfer ──> resolver
//	       │              ├──> resolver ──> resolver/zone, history, forward
//	       │              │
//	       └──────────────┴──> zonesource/* ──> zonesource ──> resolver/zone
//
// Each leaf has a test of one line, so that whoever adds an import learns there that it
// doesn't belong, and why; the test of package server holds all packages to the same
// table.
//
// # Use
//
//	func TestImports(t *testing.T) { house.Imports(t) }
package house

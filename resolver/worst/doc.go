// Package worst finds the packets that cost whoever reads them most, for tests and for
// attacks on servers that run: it changes recipes for packets at random, and keeps what
// costs more. What a packet costs is measured by the caller.
package worst

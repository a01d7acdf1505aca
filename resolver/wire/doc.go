// Package wire is what every reader and writer of DNS messages has to know of their form
// (RFC 1035 section 4): where the fields of the header are, the numbers of the registries,
// how a name is walked, and what its letters are in lower case. It is below everything and
// imports nothing of inside53.
//
// # Names
//
// One walk of each kind stands here, and nowhere else:
//
//	SkipName     a name in a message, to its end; pointers aren't followed
//	AppendName   a name in a message, decompressed
//	FoldName     an uncompressed name, copied in lower case with its labels' places
//	SplitName    an uncompressed name that is known to be alone, its labels' places
//
// All of them end after at most 127 labels and 126 pointers, whatever they are given, and
// allocate nothing. A walk that fails says so by an offset or a number of -1: nobody wants
// to know what was wrong with a name that a stranger made. A fuzz target holds the walks to
// each other and to miekg/dns.
//
// # Records
//
// SkipRecord and ReadRecord walk the records of a section. Names in data come uncompressed
// where they may come compressed (RFC 3597 section 4); all other data are the octets that
// came, whatever they hold.
//
// Numbers are constants without a type: the same number goes into an octet here and into a
// field of sixteen bits there.
package wire

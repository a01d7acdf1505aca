// Package tsig is the one place where messages are signed and signatures are checked (TSIG,
// RFC 8945).
//
//	keyring.go   [Keyring]: the keys; Verify says who has signed a request; [Signature.Pack] signs the answer
//	outline.go   [Outline]: a request without what its records hold, and the octets that are signed
//	sequence.go  [Sequence]: an answer of many messages, each signed by way of the one before
//	question.go  [Keyring.Serve]: a signed question, asked without its signature, its answer signed
//
// The keys come from the configuration; this package reads none.
package tsig

// Package rdata turns names and record values between text and wire form.
//
//	Route 53 API text                    wire                      master file text
//	"\052.Example.com"   --ParseName-->   \x01*\x07example\x03com\0  <--ParseMasterName--   "*.example.com."
//	"\052.example.com."  <--FormatName--                            --FormatMasterName-->  "*.example.com."
//	`10 mail.example.com` --ParseValue-->  \x00\x0a\x04mail...\0
//	`10 mail.example.com.` <--FormatValue--
//
// The two texts look alike and are not: an escape of three digits is octal in
// the Route 53 API (\052 is an asterisk) and decimal in a master file (RFC 1035
// 5.1; \052 is the digit 4). Every function here says which of the two it
// reads or writes, and nothing converts silently.
//
// # Contract
//
// Names come out of ParseName and ParseMasterName in lower case, which is how
// Route 53 stores them and how the data model compares them. Names inside a
// value keep their case: it carries no meaning, but a client sees what was
// listed. A name inside a value is absolute with or without its trailing dot,
// as the Route 53 API has it.
//
// Rdata is packed without compression and at most 65535 bytes long.
//
// ParseValue reads what Route 53 accepts, and more where that leaves no doubt:
// one unquoted word as a TXT string, quoted strings without a blank between
// them, the generic form of RFC 3597 (\# LENGTH HEX) for each type, and
// the presentation form of types that Route 53 does not have.
//
// ParseMasterValue reads the rdata of master files, whose names may be relative
// to an origin, and FormatMasterValue writes them. One table (layouts) says of which fields
// the rdata of each type are made; reading, writing, checking and comparing follow it.
//
// Each error names the text and, for syntax, the position in it, counted in
// bytes from 1. All functions are pure and safe for concurrent use; what they
// return is the caller's.
//
// # Use
//
//	owner, err := rdata.ParseName(aws.ToString(set.Name))
//	...
//	rrtype, known := rdata.Type(string(set.Type))
//	...
//	packed, err := rdata.ParseValue(rrtype, aws.ToString(record.Value))
package rdata

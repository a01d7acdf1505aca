//go:build linux

package load

import "bytes"

// Want is what an answer has to be.
type Want struct {
	// Rcode is the response code. With NOERROR there has to be an answer record.
	Rcode byte

	// Address is what has to stand in the answer, the rdata of an A record or the
	// end of it. Empty: nothing is looked for.
	Address [4]byte
	// Length is how many octets at the end of Address count.
	Length int
}

// fault says what is wrong with an answer.
type fault uint8

const (
	fine fault = iota
	notAnAnswer
	otherQuestion
	truncated
	wrongRcode
	noRecord
	wrongAddress
	faults
)

func (f fault) String() string {
	return [faults]string{
		"fine", "not an answer", "another question", "truncated", "wrong response code", "no answer record",
		"address not in the answer",
	}[f]
}

// headerSize is the octets of a DNS header.
const headerSize = 12

// check compares answer with query, whose question ends at end. With address it looks
// for the address too. The id has been compared: it found the query.
func (w *Want) check(query, answer []byte, end int, address bool) fault {
	if len(answer) < headerSize || answer[2]&0x80 == 0 {
		return notAnAnswer
	}
	if len(answer) < end || !bytes.Equal(answer[headerSize:end], query[headerSize:end]) {
		return otherQuestion
	}
	rcode := answer[3] & 15
	switch {
	case answer[2]&2 != 0:
		return truncated
	case rcode != w.Rcode:
		return wrongRcode
	case rcode == 0 && answer[6]|answer[7] == 0:
		return noRecord
	case address && w.Length > 0 && !bytes.Contains(answer[end:], w.Address[4-w.Length:]):
		return wrongAddress
	}
	return fine
}

// questionEnd returns where the question of a query that we made ends.
func questionEnd(query []byte) int {
	at := headerSize
	for query[at] != 0 {
		at += int(query[at]) + 1
	}
	return at + 5
}

// Met reports whether answer is what w wants as the answer to query, ids aside.
func (w *Want) Met(query, answer []byte) bool {
	return w.check(query, answer, questionEnd(query), true) == fine
}

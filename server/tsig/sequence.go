package tsig

import (
	"time"

	"github.com/miekg/dns"
)

// Sequence signs the messages of one answer, each by way of the one before (RFC 8945
// section 5.3.1).
type Sequence struct {
	signature *Signature // of the request; nil leaves the messages unsigned
	mac       string     // of the message before, at first that of the request
	later     bool       // not the first message
}

// Sequence returns what signs an answer of several messages. The request has to be good, or
// without a signature.
func (s *Signature) Sequence() *Sequence {
	if s == nil {
		return &Sequence{}
	}
	return &Sequence{signature: s, mac: s.Request.MAC}
}

// Pack returns the wire form of the next message.
func (q *Sequence) Pack(m *dns.Msg) ([]byte, error) {
	if q.signature == nil {
		return m.Pack()
	}
	key := q.signature.Key
	m.SetTsig(key.Name, key.Algorithm, Fudge, time.Now().Unix())
	wire, mac, err := dns.TsigGenerate(m, key.Secret, q.mac, q.later)
	q.mac, q.later = mac, true
	return wire, err
}

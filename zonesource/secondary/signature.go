package secondary

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"time"

	"inside53/resolver/wire"
	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// maxUnsigned is how many messages may follow one another without a signature (RFC 8945
// section 5.3.1).
const maxUnsigned = 99

// errUnsigned says that an answer to a signed request isn't signed.
var errUnsigned = errors.New("the answer is not signed")

// checker checks the signatures of the messages of a transfer, each of which is made by
// way of the one before. Without a key it takes all.
type checker struct {
	key      *Key
	mac      []byte // of the request, then of the last signed message
	between  []byte // messages since
	unsigned int
	began    bool
}

func (s *Source) checker(mac string) *checker {
	c := &checker{key: s.config.Key}
	c.mac, _ = hex.DecodeString(mac) // as the library has written it
	return c
}

// message checks the next message.
func (c *checker) message(msg []byte) error {
	if c.key == nil {
		return nil
	}
	at, err := lastRecord(msg)
	if err != nil {
		return err
	}
	var t wire.Record
	if at > 0 {
		t, _ = wire.ReadRecord(msg, at)
	}
	if t.Type != wire.TypeTSIG {
		c.unsigned++
		if !c.began || c.unsigned > maxUnsigned {
			return errUnsigned
		}
		c.between = append(c.between, msg...)
		return nil
	}
	return c.signed(msg[:at], t)
}

// end finds whether the last message was signed.
func (c *checker) end() error {
	if c.key != nil && c.unsigned > 0 {
		return errUnsigned
	}
	return nil
}

// lastRecord returns where the last record of the additional section begins; 0 for none.
func lastRecord(msg []byte) (int, error) {
	if len(msg) < wire.HeaderSize {
		return 0, errForm
	}
	at, last := wire.HeaderSize, 0
	for range binary.BigEndian.Uint16(msg[wire.AtQuestions:]) {
		at = wire.SkipName(msg, at)
		if at < 0 || at+wire.QuestionFixed > len(msg) {
			return 0, errForm
		}
		at += wire.QuestionFixed
	}
	for _, section := range [...]int{wire.AtAnswers, wire.AtAuthority, wire.AtAdditional} {
		for range binary.BigEndian.Uint16(msg[section:]) {
			last = at
			at = wire.SkipRecord(msg, at)
			if at < 0 {
				return 0, errForm
			}
		}
	}
	if at != len(msg) {
		return 0, errForm
	}
	if binary.BigEndian.Uint16(msg[wire.AtAdditional:]) == 0 {
		return 0, nil
	}
	return last, nil
}

// signed checks a message, without its TSIG record, against that (RFC 8945 section 4.3).
func (c *checker) signed(msg []byte, t wire.Record) error {
	algorithm, at := wire.AppendName(nil, append(make([]byte, wire.HeaderSize), t.Data...), wire.HeaderSize)
	at -= wire.HeaderSize
	const fixed = 10 // time, fudge, length of the MAC
	if at < 0 || at+fixed > len(t.Data) {
		return errForm
	}
	timers, rest := t.Data[at:at+8], t.Data[at+fixed:]
	length := int(binary.BigEndian.Uint16(t.Data[at+8:]))
	if length+6 > len(rest) {
		return errForm
	}
	mac, id, fault := rest[:length], rest[length:length+2], binary.BigEndian.Uint16(rest[length+2:])
	wire.Lower(t.Name)
	wire.Lower(algorithm)
	if fault != 0 {
		return fmt.Errorf("the answer is %s", dns.RcodeToString[int(fault)])
	}
	if zone.String(t.Name) != c.key.Name || zone.String(algorithm) != c.key.Algorithm {
		return dns.ErrKeyAlg
	}
	digest, err := c.key.hash()
	if err != nil {
		return err
	}
	if len(c.mac) > 0 {
		digest.Write(binary.BigEndian.AppendUint16(nil, uint16(len(c.mac))))
		digest.Write(c.mac)
	}
	digest.Write(c.between)
	digest.Write(id)
	digest.Write(msg[2:wire.AtAdditional])
	digest.Write(binary.BigEndian.AppendUint16(nil, binary.BigEndian.Uint16(msg[wire.AtAdditional:])-1))
	digest.Write(msg[wire.HeaderSize:])
	if !c.began {
		digest.Write(t.Name)
		digest.Write([]byte{0, wire.ClassANY, 0, 0, 0, 0})
		digest.Write(algorithm)
	}
	digest.Write(timers)
	if !c.began {
		digest.Write(rest[length+2:]) // error and other data
	}
	if !hmac.Equal(digest.Sum(nil), mac) {
		return dns.ErrSig
	}
	signed := int64(binary.BigEndian.Uint16(timers))<<32 | int64(binary.BigEndian.Uint32(timers[2:]))
	away := time.Now().Unix() - signed
	if away > fudge || away < -fudge {
		return dns.ErrTime
	}
	c.mac, c.between, c.unsigned, c.began = mac, c.between[:0], 0, true
	return nil
}

// hash returns the hash that a key signs by.
func (k *Key) hash() (hash.Hash, error) {
	secret, err := base64.StdEncoding.DecodeString(k.Secret)
	if err != nil {
		return nil, fmt.Errorf("secret of the key %s: %w", k.Name, err)
	}
	switch k.Algorithm {
	case dns.HmacSHA384:
		return hmac.New(sha512.New384, secret), nil
	case dns.HmacSHA512:
		return hmac.New(sha512.New, secret), nil
	}
	return hmac.New(sha256.New, secret), nil
}

package tsig

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"github.com/miekg/dns"

	"inside53/zonesource/clock"
)

// Keyring is the keys of a configuration, by name. It is not modified.
type Keyring map[string]Key

// Key is one secret.
type Key struct {
	Name      string // canonical
	Algorithm string // as in TSIG records, with its last dot
	Secret    string // in base64
}

// Signature is the TSIG record of a request, and what was found about it. Nil is that of a
// request without one.
type Signature struct {
	Request *dns.TSIG
	Key     Key // zero for one that isn't known
	Fault   int // BADKEY, BADSIG, BADTIME or BADTRUNC; 0 for a good one
}

// Good reports whether the request is from a holder of the key.
func (s *Signature) Good() bool { return s != nil && s.Fault == 0 }

// KeyName returns the name of the key that a request is signed by, or "".
func (s *Signature) KeyName() string {
	if s == nil {
		return ""
	}
	return s.Key.Name
}

// Room is what the signature of an answer takes at most.
func (s *Signature) Room() int {
	if s == nil {
		return 0
	}
	return len(s.Request.Hdr.Name) + len(s.Request.Algorithm) + 10 + 16 + 64 + 8
}

var errTSIGSize = errors.New("a TSIG record with a MAC of no length that its algorithm has")

// Verify checks the TSIG record of a request (RFC 8945 section 5.2) with its outline. It
// returns nil for a request without one. The error is one of form.
func (k Keyring) Verify(pkt []byte, o Outline) (*Signature, error) {
	request := o.IsTsig()
	if request == nil {
		return nil, nil
	}
	s := &Signature{Request: request}
	key, known := k[dns.CanonicalName(request.Hdr.Name)]
	if !known || dns.CanonicalName(request.Algorithm) != key.Algorithm {
		s.Fault = dns.RcodeBadKey
		return s, nil
	}
	s.Key = key
	size := key.hash()().Size()
	mac := int(request.MACSize)
	if mac > size || mac < max(10, size/2) {
		return nil, errTSIGSize // section 5.2.2.1
	}
	signed, err := o.signedOctets(pkt, request)
	if err != nil {
		return nil, err
	}
	good, err := key.signs(signed, request.MAC)
	if err != nil {
		return nil, err
	}
	away := clock.Now().Unix() - int64(request.TimeSigned)
	switch {
	case !good:
		s.Fault = dns.RcodeBadSig
	case max(away, -away) > min(int64(request.Fudge), Fudge):
		// Also where its sender allows more: nobody remembers a request for longer.
		s.Fault = dns.RcodeBadTime
	case mac < size:
		s.Fault = dns.RcodeBadTrunc // section 5.2.4: nobody here needs short ones
	}
	return s, nil
}

// hash is that of the key's algorithm.
func (k Key) hash() func() hash.Hash {
	switch k.Algorithm {
	case dns.HmacSHA384:
		return sha512.New384
	case dns.HmacSHA512:
		return sha512.New
	}
	return sha256.New
}

// mac returns the MAC of a message by the key.
func (k Key) mac(msg []byte) ([]byte, error) {
	secret, err := base64.StdEncoding.DecodeString(k.Secret)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(k.hash(), secret)
	mac.Write(msg)
	return mac.Sum(nil), nil
}

// signs reports whether a MAC in hexadecimal digits, which may be truncated, is that of a
// message.
func (k Key) signs(msg []byte, sent string) (bool, error) {
	whole, err := k.mac(msg)
	if err != nil {
		return false, err
	}
	mac, err := hex.DecodeString(sent)
	return err == nil && len(mac) <= len(whole) && hmac.Equal(whole[:len(mac)], mac), err
}

// Fudge is by how many seconds the clocks of the two sides may differ (RFC 8945 section
// 10 recommends it).
const Fudge = 300

// Pack returns the wire form of a response, signed as RFC 8945 section 5.3 asks: with
// the key of the request, or after BADKEY and BADSIG with an empty MAC.
func (s *Signature) Pack(response *dns.Msg) ([]byte, error) {
	if s == nil {
		return response.Pack()
	}
	rr := &dns.TSIG{
		Hdr:       dns.RR_Header{Name: s.Request.Hdr.Name, Rrtype: dns.TypeTSIG, Class: dns.ClassANY},
		Algorithm: s.Request.Algorithm, TimeSigned: uint64(clock.Now().Unix()), Fudge: Fudge,
		OrigId: s.Request.OrigId, Error: uint16(s.Fault),
	}
	if s.Fault == dns.RcodeBadTime { // section 5.2.3: the client's time, and ours beside it
		rr.OtherData = fmt.Sprintf("%012x", rr.TimeSigned)
		rr.OtherLen = 6
		rr.TimeSigned = s.Request.TimeSigned
	}
	response.Extra = append(response.Extra, rr)
	if s.Fault == dns.RcodeBadKey || s.Fault == dns.RcodeBadSig {
		// As it is: TsigGenerate would leave the time out, and clients would tell
		// people that the clocks differ.
		return response.Pack()
	}
	wire, _, err := dns.TsigGenerate(response, s.Key.Secret, s.Request.MAC, false)
	return wire, err
}

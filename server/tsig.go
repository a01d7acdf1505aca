package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"time"

	"inside53/server/config"

	"github.com/miekg/dns"
)

// keyring is the keys of the configuration, by name.
type keyring map[string]tsigKey

// tsigKey is one secret.
type tsigKey struct {
	name      string // canonical
	algorithm string // as in TSIG records, with its last dot
	secret    string // in base64
}

// newKeyring reads the secrets that c names. The error joins those of all keys.
func newKeyring(c *config.Config) (keyring, error) {
	ring := keyring{}
	var faults []error
	for _, k := range c.Keys {
		secret, err := k.Load()
		if err != nil {
			faults = append(faults, err)
			continue
		}
		ring[string(k.Name)] = tsigKey{string(k.Name), string(k.Algorithm) + ".", secret}
	}
	return ring, errors.Join(faults...)
}

// signature is the TSIG record of a request, and what was found about it.
type signature struct {
	request *dns.TSIG
	key     tsigKey // zero for one that isn't known
	fault   int     // BADKEY, BADSIG, BADTIME or BADTRUNC; 0 for a good one
}

// good reports whether the request is from a holder of the key.
func (s *signature) good() bool { return s != nil && s.fault == 0 }

var (
	errTSIGPlace = errors.New("a TSIG record that isn't the last one")
	errTSIGSize  = errors.New("a TSIG record with a MAC of no length that its algorithm has")
	errTSIGForm  = errors.New("a TSIG record of another class or length than its fields have")
)

// verify checks the TSIG record of a request (RFC 8945 section 5.2). m is what pkt says.
// It returns nil for a request without one. The error is one of form.
func (k keyring) verify(pkt []byte, m *dns.Msg) (*signature, error) {
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra[:max(0, len(m.Extra)-1)]} {
		for _, rr := range section {
			if rr.Header().Rrtype == dns.TypeTSIG {
				return nil, errTSIGPlace
			}
		}
	}
	request := m.IsTsig()
	if request == nil {
		return nil, nil
	}
	s := &signature{request: request}
	key, known := k[dns.CanonicalName(request.Hdr.Name)]
	if !known || dns.CanonicalName(request.Algorithm) != key.algorithm {
		s.fault = dns.RcodeBadKey
		return s, nil
	}
	s.key = key
	const fixed = 6 + 5*2 // the time, and five numbers
	length := len(key.algorithm) + 1 + fixed + int(request.MACSize) + int(request.OtherLen)
	if request.Hdr.Class != dns.ClassANY || int(request.Hdr.Rdlength) != length {
		return nil, errTSIGForm // section 4.2; the MAC says nothing of these
	}
	size := key.hash()().Size()
	mac := int(request.MACSize)
	if mac > size || mac < max(10, size/2) {
		return nil, errTSIGSize // section 5.2.2.1
	}
	stripped := append([]byte(nil), pkt...)
	err := dns.TsigVerifyWithProvider(stripped, key, "", false)
	away := time.Now().Unix() - int64(request.TimeSigned)
	switch {
	case errors.Is(err, dns.ErrTime) || err == nil && (away > fudge || away < -fudge):
		s.fault = dns.RcodeBadTime // also where its sender allows more: see rememberFor
	case err != nil:
		s.fault = dns.RcodeBadSig
	case mac < size:
		s.fault = dns.RcodeBadTrunc // section 5.2.4: nobody here needs short ones
	}
	return s, nil
}

// hash is that of the key's algorithm.
func (k tsigKey) hash() func() hash.Hash {
	switch k.algorithm {
	case dns.HmacSHA384:
		return sha512.New384
	case dns.HmacSHA512:
		return sha512.New
	}
	return sha256.New
}

// Generate implements [dns.TsigProvider].
func (k tsigKey) Generate(msg []byte, _ *dns.TSIG) ([]byte, error) {
	secret, err := base64.StdEncoding.DecodeString(k.secret)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(k.hash(), secret)
	mac.Write(msg)
	return mac.Sum(nil), nil
}

// Verify implements [dns.TsigProvider]: a MAC may be truncated.
func (k tsigKey) Verify(msg []byte, t *dns.TSIG) error {
	whole, err := k.Generate(msg, t)
	if err != nil {
		return err
	}
	sent, err := hex.DecodeString(t.MAC)
	if err != nil {
		return err
	}
	if len(sent) > len(whole) || !hmac.Equal(whole[:len(sent)], sent) {
		return dns.ErrSig
	}
	return nil
}

// fudge is by how many seconds the clocks of the two sides may differ (RFC 8945 section
// 10 recommends it).
const fudge = 300

// pack returns the wire form of a response, signed as RFC 8945 section 5.3 asks: with
// the key of the request, or after BADKEY and BADSIG with an empty MAC.
func (s *signature) pack(response *dns.Msg) ([]byte, error) {
	if s == nil {
		return response.Pack()
	}
	rr := &dns.TSIG{
		Hdr:       dns.RR_Header{Name: s.request.Hdr.Name, Rrtype: dns.TypeTSIG, Class: dns.ClassANY},
		Algorithm: s.request.Algorithm, TimeSigned: uint64(time.Now().Unix()), Fudge: fudge, OrigId: s.request.OrigId, Error: uint16(s.fault),
	}
	if s.fault == dns.RcodeBadTime { // section 5.2.3: the client's time, and ours beside it
		rr.OtherData = fmt.Sprintf("%012x", rr.TimeSigned)
		rr.OtherLen = 6
		rr.TimeSigned = s.request.TimeSigned
	}
	response.Extra = append(response.Extra, rr)
	if s.fault == dns.RcodeBadKey || s.fault == dns.RcodeBadSig {
		// As it is: TsigGenerate would leave the time out, and clients would tell
		// people that the clocks differ.
		return response.Pack()
	}
	wire, _, err := dns.TsigGenerate(response, s.key.secret, s.request.MAC, false)
	return wire, err
}

package ledger

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// Keys sign what can be replaced: the first signs, all are believed. Without any nothing
// is signed. They are immutable.
type Keys []key

// headPurpose parts the keys of head from what else is made of the same secret.
const headPurpose = "inside53 ledger"

// NewKeys derives keys from secrets, for one purpose: what is signed for another is not
// believed.
func NewKeys(purpose string, secrets [][]byte) (Keys, error) {
	var k Keys
	for _, s := range secrets {
		key, err := hkdf.Key(sha256.New, s, nil, purpose, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("deriving the key for %s: %w", purpose, err)
		}
		k = append(k, key)
	}
	return k, nil
}

// Seal adds the member mac to the text of a JSON object, over all that stands before it.
func (k Keys) Seal(text []byte) []byte {
	text = slices.Clone(bytes.TrimSuffix(text, []byte("}")))
	return append(text, macMember+hex.EncodeToString(k.Sum(text))+"\"}\n"...)
}

// Sum is the MAC of a text by the first key; none without keys.
func (k Keys) Sum(text []byte) []byte {
	if len(k) == 0 {
		return nil
	}
	return k[0].sum(text)
}

// Believe reports whether one of the keys has made the MAC of a text. Without keys all is
// believed.
func (k Keys) Believe(text, sum []byte) bool {
	good := len(k) == 0
	for _, one := range k {
		good = good || hmac.Equal(one.sum(text), sum)
	}
	return good
}

func (k key) sum(text []byte) []byte {
	h := hmac.New(sha256.New, k)
	h.Write(text)
	return h.Sum(nil)
}

// key is one of them.
type key []byte

// Open returns the JSON object that Seal has made, without its MAC. The error is ErrDamaged.
func (k Keys) Open(body []byte) ([]byte, error) {
	at := bytes.LastIndex(body, []byte(macMember))
	if at < 0 {
		return nil, fmt.Errorf("%w: no MAC", ErrDamaged)
	}
	given, found := bytes.CutSuffix(bytes.TrimRight(body[at+len(macMember):], "\n"), []byte("\"}"))
	if !found {
		return nil, fmt.Errorf("%w: no end", ErrDamaged)
	}
	text := body[:at]
	sum, err := hex.DecodeString(string(given))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if !k.Believe(text, sum) {
		return nil, fmt.Errorf("%w: none of the keys has signed it", ErrDamaged)
	}
	return append(slices.Clone(text), '}'), nil
}

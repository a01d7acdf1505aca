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

// keys sign what can be replaced: the first signs, all are believed. Without any nothing
// is signed.
type keys []key

// keyPurpose parts these keys from what else may be made of the same secret.
const keyPurpose = "inside53 ledger"

// newKeys derives keys from secrets.
func newKeys(secrets [][]byte) (keys, error) {
	var k keys
	for _, s := range secrets {
		key, err := hkdf.Key(sha256.New, s, nil, keyPurpose, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("deriving the ledger's key: %w", err)
		}
		k = append(k, key)
	}
	return k, nil
}

// seal adds the member mac to the text of a JSON object, over all that stands before it.
func (k keys) seal(text []byte) []byte {
	text = slices.Clone(bytes.TrimSuffix(text, []byte("}")))
	sum := ""
	if len(k) > 0 {
		sum = hex.EncodeToString(k[0].sum(text))
	}
	return append(text, macMember+sum+"\"}\n"...)
}

func (k key) sum(text []byte) []byte {
	h := hmac.New(sha256.New, k)
	h.Write(text)
	return h.Sum(nil)
}

// key is one of them.
type key []byte

// open returns the JSON object that seal has made, without its MAC.
func (k keys) open(body []byte) ([]byte, error) {
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
	good := len(k) == 0
	for _, one := range k {
		good = good || hmac.Equal(one.sum(text), sum)
	}
	if !good {
		return nil, fmt.Errorf("%w: none of the keys has signed it", ErrDamaged)
	}
	return append(slices.Clone(text), '}'), nil
}

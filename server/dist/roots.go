package main

import (
	"bytes"
	"encoding/pem"
	"errors"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// certificates are those of the authorities that browsers trust, as the Go project keeps them:
// those of this host may have others, and would make another image on each. Authorities that
// are trusted under conditions alone are left out.
func certificates() ([]byte, error) {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
		if err != nil {
			return nil, err
		}
	}
	if out.Len() == 0 {
		return nil, errors.New("no certificates")
	}
	return out.Bytes(), nil
}

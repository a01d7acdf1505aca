package config

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Key is an entry of the section keys: a secret that is shared with a client, by which
// its messages are signed (TSIG, RFC 8945).
type Key struct {
	// Name is the name of the key, as the client has it: ops., say. It has no default.
	Name DomainName `yaml:"name"`

	// Algorithm is hmac-sha256, hmac-sha384 or hmac-sha512. Default hmac-sha256.
	Algorithm Algorithm `yaml:"algorithm"`

	// Secret is the secret in base64, of 16 bytes or more. Default "": see SecretFile.
	Secret string `yaml:"secret"`

	// SecretFile is the path of a file that holds the secret in base64, or the key as
	// tsig-keygen and keymgr write it. Default "": see Secret.
	SecretFile string `yaml:"secret_file,path"`
}

func (s *Key) setDefaults() { *s = Key{Algorithm: HMACSHA256} }

// Algorithm is a value of keys.algorithm.
type Algorithm string

// The values of [Algorithm]. Weaker ones aren't spoken.
const (
	HMACSHA256 Algorithm = "hmac-sha256"
	HMACSHA384 Algorithm = "hmac-sha384"
	HMACSHA512 Algorithm = "hmac-sha512"
)

func (a *Algorithm) parse(text string) error {
	return parseWord(a, strings.TrimSuffix(strings.ToLower(text), "."), HMACSHA256, HMACSHA384, HMACSHA512)
}

// leastSecret is how short a secret may be, in bytes.
const leastSecret = 16

// checkSecret says what is wrong with a secret in base64.
func checkSecret(text string) error {
	secret, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err != nil:
		return fmt.Errorf("is no base64; make a key by tsig-keygen")
	case len(secret) < leastSecret:
		return fmt.Errorf("has %d bytes, %d are the least; make a key by tsig-keygen", len(secret), leastSecret)
	}
	return nil
}

// keySecret is the secret in a key of BIND or Knot.
var keySecret = regexp.MustCompile(`(?m)^[^#/]*\bsecret\s*:?\s*"?([A-Za-z0-9+/=]+)"?\s*;?`)

// keyName and keyAlgorithm are the name and the algorithm in such a key.
var (
	keyName      = regexp.MustCompile(`(?m)^[^#/]*\b(?:key\s+|id:\s*)"?([A-Za-z0-9._-]+)"?`)
	keyAlgorithm = regexp.MustCompile(`(?m)^[^#/]*\balgorithm\s*:?\s*"?([A-Za-z0-9.-]+)`)
)

// Load returns the secret in base64, from its file where it is in one. A file that is a
// key of another name or algorithm is an error: clients that have it would be refused.
func (s Key) Load() (string, error) {
	if s.SecretFile == "" {
		return s.Secret, nil
	}
	data, err := os.ReadFile(s.SecretFile)
	if err != nil {
		return "", fmt.Errorf("reading the secret of key %s: %w", s.Name, err)
	}
	text := strings.TrimSpace(string(data))
	m := keySecret.FindStringSubmatch(text)
	if m != nil {
		err = s.agrees(text)
		if err != nil {
			return "", fmt.Errorf("reading the secret of key %s: %s %w", s.Name, s.SecretFile, err)
		}
		text = m[1]
	}
	err = checkSecret(text)
	if err != nil {
		return "", fmt.Errorf("reading the secret of key %s: %s %w", s.Name, s.SecretFile, err)
	}
	return text, nil
}

// agrees says in what the key that a file holds is another one.
func (s Key) agrees(text string) error {
	m := keyName.FindStringSubmatch(text)
	if m != nil {
		name, err := canonicalName(m[1])
		if err == nil && name != string(s.Name) {
			return fmt.Errorf("holds the key %s; write that name", name)
		}
	}
	m = keyAlgorithm.FindStringSubmatch(text)
	if m != nil && strings.TrimSuffix(strings.ToLower(m[1]), ".") != string(s.Algorithm) {
		return fmt.Errorf("holds a key for %s, and algorithm is %s; they have to be the same", m[1], s.Algorithm)
	}
	return nil
}

// keys checks the section keys.
func (v *validator) keys() {
	for i, k := range v.config.Keys {
		path := fmt.Sprintf("keys[%d]", i)
		if v.broken[path] {
			continue
		}
		switch {
		case k.Name == "" || k.Name == ".":
			v.fault(path+".name", "is missing; write the name that the client has for the key")
		case slices.ContainsFunc(v.config.Keys[:i], func(o Key) bool { return o.Name == k.Name }):
			v.fault(path+".name", "%s is the name of two keys; write another", k.Name)
		}
		switch {
		case k.Secret == "" && k.SecretFile == "":
			v.fault(path+".secret_file", "is missing; write the path of a file that holds the secret")
		case k.Secret != "" && k.SecretFile != "":
			v.fault(path+".secret", "and secret_file are both there; write one of them")
		case k.Secret != "":
			err := checkSecret(k.Secret)
			if err != nil {
				v.fault(path+".secret", "%s", err)
			}
		}
	}
}

// keySet checks the names of keys that an entry has.
func (v *validator) keySet(path string, names []DomainName) {
	for i, name := range names {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case name == "":
		case !slices.ContainsFunc(v.config.Keys, func(k Key) bool { return k.Name == name }):
			v.fault(at, "no key %s; add it to the section keys", name)
		case slices.Contains(names[:i], name):
			v.fault(at, "%s is here twice", name)
		}
	}
}

// clients checks prefixes of clients.
func (v *validator) clients(path string, prefixes []netip.Prefix) {
	for i, p := range prefixes {
		if p.IsValid() && slices.Contains(prefixes[:i], p) {
			v.fault(fmt.Sprintf("%s[%d]", path, i), "%s is here twice", p)
		}
	}
}

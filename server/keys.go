package server

import (
	"errors"

	"inside53/server/config"
	"inside53/server/tsig"
)

// newKeyring reads the secrets that c names. The error joins those of all keys.
func newKeyring(c *config.Config) (tsig.Keyring, error) {
	ring := tsig.Keyring{}
	var faults []error
	for _, k := range c.Keys {
		secret, err := k.Load()
		if err != nil {
			faults = append(faults, err)
			continue
		}
		ring[string(k.Name)] = tsig.Key{Name: string(k.Name), Algorithm: string(k.Algorithm) + ".", Secret: secret}
	}
	return ring, errors.Join(faults...)
}

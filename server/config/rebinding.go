package config

import (
	"fmt"
	"slices"

	"inside53/resolver/wire"
)

// Rebinding is the section rebinding: which addresses names of the internet may not have,
// since they lead to the client's own host or to what is near it.
type Rebinding struct {
	// Deny lists kinds of addresses that answers of the forwarders of "." may not hold:
	// loopback, link-local, unspecified, private. An answer that does is NODATA. Default
	// [loopback, link-local, unspecified].
	Deny DeniedAddresses `yaml:"deny"`

	// Allow lists names that may have them, with all below: the domain lists of mail
	// servers, say. Default [].
	Allow []DomainName `yaml:"allow"`
}

// DeniedAddresses are kinds of addresses.
type DeniedAddresses wire.AddressKinds

func (d *DeniedAddresses) add(text string) error {
	words := []string{"loopback", "link-local", "unspecified", "private"}
	kinds := []wire.AddressKinds{wire.Loopback, wire.LinkLocal, wire.Unspecified, wire.Private}
	i := slices.Index(words, text)
	if i < 0 {
		return oneOf(text, words...)
	}
	kind := DeniedAddresses(kinds[i])
	if *d&kind != 0 {
		return fmt.Errorf("%s is here twice", text)
	}
	*d |= kind
	return nil
}

func (v *validator) rebinding() {
	for i, name := range v.config.Rebinding.Allow {
		path := fmt.Sprintf("rebinding.allow[%d]", i)
		switch {
		case v.broken[path]:
		case name == ".":
			v.fault(path, `"." is every name; write deny: [] to let all pass`)
		case slices.Contains(v.config.Rebinding.Allow[:i], name):
			v.fault(path, "%s is here twice", name)
		}
	}
}

package zone

import (
	"slices"

	"inside53/resolver/wire"
)

// Rebinding says which addresses a name of the internet may not have: one that leads to
// the client's own host or network makes a page there speak for services here. The zero
// value lets all of them pass.
type Rebinding struct {
	Deny wire.AddressKinds
	// Allow are names that may, with all below them, in lower-case wire form.
	Allow [][]byte
}

// Excepts reports whether a name may have any address: one that is allowed, and those of
// EC2, where instance-data is 169.254.169.254.
func (r *Rebinding) Excepts(name []byte) bool {
	for _, apex := range [...]string{"\x03ec2\x08internal\x00", "\x07compute\x08internal\x00"} {
		if wire.SuffixAt(name, []byte(apex)) > 0 {
			return true
		}
	}
	return slices.ContainsFunc(r.Allow, func(allowed []byte) bool { return wire.SuffixAt(name, allowed) >= 0 })
}

// Denies reports whether a name that isn't excepted may not have an address, of 4 or 16
// octets.
func (r *Rebinding) Denies(name, addr []byte) bool {
	if wire.KindOfAddress(addr)&r.Deny == 0 {
		return false
	}
	// What address lists of mail servers say (RFC 5782 section 2.1).
	listed := len(addr) == 4 && addr[0] == 127 && (addr[1] != 0 || addr[2] != 0 || addr[3] > 1)
	return !listed || !isListed(name)
}

// isListed reports whether a name may be that of an address in such a list: its first four
// labels are numbers from 0 to 255.
func isListed(name []byte) bool {
	at := 0
	for range 4 {
		n := int(name[at])
		if n == 0 || n > 3 {
			return false
		}
		value := 0
		for _, c := range name[at+1 : at+1+n] {
			if c < '0' || c > '9' {
				return false
			}
			value = 10*value + int(c-'0')
		}
		if value > 255 {
			return false
		}
		at += 1 + n
	}
	return name[at] != 0
}

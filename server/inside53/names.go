package main

import (
	"strings"

	"golang.org/x/net/publicsuffix"

	"inside53/resolver/zone"
	"inside53/zonesource/changes"
)

// isOtherDomain reports whether a name that is relative to a zone looks like the whole name
// of a host of another domain: it ends in a suffix under which domains are registered.
func isOtherDomain(z changes.Zone, typed string) bool {
	name := strings.ToLower(typed)
	owner, err := recordOwner(z, typed, true)
	if err != nil || owner == changes.CanonicalName(name) {
		return false // it is in the zone as it stands
	}
	suffix, icann := publicsuffix.PublicSuffix(name)
	return icann && strings.HasSuffix(name, "."+suffix)
}

// octalHint is a line for a name whose escape looks like one of AWS; "" for other names.
func octalHint(name string) string {
	hint := zone.OctalHint(name)
	if hint == "" {
		return ""
	}
	return "hint: " + hint + "\n"
}

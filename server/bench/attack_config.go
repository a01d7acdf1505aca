//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"inside53/server/bench/dataset"
)

// updated is the zone that attackers would change. It is one of the demo's.
const updated = "example.net."

// ports is the section of the ports beside that of DNS, and who may ask.
func ports(s site) string {
	text := fmt.Sprintf("allow: [%s]\n", mayAsk)
	if s.health > 0 {
		text += fmt.Sprintf("health: 127.0.0.1:%d\n", s.health)
	}
	if s.metrics > 0 {
		text += fmt.Sprintf("metrics: 127.0.0.1:%d\n", s.metrics)
	}
	return text
}

// guardedSections is what inside53 has of a zone where not everybody may ask.
func guardedSections(s site) string {
	return ports(s) + fmt.Sprintf("zonefiles:\n  - { origin: %s, file: %q }\n", dataset.Zone, s.zoneFile)
}

// guarded is inside53 where not everybody may ask.
func guarded(s site, program string) ([]string, error) {
	return inside53(s, program, guardedSections(s))
}

// guardedForward is inside53 with an upstream, where not everybody may ask.
func guardedForward(s site, program string) ([]string, error) {
	return inside53(s, program, ports(s)+fmt.Sprintf("forward:\n  - { zone: \".\", upstreams: [\"127.0.0.1:%d\"] }\n",
		s.upstream))
}

// keyed is inside53 where who has the key may change a zone of Route 53.
func keyed(s site, program string) ([]string, error) {
	return inside53(s, program, guardedSections(s)+fmt.Sprintf(`route53: { requests_per_second: 1000 }
views: [{ name: all, clients: [127.0.0.0/8] }]
keys: [{ name: %s, secret: %s }]
updates: [{ zone: %s, visibility: public, keys: [%s] }]
`, keyName, keySecret, updated, keyName))
}

// guardedNSD is NSD where not everybody may ask.
func guardedNSD(s site, program string) ([]string, error) {
	argv, err := nsd(s, program)
	if err != nil {
		return nil, err
	}
	var allow strings.Builder
	for block := range strings.SplitSeq(mayAsk, ", ") {
		fmt.Fprintf(&allow, "  allow-query: %s NOKEY\n", block)
	}
	return argv, appendTo(argv[len(argv)-1], allow.String())
}

// keyedKnot is Knot where who has the key may change a zone.
func keyedKnot(s site, program string) ([]string, error) {
	argv, err := knot(s, program)
	if err != nil {
		return nil, err
	}
	zone := filepath.Join(s.dir, "updated.zone")
	err = os.WriteFile(zone, fmt.Appendf(nil, "$ORIGIN %s\n@ 60 IN SOA ns1 host 1 3600 600 86400 60\n@ 60 IN NS ns1\n"+
		"ns1 60 IN A 10.255.0.1\n", updated), 0o644)
	if err != nil {
		return nil, err
	}
	path := argv[len(argv)-1]
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	keys := fmt.Sprintf("key:\n  - id: %[1]s\n    algorithm: hmac-sha256\n    secret: %[2]s\nacl:\n  - id: change\n"+
		"    key: %[1]s\n    action: update\n", keyName, keySecret)
	more := fmt.Sprintf("  - domain: %s\n    file: %q\n    zonefile-sync: -1\n    journal-content: none\n"+
		"    acl: change\n", updated, zone)
	return argv, os.WriteFile(path, []byte(keys+string(text)+more), 0o644)
}

// appendTo appends text to a file.
func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

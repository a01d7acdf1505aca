package zonesource

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"inside53/resolver/zone"
)

// InstanceName returns the wire form of the name that a text, of a tag or a security
// group, gives an instance whose names live in the zone origin. A text that ends in a dot
// or lies in a zone of ours (origin, or one of ours) is absolute; all others are relative
// to origin. DNS and hosts files have the same names by it.
//
// The error says why there is no name. Whoever may tag instances must not become the
// master of other names: what is absolute has to lie in origin, and what nobody means
// relatively, a name that ends in a public top-level domain, is none.
func InstanceName(text string, origin []byte, ours [][]byte) ([]byte, error) {
	text = strings.TrimSpace(text)
	err := checkHostName(strings.TrimSuffix(text, "."))
	if err != nil {
		return nil, err
	}
	name, err := zone.ParseName(text)
	if err != nil {
		return nil, err
	}
	if !zone.IsSubdomain(name, origin) {
		if strings.HasSuffix(text, ".") || isMeantWhole(name, ours) {
			return nil, fmt.Errorf("is not in %s", zone.String(origin))
		}
		name, err = zone.ParseName(text + "." + zone.String(origin))
		if err != nil {
			return nil, fmt.Errorf("with %s is longer than a name can be", zone.String(origin))
		}
	}
	if bytes.Equal(name, origin) {
		return nil, errors.New("is the name of the zone itself")
	}
	for _, cut := range computedNames() {
		if zone.IsSubdomain(name, cut) && !zone.IsSubdomain(origin, cut) {
			return nil, fmt.Errorf("names in %s are those of EC2", zone.String(cut))
		}
	}
	return name, nil
}

// isMeantWhole reports whether a name of more than one label lies in a zone of ours, or
// in a top-level domain that nobody means relatively.
func isMeantWhole(name []byte, ours [][]byte) bool {
	labels := zone.CountLabels(name)
	if labels < 2 {
		return false
	}
	if slices.ContainsFunc(ours, func(apex []byte) bool { return len(apex) > 1 && zone.IsSubdomain(name, apex) }) {
		return true
	}
	last := name
	for range labels - 1 {
		last = last[int(last[0])+1:]
	}
	switch zone.String(last) {
	case "com.", "net.", "org.", "edu.", "gov.", "mil.", "int.", "arpa.", "example.", "internal.", "local.",
		"localdomain.":
		return true
	}
	return false
}

// checkHostName says what keeps a text from being a host name: letters, digits and
// hyphens (RFC 1123 section 2.1), underscores besides; localhost is not to be had.
func checkHostName(text string) error {
	if text == "" {
		return errors.New("is empty")
	}
	labels := strings.Split(strings.ToLower(text), ".")
	for _, label := range labels {
		switch {
		case label == "":
			return errors.New("has an empty label")
		case len(label) > 63:
			return fmt.Errorf("has a label of %d characters, 63 are allowed", len(label))
		case label[0] == '-' || label[len(label)-1] == '-':
			return errors.New("has a label that begins or ends with a hyphen")
		}
		for _, c := range label {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return fmt.Errorf("has the character %q, which no host name has", c)
			}
		}
	}
	if labels[len(labels)-1] == "localhost" || strings.EqualFold(text, "localhost.localdomain") {
		return errors.New("is the name of every host itself")
	}
	return nil
}

// InstanceZone fills in the template of the zone of instance names, and returns its wire
// form.
func InstanceZone(template, region, vpc, account string) ([]byte, error) {
	for _, p := range []struct{ key, value string }{{"{region}", region}, {"{vpc}", vpc}, {"{account}", account}} {
		if !strings.Contains(template, p.key) {
			continue
		}
		if p.value == "" {
			return nil, fmt.Errorf("%s is not known", p.key)
		}
		template = strings.ReplaceAll(template, p.key, p.value)
	}
	if template == "." {
		return nil, errors.New("the root can't be the zone of instance names")
	}
	err := checkHostName(strings.TrimSuffix(template, "."))
	if err != nil {
		return nil, err
	}
	return zone.ParseName(template)
}

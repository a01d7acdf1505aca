package zonesource

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"inside53/resolver/zone"
)

// Ours are the zones in which names of instances may lie besides that of ec2.zone. It is
// immutable; nil has none.
type Ours struct{ apexes map[string]bool }

// NewOurs returns the zones of these apexes, in lower-case wire form. The root is none.
func NewOurs(lists ...[][]byte) *Ours {
	o := &Ours{apexes: map[string]bool{}}
	for _, apexes := range lists {
		for _, apex := range apexes {
			if len(apex) > 1 {
				o.apexes[string(apex)] = true
			}
		}
	}
	return o
}

// holding returns the apexes at and above a name, the longest first.
func (o *Ours) holding(name []byte) [][]byte {
	if o == nil || len(o.apexes) == 0 {
		return nil
	}
	var out [][]byte
	for rest := name; len(rest) > 1; rest = rest[1+int(rest[0]):] {
		if o.apexes[string(rest)] {
			out = append(out, rest)
		}
	}
	return out
}

// below returns the apexes below a name, sorted, where the name lies in a zone of ours itself.
func (o *Ours) below(name []byte) [][]byte {
	if len(o.holding(name)) == 0 {
		return nil
	}
	var out [][]byte
	for apex := range o.apexes {
		if len(apex) > len(name) && zone.IsSubdomain([]byte(apex), name) {
			out = append(out, []byte(apex))
		}
	}
	slices.SortFunc(out, bytes.Compare)
	return out
}

// InstanceName returns the wire form of the name that a text, of a tag or a template, gives
// an instance whose names live in the zone origin, and the apexes of the zones that it
// lies in, the longest first. A text that ends in a dot or lies in a zone of ours (origin, or
// one of ours) is absolute; all others are relative to origin. DNS and hosts files have the
// same names by it.
//
// The error says why there is no name. Whoever may tag instances must not become the
// master of other names: what is absolute has to lie in a zone of ours, and what nobody
// means relatively, a name that ends in a public top-level domain, is none.
func InstanceName(text string, origin []byte, ours *Ours) (name []byte, apexes [][]byte, err error) {
	text = strings.TrimSpace(text)
	err = checkHostName(strings.TrimSuffix(text, "."))
	if err != nil {
		return nil, nil, err
	}
	name, err = zone.ParseName(text)
	if err != nil {
		return nil, nil, err
	}
	apexes = ours.holding(name)
	switch {
	case zone.IsSubdomain(name, origin):
	case zone.CountLabels(name) > 1 && len(apexes) > 0, strings.HasSuffix(text, ".") && len(apexes) > 0:
		origin = nil
	case strings.HasSuffix(text, "."):
		return nil, nil, errors.New("is in no zone of ours")
	default:
		suffix := publicSuffix(name)
		if suffix != "" {
			return nil, nil, fmt.Errorf("ends in %s, which nobody means relatively, and is in no zone of ours", suffix)
		}
		name, err = zone.ParseName(text + "." + zone.String(origin))
		if err != nil {
			return nil, nil, fmt.Errorf("with %s is longer than a name can be", zone.String(origin))
		}
		apexes = ours.holding(name)
	}
	apexes = withOrigin(apexes, origin)
	if bytes.Equal(name, apexes[0]) {
		return nil, nil, errors.New("is the name of the zone itself")
	}
	for _, apex := range apexes {
		if isOfEveryHost(strings.TrimSuffix(zone.String(cutApex(name, apex)), ".")) {
			return nil, nil, errOfEveryHost
		}
	}
	for _, cut := range computedNames() {
		if zone.IsSubdomain(name, cut) && !zone.IsSubdomain(apexes[0], cut) {
			return nil, nil, fmt.Errorf("names in %s are those of EC2", zone.String(cut))
		}
	}
	return name, apexes, nil
}

// cutApex is what is left of a name without a zone that holds it.
func cutApex(name, apex []byte) []byte { return append(bytes.Clone(name[:len(name)-len(apex)]), 0) }

// ShortName returns, in wire form, what is left of a name of [InstanceName] without the zone apex that holds it: the
// form that people write on a host, whose names live in origin. The error says why there is none: it would be the
// whole name of somebody else, of the internet or of a zone of ours.
func ShortName(name, apex, origin []byte, ours *Ours) ([]byte, error) {
	short := cutApex(name, apex)
	suffix := publicSuffix(short)
	text := strings.TrimSuffix(zone.String(short), ".")
	switch {
	case suffix != "":
		return nil, fmt.Errorf("%s ends in %s, which nobody means relatively", text, suffix)
	case zone.IsSubdomain(short, origin), zone.CountLabels(short) > 1 && len(ours.holding(short)) > 0:
		return nil, fmt.Errorf("%s is another name, in a zone of ours", text)
	}
	return short, nil
}

// withOrigin puts a zone, nil for none, among others that hold the same name.
func withOrigin(apexes [][]byte, origin []byte) [][]byte {
	if origin == nil || slices.ContainsFunc(apexes, func(a []byte) bool { return bytes.Equal(a, origin) }) {
		return apexes
	}
	at := slices.IndexFunc(apexes, func(a []byte) bool { return len(a) < len(origin) })
	if at < 0 {
		at = len(apexes)
	}
	return slices.Insert(apexes, at, origin)
}

// publicSuffix returns the top-level domain of a name of several labels, where nobody means
// such a name relatively: one of the internet's (the public suffix list knows them), or
// one that is used as such; "" for all others.
func publicSuffix(name []byte) string {
	labels := zone.CountLabels(name)
	if labels < 2 {
		return ""
	}
	last := name
	for range labels - 1 {
		last = last[1+int(last[0]):]
	}
	text := strings.TrimSuffix(zone.String(last), ".")
	switch text {
	case "example", "internal", "local", "localdomain":
		return text + "."
	}
	_, isPublic := publicsuffix.PublicSuffix("name." + text)
	if isPublic {
		return text + "."
	}
	return ""
}

// checkHostName says what keeps a text from being a host name: letters, digits and
// hyphens (RFC 1123 section 2.1), underscores besides; localhost is not to be had.
func checkHostName(text string) error {
	if text == "" {
		return errors.New("is empty")
	}
	labels := strings.Split(text, ".")
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
			// Not of the text in lower case: the Kelvin sign would be a k there.
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return fmt.Errorf("has the character %q, which no host name has", c)
			}
		}
	}
	if isOfEveryHost(text) {
		return errOfEveryHost
	}
	return nil
}

var errOfEveryHost = errors.New("is the name of every host itself")

// isOfEveryHost reports whether a name, as a host has it without a zone, is one of the host itself.
func isOfEveryHost(text string) bool {
	text = strings.ToLower(text)
	return text == "localhost" || strings.HasSuffix(text, ".localhost") || text == "localhost.localdomain"
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

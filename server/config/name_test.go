package config

import (
	"strings"
	"testing"

	"inside53/resolver/zone"
)

// TestDomainNames reads what DNS has for names: the text is that of the data model, so that
// each name of the one is found in the other.
func TestDomainNames(t *testing.T) {
	for text, want := range map[string]string{
		"Example.COM":                     "example.com.",
		".":                               ".",
		"0/25.2.0.192.in-addr.arpa":       "0/25.2.0.192.in-addr.arpa.",
		"*.example.com.":                  "*.example.com.",
		`\042.example.com`:                "*.example.com.",
		`a\.b.example.com`:                `a\.b.example.com.`,
		`a\046b.example.com`:              `a\.b.example.com.`,
		`\065\\\@.x`:                      `a\\\@.x.`,
		`a\032b.x\.`:                      `a\032b.x\..`,
		`\000\255.x`:                      `\000\255.x.`,
		`\+.x`:                            `+.x.`,
		strings.Repeat(`\255`, 63) + ".x": strings.Repeat(`\255`, 63) + ".x.",
		strings.Repeat("a.", 126) + "a":   strings.Repeat("a.", 127),
		strings.Repeat(`\001\002.`, 84) + `\003.`: strings.Repeat(`\001\002.`, 84) + `\003.`,
	} {
		var n DomainName
		err := n.parse(text)
		if err != nil || string(n) != want {
			t.Errorf("%q: %q, %v; want %q", text, n, err, want)
			continue
		}
		name, err := zone.ParseName(string(n))
		if err != nil || zone.String(name) != want {
			t.Errorf("%q: the data model has %q, %v", text, zone.String(name), err)
		}
	}
	for text, want := range map[string]string{
		"":                                "is empty",
		"a..b":                            "empty label",
		".a":                              "empty label",
		"a b":                             "has a ' '",
		`a\25`:                            "three decimal digits",
		`a\256`:                           "more than one byte",
		`a\`:                              "three decimal digits",
		"ä.b":                             `punycode form (xn--...) of "ä"`,
		strings.Repeat(`\255`, 64) + ".x": "too long",
		strings.Repeat("a.", 128):         "too long",
	} {
		var n DomainName
		err := n.parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v; want %s", text, n, err, want)
		}
	}
	_, err := canonicalName("*.example.com")
	if err == nil {
		t.Error("an asterisk in a pattern is one of the pattern's own")
	}
}

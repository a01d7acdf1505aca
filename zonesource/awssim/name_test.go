package awssim

import (
	"slices"
	"strings"
	"testing"
)

func TestParseName(t *testing.T) {
	for _, c := range []struct{ in, text, sort string }{
		{"example.com", "example.com.", "com.example."},
		{"WWW.Example.COM.", "www.example.com.", "com.example.www."},
		{"*.example.com", `\052.example.com.`, "com.example.*."},
		{`\052.example.com.`, `\052.example.com.`, "com.example.*."},
		{"user@host.com.", `user\100host.com.`, "com.user@host."},
		{`a\056b.com.`, `a\056b.com.`, "com.a.b."},
		{"0/25.2.0.192.in-addr.arpa.", `0\05725.2.0.192.in-addr.arpa.`, "arpa.in-addr.192.0.2.0/25."},
		{"_sip._tcp.example.com.", "_sip._tcp.example.com.", "com.example._tcp._sip."},
		{"é.com", `\303\251.com.`, "com.é."},
		{".", ".", "."},
	} {
		got, err := parseName(c.in)
		if err != nil || got.text != c.text || got.sort != c.sort {
			t.Errorf("parseName(%q) = %q, %v; want %q, %q", c.in, got, err, c.text, c.sort)
		}
		again, err := parseName(got.text)
		if err != nil || again != got {
			t.Errorf("parseName(%q) = %q, %v; want it unchanged", got.text, again, err)
		}
	}
}

func TestParseNameRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "DomainNameEmpty",
		"a..b":                            "DomainLabelEmpty",
		".a":                              "DomainLabelEmpty",
		strings.Repeat("a", 64) + ".com.": "DomainLabelTooLong",
		strings.Repeat("abcdefg.", 32):    "DomainNameTooLong",
		`a\b.com.`:                        "InvalidEscapeSequence",
		`a\08.com.`:                       "InvalidEscapeSequence",
		`a\400.com.`:                      "InvalidEscapeSequence",
		`a\`:                              "InvalidEscapeSequence",
	} {
		got, err := parseName(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parseName(%q) = %q, %v; want %s", in, got, err, want)
		}
	}
}

// The order of listings, by the rule in the API reference of ListResourceRecordSets: labels reversed, a
// final dot, plain text order, so that "-" (before the dot in ASCII) sorts before what is below a name.
func TestListingOrder(t *testing.T) {
	want := []string{"example.com.", "*.example.com.", "a-b.example.com.", "a.example.com.", "x.a.example.com.",
		"a0.example.com.", "b.example.com."}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, func(a, b string) int {
		x, errA := parseName(a)
		y, errB := parseName(b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		return strings.Compare(x.sort, y.sort)
	})
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

package awscall

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// wirePage is a page of EC2.
func wirePage(request, token, items string) []byte {
	if token != "" {
		token = "<nextToken>" + token + "</nextToken>"
	}
	return fmt.Appendf(nil, "<R><requestId>%s</requestId><set>%s</set>%s</R>", request, items, token)
}

// TestPageIsLast: a page that is kept is compared by its octets, and says what its sum says.
func TestPageIsLast(t *testing.T) {
	const service = "EC2"
	items := strings.Repeat("<item>1</item>", 300_000)
	kept := wirePage("1", "a", items)
	edit := func(at int) []byte {
		page := slices.Clone(kept)
		page[at]++
		return page
	}
	for _, tt := range []struct {
		name         string
		last, page   []byte
		same, isLast bool
		token        string
	}{
		{"same", kept, slices.Clone(kept), true, true, "a"},
		{"another request", kept, wirePage("another", "a", items), true, true, "a"},
		{"another token", kept, wirePage("1", "b &amp; c", items), true, true, "b & c"},
		{"a token of the same length", kept, wirePage("2", "b", items), true, true, "b"},
		{"token first", kept, slices.Concat([]byte("<R><nextToken>a</nextToken>"), wirePage("1", "", items)[3:]), false,
			false, "a"},
		{"first item", kept, edit(bytes.IndexByte(kept, '1') + 30), false, false, "a"},
		{"item in the middle", kept, edit(len(kept) / 2), false, false, "a"},
		{"last octet", kept, edit(len(kept) - 1), false, false, "a"},
		{"an item more", kept, wirePage("1", "a", items+"<item>1</item>"), false, false, "a"},
		{"no token any more", kept, wirePage("1", "", items), false, false, ""},
		{"a token now", wirePage("1", "", items), kept, false, false, "a"},
		{"without tokens", wirePage("1", "", items), wirePage("2", "", items), true, true, ""},
		{"no token but its element", kept, bytes.Replace(kept, []byte(">a<"), []byte("><"), 1), true, false, ""},
		{"no request", kept, bytes.Replace(kept, []byte("<requestId>1</requestId>"), nil, 1), false, false, "a"},
		{"cut short", kept, kept[:len(kept)/2], false, false, ""},
		{"nothing", kept, []byte{}, false, false, ""},
	} {
		for _, raw := range []bool{true, false} {
			first := Page{Salt: Sum{1}, Raw: true}
			first.compare(service, tt.last, func() {})
			hashed := Page{Salt: Sum{1}, Want: first.Sum, Raw: raw}
			isHashed := hashed.compare(service, tt.page, func() {})
			p := Page{Salt: Sum{1}, Want: first.Sum, Last: tt.last, Raw: raw}
			rests := 0
			is := p.compare(service, tt.page, func() { rests++ })
			if is != isHashed || p.Sum != hashed.Sum || p.Same != hashed.Same || p.Token != hashed.Token {
				t.Errorf("%s, raw %t: %t, same %t, token %q; by the sum %t, same %t, token %q", tt.name, raw, is, p.Same,
					p.Token, isHashed, hashed.Same, hashed.Token)
			}
			if is != (tt.same || raw) || p.Same != tt.same || p.Token != tt.token {
				t.Errorf("%s, raw %t: %t, same %t, token %q", tt.name, raw, is, p.Same, p.Token)
			}
			if is && tt.isLast != (len(p.Body) > 0 && &p.Body[0] == &tt.last[0]) {
				t.Errorf("%s, raw %t: the body is what is kept: %t", tt.name, raw, !tt.isLast)
			}
			if is && !tt.isLast && !bytes.Equal(p.Body, tt.page) {
				t.Errorf("%s, raw %t: the body isn't the page", tt.name, raw)
			}
			if tt.isLast && rests != len(items)/span {
				t.Errorf("%s: %d rests", tt.name, rests)
			}
		}
	}
}

// TestPageIsNotKept: the sum alone says whether a page is the same, and its body is one of its own.
func TestPageIsNotKept(t *testing.T) {
	page := wirePage("1", "a", "<item>1</item>")
	first := Page{Raw: true}
	first.compare("EC2", page, func() {})
	p := Page{Want: first.Sum}
	if !p.compare("EC2", page, func() {}) || !p.Same || !bytes.Equal(p.Body, page) || &p.Body[0] == &page[0] {
		t.Errorf("same %t, %s", p.Same, p.Body)
	}
}

// TestPageOfOthers: all of a page counts where no element of it differs from call to call.
func TestPageOfOthers(t *testing.T) {
	page := wirePage("1", "a", "")
	for _, c := range []struct {
		page []byte
		same bool
	}{{slices.Clone(page), true}, {wirePage("2", "a", ""), false}} {
		first := Page{Raw: true}
		first.compare("Route 53", page, func() {})
		p := Page{Want: first.Sum, Last: page}
		if p.compare("Route 53", c.page, func() {}); p.Same != c.same || p.Token != "" {
			t.Errorf("%s: same %t, token %q", c.page, p.Same, p.Token)
		}
	}
}

// TestOddMarkers: an element that differs from call to call within another one is no fault.
func TestOddMarkers(t *testing.T) {
	for _, page := range []string{
		"<R><nextToken>a<requestId>1</requestId>1</nextToken></R>",
		"<R><requestId>1<nextToken>a</nextToken>1</requestId></R>",
		"<R><requestId>1<nextToken>a</requestId>1</nextToken></R>",
	} {
		first := Page{Raw: true}
		first.compare("EC2", []byte(page), func() {})
		p := Page{Want: first.Sum, Last: []byte(page)}
		if !p.compare("EC2", []byte(strings.ReplaceAll(page, "1", "2")), func() {}) || !p.Same {
			t.Errorf("%s isn't the same", page)
		}
	}
}

// TestLastIsNotCopied: nothing is allocated for a page that is the one that is kept, however large it is.
func TestLastIsNotCopied(t *testing.T) {
	const times = 20
	last := wirePage("1", "a", strings.Repeat("<item>1</item>", 50_000))
	page := slices.Clone(last)
	first := Page{Raw: true}
	first.compare("EC2", last, func() {})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		p := Page{Want: first.Sum, Last: last, Raw: true}
		if !p.compare("EC2", page, func() {}) || !p.Same {
			t.Fatal("not the same")
		}
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / times; n > uint64(len(page)/10) {
		t.Errorf("%d octets are allocated for a page of %d", n, len(page))
	}
}

// BenchmarkPage is what a page of a megabyte costs that is the same as last time: by its octets, and by its sum.
func BenchmarkPage(b *testing.B) {
	last := wirePage("1", "a", strings.Repeat("<item>1</item>", 1<<20/14))
	page := slices.Clone(last)
	first := Page{Raw: true}
	first.compare("EC2", last, func() {})
	for name, kept := range map[string][]byte{"octets": last, "sum": nil} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(page)))
			for b.Loop() {
				p := Page{Want: first.Sum, Last: kept}
				if !p.compare("EC2", page, func() {}) {
					b.Fatal("not the same")
				}
			}
		})
	}
}

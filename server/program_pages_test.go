package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// pagesOfMany are the pages that people and balancers read again and again.
func pagesOfMany() []string { return []string{"/readyz", "/metrics", "/report"} }

// withFiles runs the program with so many zone files: a part each.
func withFiles(t testing.TB, n int) *program {
	t.Helper()
	s := newSite(t)
	var b strings.Builder
	b.WriteString("listen: { dns: [\"127.0.0.1:0\"] }\nadmin: 127.0.0.1:0\ndrain: 0s\n" +
		"forward: [{ zone: ., upstreams: [192.0.2.1] }]\n" +
		"views: [{ name: all, clients: [127.0.0.0/8], addresses: public }]\nzonefiles:\n")
	for i := range n {
		name := fmt.Sprintf("file-%d.example", i)
		s.write(t, name, "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 10.0.0.1\n")
		fmt.Fprintf(&b, "  - { origin: %s., file: %s }\n", name, name)
	}
	return s.ready(t, b.String())
}

// page asks for one of the pages of many.
func (p *program) page(t testing.TB, path string) {
	t.Helper()
	code, body := p.get(t, http.MethodGet, path)
	if code != http.StatusOK || body == "" {
		t.Fatalf("%s: status %d, %q", path, code, body)
	}
}

// TestPagesCostNoParts: what there is makes these pages no dearer.
func TestPagesCostNoParts(t *testing.T) {
	allocations := map[string][]float64{}
	for _, n := range []int{10, 500} {
		p := withFiles(t, n)
		for _, path := range pagesOfMany() {
			p.page(t, path)
			allocations[path] = append(allocations[path], testing.AllocsPerRun(5, func() { p.page(t, path) }))
		}
		p.end(t)
	}
	for path, of := range allocations {
		if of[1] > of[0]+200 {
			t.Errorf("%s: allocations with 10 and with 500 zones: %v", path, of)
		}
	}
}

// BenchmarkPages is what these pages cost with 5,000 parts, their connections included.
func BenchmarkPages(b *testing.B) {
	p := withFiles(b, 5000)
	for _, path := range pagesOfMany() {
		b.Run(path[1:], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.page(b, path)
			}
		})
	}
}

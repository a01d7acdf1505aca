//go:build clients

package main

import (
	"strings"
	"testing"
)

// TestClientTenFaults goes from each fault to its cause by the page of the console that FAULTS.md names.
func TestClientTenFaults(t *testing.T) {
	l, sections := newFaultLab(t), faultSections(t)
	s := &consoleSite{url: "http://" + l.admin, dns: l.dns}
	s.browser(t)
	for _, c := range faultCases() {
		if c.inject != nil {
			c.inject(t, l)
		}
		for i, fragment := range sections[c.title].pages {
			name, _, _ := strings.Cut(fragment, "?")
			if name == "explain" {
				l.dig(t, strings.TrimPrefix(fragment, "explain?name="))
			}
			s.visit(t, fragment)
			s.until(t, "document.getElementById('main').innerText.includes("+quote(c.pages[i])+")")
		}
		s.picture(t, "fault-"+strings.ReplaceAll(strings.ToLower(c.title), " ", "-"))
		if c.end != nil {
			c.end(t, l)
		}
		l.line(t, "inside53 refresh")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fault := range s.faults {
		t.Errorf("the browser says: %s", fault)
	}
}

// TestClientConsoleDifferences shows of a zone what isn't the same in every view, and all of it again.
func TestClientConsoleDifferences(t *testing.T) {
	s := newConsoleSite(t)
	s.visit(t, "split?zone=example.com.")
	const rows, said = "document.querySelectorAll('.vrow').length", "document.querySelector('.matrix header p').innerText"
	s.until(t, rows+" > 5 && "+said+" !== ''")
	all := eval[string](t, s, said) // there may be more by and by
	s.script(t, "document.querySelector('input[name=differing]').click()")
	s.until(t, rows+" > 2 && /^\\d+ differ of \\d+$/.test("+said+")")
	s.until(t, "[...document.querySelectorAll('.vrow')].every((row) => row.querySelector('.cell.differs'))")
	if text := s.text(t); strings.Contains(text, "_dmarc") {
		t.Errorf("a name that every view has is shown:\n%s", text)
	}
	if got := eval[string](t, s, "location.hash"); !strings.Contains(got, "differing=yes") {
		t.Errorf("the link to it is %s", got)
	}
	s.picture(t, "differences")
	s.script(t, "document.querySelector('input[name=differing]').click()")
	s.until(t, "/^\\d+ names and types$/.test("+said+") && parseInt("+said+") >= parseInt("+quote(all)+")")

	// How far it has looked is seen where hardly a name differs, too.
	s.visit(t, "split?zone=big.example.&differing=yes&q=host-000")
	s.until(t, "/ differ of 100$/.test("+said+")")
}

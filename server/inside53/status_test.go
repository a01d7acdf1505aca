package main

import (
	"strings"
	"testing"
)

// TestStatusOfFaults: what AWS says is said once, beside the part that it is about.
func TestStatusOfFaults(t *testing.T) {
	h := newStateHost(t)
	s := h.start(t, "http://127.0.0.1:1")
	text := ""
	eventually(t, "the error is said", func() bool {
		text = ok(t, "status", "--admin", s.admin)
		return strings.Contains(text, "nothing listens")
	})
	if n := strings.Count(text, "nothing listens"); n != 1 {
		t.Errorf("the error is said %d times:\n%s", n, text)
	}
	for _, want := range []string{
		"no: data not complete: route53 catalog/: see below\n", "never read  catalog/: see below\n", "PART ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("status has no %q:\n%s", want, text)
		}
	}
	for _, line := range strings.Split(text, "\n") {
		if strings.HasSuffix(line, " ") {
			t.Errorf("a line ends with blanks: %q", line)
		}
	}
	s.stop(t)
}

// TestFullFromTheStart: where nothing could ever be written nothing is said to have been.
func TestFullFromTheStart(t *testing.T) {
	h := newStateHost(t)
	s := h.mounted(t, h.url, `mount -t tmpfs -o size=512k none "$STATE"
`+fill)
	s.checkFault(t, "no space left on device", "state_dir", "disk")
	if metrics := s.get(t, "/metrics"); !strings.Contains(metrics, "\ninside53_state_saved_seconds +Inf\n") {
		t.Error("something is said to have been saved")
	}
	h.within(t, s, `rm "$STATE"/filler*`)
	s.checkHealed(t)
	if metrics := s.get(t, "/metrics"); strings.Contains(metrics, "\ninside53_state_saved_seconds +Inf\n") {
		t.Error("nothing is said to have been saved")
	}
	s.stop(t)
}

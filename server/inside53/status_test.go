package main

import (
	"fmt"
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

// TestBriefErrors: of an error of AWS what was asked and what came of it is shown, once for all parts that have it.
func TestBriefErrors(t *testing.T) {
	const request = "https response error StatusCode: 400, RequestID: 91ea-1, "
	for text, want := range map[string]string{
		"listing a: operation error Route 53: ListHostedZones, exceeded maximum number of attempts, 3, " + request +
			"api error Throttling: Rate exceeded": "listing a: Route 53 ListHostedZones: Throttling: Rate exceeded",
		"a: operation error EC2: DescribeVpcs, https response error StatusCode: 0, RequestID: , request send failed, " +
			`Get "http://127.0.0.1:1/": refused`: `a: EC2 DescribeVpcs: Get "http://127.0.0.1:1/": refused`,
		"page 2 is damaged": "page 2 is damaged",
	} {
		if got := briefError(text); got != want {
			t.Errorf("%s\nbecomes %s\nwant    %s", text, got, want)
		}
	}
	rows := [][]string{{"1", "a: expired: x"}, {"2", "b: expired: x"}, {"3", "b: gone"}, {"and 4 more"}}
	likewise(rows)
	if got := fmt.Sprint(rows); got != "[[1 a: expired: x] [2 b: likewise] [3 b: gone] [and 4 more]]" {
		t.Error(got)
	}
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

package server

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"inside53/server/admin"
)

// TestProgramTop: who and what is asked most, by each of the words.
func TestProgramTop(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config())
	for range 7 {
		p.check(t, asks(dublin, "git.example.com A", "10.0.2.40"), asks(virginia, "nothing.example.com A", "NXDOMAIN"))
	}
	p.check(t, asks(virginia, "git.example.com A", "10.0.2.40"))
	for _, tt := range []struct {
		by, key string
		count   uint64
	}{{"name", "git.example.com.", 8}, {"client", virginia, 8}, {"nxdomain", "nothing.example.com.", 7}} {
		var top admin.Top
		p.await(t, "it is counted by "+tt.by, func() bool {
			p.into(t, "/top?limit=5&by="+tt.by, &top)
			return len(top.Rows) > 0 && top.Rows[0].Count >= tt.count
		})
		if r := top.Rows[0]; r.Key != tt.key || r.Count != tt.count || r.PerSecond <= 0 || top.Sampled != 1 {
			t.Errorf("by %s: %+v", tt.by, top)
		}
	}
	var top admin.Top
	code := p.into(t, "/top?by=servfail", &top)
	if code != 200 || len(top.Rows) != 0 {
		t.Errorf("by servfail: %d %+v", code, top)
	}
}

// tail opens a tail and returns its lines.
func (p *program) tail(t *testing.T, query string) (*bufio.Scanner, func()) {
	t.Helper()
	r, err := http.Get("http://" + p.app.admin.Addr().String() + "/tail?" + query)
	if err != nil {
		t.Fatal(err)
	}
	if r.StatusCode != http.StatusOK {
		_ = r.Body.Close()
		t.Fatalf("/tail?%s: %s", query, r.Status)
	}
	return bufio.NewScanner(r.Body), func() { _ = r.Body.Close() }
}

// TestProgramTail shows queries as they come to four at a time, each what it wants.
func TestProgramTail(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config())
	type line struct {
		Client, View, Transport, Name, Type, Rcode, Result, Upstream string
		Seconds                                                      float64
	}
	tails := []struct {
		query string
		want  []line
	}{
		{"client=127.2.0.0/16", []line{
			{virginia, "virginia", "udp", "git.example.com.", "A", "NOERROR", "local", "", 0},
			{virginia, "virginia", "tcp", "nothing.example.com.", "AAAA", "NXDOMAIN", "nxdomain", "", 0},
		}},
		{"name=example.org", []line{
			{outside, "outside", "udp", "www.example.org.", "A", "NOERROR", "forwarded", c.dns, 0},
			{outside, "outside", "udp", "www.example.org.", "A", "NOERROR", "cached", c.dns, 0},
		}},
		{"rcode=nxdomain", []line{
			{virginia, "virginia", "tcp", "nothing.example.com.", "AAAA", "NXDOMAIN", "nxdomain", "", 0},
		}},
		{"client=" + dublin, []line{{dublin, "dublin", "udp", "git.example.com.", "A", "NOERROR", "local", "", 0}}},
	}
	scanners := make([]*bufio.Scanner, len(tails))
	for i, tt := range tails {
		lines, end := p.tail(t, tt.query)
		scanners[i] = lines
		defer end()
	}
	code, body := p.get(t, http.MethodGet, "/tail")
	if code != http.StatusServiceUnavailable {
		t.Errorf("a fifth: %d %s", code, body)
	}
	www := asks(outside, "www.example.org A", "CNAME example.org.", "192.0.2.80")
	p.check(t, asks(dublin, "git.example.com A", "10.0.2.40"), asks(virginia, "git.example.com A", "10.0.2.40"),
		asks(virginia, "nothing.example.com AAAA", "NXDOMAIN").byTCP(), www, www)
	for i, tt := range tails {
		for _, want := range tt.want {
			if !scanners[i].Scan() {
				t.Fatalf("%s: it has ended: %v", tt.query, scanners[i].Err())
			}
			var got line
			unmarshal(t, scanners[i].Text(), &got)
			if got.Seconds <= 0 || got.Seconds > 30 || !strings.Contains(scanners[i].Text(), `"at":"20`) {
				t.Errorf("%s: %s", tt.query, scanners[i].Text())
			}
			got.Seconds = 0
			if got != want {
				t.Errorf("%s: %+v, want %+v", tt.query, got, want)
			}
		}
	}
}

// TestProgramTailEnds by itself when it is told to, and makes room for another.
func TestProgramTailEnds(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config())
	for range 6 {
		lines, end := p.tail(t, "for=100ms")
		for lines.Scan() {
			t.Errorf("nobody asked: %s", lines.Text())
		}
		end()
	}
	p.await(t, "nobody watches any more", func() bool {
		code, _ := p.get(t, http.MethodGet, "/tail?for=1ms")
		return code == http.StatusOK
	})
}

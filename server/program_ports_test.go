package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"inside53/server/admin"
	"inside53/server/limits"
	"inside53/zonesource/awssim"

	"golang.org/x/sys/unix"
)

// hold opens connections to an address, as many clients, and keeps those that it gets.
func hold(t *testing.T, to string, clients, each int) {
	t.Helper()
	for i := range clients {
		from := netip.AddrFrom4([4]byte{127, 44, byte(i >> 8), byte(i)})
		d := net.Dialer{Timeout: patience, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
		for range each {
			c, err := d.DialContext(t.Context(), "tcp", to)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}
}

// openFiles returns how many descriptors this process has.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestProgramFloodedPorts holds connections to every HTTP address, of one client and of many.
// Each address goes on answering, and few descriptors are gone: of all, those of the clients,
// which are in this process too, and so many at most for each address.
func TestProgramFloodedPorts(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config()+"health: 127.0.0.1:0\nmetrics: 127.0.0.1:0\n")
	addrs := p.app.admin.Addrs()
	if len(addrs) != 3 {
		t.Fatalf("bound are %v", addrs)
	}
	var files unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files)
	if err != nil {
		t.Fatal(err)
	}
	before := openFiles(t)
	const many, each, crowd = 150, 1, 100
	opened := 0
	for i, path := range []string{"/readyz", "/readyz", "/metrics"} {
		at := addrs[i].String()
		hold(t, at, many, each)
		hold(t, at, 1, crowd)
		opened += many*each + crowd
		if code, body := request(t, http.MethodGet, "http://"+at+path); code != http.StatusOK {
			t.Errorf("%s of %s: %d %s", path, at, code, body)
		}
	}
	if got, most := openFiles(t)-before-opened, 3*limits.FitWeb(files.Cur)+64; got > most {
		t.Errorf("%d descriptors more, for a bound of %d", got, most)
	}
	p.check(t, asks(outside, "www.example.org A", "CNAME example.org.", "192.0.2.80"),
		asks(dublin, "www.example.com A", "10.0.1.21", "10.0.2.21").byTCP())
}

// TestProgramSlowRequests has clients send requests byte by byte: they are cut off.
func TestProgramSlowRequests(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config()+"health: 127.0.0.1:0\n")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.app.admin.Addrs()[1].String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "GET /readyz HTTP/1.1\r\nX-Slow: ")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_ = conn.SetReadDeadline(began.Add(patience))
	_, _ = io.Copy(io.Discard, conn) // the end, however it comes
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("a request without an end holds its connection for %s", took)
	}
}

// TestProgramHealthNamesNothing has IAM deny everything: admin says what, health no word of it.
func TestProgramHealthNamesNothing(t *testing.T) {
	c := newCloud(t, nil)
	c.fault(t, awssim.Fault{Operation: "ListResourceRecordSets", Fault: "access-denied", Count: 1 << 20})
	p := newSite(t).start(t, c.config()+"health: 127.0.0.1:0\nmetrics: 127.0.0.1:0\n")
	p.await(t, "admin names what is missing", func() bool {
		_, body := p.get(t, http.MethodGet, "/readyz")
		return strings.Contains(body, "example.com") && strings.Contains(body, "ListResourceRecordSets")
	})
	addrs := p.app.admin.Addrs()
	p.await(t, "the loops answer", func() bool {
		ok, _ := p.app.server.Ready()
		return ok
	})
	code, body := request(t, http.MethodGet, "http://"+addrs[1].String()+"/readyz")
	const want = `{"ready":false,"reasons":["datanotcomplete"],"degraded":[]}`
	if got := strings.Join(strings.Fields(body), ""); code != http.StatusServiceUnavailable || got != want {
		t.Errorf("health says %d %s, want %s", code, got, want)
	}
	code, body = request(t, http.MethodGet, "http://"+addrs[2].String()+"/metrics")
	if code != http.StatusOK || !regexp.MustCompile(`(?m)^inside53_ready 0$`).MatchString(body) {
		t.Errorf("metrics: %d %.200s", code, body)
	}
}

// TestProgramForeignHosts has a browser ask admin for another site.
func TestProgramForeignHosts(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config())
	for _, tt := range []struct {
		path, host, site string
		code             int
	}{
		{"/zones", "", "", 200}, {"/zones", "rebound.example", "", 403}, {"/zones", "", "cross-site", 403},
		{"/readyz", "balancer.example", "", 200},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.app.admin.Addr().String()+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host, r.Close = tt.host, true
		if tt.site != "" {
			r.Header.Set("Sec-Fetch-Site", tt.site)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != tt.code {
			t.Errorf("%+v: %d", tt, response.StatusCode)
		}
	}
	var ready admin.Ready
	p.into(t, "/readyz", &ready)
	if fmt.Sprint(ready.Degraded) != "[]" {
		t.Errorf("degraded: %v", ready.Degraded)
	}
}

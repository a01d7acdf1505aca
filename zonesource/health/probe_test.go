package health

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"inside53/server/house"
	"inside53/zonesource/refresh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(house.Loopback(m)) }

// loopbackProber may probe 127.0.0.0/8; hosts are resolved to 127.0.0.1.
func loopbackProber(t *testing.T) *prober {
	t.Helper()
	targets, err := ParseTargets([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	return &prober{
		targets: targets,
		resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		},
		translate: func(netip.Addr) (netip.Addr, bool) { return netip.Addr{}, false },
		dial:      new(net.Dialer).DialContext,
		addresses: hostAddresses,
	}
}

// endpointOf is where a test server listens.
func endpointOf(t *testing.T, l net.Listener) endpoint {
	t.Helper()
	addr := netip.MustParseAddrPort(l.Addr().String())
	return endpoint{Address: addr.Addr(), Port: addr.Port(), HTTP: true, Path: "/"}
}

func TestProbeHTTP(t *testing.T) {
	var asked atomic.Int64
	body := func(n int) string { return strings.Repeat("x", n) }
	mux := http.NewServeMux()
	mux.HandleFunc("/status/{code}", func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		var code int
		_, err := fmt.Sscan(r.PathValue("code"), &code)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Location", "/redirected")
		w.WriteHeader(code)
	})
	mux.HandleFunc("/redirected", func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") })
	mux.HandleFunc("/body", func(w http.ResponseWriter, r *http.Request) {
		var before int
		_, err := fmt.Sscan(r.URL.Query().Get("before"), &before)
		if err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, body(before)+"needle"+body(10000))
	})
	mux.HandleFunc("/request", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" || r.UserAgent() != "inside53-health-check (the-id)" || r.Header.Get("Accept-Encoding") != "" ||
			r.Proto != "HTTP/1.1" {
			t.Errorf("request %+v", r)
		}
		_, _ = fmt.Fprintf(w, "host=%s query=%s", r.Host, r.URL.RawQuery)
	})
	mux.HandleFunc("/early", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusOK)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	at := endpointOf(t, server.Listener)
	port := fmt.Sprint(at.Port)

	tests := []struct {
		path, search, host string
		ok                 bool
		why                string
	}{
		{"/status/200", "", "", true, "HTTP 200"},
		{"/status/204", "", "", true, "HTTP 204"},
		{"/status/301", "", "", true, "HTTP 301"},
		{"/status/399", "", "", true, "HTTP 399"},
		{"/status/400", "", "", false, "HTTP 400"},
		{"/status/404", "", "", false, "HTTP 404"},
		{"/status/503", "", "", false, "HTTP 503"},
		{"/status/200", "needle", "", false, "string not found in 0 bytes"},
		{"/status/503", "needle", "", false, "HTTP 503"},
		{"/early", "", "", true, "HTTP 200"},
		{"/body?before=0", "needle", "", true, "string found"},
		{"/body?before=0", "haystack", "", false, "string not found in 5120 bytes"},
		// The string has to be whole within the first 5120 bytes.
		{"/body?before=5114", "needle", "", true, "string found"},
		{"/body?before=5115", "needle", "", false, "string not found in 5120 bytes"},
		{"/body?before=1021", "needle", "", true, "string found"}, // over the border of two reads
		{"/request?a=b", "host=127.0.0.1:" + port + " query=a=b", "", true, "string found"},
		{"/request", "host=www.example.com:" + port, "www.example.com", true, "string found"},
	}
	p := loopbackProber(t)
	for _, tt := range tests {
		d := definition{ID: "the-id", endpoint: at}
		d.Path, d.Search = tt.path, tt.search
		if tt.host != "" {
			d.Host, d.Address = tt.host, netip.Addr{}
		}
		o := p.probe(t.Context(), &d)
		if o.ok != tt.ok || o.untried || !strings.Contains(o.why, tt.why) {
			t.Errorf("%s %q: %+v, want %t, %q", tt.path, tt.search, o, tt.ok, tt.why)
		}
	}
	if asked.Load() != 9 {
		t.Errorf("asked %d times", asked.Load())
	}
}

// TestProbeHTTPS checks that no certificate is looked at, and what name is sent.
func TestProbeHTTPS(t *testing.T) {
	names := make(chan string, 10)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		names <- hello.ServerName
		return nil, nil
	}}
	server.StartTLS()
	defer server.Close()
	for _, tt := range []struct {
		host, want string
		sni        bool
	}{{"www.example.com", "www.example.com", true}, {"www.example.com", "", false}, {"", "", false}} {
		d := definition{endpoint: endpointOf(t, server.Listener)}
		d.TLS, d.Host, d.SNI = true, tt.host, tt.sni
		o := loopbackProber(t).probe(t.Context(), &d)
		if !o.ok || o.why != "HTTP 200" {
			t.Errorf("%+v: %+v", tt, o)
		}
		if got := <-names; got != tt.want {
			t.Errorf("%+v: the name sent is %q", tt, got)
		}
	}

	plainServer := httptest.NewServer(http.NotFoundHandler())
	defer plainServer.Close()
	d := definition{endpoint: endpointOf(t, plainServer.Listener)}
	d.TLS = true
	o := loopbackProber(t).probe(t.Context(), &d)
	if o.ok || !strings.Contains(o.why, "TLS") {
		t.Errorf("TLS to a server without: %+v", o)
	}
}

func TestProbeTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := definition{endpoint: endpointOf(t, l)}
	d.HTTP = false
	o := loopbackProber(t).probe(t.Context(), &d)
	if !o.ok || o.why != "connected" {
		t.Errorf("listening: %+v", o)
	}
	err = l.Close()
	if err != nil {
		t.Fatal(err)
	}
	o = loopbackProber(t).probe(t.Context(), &d)
	if o.ok || o.untried || o.why != "connection refused" {
		t.Errorf("closed: %+v", o)
	}
}

// TestProbeRefuses sees to it that what must not be probed isn't even connected to.
func TestProbeRefuses(t *testing.T) {
	addrs := func(texts ...string) []netip.Addr {
		var all []netip.Addr
		for _, text := range texts {
			all = append(all, netip.MustParseAddr(text))
		}
		return all
	}
	tests := []struct {
		name    string
		address string // "" resolves the host
		found   []netip.Addr
		err     error
		dialled string
		why     string
		untried bool
	}{
		{"private", "10.0.0.1", nil, nil, "10.0.0.1:80", "", false},
		{"metadata", "169.254.169.254", nil, nil, "", "169.254.169.254 is never probed", true},
		{"metadata by IPv6", "fd00:ec2::254", nil, nil, "", "never probed", true},
		{"mapped metadata", "::ffff:169.254.169.254", nil, nil, "", "never probed", true},
		{"public", "192.0.2.1", nil, nil, "", "not among probe_targets", true},
		{"loopback", "127.0.0.1", nil, nil, "", "loopback", true},
		{"public, known as private", "203.0.113.10", nil, nil, "10.0.0.10:80", "", false},
		{"public, known as a forbidden one", "203.0.113.11", nil, nil, "", "203.0.113.11 is not among", true},
		{"own socket", "10.0.0.53", nil, nil, "", "10.0.0.53:80 is a socket of this server", true},
		{"own address, any socket", "10.0.0.54", nil, nil, "", "10.0.0.54:80 is a socket of this server", true},
		{"host", "", addrs("10.0.0.2", "10.0.0.3"), nil, "10.0.0.2:80", "", false},
		{"host with IPv6 first", "", addrs("fd12::1", "10.0.0.3"), nil, "10.0.0.3:80", "", false},
		{"host with IPv6 alone", "", addrs("fd12::1"), nil, "", "no IPv4 address", false},
		{"host at the metadata service", "", addrs("169.254.169.254"), nil, "", "never probed", true},
		{"host at both", "", addrs("169.254.169.254", "10.0.0.3"), nil, "10.0.0.3:80", "", false},
		{"host that isn't there", "", nil, errors.New("NXDOMAIN"), "", "resolving a.example: NXDOMAIN", false},
		{"host without addresses", "", nil, nil, "", "no IPv4 address", false},
	}
	for _, tt := range tests {
		targets, err := ParseTargets([]string{"private"})
		if err != nil {
			t.Fatal(err)
		}
		dialled := ""
		p := &prober{
			targets: targets, own: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.53:80"),
				netip.MustParseAddrPort("10.0.0.1:81")},
			resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
				if host != "a.example" {
					t.Errorf("%s: resolved %s", tt.name, host)
				}
				return tt.found, tt.err
			},
			translate: func(a netip.Addr) (netip.Addr, bool) {
				known := map[string]string{"203.0.113.10": "10.0.0.10", "203.0.113.11": "169.254.1.1"}[a.String()]
				private, err := netip.ParseAddr(known)
				return private, err == nil
			},
			dial: func(_ context.Context, _, address string) (net.Conn, error) {
				dialled = address
				return nil, errors.New("dialled")
			},
			addresses: func() []netip.Addr { return addrs("10.0.0.54", "127.0.0.1") },
		}
		if strings.Contains(tt.name, "any socket") {
			p.own = []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:80")}
		}
		d := definition{endpoint: endpoint{Host: "a.example", Port: 80, HTTP: true, Path: "/"}}
		if tt.address != "" {
			d.Address = netip.MustParseAddr(tt.address)
		}
		o := p.probe(t.Context(), &d)
		if dialled != tt.dialled || o.ok || o.untried != tt.untried || !strings.Contains(o.why, tt.why) {
			t.Errorf("%s: dialled %q, %+v; want %q, %q", tt.name, dialled, o, tt.dialled, tt.why)
		}
	}
	if len(hostAddresses()) == 0 {
		t.Error("this host has no addresses")
	}
}

// TestProbeTimes has servers of all kinds of slowness, on a clock that costs nothing.
func TestProbeTimes(t *testing.T) {
	say := func(after time.Duration, text string) func(net.Conn) {
		return func(c net.Conn) {
			time.Sleep(after)
			_, _ = io.WriteString(c, text)
		}
	}
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
	tests := []struct {
		name    string
		kind    string // http, search, tcp
		connect time.Duration
		serve   []func(net.Conn)
		ok      bool
		why     string
		took    time.Duration
	}{
		{"connects in time", "http", 3900 * time.Millisecond, []func(net.Conn){say(0, ok)}, true, "HTTP 200",
			3900 * time.Millisecond},
		{"connects late", "http", 4100 * time.Millisecond, nil, false, "no connection within 4s", 4 * time.Second},
		{"tcp connects in time", "tcp", 9900 * time.Millisecond, nil, true, "connected", 9900 * time.Millisecond},
		{"tcp connects late", "tcp", 11 * time.Second, nil, false, "no connection within 10s", 10 * time.Second},
		{"answers in time", "http", 0, []func(net.Conn){say(1900*time.Millisecond, ok)}, true, "HTTP 200",
			1900 * time.Millisecond},
		{"answers late", "http", 0, []func(net.Conn){say(2100*time.Millisecond, ok)}, false, "no status within 2s",
			2 * time.Second},
		{"answers bit by bit", "http", 0,
			[]func(net.Conn){say(time.Second, "HTTP/1.1"), say(time.Second, " 2"), say(time.Second, "00 OK\r\n\r\n")}, false,
			"no status within 2s", 2 * time.Second},
		{"string in time", "search", 0, []func(net.Conn){say(time.Second, ok), say(1900*time.Millisecond, "needle")}, true,
			"string found", 2900 * time.Millisecond},
		{"string late", "search", 0, []func(net.Conn){say(time.Second, ok), say(2100*time.Millisecond, "needle")}, false,
			"string not found within 2s", 3 * time.Second},
		{"string in parts", "search", 0, []func(net.Conn){say(0, ok), say(time.Second, "nee"), say(time.Second/2, "dle")},
			true, "string found", 1500 * time.Millisecond},
		{"closes", "http", 0, []func(net.Conn){}, false, "connection closed", 0},
		{"closes within the body", "search", 0, []func(net.Conn){say(0, ok+"need"), say(time.Millisecond, "")}, false,
			"string not found in 4 bytes", time.Millisecond},
		{"talks nonsense", "http", 0, []func(net.Conn){say(0, "220 mail ESMTP\r\n\r\n")}, false, "malformed", 0},
		{"talks for ever", "http", 0, []func(net.Conn){
			say(0, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", mostHeader+searched))}, false, "connection closed", 0},
		{"interim for ever", "http", 0, []func(net.Conn){say(0, strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 9))}, false,
			"only interim responses", 0},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			p := &prober{
				targets:   Targets{private: true},
				translate: func(netip.Addr) (netip.Addr, bool) { return netip.Addr{}, false },
				dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
					err := refresh.Pause(ctx, tt.connect)
					if err != nil {
						return nil, err
					}
					ours, theirs := net.Pipe()
					go func() {
						defer func() { _ = theirs.Close() }()
						_, err := http.ReadRequest(bufio.NewReader(theirs))
						for i := 0; err == nil && i < len(tt.serve); i++ {
							tt.serve[i](theirs)
						}
					}()
					return ours, nil
				},
			}
			d := definition{endpoint: endpoint{Address: netip.MustParseAddr("10.0.0.1"), Port: 80, HTTP: tt.kind != "tcp",
				Path: "/"}}
			if tt.kind == "search" {
				d.Search = "needle"
			}
			began := time.Now()
			o := p.probe(t.Context(), &d)
			took := time.Since(began)
			if o.ok != tt.ok || !strings.Contains(o.why, tt.why) || took != tt.took {
				t.Errorf("%s: %+v after %s, want %q after %s", tt.name, o, took, tt.why, tt.took)
			}
			time.Sleep(time.Minute) // the server ends
		})
	}
}

// TestProbeEnds ends with its context, whatever it waits for.
func TestProbeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ours, theirs := net.Pipe()
		defer func() { _ = theirs.Close() }()
		p := &prober{
			targets:   Targets{private: true},
			translate: func(netip.Addr) (netip.Addr, bool) { return netip.Addr{}, false },
			dial:      func(context.Context, string, string) (net.Conn, error) { return ours, nil },
		}
		began := time.Now()
		d := definition{endpoint: endpoint{Address: netip.MustParseAddr("10.0.0.1"), Port: 80, HTTP: true, Path: "/"}}
		o := p.probe(ctx, &d)
		if o.ok || time.Since(began) != time.Second {
			t.Errorf("%+v after %s", o, time.Since(began))
		}
	})
}

package server

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/front"
	"inside53/server/listen"
)

// closedAtOnce reports whether a connection of a client is closed before anything is asked.
func closedAtOnce(t *testing.T, p *program, from string) bool {
	t.Helper()
	d := net.Dialer{
		Timeout:   patience,
		LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0)),
	}
	c, err := d.DialContext(t.Context(), "tcp", p.addr.String())
	if errors.Is(err, syscall.ECONNRESET) {
		return true
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	_, err = c.Read(make([]byte, 1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("read: %v", err)
	}
	return true
}

// refusedFor returns how many TCP connections were refused for a reason.
func (p *program) refusedFor(t *testing.T, reason string) int {
	t.Helper()
	text, _ := p.metric(t, `inside53_tcp_refused_total{address="`+p.addr.String()+`",reason="`+reason+`"}`)
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("refused for %s: %q", reason, text)
	}
	return n
}

// TestProgramTCPStrangers: who may neither ask nor is named gets no connection, until a reload
// lets it ask; the probes of the server do, though this host may not ask either.
func TestProgramTCPStrangers(t *testing.T) {
	c := newCloud(t, nil)
	text := c.config() + "allow: [127.1.0.0/16, 127.3.0.0/16]\n"
	s := newSite(t)
	p := s.ready(t, text)
	if !closedAtOnce(t, p, "127.9.0.1") || closedAtOnce(t, p, "127.1.0.1") {
		t.Error("a stranger has a connection, or a client none")
	}
	if n := p.refusedFor(t, "stranger"); n != 1 {
		t.Errorf("%d strangers are counted", n)
	}
	p.check(t, asks("127.9.0.1", "www.example.com A", "REFUSED 18")) // by UDP it is told
	p.configure(t, s, strings.Replace(text, "127.1.0.0/16, ", "127.1.0.0/16, 127.9.0.0/16, ", 1))
	p.await(t, "the stranger may ask", func() bool { return !closedAtOnce(t, p, "127.9.0.1") })
	time.Sleep(2500 * time.Millisecond) // longer than a loop may be silent
	if r := p.readiness(t); !r.Ready {
		t.Errorf("not ready: %v", r.Reasons)
	}
}

func TestWelcomeOf(t *testing.T) {
	s := &zone.Snapshot{}
	s.SetClients(nil, 0, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	prefixes := func(text string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(text)} }
	c := &config.Config{
		Updates:   []config.Update{{Clients: prefixes("192.0.2.0/28")}},
		Transfers: []config.Transfer{{Clients: prefixes("192.0.2.16/28"), Keys: []config.DomainName{"k."}}},
		Secondary: []config.Secondary{
			{Primaries: []config.HostPort{{AddrPort: netip.MustParseAddrPort("192.0.2.33:53")}}},
		},
	}
	keyed := *c
	keyed.Transfers = append(keyed.Transfers, config.Transfer{Keys: []config.DomainName{"k."}})
	for addr, want := range map[string]listen.Welcome{
		"10.1.2.3": listen.Known, "192.0.2.1": listen.Known, "192.0.2.17": listen.Known, "192.0.2.33": listen.Known,
		"192.0.2.34": listen.Stranger, "2001:db8::1": listen.Stranger,
	} {
		if got := front.Welcome(c, s, netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %d, want %d", addr, got, want)
		}
		if want == listen.Stranger {
			want = listen.Keyed
		}
		if got := front.Welcome(&keyed, s, netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s, with keys alone: %d, want %d", addr, got, want)
		}
	}
}

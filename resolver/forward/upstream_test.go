package forward

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestServerName: what a certificate must have.
func TestServerName(t *testing.T) {
	f, _ := newRunning(t, Options{})
	for text, want := range map[string]string{
		"tls://10.9.0.3": "10.9.0.3", "tls://[fe80::1%lo]": "fe80::1", "tls://10.9.0.3:854#dns.example": "dns.example",
	} {
		if got := newGroup(t, f, text).upstreams[0].serverName; got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestGroups(t *testing.T) {
	f, _ := newRunning(t, Options{grace: 200 * time.Millisecond})
	a := newGroup(t, f, "192.0.2.1", "192.0.2.2")
	if newGroup(t, f, "192.0.2.1", "192.0.2.2") != a {
		t.Error("the same list gave another group")
	}
	b := newGroup(t, f, "192.0.2.2")
	if b == a || b.upstreams[0] != a.upstreams[1] {
		t.Error("an upstream's health is not shared")
	}
	for _, bad := range [][]string{nil, {"x"}, {"192.0.2.1", "192.0.2.1:53"}, make([]string, 17)} {
		_, err := f.Group(GroupSpec{Upstreams: bad})
		if err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	f.Release(a)
	if s := f.Stats(); len(s.Upstreams) != 2 {
		t.Errorf("with an owner left: %+v", s.Upstreams)
	}
	f.Release(a)
	if s := f.Stats(); len(s.Upstreams) != 1 || s.Upstreams[0].Upstream != "192.0.2.2:53" {
		t.Errorf("without an owner: %+v", s.Upstreams)
	}
	if newGroup(t, f, "192.0.2.1", "192.0.2.2") != a {
		t.Error("a group that was released just now didn't come back")
	}
	f.Release(a)
	until(t, "the group is dropped", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.groups) == 1 })
	if newGroup(t, f, "192.0.2.1", "192.0.2.2") == a {
		t.Error("a dropped group came back")
	}
}

func TestOptions(t *testing.T) {
	_, err := New(Options{Entries: -1, Budget: -time.Second})
	if err == nil || !strings.Contains(err.Error(), "entries is -1") || !strings.Contains(err.Error(), "budget is -1s") {
		t.Errorf("error %v", err)
	}
}

// TestDroppedGroup: who still holds a group that a new configuration dropped gets
// answers, for a while; then its sockets are closed.
func TestDroppedGroup(t *testing.T) {
	up := newFake(t, echoA, nil)
	f, _ := newRunning(t, Options{grace: 100 * time.Millisecond})
	g := newGroup(t, f, up.addr)
	f.Release(g)
	if o := resolve(t, f, g, question(t, "a.example.", dns.TypeA)); o.err != nil {
		t.Fatal(o.err)
	}
	until(t, "the sockets are closed", func() bool {
		f.connMu.Lock()
		defer f.connMu.Unlock()
		return len(f.conns) == 0
	})
	if o := resolve(t, f, g, question(t, "b.example.", dns.TypeA)); !errors.Is(o.err, ErrTimeout) {
		t.Errorf("outcome %+v", o)
	}
}

// TestFailover: an upstream that dies costs little, and is used again when it
// is back.
func TestFailover(t *testing.T) {
	one, two := newFake(t, echoA, nil), newFake(t, slowA, nil)
	f, _ := newRunning(t, Options{RetryMin: 20 * time.Millisecond, RetryMax: 40 * time.Millisecond})
	g := newGroup(t, f, one.addr, two.addr)
	n := 0
	next := func() {
		t.Helper()
		n++
		if o := resolve(t, f, g, question(t, fmt.Sprintf("n%d.example.", n), dns.TypeA)); o.err != nil {
			t.Fatalf("question %d: %v", n, o.err)
		}
	}
	next()
	one.set(silent)
	up := func() bool { return g.upstreams[0].stats().Up }
	for up() {
		next()
		if n > 50 {
			t.Fatal("the dead upstream stays up")
		}
	}
	before := one.asked.Load()
	for range 20 {
		next()
	}
	if asked := one.asked.Load() - before; asked > 2 {
		t.Errorf("an upstream that is down was asked %d times", asked)
	}
	one.set(echoA)
	until(t, "the upstream is up", func() bool { next(); return up() })
}

// TestFailoverByError: the next upstream is asked at once on an error.
func TestFailoverByError(t *testing.T) {
	answers := map[string]func(*dns.Msg, bool) *dns.Msg{
		"servfail": says(t, dns.RcodeServerFailure, nil, nil),
		"refused":  says(t, dns.RcodeRefused, nil, nil),
		"referral": says(t, 0, nil, []string{"example. 300 IN NS ns.example."}),
		"broken":   says(t, 0, []string{"other.test. 300 IN A 192.0.2.1"}, nil),
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			one, two := newFake(t, answer, nil), newFake(t, slowA, nil)
			f, _ := newRunning(t, Options{RetryMin: 10 * time.Second, RetryMax: 10 * time.Second, Budget: 20 * time.Second})
			g := newGroup(t, f, one.addr, two.addr)
			for i := range 10 {
				if o := resolve(t, f, g, question(t, fmt.Sprintf("n%d.example.", i), dns.TypeA)); o.err != nil {
					t.Fatal(o.err)
				}
			}
			if f.Stats().Upstreams[0].Up && f.Stats().Upstreams[1].Up {
				t.Error("who never has an answer is up")
			}
		})
	}
}

// TestNobodyListens: the upstream's host says so, and the next one is asked at once.
func TestNobodyListens(t *testing.T) {
	l, pc := listenBoth(t)
	dead := l.Addr().String()
	l.Close()
	pc.Close()
	two := newFake(t, echoA, nil)
	f, _ := newRunning(t, Options{RetryMin: 10 * time.Second, RetryMax: 10 * time.Second, Budget: 20 * time.Second})
	g := newGroup(t, f, dead, two.addr)
	q := question(t, "www.example.com.", dns.TypeA)
	if o := resolve(t, f, g, q); o.err != nil {
		t.Fatal(o.err)
	}
	alone := newGroup(t, f, dead)
	if o := resolve(t, f, alone, q); !errors.Is(o.err, ErrTimeout) {
		t.Errorf("outcome %+v", o)
	}
}

func TestQuickerUpstreamIsPreferred(t *testing.T) {
	slow := newFake(t, slowA, nil)
	quick := newFake(t, echoA, nil)
	f, _ := newRunning(t, Options{})
	g := newGroup(t, f, slow.addr, quick.addr)
	resolve(t, f, g, question(t, "first.example.", dns.TypeA))
	until(t, "both are measured", func() bool {
		return g.upstreams[0].stats().RTT > 0 && g.upstreams[1].stats().RTT > 0
	})
	before := slow.asked.Load()
	for i := range 10 {
		resolve(t, f, g, question(t, fmt.Sprintf("n%d.example.", i), dns.TypeA))
	}
	if n := slow.asked.Load() - before; n != 0 {
		t.Errorf("the slow one was asked %d times", n)
	}
}

// many answers with more addresses than a UDP message carries.
func many(q *dns.Msg, tcp bool) *dns.Msg {
	m := echoA(q, tcp)
	for i := range 199 {
		a := *m.Answer[0].(*dns.A)
		a.A = net.IPv4(10, 0, 0, byte(i))
		m.Answer = append(m.Answer, &a)
	}
	m.Compress = true
	if !tcp {
		m.Truncate(512)
	}
	return m
}

func TestTruncation(t *testing.T) {
	up := newFake(t, many, nil)
	f, _ := newRunning(t, Options{})
	g := newGroup(t, f, up.addr)
	var all []<-chan outcome
	for i := range 20 {
		all = append(all, ask(t, f, g, question(t, fmt.Sprintf("n%d.example.", i), dns.TypeA)))
	}
	for _, c := range all {
		if o := wait(t, c); o.err != nil || o.m.Answers != 200 {
			t.Fatalf("outcome %+v", o.err)
		}
	}
	if s := f.Stats().Upstreams[0]; s.Truncated != 20 || up.viaTCP.Load() != 20 {
		t.Errorf("%d truncated, %d over TCP", s.Truncated, up.viaTCP.Load())
	}
}

// TestConnectionCloses: a connection that the server closed is opened again.
func TestConnectionCloses(t *testing.T) {
	up := newFake(t, many, nil)
	f, _ := newRunning(t, Options{})
	g := newGroup(t, f, up.addr)
	for i := range 5 {
		if o := resolve(t, f, g, question(t, fmt.Sprintf("n%d.example.", i), dns.TypeA)); o.err != nil || o.m.Answers != 200 {
			t.Fatalf("outcome %v", o.err)
		}
		s := g.upstreams[0].stream.Load()
		s.mu.Lock()
		raw := s.raw
		s.mu.Unlock()
		err := raw.(*net.TCPConn).CloseWrite() // the server closes its side too
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWithoutEDNS(t *testing.T) {
	old := func(q *dns.Msg, tcp bool) *dns.Msg {
		if q.IsEdns0() != nil {
			m := new(dns.Msg).SetRcode(q, dns.RcodeFormatError)
			m.Question = nil
			return m
		}
		return echoA(q, tcp)
	}
	up := newFake(t, old, nil)
	f, _ := newRunning(t, Options{})
	g := newGroup(t, f, up.addr)
	for i := range 3 {
		if o := resolve(t, f, g, question(t, fmt.Sprintf("n%d.example.", i), dns.TypeA)); o.err != nil {
			t.Fatal(o.err)
		}
	}
	if n := up.asked.Load(); n != 4 {
		t.Errorf("%d queries: want one with EDNS and three without", n)
	}
}

// newCertificate makes a self-signed certificate and the pool that trusts it.
func newCertificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"dns.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

func TestTLS(t *testing.T) {
	config, pool := newCertificate(t)
	tests := []struct {
		name, suffix string
		roots        *x509.CertPool
		ok           bool
	}{
		{"by address", "", pool, true},
		{"by name", "#dns.example", pool, true},
		{"wrong name", "#other.example", pool, false},
		{"unknown issuer", "", x509.NewCertPool(), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			up := newFake(t, many, config)
			f, _ := newRunning(t, Options{RootCAs: test.roots})
			g := newGroup(t, f, "tls://"+up.addr+test.suffix)
			var all []<-chan outcome
			for i := range 20 {
				all = append(all, ask(t, f, g, question(t, fmt.Sprintf("n%d.example.", i), dns.TypeA)))
			}
			for _, c := range all {
				if o := wait(t, c); (o.err == nil) != test.ok {
					t.Fatalf("outcome %v", o.err)
				}
			}
			if !test.ok && up.asked.Load() != 0 {
				t.Error("a server that can't be verified was asked")
			}
		})
	}
}

package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inside53/resolver/freeport"

	"github.com/miekg/dns"
)

// hostile is an upstream that misbehaves. What it answers, it answers with address.
type hostile struct {
	addr    string
	address string
	udp     func(query []byte) []byte // nil: silent
	tcp     func(n int64, c net.Conn) // for the n-th connection; it is closed behind it
	conns   atomic.Int64
}

// start listens by UDP and TCP on one port.
func (h *hostile) start(t *testing.T) {
	t.Helper()
	pc, l, err := freeport.Listen()
	if err != nil {
		t.Fatal(err)
	}
	h.addr = l.Addr().String()
	var running sync.WaitGroup
	running.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			if h.udp != nil {
				_, _ = pc.WriteTo(h.udp(buf[:n:n]), from)
			}
		}
	})
	end := make(chan struct{})
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := h.conns.Add(1)
			running.Go(func() {
				defer func() { _ = c.Close() }()
				stop := make(chan struct{})
				defer close(stop)
				go func() {
					select {
					case <-end:
						_ = c.Close()
					case <-stop:
					}
				}()
				h.tcp(n, c)
			})
		}
	})
	t.Cleanup(func() {
		close(end)
		_ = pc.Close()
		_ = l.Close()
		running.Wait()
	})
}

// reply answers a query with the address.
func (h *hostile) reply(query []byte) []byte {
	m := new(dns.Msg)
	err := m.Unpack(query)
	if err != nil {
		return nil
	}
	r := new(dns.Msg).SetReply(m)
	r.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: m.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET,
		Ttl: 60}, A: net.ParseIP(h.address)}}
	b, _ := r.Pack() // of one question and one address
	return b
}

// answer answers so many queries of a connection.
func (h *hostile) answer(c net.Conn, queries int) {
	for range queries {
		var length [2]byte
		_, err := io.ReadFull(c, length[:])
		if err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		_, err = io.ReadFull(c, query)
		if err != nil {
			return
		}
		r := h.reply(query)
		_, err = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(r))), r...))
		if err != nil {
			return
		}
	}
}

// never reads nothing and answers nothing.
func never(_ int64, c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// truncates sends clients to TCP.
func truncates(query []byte) []byte {
	r := append([]byte(nil), query...)
	r[2] |= 0x82 // QR, TC
	return r
}

// TestProcessHostileUpstreams has the program ask upstreams that misbehave: what can be
// answered is, in time, and people hear what it was.
func TestProcessHostileUpstreams(t *testing.T) {
	const many = 1 << 20
	for _, tt := range []struct {
		name   string
		scheme string
		make   func(h *hostile)
		alone  bool // there is no other upstream
		burst  int  // questions at once
		least  int  // of them answered
		says   string
	}{
		{"its first connection ends unanswered", "", func(h *hostile) {
			h.udp = truncates
			h.tcp = func(n int64, c net.Conn) {
				if n > 1 {
					h.answer(c, many)
				}
			}
		}, true, 1, 1, "NOERROR"},
		{"one query a connection", "", func(h *hostile) {
			h.udp = truncates
			h.tcp = func(_ int64, c net.Conn) { h.answer(c, 1) }
		}, true, 30, 26, "NOERROR"},
		{"the handshake stalls", "tls://", func(h *hostile) { h.tcp = never }, false, 10, 10, "NOERROR"},
		{"frozen", "", func(h *hostile) { h.tcp = never }, false, 10, 10, "NOERROR"},
		{"frozen behind a truncated answer", "", func(h *hostile) {
			h.udp, h.tcp = truncates, never
		}, false, 10, 10, "NOERROR"},
		{"frozen and alone", "", func(h *hostile) { h.tcp = never }, true, 1, 0, "timeout"},
		{"the handshake stalls, and it is alone", "tls://", func(h *hostile) { h.tcp = never }, true, 1, 0, "timeout"},
		{"the query comes back", "", func(h *hostile) {
			h.udp, h.tcp = func(q []byte) []byte { return q }, never
		}, true, 1, 0, "malformed"},
		{"SERVFAIL without a question", "", func(h *hostile) {
			h.udp, h.tcp = func(q []byte) []byte { return []byte{q[0], q[1], 0x80, 2, 0, 0, 0, 0, 0, 0, 0, 0} }, never
		}, true, 1, 0, "SERVFAIL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bad := &hostile{address: "192.0.2.1"}
			tt.make(bad)
			bad.start(t)
			upstreams := fmt.Sprintf("%q", tt.scheme+bad.addr)
			if !tt.alone {
				good := &hostile{address: "192.0.2.2", tcp: never}
				good.udp = good.reply
				good.start(t)
				upstreams += fmt.Sprintf(", %q", good.addr)
			}
			p := spawn(t, "serve", "--config", write(t, fmt.Sprintf("listen: {dns: ['127.0.0.1:0']}\nadmin: 127.0.0.1:0\n"+
				"drain: 0s\nforward: [{zone: ., upstreams: [%s]}]\n", upstreams)))
			ready := p.ready(t)
			var answered atomic.Int64
			var asking sync.WaitGroup
			for i := range tt.burst {
				asking.Go(func() {
					client := &dns.Client{Net: "tcp", Timeout: 20 * time.Second}
					m := new(dns.Msg).SetQuestion(fmt.Sprintf("n%d.example.", i), dns.TypeA)
					began := time.Now()
					reply, _, err := client.ExchangeContext(t.Context(), m, ready["dns"])
					switch {
					case err != nil:
						t.Error(err)
					case len(reply.Answer) == 1:
						answered.Add(1)
					}
					if took := time.Since(began); took > 12*time.Second {
						t.Errorf("an answer took %v", took)
					}
				})
			}
			asking.Wait()
			if n := int(answered.Load()); n < tt.least || tt.least == 0 && n > 0 {
				t.Errorf("%d of %d are answered, at least %d should be", n, tt.burst, tt.least)
			}
			if got := explained(t, ready["admin"], "other.example."); !strings.Contains(got, tt.says) {
				t.Errorf("explain doesn't say %s:\n%s", tt.says, got)
			}
		})
	}
}

// explained is what the program says of a name.
func explained(t *testing.T, admin, name string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		"http://"+admin+"/explain?type=A&client=127.0.0.1&name="+name, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

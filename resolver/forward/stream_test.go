package forward

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// serveStreams serves connections of an upstream: by TLS, or by TCP with truncated replies
// over UDP. n counts the connections from 0.
func serveStreams(t *testing.T, secure *tls.Config, serve func(n int, conn net.Conn)) (upstream string) {
	t.Helper()
	l, pc := listenBoth(t)
	udp := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Truncated = true
		_ = w.WriteMsg(m) // the asker may have gone
	})}
	ready := make(chan struct{})
	udp.NotifyStartedFunc = func() { close(ready) }
	upstream = l.Addr().String()
	if secure != nil {
		upstream = "tls://" + upstream
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	all.Go(func() { _ = udp.ActivateAndServe() }) // ends by Shutdown
	<-ready
	all.Go(func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[conn] = true
			mu.Unlock()
			all.Go(func() {
				defer conn.Close()
				if secure != nil {
					serve(n, tls.Server(conn, secure))
				} else {
					serve(n, conn)
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		err := udp.Shutdown()
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		for conn := range open {
			conn.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return upstream
}

// answerQueries answers as many queries as are given, all where that is negative.
func answerQueries(conn net.Conn, most int) {
	c := &dns.Conn{Conn: conn}
	for n := 0; n != most; n++ {
		q, err := c.ReadMsg()
		if err != nil {
			return
		}
		err = c.WriteMsg(echoA(q, true))
		if err != nil {
			return
		}
	}
}

// swallow reads until the connection ends.
func swallow(conn net.Conn) {
	buf := make([]byte, 4096)
	for {
		_, err := conn.Read(buf)
		if err != nil {
			return
		}
	}
}

// TestOddStreams: an upstream that deals badly with connections costs another try.
func TestOddStreams(t *testing.T) {
	tests := []struct {
		name  string
		serve func(n int, conn net.Conn)
		warm  bool // a question before the burst
	}{
		{"one query a connection", func(_ int, conn net.Conn) { answerQueries(conn, 1); conn.Close() }, false},
		{"three queries a connection", func(_ int, conn net.Conn) { answerQueries(conn, 3); conn.Close() }, false},
		{"first connection closed unanswered", func(n int, conn net.Conn) {
			if n == 0 {
				_, _ = (&dns.Conn{Conn: conn}).ReadMsg() // what came is what isn't answered
				conn.Close()
				return
			}
			answerQueries(conn, -1)
		}, false},
		{"first two connections closed at once", func(n int, conn net.Conn) {
			if n > 1 {
				answerQueries(conn, -1)
			}
			conn.Close()
		}, false},
		{"first connection stalls", func(n int, conn net.Conn) {
			if n == 0 {
				if secured, ok := conn.(*tls.Conn); ok {
					conn = secured.NetConn() // no handshake
				}
				swallow(conn)
				return
			}
			answerQueries(conn, -1)
		}, false},
		{"freezes after an answer", func(n int, conn net.Conn) {
			if n == 0 {
				answerQueries(conn, 1)
				swallow(conn)
				return
			}
			answerQueries(conn, -1)
		}, true},
	}
	config, pool := newCertificate(t)
	for _, test := range tests {
		for _, secure := range []*tls.Config{nil, config} {
			t.Run(fmt.Sprintf("%s, TLS %t", test.name, secure != nil), func(t *testing.T) {
				t.Parallel()
				up := serveStreams(t, secure, test.serve)
				f, _ := newRunning(t, Options{RootCAs: pool})
				g := newGroup(t, f, up)
				if test.warm {
					resolve(t, f, g, question(t, "warm.example.", dns.TypeA))
				}
				var all []<-chan outcome
				for i := range 30 {
					all = append(all, ask(t, f, g, question(t, fmt.Sprintf("n%d.example.", i), dns.TypeA)))
				}
				answered := 0
				var last error
				for _, c := range all {
					o := wait(t, c)
					if o.err == nil {
						answered++
					} else {
						last = o.err
					}
				}
				if answered < 26 {
					t.Errorf("%d of 30 answered: %v", answered, last)
				}
				if o := resolve(t, f, g, question(t, "later.example.", dns.TypeA)); o.err != nil {
					t.Errorf("later: %v", o.err)
				}
			})
		}
	}
}

// TestPoisonedConnection: a query that ends each connection below it doesn't have the
// upstream connected to without end.
func TestPoisonedConnection(t *testing.T) {
	var connections atomic.Int64
	up := serveStreams(t, nil, func(_ int, conn net.Conn) {
		connections.Add(1)
		_, _ = (&dns.Conn{Conn: conn}).ReadMsg() // and no answer
		conn.Close()
	})
	f, _ := newRunning(t, Options{Budget: 2 * time.Second})
	o := resolve(t, f, newGroup(t, f, up), question(t, "www.example.", dns.TypeA))
	if o.err == nil || connections.Load() > maxLost+1 {
		t.Errorf("outcome %v after %d connections", o.err, connections.Load())
	}
}

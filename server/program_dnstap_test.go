package server

import (
	"io"
	"net"
	"path/filepath"
	"testing"

	dnstap "github.com/dnstap/golang-dnstap"
	"github.com/miekg/dns"
	"google.golang.org/protobuf/proto"
)

// TestProgramDnstap: a reload brings a reader of dnstap, which gets all messages of clients and
// upstreams, and another takes it away.
func TestProgramDnstap(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	p := s.ready(t, c.config())
	at := filepath.Join(s.dir, "tap.sock")
	l, err := net.Listen("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	type seen struct{ kind, name string }
	messages, ended := make(chan seen, 1000), make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			ended <- err
			return
		}
		defer func() { _ = conn.Close() }()
		r, err := dnstap.NewReader(conn, &dnstap.ReaderOptions{Bidirectional: true})
		for buf := make([]byte, 1<<20); err == nil; {
			var n int
			n, err = r.ReadFrame(buf)
			var d dnstap.Dnstap
			if err != nil || proto.Unmarshal(buf[:n], &d) != nil {
				continue
			}
			m := new(dns.Msg)
			if m.Unpack(append(d.Message.QueryMessage, d.Message.ResponseMessage...)) == nil && len(m.Question) == 1 {
				messages <- seen{d.Message.GetType().String(), m.Question[0].Name}
			}
		}
		ended <- err
	}()
	p.reloaded(t, s, c.config()+"dnstap: unix:"+at+"\n")
	p.check(t, asks(outside, "www.example.org A", "CNAME example.org.", "192.0.2.80"),
		asks(dublin, "git.example.com A", "10.0.2.40").byTCP())
	want := map[seen]bool{
		{"CLIENT_QUERY", "www.example.org."}: true, {"FORWARDER_QUERY", "www.example.org."}: true,
		{"FORWARDER_RESPONSE", "www.example.org."}: true, {"CLIENT_RESPONSE", "www.example.org."}: true,
		{"CLIENT_QUERY", "git.example.com."}: true, {"CLIENT_RESPONSE", "git.example.com."}: true,
	}
	arrive := func(want map[seen]bool) {
		p.await(t, "all messages are there", func() bool {
			for {
				select {
				case m := <-messages:
					delete(want, m)
				default:
					return len(want) == 0
				}
			}
		})
	}
	arrive(want)
	// What the server asked for itself before it had a reader is lost; what is asked now isn't.
	lost, _ := p.metric(t, "inside53_dnstap_dropped_total")
	for range 20 {
		p.check(t, asks(dublin, "git.example.com A", "10.0.2.40"))
		arrive(map[seen]bool{{"CLIENT_QUERY", "git.example.com."}: true, {"CLIENT_RESPONSE", "git.example.com."}: true})
	}
	if n, _ := p.metric(t, "inside53_dnstap_dropped_total"); n != lost {
		t.Errorf("%s dropped, %s of them before there was a reader", n, lost)
	}
	p.reloaded(t, s, c.config())
	err = <-ended
	if err != io.EOF {
		t.Errorf("the stream ends with %v", err)
	}
	_ = l.Close()
}

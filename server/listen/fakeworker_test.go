package listen

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inside53/resolver"
	"inside53/resolver/wire"

	"go.uber.org/goleak"
)

// fakeWorker does what the first label of a query says: "drop", "late" (suspend and
// hand the answer function to the test), "soon" (suspend and answer from another goroutine), "stream" (as late, for a
// stream), "freeze" (block until released), "big-N" (answer N bytes); anything else is echoed.
type fakeWorker struct{ script *script }

// script is what the workers of one test share.
type script struct {
	late   chan lateQuery
	stream chan Stream
	frozen chan struct{} // closed to release "freeze"
	seen   sync.Map      // netip.Addr of clients

	expected, fetched atomic.Int64 // calls
}

type lateQuery struct {
	query  []byte
	answer func([]byte, resolver.Result)
}

func newScript() *script {
	return &script{late: make(chan lateQuery, 1024), stream: make(chan Stream, 16), frozen: make(chan struct{})}
}

func (w fakeWorker) Expect([]byte, netip.AddrPort) { w.script.expected.Add(1) }
func (w fakeWorker) Fetch()                        { w.script.fetched.Add(1) }
func (w fakeWorker) Flush()                        {}

func (w fakeWorker) Serve(
	pkt []byte, client netip.AddrPort, _ resolver.Transport, out []byte, s resolver.Suspender,
) ([]byte, resolver.Result) {
	if len(pkt) < wire.HeaderSize || pkt[wire.AtFlags]&wire.FlagQR != 0 {
		return nil, resolver.Dropped
	}
	w.script.seen.Store(client.Addr(), true)
	label := firstLabel(pkt)
	size := len(pkt)
	switch {
	case label == "drop":
		return nil, resolver.Dropped
	case label == "freeze":
		<-w.script.frozen
	case label == "late":
		q := lateQuery{query: bytes.Clone(pkt), answer: s.Suspend()}
		w.script.late <- q
		return nil, resolver.Forwarded
	case label == "soon":
		answer := s.Suspend()
		go answer(answerTo(bytes.Clone(pkt)), resolver.Forwarded)
		return nil, resolver.Forwarded
	case label == "stream":
		w.script.stream <- s.(Streamer).Stream()
		return nil, resolver.Local
	case strings.HasPrefix(label, "big-"):
		n, err := strconv.Atoi(label[len("big-"):])
		if err == nil {
			size = min(n, cap(out))
		}
	}
	out = append(out[:0], pkt...)
	for len(out) < size {
		out = append(out, byte(len(out)))
	}
	out[wire.AtFlags] |= wire.FlagQR
	return out, resolver.Local
}

// firstLabel returns the first label of the question, "" where there is none.
func firstLabel(pkt []byte) string {
	if len(pkt) <= wire.HeaderSize || len(pkt) < wire.HeaderSize+1+int(pkt[wire.HeaderSize]) {
		return ""
	}
	return string(pkt[wire.HeaderSize+1 : wire.HeaderSize+1+int(pkt[wire.HeaderSize])])
}

// query returns a query with the id whose name is one label.
func query(id uint16, label string) []byte {
	q := make([]byte, wire.HeaderSize, 64)
	binary.BigEndian.PutUint16(q, id)
	q[5] = 1
	q = append(q, byte(len(label)))
	q = append(q, label...)
	return append(q, 0, 0, 1, 0, 1)
}

// answerTo is the echo of a query.
func answerTo(q []byte) []byte {
	a := bytes.Clone(q)
	a[wire.AtFlags] |= wire.FlagQR
	return a
}

func loopback(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
}

// running is a server that runs for one test.
type running struct {
	*Server
	script *script
	stop   func() // ends it, waits, and fails the test on an error; idempotent
}

// start runs a server on 127.0.0.1, port 0, unless change says otherwise.
func start(t *testing.T, change func(*Options)) *running {
	t.Helper()
	before := goleak.IgnoreCurrent()
	sc := newScript()
	o := Options{
		Addresses: []netip.AddrPort{loopback(0)},
		NewWorker: func() Worker { return fakeWorker{sc} },
		Loops:     2,
		Grace:     2 * time.Second,
	}
	if change != nil {
		change(&o)
	}
	s, err := Bind(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var once sync.Once
	r := &running{Server: s, script: sc}
	r.stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("Run: %v", err)
				}
			case <-time.After(10 * time.Second):
				t.Error("Run does not end")
			}
			goleak.VerifyNone(t, before)
		})
	}
	t.Cleanup(r.stop)
	return r
}

// client is one client's socket with deadlines on everything.
type client struct {
	t    *testing.T
	conn net.Conn
}

func dial(t *testing.T, network string, to netip.AddrPort) *client {
	t.Helper()
	conn, err := net.DialTimeout(network, to.String(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	err = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return &client{t, conn}
}

func (c *client) send(p []byte) {
	c.t.Helper()
	_, err := c.conn.Write(p)
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) receive() []byte {
	c.t.Helper()
	b := make([]byte, 65536)
	n, err := c.conn.Read(b)
	if err != nil {
		c.t.Fatal(err)
	}
	return b[:n]
}

func (c *client) sendMessages(msgs ...[]byte) {
	c.t.Helper()
	var b []byte
	for _, m := range msgs {
		b = binary.BigEndian.AppendUint16(b, uint16(len(m)))
		b = append(b, m...)
	}
	c.send(b)
}

func (c *client) receiveMessage() []byte {
	c.t.Helper()
	m, err := readMessage(c.conn)
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

func readMessage(r io.Reader) ([]byte, error) {
	var head [2]byte
	_, err := io.ReadFull(r, head[:])
	if err != nil {
		return nil, err
	}
	m := make([]byte, binary.BigEndian.Uint16(head[:]))
	_, err = io.ReadFull(r, m)
	return m, err
}

func wantMessage(t *testing.T, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Fatalf("got %x\nwant %x", got, want)
	}
}

// nextLate returns the next suspended query.
func (r *running) nextLate(t *testing.T) lateQuery {
	t.Helper()
	select {
	case q := <-r.script.late:
		return q
	case <-time.After(5 * time.Second):
		t.Fatal("no query was suspended")
		return lateQuery{}
	}
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never came about: " + what)
		}
	}
}

// patience is how long a server may take to end whatever the load.
const patience = 30 * time.Second

func numbered(i int) string { return fmt.Sprintf("q%d", i) }

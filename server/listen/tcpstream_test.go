package listen

import (
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"time"

	"inside53/resolver"
	"inside53/resolver/wire"
)

// numberedMessage is a message of a size with a number in it.
func numberedMessage(n, size int) []byte {
	m := make([]byte, size)
	binary.BigEndian.PutUint32(m, uint32(n))
	return m
}

// TestTCPStream sends more than may wait to a client that reads late, while other queries
// of the connection are answered.
func TestTCPStream(t *testing.T) {
	r := start(t, func(o *Options) { o.TCP.Idle = 100 * time.Millisecond })
	c := dial(t, "tcp", r.Addrs()[0])
	c.sendMessages(query(1, "stream"), query(2, "late"))
	stream := <-r.script.stream
	late := r.nextLate(t)
	const messages, size = 500, 16 << 10
	sent := make(chan error, 1)
	go func() {
		for n := range messages {
			err := stream.Send(numberedMessage(n, size))
			if err != nil {
				sent <- err
				return
			}
		}
		stream.End(resolver.Local)
		sent <- nil
	}()
	time.Sleep(200 * time.Millisecond) // longer than the idle time
	late.answer(answerTo(late.query), resolver.Forwarded)
	for n, others := 0, 0; n < messages || others < 1; {
		m := c.receiveMessage()
		if len(m) != size {
			wantMessage(t, m, answerTo(query(2, "late")))
			others++
			continue
		}
		if got := binary.BigEndian.Uint32(m); got != uint32(n) {
			t.Fatalf("message %d, want %d", got, n)
		}
		n++
	}
	err := <-sent
	if err != nil {
		t.Error(err)
	}
	wantEnd(t, c)
	s := r.Stats()
	results := s.Queries[resolver.TCP]
	if s.TCP[0].SlowClosed != 0 || results[resolver.Local] != 1 || results[resolver.Forwarded] != 1 {
		t.Errorf("counted %+v", s)
	}
}

// TestTCPStreamOfOne sends messages of the greatest size.
func TestTCPStreamOfOne(t *testing.T) {
	r := start(t, nil)
	c := dial(t, "tcp", r.Addrs()[0])
	c.sendMessages(query(1, "stream"))
	stream := <-r.script.stream
	go func() {
		for n := range 20 {
			_ = stream.Send(numberedMessage(n, wire.MaxMessage)) // else the client misses it
		}
		stream.End(resolver.Local)
	}()
	for n := range 20 {
		m := c.receiveMessage()
		if len(m) != wire.MaxMessage || binary.BigEndian.Uint32(m) != uint32(n) {
			t.Fatalf("message %d of %d bytes", binary.BigEndian.Uint32(m), len(m))
		}
	}
}

// TestTCPStreamWithoutReader: a client that goes away, or never reads, ends the stream.
func TestTCPStreamWithoutReader(t *testing.T) {
	for _, gone := range []bool{true, false} {
		r := start(t, func(o *Options) { o.TCP.Write = 100 * time.Millisecond })
		c := dial(t, "tcp", r.Addrs()[0])
		c.sendMessages(query(1, "stream"))
		stream := <-r.script.stream
		if gone {
			c.conn.Close()
		}
		var err error
		for end := time.Now().Add(20 * time.Second); err == nil; {
			err = stream.Send(numberedMessage(0, wire.MaxMessage))
			if time.Now().After(end) {
				t.Fatal("the stream never ends")
			}
		}
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("the stream ends with %v", err)
		}
		stream.End(resolver.Dropped)
		r.stop()
	}
}

// TestTCPStreamFinish answers with one message after all, by way of the stream.
func TestTCPStreamFinish(t *testing.T) {
	r := start(t, func(o *Options) { o.TCP.Idle = 100 * time.Millisecond })
	c := dial(t, "tcp", r.Addrs()[0])
	c.sendMessages(query(1, "stream"))
	(<-r.script.stream).Finish(answerTo(query(1, "stream")), resolver.ServFail)
	wantMessage(t, c.receiveMessage(), answerTo(query(1, "stream")))
	wantEnd(t, c)
	if n := r.Stats().Queries[resolver.TCP][resolver.ServFail]; n != 1 {
		t.Errorf("%d answers are counted", n)
	}
}

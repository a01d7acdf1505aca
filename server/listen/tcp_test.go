package listen

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"inside53/resolver"
	"inside53/resolver/wire"
)

func TestTCPAnswersPipelinedQueries(t *testing.T) {
	r := start(t, nil)
	c := dial(t, "tcp", r.Addrs()[0])
	for _, n := range []int{1, 10, 1000, 3, 5000, 1} {
		var qs [][]byte
		for i := range n {
			qs = append(qs, query(uint16(i), numbered(i)))
		}
		go c.sendMessages(qs...)
		for i := range n {
			wantMessage(t, c.receiveMessage(), answerTo(qs[i]))
		}
	}
}

// TestTCPExpectsSeveral: what is there together is prepared for together, some at a time; one query isn't.
func TestTCPExpectsSeveral(t *testing.T) {
	message := binary.BigEndian.AppendUint16(nil, uint16(len(query(1, "a"))))
	message = append(message, query(1, "a")...)
	for _, test := range []struct{ messages, more, want int }{
		{0, 0, 0}, {0, 1, 0}, {1, 0, 1}, {fewPackets - 1, 5, fewPackets - 1}, {fewPackets, 0, fewPackets},
		{fewPackets, len(message) - 1, fewPackets}, {mostExpected + 9, 0, mostExpected},
	} {
		c := &tcpConn{in: append(bytes.Repeat(message, test.messages), message[:test.more]...)}
		c.end = len(c.in)
		w := fakeWorker{newScript()}
		got := c.expect(w)
		expected, fetched := int(w.script.expected.Load()), int(w.script.fetched.Load())
		if prepares := test.want >= fewPackets; got != test.want || (fetched == 1) != prepares ||
			prepares && expected != test.want || !prepares && expected > 0 {
			t.Errorf("%d messages and %d octets: looks at %d, expects %d, fetches %d times", test.messages, test.more, got,
				expected, fetched)
		}
	}
}

func TestTCPQueryInPieces(t *testing.T) {
	r := start(t, nil)
	c := dial(t, "tcp", r.Addrs()[0])
	long := append(query(1, "echo"), make([]byte, 60000)...)
	var stream []byte
	for _, q := range [][]byte{query(2, "a"), long, query(3, "b")} {
		stream = binary.BigEndian.AppendUint16(stream, uint16(len(q)))
		stream = append(stream, q...)
	}
	for _, size := range []int{1, 1, 1, 7, 30, 1, 5000, 20000, 40000} {
		size = min(size, len(stream))
		c.send(stream[:size])
		stream = stream[size:]
		time.Sleep(2 * time.Millisecond)
	}
	for _, q := range [][]byte{query(2, "a"), long, query(3, "b")} {
		wantMessage(t, c.receiveMessage(), answerTo(q))
	}
}

func TestTCPLargestMessages(t *testing.T) {
	r := start(t, nil)
	c := dial(t, "tcp", r.Addrs()[0])
	c.sendMessages(query(1, "echo"), query(2, "big-65535"), query(3, "big-65535"), query(4, "echo"))
	for i, want := range []int{len(query(1, "echo")), wire.MaxMessage, wire.MaxMessage, len(query(1, "echo"))} {
		a := c.receiveMessage()
		if len(a) != want || int(a[1]) != i+1 {
			t.Errorf("answer %d: id %d, %d bytes, want %d", i+1, a[1], len(a), want)
		}
	}
	largest := append(query(5, "echo"), make([]byte, wire.MaxMessage-len(query(5, "echo")))...)
	c.sendMessages(largest)
	wantMessage(t, c.receiveMessage(), answerTo(largest))
}

func TestTCPAnswersOutOfOrder(t *testing.T) {
	r := start(t, nil)
	c := dial(t, "tcp", r.Addrs()[0])
	c.sendMessages(query(1, "late"), query(2, "echo"), query(3, "late"), query(4, "drop"), query(5, "echo"))
	wantMessage(t, c.receiveMessage(), answerTo(query(2, "echo")))
	wantMessage(t, c.receiveMessage(), answerTo(query(5, "echo")))
	one, three := r.nextLate(t), r.nextLate(t)
	three.answer(answerTo(three.query), resolver.Forwarded)
	wantMessage(t, c.receiveMessage(), answerTo(query(3, "late")))
	one.answer(answerTo(one.query), resolver.Cached)
	wantMessage(t, c.receiveMessage(), answerTo(query(1, "late")))
	c.sendMessages(query(6, "late"))
	r.nextLate(t).answer(nil, resolver.Dropped)
	c.sendMessages(query(7, "echo"))
	wantMessage(t, c.receiveMessage(), answerTo(query(7, "echo")))
	eventually(t, "each is counted", func() bool {
		q := r.Stats().Queries[resolver.TCP]
		return q[resolver.Local] == 3 && q[resolver.Forwarded] == 1 && q[resolver.Cached] == 1 &&
			q[resolver.Dropped] == 2
	})
}

func TestTCPHalfClosedClientGetsItsAnswers(t *testing.T) {
	r := start(t, nil)
	c := dial(t, "tcp", r.Addrs()[0])
	c.sendMessages(query(1, "late"), query(2, "echo"))
	err := c.conn.(*net.TCPConn).CloseWrite()
	if err != nil {
		t.Fatal(err)
	}
	wantMessage(t, c.receiveMessage(), answerTo(query(2, "echo")))
	q := r.nextLate(t)
	q.answer(answerTo(q.query), resolver.Forwarded)
	wantMessage(t, c.receiveMessage(), answerTo(query(1, "late")))
	wantEnd(t, c)
}

// wantEnd expects the server to close the connection.
func wantEnd(t *testing.T, c *client) {
	t.Helper()
	n, err := c.conn.Read(make([]byte, 1))
	var timeout net.Error
	if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatalf("read %d bytes, %v; want the end of the connection", n, err)
	}
}

func TestTCPInFlightBound(t *testing.T) {
	r := start(t, func(o *Options) { o.TCP.InFlight = 4 })
	c := dial(t, "tcp", r.Addrs()[0])
	var qs [][]byte
	for i := range 10 {
		qs = append(qs, query(uint16(i), "late"))
	}
	c.sendMessages(append(qs, query(99, "echo"))...)
	var waiting []lateQuery
	for range 4 {
		waiting = append(waiting, r.nextLate(t))
	}
	select {
	case <-r.script.late:
		t.Fatal("a fifth query is in flight")
	case <-time.After(50 * time.Millisecond):
	}
	for i := range 10 {
		q := waiting[0]
		waiting = waiting[1:]
		q.answer(answerTo(q.query), resolver.Forwarded)
		if i < 6 {
			waiting = append(waiting, r.nextLate(t))
		}
	}
	got := map[byte]bool{}
	for range 11 {
		got[c.receiveMessage()[1]] = true
	}
	if len(got) != 11 {
		t.Errorf("answers to %d queries, want 11", len(got))
	}
}

// TestTCPFullForAMoment: where the bound is reached, and an answer comes before that is
// looked at, the queries that are here already are answered.
func TestTCPFullForAMoment(t *testing.T) {
	r := start(t, func(o *Options) { o.TCP.InFlight = 1 })
	c := dial(t, "tcp", r.Addrs()[0])
	const batches, each = 100, 30
	for range batches {
		var qs [][]byte
		for i := range each {
			qs = append(qs, query(uint16(i), "soon"))
		}
		c.sendMessages(qs...)
		for range each {
			c.receiveMessage()
		}
	}
}

// asksOnce opens a connection, and reports whether a query by it is answered.
func asksOnce(t *testing.T, r *running) (*client, bool) {
	t.Helper()
	c := dial(t, "tcp", r.Addrs()[0])
	_, _ = c.conn.Write(append([]byte{0, byte(len(query(1, "echo")))}, query(1, "echo")...))
	_, err := readMessage(c.conn)
	return c, err == nil
}

func TestTCPConnectionsPerClient(t *testing.T) {
	// The server's own probes come from the same address and count too.
	r := start(t, func(o *Options) { o.TCP.PerClient = 2 })
	var open []*client
	eventually(t, "as many connections as fit", func() bool {
		for len(open) < 2 {
			c, ok := asksOnce(t, r)
			if !ok { // a probe was in the way
				return false
			}
			open = append(open, c)
		}
		return true
	})
	wantEnd(t, dial(t, "tcp", r.Addrs()[0]))
	if r.Stats().TCP[0].Refused[RefusedClient] == 0 {
		t.Error("no connection counted as refused")
	}
	// A full server is not a dead one.
	eventually(t, "ready while full", func() bool { ok, _ := r.Ready(); return ok })
	open[0].conn.Close()
	eventually(t, "room again", func() bool {
		_, ok := asksOnce(t, r)
		return ok
	})
}

// TestTCPConnectionsInAll: whoever comes last is served, and what nobody used for longest
// makes room.
func TestTCPConnectionsInAll(t *testing.T) {
	r := start(t, func(o *Options) { o.TCP.Connections, o.TCP.Idle = 3, time.Minute })
	first, ok := asksOnce(t, r)
	if !ok {
		t.Fatal("the first is not served")
	}
	for range 5 {
		_, ok := asksOnce(t, r)
		if !ok {
			t.Error("who comes last is not served")
		}
	}
	wantEnd(t, first)
	if s := r.Stats().TCP[0]; s.Refused[RefusedFull] == 0 || s.Open > 4 { // one may be about to end
		t.Errorf("counted %+v", s)
	}
	eventually(t, "ready while full", func() bool { ok, _ := r.Ready(); return ok })
}

func TestTCPIdleConnectionsAreClosed(t *testing.T) {
	r := start(t, func(o *Options) { o.TCP.Idle = 150 * time.Millisecond })
	silent, asking := dial(t, "tcp", r.Addrs()[0]), dial(t, "tcp", r.Addrs()[0])
	dribbling := dial(t, "tcp", r.Addrs()[0])
	asking.sendMessages(query(1, "late"))
	late := r.nextLate(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		// A query that never becomes whole does not keep the connection.
		for _, b := range append([]byte{0, 200}, make([]byte, 150)...) {
			_, err := dribbling.conn.Write([]byte{b})
			if err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Error("a dribbled query keeps its connection")
	}()
	wantEnd(t, silent)
	<-done
	// The connection with a query in flight is not idle.
	time.Sleep(200 * time.Millisecond)
	late.answer(answerTo(late.query), resolver.Forwarded)
	wantMessage(t, asking.receiveMessage(), answerTo(query(1, "late")))
	wantEnd(t, asking)
}

// TestTCPIdleBeginsAfterLateAnswers: a connection whose queries waited for long, and that
// has more of them on the way, isn't idle when they are all answered at once.
func TestTCPIdleBeginsAfterLateAnswers(t *testing.T) {
	const clients, inFlight = 24, 4
	r := start(t, func(o *Options) { o.TCP.Idle, o.TCP.InFlight = 400*time.Millisecond, inFlight })
	var all []*client
	var waiting []lateQuery
	for range clients {
		c := dial(t, "tcp", r.Addrs()[0])
		for i := range inFlight {
			c.sendMessages(query(uint16(i), "late"))
			waiting = append(waiting, r.nextLate(t))
		}
		c.sendMessages(query(99, "echo")) // is not read before there is room
		all = append(all, c)
	}
	time.Sleep(600 * time.Millisecond)
	for _, q := range waiting {
		q.answer(answerTo(q.query), resolver.Forwarded)
	}
	for _, c := range all {
		got := map[byte]bool{}
		for range inFlight + 1 {
			got[c.receiveMessage()[1]] = true
		}
		if !got[99] {
			t.Errorf("answers to %v", got)
		}
	}
	wantEnd(t, all[0])
}

func TestTCPSlowReaderIsClosed(t *testing.T) {
	r := start(t, func(o *Options) { o.TCP.Write = 100 * time.Millisecond })
	c := dial(t, "tcp", r.Addrs()[0])
	go func() {
		b := append([]byte{0, byte(len(query(1, "big-65535")))}, query(1, "big-65535")...)
		for {
			_, err := c.conn.Write(b)
			if err != nil {
				return
			}
		}
	}()
	eventually(t, "the connection is counted as slow", func() bool { return r.Stats().TCP[0].SlowClosed == 1 })
	other := dial(t, "tcp", r.Addrs()[0])
	other.sendMessages(query(2, "echo"))
	wantMessage(t, other.receiveMessage(), answerTo(query(2, "echo")))
}

// TestTCPUnreadAnswersStopQueries: a client that leaves late answers unread gets no more queries served, and all of
// them once it reads.
func TestTCPUnreadAnswersStopQueries(t *testing.T) {
	r := start(t, func(o *Options) { o.TCP.Write, o.TCP.InFlight = time.Minute, 4 })
	c := dial(t, "tcp", r.Addrs()[0])
	_ = c.conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	const queries, size = 100, 10_000
	var qs [][]byte
	for i := range queries {
		qs = append(qs, query(uint16(i), "late"))
	}
	c.sendMessages(qs...)
	served, stopped := 0, false
	finish := func(q lateQuery) {
		served++
		big := make([]byte, size)
		copy(big, answerTo(q.query))
		q.answer(big, resolver.Forwarded)
	}
	for !stopped && served < queries {
		select {
		case q := <-r.script.late:
			finish(q)
		case <-time.After(300 * time.Millisecond):
			stopped = true
		}
	}
	if !stopped {
		t.Fatalf("all %d queries were served, and no answer was read", queries)
	}
	got := make(chan int, 1)
	go func() {
		n := 0
		defer func() { got <- n }()
		for range queries {
			_, err := readMessage(c.conn)
			if err != nil {
				return
			}
			n++
		}
	}()
	for served < queries {
		finish(r.nextLate(t))
	}
	if n := <-got; n != queries {
		t.Errorf("%d of %d answers came", n, queries)
	}
}

// TestTCPLateAnswersAtOnce: what queries in flight bring for a client that does not read must neither pile up nor hold
// the resolver's goroutines.
func TestTCPLateAnswersAtOnce(t *testing.T) {
	r := start(t, func(o *Options) { o.TCP.Write = time.Minute })
	c := dial(t, "tcp", r.Addrs()[0])
	_ = c.conn.(*net.TCPConn).SetReadBuffer(4096)
	var waiting []lateQuery
	for i := range 100 {
		c.sendMessages(query(uint16(i), "late"))
		waiting = append(waiting, r.nextLate(t))
	}
	big := make([]byte, wire.MaxMessage)
	for _, q := range waiting {
		q.answer(append(big[:0], answerTo(q.query)...)[:wire.MaxMessage], resolver.Forwarded)
	}
	if got := r.Stats().TCP[0].SlowClosed; got != 1 {
		t.Errorf("%d connections closed as slow, want 1", got)
	}
}

func TestTCPNotDNS(t *testing.T) {
	r := start(t, nil)
	for _, stream := range []string{"\x00\x00", "\x00\x0bhello world", "\x00\x05abcde"} {
		c := dial(t, "tcp", r.Addrs()[0])
		c.sendMessages(query(1, "echo"))
		c.send([]byte(stream))
		wantMessage(t, c.receiveMessage(), answerTo(query(1, "echo")))
		wantEnd(t, c)
	}
}

func TestTCPDrainFinishesWhatIsInFlight(t *testing.T) {
	r := start(t, nil)
	c, idle := dial(t, "tcp", r.Addrs()[0]), dial(t, "tcp", r.Addrs()[0])
	c.sendMessages(query(1, "late"))
	q := r.nextLate(t)
	go func() {
		wantEnd(t, idle)
		q.answer(answerTo(q.query), resolver.Forwarded)
	}()
	r.stop()
	b := bufio.NewReader(c.conn)
	m, err := readMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	wantMessage(t, m, answerTo(query(1, "late")))
	_, err = b.ReadByte()
	if !errors.Is(err, io.EOF) {
		t.Errorf("after the last answer: %v, want the end", err)
	}
}

// TestTCPDrainAnswersWhatHasArrived ends the server while a pipeline of queries waits to be
// read.
func TestTCPDrainAnswersWhatHasArrived(t *testing.T) {
	r := start(t, func(o *Options) { o.Grace = patience })
	c := dial(t, "tcp", r.Addrs()[0])
	const n = 500
	msgs := [][]byte{query(0, "freeze")}
	for i := range n {
		msgs = append(msgs, query(uint16(i+1), "echo"))
	}
	c.sendMessages(query(9999, "echo"))
	wantMessage(t, c.receiveMessage(), answerTo(query(9999, "echo"))) // it is accepted
	c.sendMessages(msgs...)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		r.stop()
	}()
	eventually(t, "it drains", func() bool { return r.tcp[0].stopping.Load() })
	close(r.script.frozen)
	b := bufio.NewReader(c.conn)
	for _, m := range msgs {
		got, err := readMessage(b)
		if err != nil {
			t.Fatalf("instead of the answer to query %d: %v", binary.BigEndian.Uint16(m), err)
		}
		wantMessage(t, got, answerTo(m))
	}
	_, err := b.ReadByte()
	if !errors.Is(err, io.EOF) {
		t.Errorf("after the last answer: %v, want the end", err)
	}
	<-stopped
}

func TestTCPGraceIsBounded(t *testing.T) {
	r := start(t, func(o *Options) { o.Grace = 50 * time.Millisecond })
	c := dial(t, "tcp", r.Addrs()[0])
	c.sendMessages(query(1, "late"))
	q := r.nextLate(t)
	r.stop()
	wantEnd(t, c)
	q.answer(answerTo(q.query), resolver.Forwarded)
	if got := r.Stats().TCP[0].SendErrors; got != 1 {
		t.Errorf("%d answers counted as lost, want 1", got)
	}
}

func TestTCPClientAddressIsPlain(t *testing.T) {
	r := start(t, func(o *Options) { o.Addresses = []netip.AddrPort{netip.MustParseAddrPort("[::]:0")} })
	c := dial(t, "tcp", loopback(r.Addrs()[0].Port()))
	c.sendMessages(query(1, "echo"))
	wantMessage(t, c.receiveMessage(), answerTo(query(1, "echo")))
	if _, ok := r.script.seen.Load(loopback(0).Addr()); !ok {
		t.Error("the worker did not see 127.0.0.1")
	}
}

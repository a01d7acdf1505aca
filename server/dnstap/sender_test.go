package dnstap

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"inside53/resolver"
	"inside53/resolver/forward"

	"github.com/dnstap/golang-dnstap"
	"google.golang.org/protobuf/proto"
)

// running runs a sender until the test ends.
func running(t *testing.T) *Sender {
	t.Helper()
	s := New(Options{Identity: "here", Version: "inside53 test", Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		err := <-ended
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return s
}

// reader accepts one connection after the other and delivers the frames that it reads.
func reader(t *testing.T, network, at string) (frames chan *dnstap.Dnstap, close func()) {
	t.Helper()
	l, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	frames = make(chan *dnstap.Dnstap, 1000)
	ended := make(chan struct{})
	var open atomic.Pointer[net.Conn]
	go func() {
		defer func() { ended <- struct{}{} }()
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(&conn)
			r, err := dnstap.NewReader(conn, &dnstap.ReaderOptions{Bidirectional: true})
			for buf := make([]byte, 1<<20); err == nil; {
				var n int
				n, err = r.ReadFrame(buf)
				var d dnstap.Dnstap
				if err == nil && proto.Unmarshal(buf[:n], &d) == nil {
					frames <- &d
				}
			}
			_ = conn.Close()
		}
	}()
	return frames, func() {
		_ = l.Close()
		if c := open.Load(); c != nil {
			_ = (*c).Close()
		}
		<-ended
	}
}

// next waits for a frame.
func nextFrame(t *testing.T, frames chan *dnstap.Dnstap) *dnstap.Dnstap {
	t.Helper()
	select {
	case d := <-frames:
		return d
	case <-time.After(20 * time.Second):
		t.Fatal("no frame came")
		return nil
	}
}

// TestSender sends each kind of message with all that is known of it, to either kind of socket.
func TestSender(t *testing.T) {
	client, upstream := netip.MustParseAddrPort("10.1.2.3:4567"), netip.MustParseAddrPort("[2001:db8::53]:853")
	for _, network := range []string{"unix", "tcp"} {
		at := "127.0.0.1:0"
		if network == "unix" {
			at = filepath.Join(t.TempDir(), "tap.sock")
		} else {
			l, err := net.Listen("tcp", at)
			if err != nil {
				t.Fatal(err)
			}
			at = l.Addr().String()
			_ = l.Close()
		}
		frames, end := reader(t, network, at)
		s := running(t)
		s.SetReader(network, at)
		s.Question([]byte("question"), client, resolver.UDP)
		s.Asked([]byte("asked"), upstream, forward.ByTLS)
		s.Answered([]byte("answered"), upstream, forward.ByTLS, time.Second)
		s.Answer([]byte("answer"), client, resolver.TCP, 2*time.Second)
		got := map[dnstap.Message_Type]*dnstap.Message{}
		for range 4 {
			d := nextFrame(t, frames)
			got[d.Message.GetType()] = d.Message
			if string(d.Identity) != "here" || string(d.Version) != "inside53 test" {
				t.Errorf("%s: from %s %s", network, d.Identity, d.Version)
			}
		}
		q, a := got[dnstap.Message_CLIENT_QUERY], got[dnstap.Message_CLIENT_RESPONSE]
		fq, fa := got[dnstap.Message_FORWARDER_QUERY], got[dnstap.Message_FORWARDER_RESPONSE]
		if q == nil || a == nil || fq == nil || fa == nil {
			t.Fatalf("%s: got %v", network, got)
		}
		if string(q.QueryMessage) != "question" || string(a.ResponseMessage) != "answer" || q.GetQueryPort() != 4567 ||
			!slices.Equal(a.QueryAddress, client.Addr().AsSlice()) || q.GetSocketProtocol() != dnstap.SocketProtocol_UDP ||
			a.GetSocketProtocol() != dnstap.SocketProtocol_TCP || a.GetResponseTimeSec()-a.GetQueryTimeSec() > 3 ||
			a.GetResponseTimeSec() == a.GetQueryTimeSec() {
			t.Errorf("%s: the client's are %v and %v", network, q, a)
		}
		if string(fq.QueryMessage) != "asked" || string(fa.ResponseMessage) != "answered" || fq.GetResponsePort() != 853 ||
			fa.GetSocketProtocol() != dnstap.SocketProtocol_DOT || fa.GetSocketFamily() != dnstap.SocketFamily_INET6 {
			t.Errorf("%s: the upstream's are %v and %v", network, fq, fa)
		}
		if s.Sent() != 4 || s.Dropped() != 0 {
			t.Errorf("%s: %d sent, %d dropped", network, s.Sent(), s.Dropped())
		}
		s.SetReader("", "")
		end()
	}
}

// TestSenderNeverWaits: nobody waits for a reader that isn't there, or stands still, and messages
// go on when there is one again.
func TestSenderNeverWaits(t *testing.T) {
	client := netip.MustParseAddrPort("10.1.2.3:4567")
	at := filepath.Join(t.TempDir(), "tap.sock")
	s := running(t)
	s.SetReader("unix", at)
	large := make([]byte, 60_000)
	flood := func() time.Duration {
		began := time.Now()
		for range 1000 {
			s.Answer(large, client, resolver.TCP, 0)
		}
		return time.Since(began)
	}
	if took := flood(); took > 5*time.Second {
		t.Errorf("without a reader 1,000 messages take %s", took)
	}
	deadline := time.Now().Add(20 * time.Second)
	for ; s.Dropped() < 1000; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d dropped", s.Dropped())
		}
	}
	stuck, err := net.Listen("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := stuck.Accept() // and nothing more
	if err != nil {
		t.Fatal(err)
	}
	if took := flood(); took > 5*time.Second {
		t.Errorf("with a reader that stands still 1,000 messages take %s", took)
	}
	_ = conn.Close()
	_ = stuck.Close()
	frames, end := reader(t, "unix", at)
	defer end()
	for deadline := time.Now().Add(20 * time.Second); len(frames) == 0; time.Sleep(10 * time.Millisecond) {
		s.Question([]byte("again"), client, resolver.UDP)
		if time.Now().After(deadline) {
			t.Fatal("messages don't go on")
		}
	}
	s.SetReader("", "")
}

// TestDroppedStays: what was dropped stays counted when the reader is another one, together with what waited
// for the one before.
func TestDroppedStays(t *testing.T) {
	s := New(Options{Log: slog.New(slog.DiscardHandler)})
	client, large := netip.MustParseAddrPort("10.1.2.3:4567"), make([]byte, 60_000)
	const all = 100
	for i := range all {
		if i%(all/4) == 0 {
			s.SetReader("unix", fmt.Sprint("/nowhere/", i))
		}
		s.Answer(large, client, resolver.TCP, 0)
	}
	s.SetReader("", "")
	if s.Dropped() != all {
		t.Errorf("of %d messages that nobody got %d are dropped", all, s.Dropped())
	}
}

// TestTakes: what doesn't fit isn't taken, nor an answer to what wasn't, until what waits was taken away.
func TestTakes(t *testing.T) {
	s := New(Options{Log: slog.New(slog.DiscardHandler)})
	client, large := netip.MustParseAddrPort("10.1.2.3:4567"), make([]byte, 60_000)
	s.SetReader("unix", "/nowhere")
	for range shardBytes/len(large) + 1 {
		if !s.Takes(large, client) {
			t.Fatal("not taken though there is room")
		}
		s.Answer(large, client, resolver.TCP, 0)
	}
	if s.Takes(large[:12], client) {
		t.Error("taken though there is no room")
	}
	s.Missed(2)
	if s.Dropped() != 3 {
		t.Errorf("%d dropped", s.Dropped())
	}
	s.send(t.Context()) // nobody is there
	if s.Takes(large[:12], client) {
		t.Error("taken though nobody reads")
	}
	s.SetReader("", "")
}

// TestUpstreamsShare all buffers, though they have one port.
func TestUpstreamsShare(t *testing.T) {
	s := New(Options{Log: slog.New(slog.DiscardHandler)})
	s.SetReader("unix", "/nowhere")
	upstream, query := netip.MustParseAddrPort("10.0.0.2:53"), make([]byte, 1000)
	for id := range uint16(shards * 200) {
		binary.BigEndian.PutUint16(query, id)
		s.Asked(query, upstream, forward.ByUDP)
	}
	if s.Dropped() != 0 {
		t.Errorf("%d dropped though there is room", s.Dropped())
	}
}

// TestPutAllocates nothing.
func TestPutAllocates(t *testing.T) {
	s := New(Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	s.SetReader("unix", "/nowhere")
	client, query := netip.MustParseAddrPort("10.1.2.3:4567"), make([]byte, 40)
	got := testing.AllocsPerRun(20_000, func() { s.Question(query, client, resolver.UDP) })
	if got != 0 || s.Dropped() == 0 {
		t.Errorf("%v allocations, %d dropped", got, s.Dropped())
	}
}

// TestFrameUpdates: updates have types of their own.
func TestFrameUpdates(t *testing.T) {
	s := New(Options{})
	for _, tt := range []struct {
		kind   kind
		opcode byte
		want   dnstap.Message_Type
	}{
		{clientQuery, 0, dnstap.Message_CLIENT_QUERY}, {clientQuery, 5 << 3, dnstap.Message_UPDATE_QUERY},
		{clientResponse, 0x80, dnstap.Message_CLIENT_RESPONSE}, {clientResponse, 0x80 | 5<<3, dnstap.Message_UPDATE_RESPONSE},
	} {
		m := message{kind: tt.kind, peer: netip.MustParseAddrPort("10.0.0.1:5353"), bytes: []byte{0, 1, tt.opcode, 0}}
		if got := s.frame(&m).Message.GetType(); got != tt.want {
			t.Errorf("opcode %x: %v, want %v", tt.opcode, got, tt.want)
		}
	}
}

// TestNobodyReads: once the reader is away, or a message didn't fit, messages are counted and not copied; when what
// waits is taken, or there is another reader, they are kept again.
func TestNobodyReads(t *testing.T) {
	s := New(Options{Log: slog.New(slog.DiscardHandler)})
	s.SetReader("unix", "/nowhere/there")
	client, query := netip.MustParseAddrPort("10.0.0.1:5300"), make([]byte, 400)
	waiting := func() (n int) {
		for i := range s.shards {
			n += len(s.shards[i].buffer)
		}
		return n
	}
	ask := func() { s.Question(query, client, resolver.UDP) }
	ask()
	kept := waiting()
	s.fail(errors.New("the reader has gone"))
	if n := testing.AllocsPerRun(100, ask); n > 0 || waiting() != kept || s.Dropped() != 101 {
		t.Errorf("%v allocations, %d octets wait, %d are dropped", n, waiting()-kept, s.Dropped())
	}
	s.SetReader("unix", "/nowhere/else")
	for range shardBytes / len(query) { // until one doesn't fit
		ask()
	}
	kept, before := waiting(), s.Dropped()
	s.Question(query[:12], client, resolver.UDP) // would fit
	if kept < shardBytes-1000 || waiting() != kept || s.Dropped() != before+1 {
		t.Errorf("%d octets wait of %d, %d more are dropped", waiting(), shardBytes, s.Dropped()-before)
	}
	for i := range s.shards {
		s.shards[i].swap(make([]byte, 0, shardBytes))
	}
	ask()
	if waiting() == 0 {
		t.Error("what is asked isn't kept once there is room again")
	}
}

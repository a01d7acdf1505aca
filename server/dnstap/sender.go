package dnstap

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"inside53/resolver/forward"

	"github.com/dnstap/golang-dnstap"
	"google.golang.org/protobuf/proto"
)

// Options make a [Sender].
type Options struct {
	Identity, Version string // of this server, in each message
	Log               *slog.Logger
}

// Sender sends messages. Its methods are safe for concurrent use.
type Sender struct {
	opts    Options
	shards  [shards]shard
	wake    chan struct{}
	changed chan struct{}
	away    atomic.Bool   // the reader failed, and isn't back
	dropped atomic.Uint64 // after they had waited, or as workers missed them
	sent    atomic.Uint64

	mu     sync.Mutex
	reader address

	// Of the goroutine of Run.
	spare  []byte
	to     address   // whom the following is about
	out    *output   // nil: not connected
	tried  time.Time // when connecting failed last
	failed bool      // that was said
}

// address is where the reader listens; the zero address is nobody.
type address struct{ network, address string }

// output is a connection to the reader.
type output struct {
	conn   net.Conn
	writer dnstap.Writer
	frame  []byte
}

// New returns a sender without a reader.
func New(o Options) *Sender {
	return &Sender{opts: o, wake: make(chan struct{}, 1), changed: make(chan struct{}, 1)}
}

// SetReader says who reads from now on: a network, unix or tcp, and an address in it; "" is
// nobody. Messages wait from then on.
func (s *Sender) SetReader(network, at string) {
	s.mu.Lock()
	was := s.reader
	s.reader = address{network, at}
	is := s.reader
	s.mu.Unlock()
	if was == is {
		return
	}
	for i := range s.shards {
		var buffer []byte
		if is != (address{}) {
			buffer = make([]byte, 0, shardBytes)
		}
		waiting := s.shards[i].swap(buffer)
		for len(waiting) > 0 { // it was for the reader of before
			_, waiting = next(waiting)
			s.dropped.Add(1)
		}
	}
	s.away.Store(false)
	select {
	case s.changed <- struct{}{}:
	default: // it is known already
	}
}

// Dropped is how many messages were not sent, as they came too fast or nobody read them.
func (s *Sender) Dropped() uint64 {
	n := s.dropped.Load()
	for i := range s.shards {
		n += s.shards[i].dropped.Load()
	}
	return n
}

// Sent is how many messages were sent.
func (s *Sender) Sent() uint64 { return s.sent.Load() }

// shardOf is where a message waits.
func (s *Sender) shardOf(message []byte, peer netip.AddrPort) *shard {
	at := peer.Port()
	if len(message) >= 2 {
		at ^= binary.BigEndian.Uint16(message) // the id: upstreams have one port
	}
	return &s.shards[at%shards]
}

// takes reports whether what waits in a shard may become more.
func (s *Sender) takes(of *shard) bool { return !s.away.Load() && !of.full.Load() }

// put keeps a message until it is sent. Where nobody reads it costs two loads and a count.
func (s *Sender) put(k kind, by forward.Protocol, peer netip.AddrPort, took time.Duration, bytes []byte) {
	of := s.shardOf(bytes, peer)
	if !s.takes(of) {
		of.dropped.Add(1)
		return
	}
	half := of.put(&message{kind: k, proto: by, peer: peer, at: time.Now(), took: took, bytes: bytes})
	if half {
		select {
		case s.wake <- struct{}{}:
		default: // it is awake
		}
	}
}

const (
	// sendEvery is how often messages are sent where few come.
	sendEvery = 100 * time.Millisecond
	// tryEvery is how often a reader is tried that isn't there, or stood still.
	tryEvery = time.Second
	// patience is how long a reader may stand still.
	patience = 2 * time.Second
)

// Run sends messages until ctx ends, and returns its error.
func (s *Sender) Run(ctx context.Context) error {
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	defer s.disconnect(true)
	s.spare = make([]byte, 0, shardBytes)
	for {
		select {
		case <-ctx.Done():
			s.send(ctx)
			return ctx.Err()
		case <-tick.C:
		case <-s.wake:
		case <-s.changed:
		}
		s.send(ctx)
	}
}

// send sends what waits.
func (s *Sender) send(ctx context.Context) {
	s.mu.Lock()
	to := s.reader
	s.mu.Unlock()
	if to != s.to { // not when that is told, as it may be seen before: a reader is connected to once
		s.disconnect(true)
		s.to, s.tried, s.failed = to, time.Time{}, false
		s.away.Store(false)
	}
	if to == (address{}) {
		return
	}
	if s.out == nil && time.Since(s.tried) >= tryEvery && ctx.Err() == nil {
		s.connect(ctx, to)
	}
	for i := range s.shards {
		waiting := s.shards[i].swap(s.spare[:0])
		s.spare = waiting
		if waiting == nil { // nobody read until now
			s.spare = make([]byte, 0, shardBytes)
		}
		for len(waiting) > 0 {
			var m message
			m, waiting = next(waiting)
			s.write(&m)
		}
	}
	if s.out == nil {
		return
	}
	flusher, ok := s.out.writer.(interface{ Flush() error })
	if ok {
		err := flusher.Flush()
		if err != nil {
			s.fail(err)
		}
	}
}

// connect connects to the reader.
func (s *Sender) connect(ctx context.Context, to address) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, to.network, to.address)
	if err != nil {
		s.fail(err)
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends a handshake that hangs
	w, err := dnstap.NewWriter(conn, &dnstap.WriterOptions{Bidirectional: true, Timeout: patience})
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close() // nothing was written
		s.fail(fmt.Errorf("beginning the stream: %w", err))
		return
	}
	s.out = &output{conn: conn, writer: w}
	s.away.Store(false)
	if s.failed {
		s.opts.Log.Info("the reader of dnstap is back")
		s.failed = false
	}
}

// fail gives the connection up for a while.
func (s *Sender) fail(err error) {
	s.disconnect(false)
	s.away.Store(true)
	s.tried = time.Now()
	if !s.failed {
		s.opts.Log.Warn("messages are not sent to the reader of dnstap; they are dropped", "error", err)
		s.failed = true
	}
}

// disconnect ends the connection, in an orderly way where it works.
func (s *Sender) disconnect(orderly bool) {
	if s.out == nil {
		return
	}
	if orderly {
		_ = s.out.writer.Close() // the reader may have gone
	}
	_ = s.out.conn.Close()
	s.out = nil
}

// write writes a message, or counts it as dropped.
func (s *Sender) write(m *message) {
	if s.out == nil {
		s.dropped.Add(1)
		return
	}
	frame, err := proto.MarshalOptions{}.MarshalAppend(s.out.frame[:0], s.frame(m))
	if err == nil {
		s.out.frame = frame
		_, err = s.out.writer.WriteFrame(frame)
	}
	if err != nil {
		s.dropped.Add(1)
		s.fail(err)
		return
	}
	s.sent.Add(1)
}

// frame is a message as dnstap has it.
func (s *Sender) frame(m *message) *dnstap.Dnstap {
	family, of := dnstap.SocketFamily_INET, dnstap.SocketProtocol_UDP
	if m.peer.Addr().Is6() {
		family = dnstap.SocketFamily_INET6
	}
	switch m.proto {
	case forward.ByTCP:
		of = dnstap.SocketProtocol_TCP
	case forward.ByTLS:
		of = dnstap.SocketProtocol_DOT
	}
	out := &dnstap.Message{SocketFamily: &family, SocketProtocol: &of}
	peer, port := m.peer.Addr().AsSlice(), uint32(m.peer.Port())
	asked := m.at.Add(-m.took)
	out.QueryTimeSec, out.QueryTimeNsec = proto.Uint64(uint64(asked.Unix())), proto.Uint32(uint32(asked.Nanosecond()))
	switch m.kind {
	case clientQuery, clientResponse:
		out.QueryAddress, out.QueryPort = peer, &port
	default:
		out.ResponseAddress, out.ResponsePort = peer, &port
	}
	switch m.kind {
	case clientQuery:
		out.Type, out.QueryMessage = dnstap.Message_CLIENT_QUERY.Enum(), m.bytes
		if isUpdate(m.bytes) {
			out.Type = dnstap.Message_UPDATE_QUERY.Enum()
		}
	case clientResponse:
		out.Type, out.ResponseMessage = dnstap.Message_CLIENT_RESPONSE.Enum(), m.bytes
		if isUpdate(m.bytes) {
			out.Type = dnstap.Message_UPDATE_RESPONSE.Enum()
		}
	case forwarderQuery:
		out.Type, out.QueryMessage = dnstap.Message_FORWARDER_QUERY.Enum(), m.bytes
	case forwarderResponse:
		out.Type, out.ResponseMessage = dnstap.Message_FORWARDER_RESPONSE.Enum(), m.bytes
	}
	if out.ResponseMessage != nil {
		out.ResponseTimeSec = proto.Uint64(uint64(m.at.Unix()))
		out.ResponseTimeNsec = proto.Uint32(uint32(m.at.Nanosecond()))
	}
	return &dnstap.Dnstap{
		Type: dnstap.Dnstap_MESSAGE.Enum(), Identity: []byte(s.opts.Identity), Version: []byte(s.opts.Version), Message: out,
	}
}

// isUpdate reports whether a message is one of a dynamic update (RFC 2136 section 1.3), by the opcode in its header.
func isUpdate(message []byte) bool {
	const opcode = 5
	return len(message) > 2 && message[2]>>3&0xf == opcode
}

package dnstap

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"inside53/resolver"
	"inside53/resolver/forward"
)

const (
	// shards are buffers that few processors write to at the same time.
	shards = 8
	// shardBytes is how much waits in each of them at most.
	shardBytes = 256 << 10
)

// kind is what a message is.
type kind byte

const (
	clientQuery kind = iota
	clientResponse
	forwarderQuery
	forwarderResponse
)

// headerSize is how much stands before each message: kind, protocol, size of the address, one
// octet of nothing, address, port, two octets of nothing, time, how long the answer took, size.
const headerSize = 4 + 16 + 4 + 8 + 8 + 4

// message is one of them, borrowed from a buffer.
type message struct {
	kind  kind
	proto forward.Protocol
	peer  netip.AddrPort
	at    time.Time
	took  time.Duration
	bytes []byte
}

// shard keeps messages until they are sent.
type shard struct {
	full    atomic.Bool // a message didn't fit: none is tried until what waits is taken
	dropped atomic.Uint64

	mu     sync.Mutex // held for moments
	buffer []byte
	_      [64]byte
}

// put copies a message, or counts it as dropped. It reports whether half of the room is used now.
func (s *shard) put(m *message) (half bool) {
	var head [headerSize]byte
	addr := m.peer.Addr().AsSlice()
	head[0], head[1], head[2] = byte(m.kind), byte(m.proto), byte(len(addr))
	copy(head[4:], addr)
	binary.BigEndian.PutUint16(head[20:], m.peer.Port())
	binary.BigEndian.PutUint64(head[24:], uint64(m.at.UnixNano()))
	binary.BigEndian.PutUint64(head[32:], uint64(m.took))
	binary.BigEndian.PutUint32(head[40:], uint32(len(m.bytes)))
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.buffer)
	if s.buffer == nil || before+headerSize+len(m.bytes) > cap(s.buffer) {
		s.dropped.Add(1)
		s.full.Store(true)
		return before > 0
	}
	s.buffer = append(append(s.buffer, head[:]...), m.bytes...)
	return before < shardBytes/2 && len(s.buffer) >= shardBytes/2
}

// swap returns what waits, and leaves spare for what comes.
func (s *shard) swap(spare []byte) (waiting []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting, s.buffer = s.buffer, spare
	s.full.Store(false)
	return waiting
}

// next takes the first message out of what waited.
func next(waiting []byte) (m message, rest []byte) {
	addr, _ := netip.AddrFromSlice(waiting[4 : 4+int(waiting[2])])
	size := binary.BigEndian.Uint32(waiting[40:])
	m = message{
		kind: kind(waiting[0]), proto: forward.Protocol(waiting[1]),
		peer:  netip.AddrPortFrom(addr, binary.BigEndian.Uint16(waiting[20:])),
		at:    time.Unix(0, int64(binary.BigEndian.Uint64(waiting[24:]))),
		took:  time.Duration(binary.BigEndian.Uint64(waiting[32:])),
		bytes: waiting[headerSize : headerSize+size],
	}
	return m, waiting[headerSize+size:]
}

// Takes implements [resolver.Messages]: a question and its answer, which have one id, wait in one shard.
func (s *Sender) Takes(query []byte, client netip.AddrPort) bool {
	return s.takes(s.shardOf(query, client))
}

// Missed implements [resolver.Messages].
func (s *Sender) Missed(n uint64) { s.dropped.Add(n) }

// Question implements [resolver.Messages].
func (s *Sender) Question(query []byte, client netip.AddrPort, t resolver.Transport) {
	s.put(clientQuery, protocolOf(t), client, 0, query)
}

// Answer implements [resolver.Messages].
func (s *Sender) Answer(answer []byte, client netip.AddrPort, t resolver.Transport, took time.Duration) {
	s.put(clientResponse, protocolOf(t), client, took, answer)
}

// Asked implements [forward.Messages].
func (s *Sender) Asked(query []byte, upstream netip.AddrPort, by forward.Protocol) {
	s.put(forwarderQuery, by, upstream, 0, query)
}

// Answered implements [forward.Messages].
func (s *Sender) Answered(reply []byte, upstream netip.AddrPort, by forward.Protocol, took time.Duration) {
	s.put(forwarderResponse, by, upstream, took, reply)
}

func protocolOf(t resolver.Transport) forward.Protocol {
	if t == resolver.UDP {
		return forward.ByUDP
	}
	return forward.ByTCP
}

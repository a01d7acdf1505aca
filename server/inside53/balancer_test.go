package main

import (
	"errors"
	"hash/fnv"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inside53/resolver/freeport"
)

// balancer spreads clients over servers by a hash of the client's address and port, as network
// load balancers do: by UDP and TCP, to those that are up.
type balancer struct {
	address string
	servers []string
	up      []atomic.Bool
	stop    chan struct{}
	running sync.WaitGroup

	udp   *net.UDPConn
	tcp   net.Listener
	mu    sync.Mutex
	flows map[flowKey]*net.UDPConn
}

// flowKey is a client at a server.
type flowKey struct {
	client netip.AddrPort
	server int
}

func startBalancer(t *testing.T, servers []string) *balancer {
	t.Helper()
	b := &balancer{
		servers: servers, up: make([]atomic.Bool, len(servers)), stop: make(chan struct{}),
		flows: map[flowKey]*net.UDPConn{},
	}
	packets, streams, err := freeport.Listen()
	if err != nil {
		t.Fatal(err)
	}
	b.udp, b.tcp, b.address = packets.(*net.UDPConn), streams, streams.Addr().String()
	for i := range servers {
		b.up[i].Store(true)
		b.running.Go(func() { b.watch(i) })
	}
	b.running.Go(b.serveUDP)
	b.running.Go(b.serveTCP)
	t.Cleanup(b.close)
	return b
}

func (b *balancer) close() {
	close(b.stop)
	_ = b.udp.Close() // ends what reads it
	_ = b.tcp.Close()
	b.mu.Lock()
	for _, conn := range b.flows {
		_ = conn.Close()
	}
	b.mu.Unlock()
	b.running.Wait()
}

func (b *balancer) isUp(i int) bool { return b.up[i].Load() }

// watch asks a server whether it is ready, and believes the first answer.
func (b *balancer) watch(i int) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-tick.C:
		}
		b.up[i].Store(isReady(b.servers[i]))
	}
}

// choose returns the server of a client.
func (b *balancer) choose(client netip.AddrPort) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(client.String())) // a hash takes everything
	first := int(h.Sum32()) % len(b.servers)
	for i := range b.servers {
		at := (first + i) % len(b.servers)
		if b.isUp(at) {
			return at
		}
	}
	return first
}

func (b *balancer) serveUDP() {
	buf := make([]byte, 600)
	for {
		n, client, err := b.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		conn := b.flow(flowKey{client, b.choose(client)})
		if conn != nil {
			_, _ = conn.Write(buf[:n]) // what is lost is what the test counts
		}
	}
}

// flow is the socket of a client at a server; answers that come to it go back.
func (b *balancer) flow(key flowKey) *net.UDPConn {
	b.mu.Lock()
	defer b.mu.Unlock()
	conn := b.flows[key]
	if conn != nil {
		return conn
	}
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(b.servers[key.server])))
	if err != nil {
		return nil
	}
	b.flows[key] = conn
	b.running.Go(func() { b.answer(key, conn) })
	return conn
}

// flowIdle is after how long without an answer a flow is forgotten.
const flowIdle = 10 * time.Second

// answer sends answers of a flow back.
func (b *balancer) answer(key flowKey, conn *net.UDPConn) {
	buf := make([]byte, 600)
	for {
		err := conn.SetReadDeadline(time.Now().Add(flowIdle))
		if err != nil {
			return
		}
		n, err := conn.Read(buf)
		switch {
		case err == nil:
			_, _ = b.udp.WriteToUDPAddrPort(buf[:n], key.client) // a client that is gone
		case errors.Is(err, os.ErrDeadlineExceeded):
			b.mu.Lock()
			delete(b.flows, key)
			b.mu.Unlock()
			_ = conn.Close()
			return
		case errors.Is(err, net.ErrClosed):
			return
		}
	}
}

func (b *balancer) serveTCP() {
	for {
		client, err := b.tcp.Accept()
		if err != nil {
			return
		}
		b.running.Go(func() {
			defer func() { _ = client.Close() }()
			at := client.RemoteAddr().(*net.TCPAddr).AddrPort()
			server, err := net.Dial("tcp", b.servers[b.choose(at)])
			if err != nil {
				return
			}
			defer func() { _ = server.Close() }()
			go func() {
				_, _ = io.Copy(server, client) // until the client has its answer
				_ = server.Close()
			}()
			_, _ = io.Copy(client, server)
		})
	}
}

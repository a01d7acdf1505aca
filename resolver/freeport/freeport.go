package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// What the kernel gives by itself begins at 32768, where nobody has set it otherwise (ip(7), ip_local_port_range).
const (
	lowest  = 10000
	highest = 32767
	tries   = 64
)

// Listen listens on one port of 127.0.0.1 by UDP and TCP. It is safe for concurrent use.
func Listen() (net.PacketConn, net.Listener, error) {
	var last error
	for range tries {
		packets, streams, err := try(fmt.Sprintf("127.0.0.1:%d", lowest+rand.IntN(highest-lowest+1)))
		if err == nil {
			return packets, streams, nil
		}
		last = err
	}
	return nil, nil, fmt.Errorf("finding a port that is free for both UDP and TCP: %w", last)
}

// Find returns a port of 127.0.0.1 that nobody listens on by UDP or TCP. It is safe for concurrent use, but two may
// find the same.
func Find() (int, error) {
	packets, streams, err := Listen()
	if err != nil {
		return 0, err
	}
	_ = packets.Close()
	return streams.Addr().(*net.TCPAddr).Port, streams.Close()
}

// try listens on an address.
func try(address string) (net.PacketConn, net.Listener, error) {
	streams, err := net.Listen("tcp", address)
	if err != nil {
		return nil, nil, err
	}
	packets, err := net.ListenPacket("udp", address)
	if err != nil {
		_ = streams.Close()
		return nil, nil, err
	}
	return packets, streams, nil
}

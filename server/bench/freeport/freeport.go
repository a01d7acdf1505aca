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

// Find returns a port of 127.0.0.1 that nobody listens on by UDP or TCP. It is safe for concurrent use, but two may
// find the same.
func Find() (int, error) {
	var last error
	for range tries {
		port := lowest + rand.IntN(highest-lowest+1)
		last = try(fmt.Sprintf("127.0.0.1:%d", port))
		if last == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("finding a port that is free for both UDP and TCP: %w", last)
}

// try listens on an address for a moment.
func try(address string) error {
	streams, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = streams.Close() }()
	packets, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	return packets.Close()
}

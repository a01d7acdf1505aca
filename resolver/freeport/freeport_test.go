package freeport

import (
	"net"
	"testing"
)

// TestFind finds ports that can be listened on, and none that the kernel gives by itself.
func TestFind(t *testing.T) {
	for range 50 {
		port, err := Find()
		if err != nil {
			t.Fatal(err)
		}
		if port < lowest || port > highest {
			t.Errorf("port %d", port)
		}
	}
}

// TestListen has both on one port, and takes none that somebody has by one of them alone.
func TestListen(t *testing.T) {
	packets, streams, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	address := streams.Addr().String()
	if packets.LocalAddr().String() != address {
		t.Errorf("UDP %v, TCP %v", packets.LocalAddr(), address)
	}
	for _, one := range []interface{ Close() error }{streams, packets} { // with both, then by UDP alone
		_, _, err = try(address)
		if err == nil {
			t.Error("an address is free that is taken")
		}
		err = one.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	streams, err = net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = streams.Close() }()
	_, _, err = try(address)
	if err == nil {
		t.Error("an address is free that is taken by TCP")
	}
}

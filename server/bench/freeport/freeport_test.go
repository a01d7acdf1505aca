package freeport

import (
	"fmt"
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
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	port := taken.LocalAddr().(*net.UDPAddr).Port
	if try(fmt.Sprintf("127.0.0.1:%d", port)) == nil {
		t.Error("a port is free that is taken by UDP")
	}
}

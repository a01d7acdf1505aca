package listen

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// unsentBytes is how much of what we write the kernel keeps for a client that doesn't read,
// beside what is on its way. The default is megabytes a connection.
const unsentBytes = 128 << 10

// boundUnsent bounds what the kernel keeps for connections of a listener.
func boundUnsent(_, _ string, conn syscall.RawConn) error {
	var err error
	controlled := conn.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentBytes)
	})
	if controlled != nil {
		return controlled
	}
	return err
}

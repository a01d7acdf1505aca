package handover

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// peerOf returns the process at the other end.
func peerOf(conn *net.UnixConn) (peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return peer{}, err
	}
	var end *unix.Ucred
	controlled := raw.Control(func(fd uintptr) {
		end, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	err = errors.Join(controlled, err)
	if err != nil {
		return peer{}, fmt.Errorf("finding out who is at the other end: %w", err)
	}
	return peer{int(end.Pid), int(end.Uid)}, nil
}

//go:build !portable_udp

package listen

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// probePort finds out whether another process has the port. Sockets with
// SO_REUSEPORT join those of any process of the same user, and would quietly take a
// share of its packets.
func probePort(addr netip.AddrPort, v6only bool) error {
	fd, err := bindUDP(addr, v6only, false)
	if err != nil {
		return err
	}
	return os.NewSyscallError("close", unix.Close(fd))
}

// bindShared returns as many sockets as there are loops, bound to addr, whose port is not 0.
func bindShared(addr netip.AddrPort, v6only bool, loops, receiveBuffer int) ([]*os.File, error) {
	err := probePort(addr, v6only)
	if err != nil {
		return nil, err
	}
	files := make([]*os.File, 0, loops)
	for range loops {
		fd, err := bindUDP(addr, v6only, true)
		if err != nil {
			closeAll(files)
			return nil, err
		}
		setReceiveBuffer(fd, receiveBuffer)
		files = append(files, os.NewFile(uintptr(fd), "udp "+addr.String()))
	}
	return files, nil
}

// bindUDP returns a non-blocking socket bound to addr. shared sets SO_REUSEPORT.
func bindUDP(addr netip.AddrPort, v6only, shared bool) (int, error) {
	family := unix.AF_INET6
	if addr.Addr().Is4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_UDP)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	err = setBinding(fd, addr, v6only, shared)
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	err = unix.Bind(fd, sockaddr(addr))
	if err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("bind", err)
	}
	return fd, nil
}

// setBinding sets the options that have to stand before bind.
func setBinding(fd int, addr netip.AddrPort, v6only, shared bool) error {
	if !addr.Addr().Is4() {
		only := 0
		if v6only || !addr.Addr().IsUnspecified() {
			only = 1
		}
		err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only)
		if err != nil {
			return os.NewSyscallError("setsockopt IPV6_V6ONLY", err)
		}
	}
	if !shared {
		return nil
	}
	return os.NewSyscallError("setsockopt SO_REUSEPORT", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}

// setServed sets the options that a packet loop needs of its socket.
func setServed(fd int, addr netip.AddrPort) error {
	v4 := addr.Addr().Is4()
	if addr.Addr().IsUnspecified() {
		var err error
		if v4 {
			err = os.NewSyscallError("setsockopt IP_PKTINFO", unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1))
		} else {
			// Covers IPv4 on a dual-stack socket, as mapped addresses.
			err = os.NewSyscallError("setsockopt IPV6_RECVPKTINFO",
				unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1))
		}
		if err != nil {
			return err
		}
	}
	// Ignore path MTUs learned from ICMP, which anybody can forge to make answers
	// fragment (RFC 9715 3.1). Kernels before 3.15 do not have it; answers are small.
	if v4 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_OMIT)
	} else {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_OMIT)
	}
	return nil
}

func sockaddr(addr netip.AddrPort) unix.Sockaddr {
	if addr.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16(), ZoneId: zoneIndex(addr.Addr().Zone())}
}

// zoneIndex returns the interface index of a zone, which is a name or a number;
// 0 for none, and for one unknown, which bind then refuses.
func zoneIndex(zone string) uint32 {
	ifi, err := net.InterfaceByName(zone)
	if err == nil {
		return uint32(ifi.Index)
	}
	n, err := strconv.ParseUint(zone, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// raiseReceiveBuffer is setReceiveBuffer, but for a buffer that has as much: whoever made it
// may have been allowed more than this process.
func raiseReceiveBuffer(fd, size int) int {
	has := receiveBuffer(fd)
	if has >= size {
		return has
	}
	return setReceiveBuffer(fd, size)
}

// setReceiveBuffer asks for size bytes, past the system's limit where the process may,
// and returns what the kernel gave. It doubles the value for its own bookkeeping.
func setReceiveBuffer(fd, size int) int {
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size)
	if err != nil {
		// The outcome is read back.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size)
	}
	return receiveBuffer(fd)
}

// receiveBuffer is how many bytes of packets may wait; 0 when the kernel doesn't say.
func receiveBuffer(fd int) int {
	got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil {
		return 0
	}
	return got / 2
}

// clientOf decodes a received address. An IPv4 one that came in mapped becomes plain.
func clientOf(name *unix.RawSockaddrInet6) netip.AddrPort {
	p := (*[2]byte)(unsafe.Pointer(&name.Port))
	port := uint16(p[0])<<8 | uint16(p[1])
	if name.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(name.Addr).Unmap(), port)
}

// replyControl turns the packet info that came with a query, in c, into the one that
// sends its answer from the address the query came to, and returns its length; 0 when
// there is none. The interface is cleared: the way back is the routing table's choice
// (and the scope of a link-local client stands in its address).
func replyControl(c *controlWords, h *unix.Msghdr) int {
	length := int(h.Controllen)
	if length < unix.SizeofCmsghdr || h.Flags&unix.MSG_CTRUNC != 0 {
		return 0
	}
	head := (*unix.Cmsghdr)(unsafe.Pointer(c))
	data := unsafe.Add(unsafe.Pointer(c), unix.CmsgLen(0))
	switch {
	case head.Level == unix.IPPROTO_IP && head.Type == unix.IP_PKTINFO && length >= unix.CmsgLen(unix.SizeofInet4Pktinfo):
		(*unix.Inet4Pktinfo)(data).Ifindex = 0
		return unix.CmsgSpace(unix.SizeofInet4Pktinfo)
	case head.Level == unix.IPPROTO_IPV6 && head.Type == unix.IPV6_PKTINFO &&
		length >= unix.CmsgLen(unix.SizeofInet6Pktinfo):
		(*unix.Inet6Pktinfo)(data).Ifindex = 0
		return unix.CmsgSpace(unix.SizeofInet6Pktinfo)
	}
	return 0
}

// dropCount widens the kernel's 32-bit drop counter of a socket. It is the counter
// behind SO_RXQ_OVFL; asked for when somebody reads the metrics it costs packets
// nothing, and is known even when no packet follows the dropped ones.
type dropCount struct {
	mu    sync.Mutex
	seen  uint32
	total uint64
}

// memInfoDrops is SK_MEMINFO_DROPS, the index into what SO_MEMINFO (Linux 4.12) gives.
const memInfoDrops = 8

func (d *dropCount) read(fd int) uint64 {
	var info [memInfoDrops + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	d.mu.Lock()
	defer d.mu.Unlock()
	if errno == 0 && size >= uint32(unsafe.Sizeof(info)) {
		d.total += uint64(info[memInfoDrops] - d.seen)
		d.seen = info[memInfoDrops]
	}
	return d.total
}

func (d *dropCount) last() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.total
}

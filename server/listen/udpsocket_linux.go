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

// bindUDP returns a non-blocking socket bound to addr. shared sets SO_REUSEPORT and all
// that a packet loop needs.
func bindUDP(addr netip.AddrPort, v6only, shared bool) (int, error) {
	family := unix.AF_INET6
	if addr.Addr().Is4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_UDP)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	err = configureUDP(fd, addr, v6only, shared)
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

// configureUDP sets the options that have to stand before bind.
func configureUDP(fd int, addr netip.AddrPort, v6only, shared bool) error {
	set := func(level, option, value int, name string, err error) error {
		if err != nil {
			return err
		}
		return os.NewSyscallError("setsockopt "+name, unix.SetsockoptInt(fd, level, option, value))
	}
	var err error
	v4 := addr.Addr().Is4()
	if !v4 {
		only := 0
		if v6only || !addr.Addr().IsUnspecified() {
			only = 1
		}
		err = set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only, "IPV6_V6ONLY", err)
	}
	if !shared {
		return err
	}
	err = set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1, "SO_REUSEPORT", err)
	if addr.Addr().IsUnspecified() {
		if v4 {
			err = set(unix.IPPROTO_IP, unix.IP_PKTINFO, 1, "IP_PKTINFO", err)
		} else {
			// Covers IPv4 on a dual-stack socket, as mapped addresses.
			err = set(unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO", err)
		}
	}
	if err != nil {
		return err
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

// setReceiveBuffer asks for size bytes, past the system's limit where the process may,
// and returns what the kernel gave. It doubles the value for its own bookkeeping.
func setReceiveBuffer(fd, size int) int {
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size)
	if err != nil {
		// The outcome is read back.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size)
	}
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

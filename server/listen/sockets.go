package listen

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// backlog is how many connections may wait to be accepted, at most: the kernel takes what
// net.core.somaxconn allows of it.
const backlog = 1<<16 - 1

// Sockets are bound sockets that a [Server] uses in place of its own: those of systemd, those
// of a process that ends, or those that this process bound while it was root. They are found
// by their address. What nobody claims stays in them until Close.
type Sockets struct {
	mu  sync.Mutex
	udp map[netip.AddrPort][]*os.File
	tcp map[netip.AddrPort][]*net.TCPListener
}

// NewSockets returns none.
func NewSockets() *Sockets {
	return &Sockets{udp: map[netip.AddrPort][]*os.File{}, tcp: map[netip.AddrPort][]*net.TCPListener{}}
}

// Add adds sockets that another process made, and closes the files. The error names each that
// is no socket of IP, and each that is connected or not bound.
func (s *Sockets) Add(files ...*os.File) error {
	var faults []error
	for _, f := range files {
		err := s.add(f)
		if err != nil {
			faults = append(faults, fmt.Errorf("descriptor %d (%s): %w", f.Fd(), f.Name(), err))
		}
		_ = f.Close() // what is used is a duplicate
	}
	return errors.Join(faults...)
}

// add adds a duplicate of one socket.
func (s *Sockets) add(f *os.File) error {
	fd := int(f.Fd())
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return errors.New("it is no socket")
	}
	addr, err := boundAddr(fd)
	if err != nil {
		return err
	}
	_, err = unix.Getpeername(fd)
	if err == nil {
		return errors.New("it is connected: Accept=no in the unit of the socket leaves accepting to the server")
	}
	switch kind {
	case unix.SOCK_DGRAM:
		own, err := duplicate(fd, "udp "+addr.String())
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.udp[addr] = append(s.udp[addr], own)
		return nil
	case unix.SOCK_STREAM:
		// Whoever made it may have had another idea of how many connections may wait.
		err = unix.Listen(fd, backlog)
		if err != nil {
			return os.NewSyscallError("listen", err)
		}
		ln, err := net.FileListener(f)
		if err != nil {
			return err
		}
		err = s.addListener(addr, ln)
		if err != nil {
			return err
		}
		conn, err := ln.(*net.TCPListener).SyscallConn()
		if err != nil {
			return err
		}
		return boundUnsent("", "", conn)
	}
	return fmt.Errorf("it is a socket of type %d, neither UDP nor TCP", kind)
}

func (s *Sockets) addListener(addr netip.AddrPort, ln net.Listener) error {
	t, ok := ln.(*net.TCPListener)
	if !ok {
		_ = ln.Close()
		return errors.New("it is a stream, but not of TCP")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tcp[addr] = append(s.tcp[addr], t)
	return nil
}

// boundAddr returns the address that a socket is bound to.
func boundAddr(fd int) (netip.AddrPort, error) {
	at, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, os.NewSyscallError("getsockname", err)
	}
	var addr netip.AddrPort
	switch at := at.(type) {
	case *unix.SockaddrInet4:
		addr = netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(at.Port))
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(at.Addr)
		if at.ZoneId != 0 {
			ip = ip.WithZone(zoneName(at.ZoneId))
		}
		addr = netip.AddrPortFrom(ip, uint16(at.Port))
	default:
		return netip.AddrPort{}, errors.New("it is no socket of IPv4 or IPv6")
	}
	if addr.Port() == 0 {
		return netip.AddrPort{}, errors.New("it is not bound to a port")
	}
	return addr, nil
}

// zoneName is the name of an interface, or its number where it has none.
func zoneName(index uint32) string {
	ifi, err := net.InterfaceByIndex(int(index))
	if err != nil {
		return fmt.Sprint(index)
	}
	return ifi.Name
}

// duplicate returns another descriptor of the same socket, which no program that is started
// inherits, and which the runtime's poller takes.
func duplicate(fd int, name string) (*os.File, error) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("fcntl F_DUPFD_CLOEXEC", err)
	}
	err = unix.SetNonblock(own, true)
	if err != nil {
		_ = unix.Close(own)
		return nil, os.NewSyscallError("fcntl O_NONBLOCK", err)
	}
	return os.NewFile(uintptr(own), name), nil
}

// Bind binds the addresses that no socket is there for, but for those of port 0: dns by UDP,
// as often as there are packet loops, and TCP; web by TCP.
func (s *Sockets) Bind(dns, web []netip.AddrPort) error {
	for _, a := range dns {
		a = plain(a)
		if a.Port() == 0 || s.has(a) {
			continue
		}
		files, ln, err := bindOwn(a, a.Addr().Is6() && sharesPort(a, dns), runtime.GOMAXPROCS(0), DefaultReceiveBuffer)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.udp[a], s.tcp[a] = files, []*net.TCPListener{ln}
		s.mu.Unlock()
	}
	for _, a := range web {
		if !a.IsValid() || a.Port() == 0 || s.has(a) {
			continue
		}
		ln, err := net.Listen("tcp", a.String())
		if err != nil {
			return bindError("tcp", a, err)
		}
		err = s.addListener(a, ln)
		if err != nil {
			return err
		}
	}
	return nil
}

// has reports whether there is a socket of an address. Nil has none.
func (s *Sockets) has(a netip.AddrPort) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.udp[a])+len(s.tcp[a]) > 0
}

// claim hands the sockets of one address over, each of which there has to be for both
// transports. v6only is what has to hold of a socket on [::].
func (s *Sockets) claim(a netip.AddrPort, v6only bool) ([]*os.File, []*net.TCPListener, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	udp, tcp := s.udp[a], s.tcp[a]
	switch {
	case len(udp) == 0:
		return nil, nil, fmt.Errorf("listening on udp %s: a socket of TCP was handed over for this address, "+
			"and none of UDP (systemd: ListenDatagram)", a)
	case len(tcp) == 0:
		return nil, nil, fmt.Errorf("listening on tcp %s: a socket of UDP was handed over for this address, "+
			"and none of TCP (systemd: ListenStream)", a)
	}
	if a.Addr() == netip.IPv6Unspecified() {
		for _, f := range udp {
			only, err := isV6Only(f)
			if err != nil || only != v6only {
				return nil, nil, fmt.Errorf("listening on udp %s: the socket that was handed over takes IPv4: %t, "+
					"listen.dns wants it to: %t (systemd: BindIPv6Only) %w", a, !only, !v6only, err)
			}
		}
	}
	delete(s.udp, a)
	delete(s.tcp, a)
	return udp, tcp, nil
}

// isV6Only reports whether a socket takes IPv6 alone.
func isV6Only(f *os.File) (bool, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return false, err
	}
	var only int
	var failed error
	err = conn.Control(func(fd uintptr) {
		only, failed = unix.GetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
	})
	return only != 0, errors.Join(err, failed)
}

// Listener hands a TCP socket over, nil where there is none of the address. Nil has none.
func (s *Sockets) Listener(a netip.AddrPort) net.Listener {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.Addr() == netip.IPv4Unspecified() && len(s.tcp[a]) == 0 {
		a = netip.AddrPortFrom(netip.IPv6Unspecified(), a.Port()) // where IPv6 is, one socket takes both
	}
	tcp := s.tcp[a]
	if len(tcp) == 0 || len(s.udp[a]) > 0 {
		return nil
	}
	s.tcp[a] = tcp[1:]
	if len(tcp) == 1 {
		delete(s.tcp, a)
	}
	return tcp[0]
}

// Unclaimed names the sockets that nobody has claimed.
func (s *Sockets) Unclaimed() []string {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for a := range s.udp {
		names = append(names, "udp "+a.String())
	}
	for a := range s.tcp {
		names = append(names, "tcp "+a.String())
	}
	slices.SortFunc(names, strings.Compare)
	return names
}

// Close closes what nobody has claimed.
func (s *Sockets) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, files := range s.udp {
		for _, f := range files {
			_ = f.Close()
		}
	}
	for _, listeners := range s.tcp {
		for _, l := range listeners {
			_ = l.Close()
		}
	}
	clear(s.udp)
	clear(s.tcp)
}

// Files returns duplicates of the sockets, for a process that goes on with them.
func (s *Server) Files() ([]*os.File, error) {
	var files []*os.File
	var faults []error
	add := func(conn syscall.RawConn, err error, name string) {
		var f *os.File
		if err == nil {
			controlled := conn.Control(func(fd uintptr) { f, err = duplicate(int(fd), name) })
			err = errors.Join(controlled, err)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("duplicating the socket %s: %w", name, err))
			return
		}
		files = append(files, f)
	}
	for _, g := range s.udp {
		for _, l := range g.loops {
			conn, err := l.socket()
			add(conn, err, "udp "+g.addr.String())
		}
	}
	for _, t := range s.tcp {
		conn, err := t.ln.SyscallConn()
		add(conn, err, "tcp "+t.addr.String())
	}
	if len(faults) > 0 {
		closeAll(files)
		return nil, errors.Join(faults...)
	}
	return files, nil
}

// plain is an address as it is listed in [Options]: IPv4 is never mapped.
func plain(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

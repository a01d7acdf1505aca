package listen

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fileOf returns the descriptor of a socket, and closes the socket itself.
func fileOf(t *testing.T, c interface {
	File() (*os.File, error)
	Close() error
}) *os.File {
	t.Helper()
	f, err := c.File()
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close() // the file is a duplicate
	return f
}

// passedPair returns sockets for UDP and TCP of one address of loopback.
func passedPair(t *testing.T) (udp, tcp *os.File, addr netip.AddrPort) {
	t.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at := l.Addr().(*net.TCPAddr).AddrPort()
		u, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
		if err != nil {
			_ = l.Close()
			continue
		}
		return fileOf(t, u), fileOf(t, l.(*net.TCPListener)), at
	}
}

// TestSocketsRefused names what is no socket to listen on.
func TestSocketsRefused(t *testing.T) {
	pipe, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	local, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: t.TempDir() + "/s", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	connected, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		file *os.File
		want string
	}{
		{pipe, "it is no socket"},
		{fileOf(t, local), "no socket of IPv4 or IPv6"},
		{fileOf(t, connected.(*net.UDPConn)), "it is connected"},
		{os.NewFile(uintptr(fd), "unbound"), "it is not bound to a port"},
	} {
		s := NewSockets()
		err := s.Add(tt.file)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "descriptor ") {
			t.Errorf("%v, want %q", err, tt.want)
		}
		if rest := s.Unclaimed(); rest != nil {
			t.Errorf("%s: %v is there", tt.want, rest)
		}
	}
}

// TestSocketsServe serves by sockets of others: with the backlog of our own, and none that is
// left over.
func TestSocketsServe(t *testing.T) {
	udp, tcp, addr := passedPair(t)
	err := unix.Listen(int(tcp.Fd()), 1)
	if err != nil {
		t.Fatal(err)
	}
	s := NewSockets()
	err = s.Add(udp, tcp)
	if err != nil {
		t.Fatal(err)
	}
	srv := start(t, func(o *Options) { o.Sockets, o.Addresses, o.Expected = s, []netip.AddrPort{addr}, true })
	if srv.Addrs()[0] != addr || s.Unclaimed() != nil {
		t.Errorf("it listens on %v, and %v is left", srv.Addrs(), s.Unclaimed())
	}
	u, c := dial(t, "udp", addr), dial(t, "tcp", addr)
	u.send(query(1, "echo"))
	wantMessage(t, u.receive(), answerTo(query(1, "echo")))
	c.sendMessages(query(2, "echo"))
	wantMessage(t, c.receiveMessage(), answerTo(query(2, "echo")))
	conn, err := srv.tcp[0].ln.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = conn.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil || info.Sacked < 128 { // of a socket that listens: how many may wait
			t.Errorf("%d connections may wait, %v", info.Sacked, err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	files, err := srv.Files()
	if err != nil || len(files) != 2 {
		t.Errorf("%d sockets to hand over, %v", len(files), err)
	}
	for _, f := range files {
		flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("a program that is started inherits %s: %v", f.Name(), err)
		}
	}
	closeAll(files)
}

// TestSocketsBound binds first and serves later, both wildcards on one port too.
func TestSocketsBound(t *testing.T) {
	port := wildcardPort(t)
	both := []netip.AddrPort{
		netip.AddrPortFrom(netip.IPv6Unspecified(), port), netip.AddrPortFrom(netip.IPv4Unspecified(), port),
	}
	s := NewSockets()
	err := s.Bind(both, nil)
	if err != nil {
		t.Fatal(err)
	}
	start(t, func(o *Options) { o.Sockets, o.Addresses = s, both })
	for _, to := range []netip.Addr{netip.IPv6Loopback(), loopback(0).Addr()} {
		u := dial(t, "udp", netip.AddrPortFrom(to, port))
		u.send(query(1, "echo"))
		wantMessage(t, u.receive(), answerTo(query(1, "echo")))
	}
	if rest := s.Unclaimed(); rest != nil {
		t.Errorf("%v is left", rest)
	}
}

// TestConnectionBeforeTheEnd answers a connection that was opened just before the server ends,
// and whose query comes after that.
func TestConnectionBeforeTheEnd(t *testing.T) {
	r := start(t, nil)
	c := dial(t, "tcp", r.Addrs()[0])
	eventually(t, "it is accepted", func() bool { return r.tcp[0].open.Load() > 0 })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.stop()
	}()
	eventually(t, "it ends", func() bool { return r.tcp[0].stopping.Load() })
	c.sendMessages(query(2, "echo"))
	wantMessage(t, c.receiveMessage(), answerTo(query(2, "echo")))
	<-ended
}

// TestSocketsIncomplete names the transport that is missing.
func TestSocketsIncomplete(t *testing.T) {
	for _, want := range []string{"ListenStream", "ListenDatagram"} {
		udp, tcp, addr := passedPair(t)
		keep, drop := udp, tcp
		if want == "ListenDatagram" {
			keep, drop = tcp, udp
		}
		_ = drop.Close() // it is the one that is missing
		s := NewSockets()
		err := s.Add(keep)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Bind(Options{
			Sockets: s, Addresses: []netip.AddrPort{addr}, NewWorker: func() Worker { return nil },
		})
		s.Close()
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), addr.String()) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

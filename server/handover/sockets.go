package handover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"inside53/server/config"
	"inside53/server/listen"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

const (
	// loadedTime is how long a process that goes on for another waits for its data: that one
	// answers until then, and after.
	loadedTime = time.Minute
	// queuedTime is how long queries may wait in sockets that nobody reads yet, for the data.
	// Clients ask again after some seconds.
	queuedTime = 2 * time.Second
)

// Sockets are those that are there before the App is: from systemd, from a process that
// serves the same address, or bound while this process was root.
type Sockets struct {
	log         *slog.Logger
	bound       *listen.Sockets
	systemd     bool        // made some of them
	predecessor predecessor // nil: none
}

// predecessor is who serves until the App does.
type predecessor interface {
	// release has it give the state directory free, and go on answering.
	release(context.Context) error
	// patience is how long it is to go on while not all data are there; 0: as long as it takes.
	patience() time.Duration
	// replaced has it answer no more.
	replaced() error
	// close gives up, if replaced wasn't called: it goes on.
	close()
}

// Open returns the sockets that systemd passes (sd_listen_fds(3)), and else those of a
// process that serves the same address, of this user, of root, or of the user that this process
// will be. Both leave it at the sockets: the App makes the others.
func Open(c *config.Config, user int, log *slog.Logger) (*Sockets, error) {
	s := &Sockets{log: logOf(log)}
	passed := activation.Files(true)
	err := s.adopt(passed)
	if err != nil {
		return nil, fmt.Errorf("using the sockets of systemd: %w", err)
	}
	s.systemd = len(passed) > 0
	if s.systemd {
		s.log.Info("sockets of systemd", "sockets", s.bound.Unclaimed(), "descriptors", len(passed))
	}
	first := c.Listen.DNS[0]
	if first.Port() == 0 {
		return s, nil
	}
	old, files, err := greet(netip.AddrPortFrom(first.Addr().Unmap(), first.Port()), user)
	switch {
	case errors.Is(err, errNobody):
		return s, nil
	case err != nil:
		s.log.Warn("no sockets of the process that serves", "address", first.String(), "error", err)
		return s, nil
	}
	s.predecessor = old
	if s.systemd { // they are the same sockets
		CloseFiles(files)
		files = nil
	}
	err = s.adopt(files)
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("using the sockets of process %d: %w", old.pid, err)
	}
	s.log.Info("going on for another process", "pid", old.pid, "sockets", s.bound.Unclaimed())
	return s, nil
}

// adopt adds sockets of others.
func (s *Sockets) adopt(files []*os.File) error {
	if s.bound == nil {
		s.bound = listen.NewSockets()
	}
	err := s.bound.Add(files...)
	if err != nil {
		s.bound.Close()
	}
	return err
}

// Bind binds what the configuration names and is not there, but for ports that are not fixed.
func (s *Sockets) Bind(c *config.Config) error {
	return s.bound.Bind(c.Listen.DNS, []netip.AddrPort{c.Admin, c.Health, c.Metrics})
}

// Close closes the sockets that nobody uses, and leaves a predecessor as it is.
func (s *Sockets) Close() {
	if s == nil {
		return
	}
	s.bound.Close()
	if s.predecessor != nil {
		s.predecessor.close()
	}
}

// Finish deals with what no address of the configuration has used.
func (s *Sockets) Finish() error {
	if s == nil {
		return nil
	}
	rest := s.bound.Unclaimed()
	if len(rest) > 0 && s.systemd {
		return fmt.Errorf("using the sockets of systemd: nothing in the configuration listens on %s; "+
			"listen.dns and the unit of the socket have to name the same addresses", strings.Join(rest, ", "))
	}
	if len(rest) > 0 {
		s.log.Info("sockets of before that are used no more", "sockets", rest)
	}
	s.bound.Close()
	return nil
}

// Listeners returns what a [listen.Server] is made with.
func (s *Sockets) Listeners() *listen.Sockets {
	if s == nil {
		return nil
	}
	return s.bound
}

// Expected is whether clients wait in the sockets.
func (s *Sockets) Expected() bool { return s != nil && (s.systemd || s.predecessor != nil) }

// process is a predecessor that is another process.
type process struct {
	conn *net.UnixConn
	pid  int
}

// errNobody is that nobody serves the address, or nobody who would hand it over.
var errNobody = errors.New("nobody is at the meeting point")

// greet asks who serves an address for the sockets.
func greet(addr netip.AddrPort, user int) (*process, []*os.File, error) {
	conn, err := net.DialUnix("unixpacket", nil, meetingPoint(addr))
	if err != nil {
		return nil, nil, errNobody
	}
	peer, err := peerOf(conn)
	if err == nil && peer.uid != 0 && peer.uid != os.Geteuid() && peer.uid != user {
		err = fmt.Errorf("process %d is of user %d", peer.pid, peer.uid)
	}
	if err == nil {
		err = sendWord(conn, wordHello, nil)
	}
	var files []*os.File
	for err == nil {
		word, more, failed := readWord(conn, wordTime)
		files = append(files, more...)
		err = failed
		if err == nil && word == wordEnd {
			return &process{conn, peer.pid}, files, nil
		}
		if err == nil && word != wordSockets {
			err = fmt.Errorf("asking process %d for its sockets: read %q", peer.pid, word)
		}
	}
	CloseFiles(files)
	_ = conn.Close()
	return nil, nil, err
}

// release implements predecessor. One that ends meanwhile has given the directory free too.
func (p *process) release(ctx context.Context) error {
	defer context.AfterFunc(ctx, p.close)()
	err := sendWord(p.conn, wordRelease, nil)
	if err == nil {
		err = expectWord(p.conn, wordReleased, releaseTime)
	}
	if err == nil {
		return nil
	}
	for end := time.Now().Add(releaseTime); time.Now().Before(end) && ctx.Err() == nil; pause(ctx, offerAgain/10) {
		if errors.Is(unix.Kill(p.pid, 0), unix.ESRCH) {
			return nil
		}
	}
	return fmt.Errorf("asking process %d for the state directory: %w", p.pid, err)
}

func (p *process) patience() time.Duration { return loadedTime }

func (p *process) replaced() error {
	defer p.close()
	err := sendWord(p.conn, wordAnswering, nil)
	if err != nil {
		return fmt.Errorf("having process %d end: %w", p.pid, err)
	}
	return nil
}

func (p *process) close() { _ = p.conn.Close() }

// Succeed has the predecessor give the state directory free, once check has found nothing at fault
// in the zone files: nothing else is left that could be in the configuration and its files.
func (s *Sockets) Succeed(ctx context.Context, check func() error) error {
	if s == nil || s.predecessor == nil {
		return nil
	}
	err := check()
	if err != nil {
		return fmt.Errorf("the process that serves goes on; mend the zone file or take it out of zonefiles: %w", err)
	}
	return s.predecessor.release(ctx)
}

// Await waits for the data where clients don't go without answers meanwhile, and then has
// the predecessor end. missing names what isn't loaded yet.
func (s *Sockets) Await(ctx context.Context, loaded func() bool, missing func() []string) error {
	if !s.Expected() {
		return nil
	}
	patience := queuedTime
	if s.predecessor != nil {
		patience = s.predecessor.patience()
	}
	began := time.Now()
	for !loaded() && ctx.Err() == nil {
		switch {
		case patience == 0 || time.Since(began) < patience:
		case s.predecessor == nil:
			return nil
		default:
			return fmt.Errorf("not all data are there after %s, and the process that serves has them; it goes on: %s",
				patience, strings.Join(missing(), "; "))
		}
		pause(ctx, 2*time.Millisecond)
	}
	if s.predecessor == nil || ctx.Err() != nil {
		return nil
	}
	err := s.predecessor.replaced()
	if err != nil {
		s.log.Warn("the process that served may go on beside this one", "error", err)
	}
	return nil
}

package handover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A process that is started beside one that serves takes its place without a gap. They meet
// at a Unix socket whose abstract name is made of the first address of listen.dns, so that
// it belongs to the network namespace as that address does. One message is one word:
//
//	successor     predecessor
//	hello 1   ─>              it must be of the same user, or of root
//	          <─  sockets     with descriptors; as often as it takes
//	          <─  end
//	release   ─>              it answers from memory, writes nothing more, and gives the
//	          <─  released    state directory free
//	answering ─>              it reads no more queries, finishes what it has, and ends
//
// No socket is ever closed, so nothing that waits in one is lost. Where the successor goes
// away before it answers, the predecessor goes on; if it has released the state directory
// already, by starting over beside itself.
const (
	wordHello     = "hello 1"
	wordSockets   = "sockets"
	wordEnd       = "end"
	wordRelease   = "release"
	wordReleased  = "released"
	wordAnswering = "answering"
)

const (
	// wordTime is how long the other side may take for a word that needs no work.
	wordTime = 5 * time.Second
	// releaseTime is how long it may take to finish updates and to save.
	releaseTime = 30 * time.Second
	// answeringTime is how long a successor may take to load its data.
	answeringTime = 2 * loadedTime
	// filesAtOnce is how many descriptors go with a message; the kernel takes 253.
	filesAtOnce = 100
	// offerAgain is the pause before the meeting point is tried again: a process that ends may
	// still have it.
	offerAgain = 200 * time.Millisecond
	// resumeAgain is the pause before an attempt to start over is repeated.
	resumeAgain = 5 * time.Second
)

// meetingPoint is where a process that serves an address is found.
func meetingPoint(dns netip.AddrPort) *net.UnixAddr {
	return &net.UnixAddr{Net: "unixpacket", Name: "@inside53 " + dns.String()}
}

// Options are what a process that serves has for one that goes on in its place.
type Options struct {
	Log     *slog.Logger
	Address func() netip.AddrPort      // the first of listen.dns
	Files   func() ([]*os.File, error) // duplicates of every socket that clients know
	// Next makes what goes on in this process where the state is released already.
	Next func(context.Context, *Sockets) (Runner, error)
}

// Runner serves until its context ends.
type Runner interface{ Run(context.Context) error }

// Side is the side of the process that serves.
type Side struct {
	Options
	// begun is whether the state directory has been asked for, for good.
	begun    atomic.Bool
	wanted   chan struct{} // closed with it
	released chan struct{} // closed when the state directory is free
	done     atomic.Bool   // another answers
	// next is what has started over beside this one, once it answers.
	next *successor
}

// New makes the side of the process that serves.
func New(o Options) *Side {
	return &Side{Options: o, wanted: make(chan struct{}), released: make(chan struct{})}
}

// Asked is closed when the state directory is asked for.
func (h *Side) Asked() <-chan struct{} { return h.wanted }

// HasBegun reports whether the state directory was asked for.
func (h *Side) HasBegun() bool { return h.begun.Load() }

// Free notes that the state directory is free.
func (h *Side) Free() { close(h.released) }

// IsDone reports whether another answers.
func (h *Side) IsDone() bool { return h.done.Load() }

// Wait returns how what has started over ended, nil where nothing has.
func (h *Side) Wait() error {
	if h.next == nil {
		return nil
	}
	return <-h.next.ended
}

// successor goes on in this process for one that has released its state.
type successor struct {
	ended chan error
}

// Offer waits for successors until ctx ends, and has finish called when one answers.
func (h *Side) Offer(ctx, process context.Context, finish func()) error {
	log := h.Log
	warned := false
	for ctx.Err() == nil {
		l, err := net.ListenUnix("unixpacket", meetingPoint(h.Address()))
		if err != nil {
			if !warned && !errors.Is(err, unix.EADDRINUSE) {
				log.Warn("no process that is started beside this one can go on in its place", "error", err)
			}
			warned = true
			pause(ctx, offerAgain)
			continue
		}
		stop := context.AfterFunc(ctx, func() { _ = l.Close() })
		done := h.meet(ctx, process, l)
		stop()
		_ = l.Close()
		if done {
			h.done.Store(true)
			finish()
			return nil
		}
	}
	return nil
}

// meet serves those who come to the meeting point, one after another, until one of them
// answers queries or ctx ends.
func (h *Side) meet(ctx, process context.Context, l *net.UnixListener) (done bool) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return false
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		pid, err := h.handOver(ctx, conn)
		stop()
		_ = conn.Close()
		switch {
		case ctx.Err() != nil:
			return false
		case err == nil:
			h.Log.Info("another process answers now; this one ends", "pid", pid)
			return true
		case pid == 0:
			h.Log.Warn("sockets not handed over", "error", err)
		case !h.begun.Load():
			h.Log.Warn("another process began to go on in place of this one and gave up", "pid", pid, "error", err)
		default:
			h.Log.Error("the process that was to go on gave up; starting over", "pid", pid, "error", err)
			return h.resume(ctx, process)
		}
	}
}

// handOver talks to one successor and returns its process; nil when it answers queries.
func (h *Side) handOver(ctx context.Context, conn *net.UnixConn) (pid int, err error) {
	peer, err := peerOf(conn)
	if err != nil {
		return 0, err
	}
	if peer.uid != 0 && peer.uid != os.Geteuid() {
		return 0, fmt.Errorf("process %d is of user %d", peer.pid, peer.uid)
	}
	err = expectWord(conn, wordHello, wordTime)
	if err != nil {
		return 0, err
	}
	err = h.sendSockets(conn)
	if err != nil {
		return 0, err
	}
	err = expectWord(conn, wordRelease, answeringTime)
	if err != nil {
		return peer.pid, err
	}
	h.Log.Info("another process is about to go on in place of this one", "pid", peer.pid)
	h.release(ctx)
	err = sendWord(conn, wordReleased, nil)
	if err != nil {
		return peer.pid, err
	}
	return peer.pid, expectWord(conn, wordAnswering, answeringTime)
}

// sendSockets sends every socket that clients know.
func (h *Side) sendSockets(conn *net.UnixConn) error {
	files, err := h.Files()
	if err != nil {
		return err
	}
	defer CloseFiles(files)
	for rest := files; len(rest) > 0; {
		n := min(len(rest), filesAtOnce)
		err = sendWord(conn, wordSockets, rest[:n])
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	return sendWord(conn, wordEnd, nil)
}

// release has everything end that writes, and waits for it, or for the end of ctx. Queries are
// answered from memory after that, and updates are not: their clients repeat them.
func (h *Side) release(ctx context.Context) {
	h.begun.Store(true)
	close(h.wanted)
	select {
	case <-h.released:
	case <-ctx.Done():
	}
}

// resume starts over in the same process, with the same sockets and the configuration
// in force, which reads the state directory anew. It returns when that answers, or ctx ends.
func (h *Side) resume(ctx, process context.Context) (done bool) {
	for ctx.Err() == nil {
		err := h.startOver(ctx, process)
		if err == nil {
			return true
		}
		h.Log.Error("not started over; answers come from memory until it succeeds", "error", err)
		pause(ctx, resumeAgain)
	}
	return false
}

// startOver returns nil when what goes on answers.
func (h *Side) startOver(ctx, process context.Context) error {
	files, err := h.Files()
	if err != nil {
		return err
	}
	self := &oneself{answering: make(chan struct{})}
	sockets := &Sockets{log: h.Log, predecessor: self}
	err = sockets.adopt(files)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(process)
	next, err := h.Next(running, sockets)
	if err != nil {
		stop()
		return err
	}
	s := &successor{make(chan error, 1)}
	go func() {
		defer stop()
		s.ended <- next.Run(running)
	}()
	select {
	case <-self.answering:
		h.next = s
		return nil
	case err = <-s.ended:
		return errors.Join(errors.New("it ended before it answered"), err)
	case <-ctx.Done():
		stop()
		<-s.ended
		return ctx.Err()
	}
}

// oneself is the predecessor of what was started over: it has released its state.
type oneself struct{ answering chan struct{} }

func (*oneself) release(context.Context) error { return nil }

func (*oneself) patience() time.Duration { return 0 }

func (o *oneself) replaced() error {
	close(o.answering)
	return nil
}

func (*oneself) close() {}

// peer is the process at the other end of a connection.
type peer struct{ pid, uid int }

// sendWord sends one word, with descriptors.
func sendWord(conn *net.UnixConn, word string, files []*os.File) error {
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		rights = unix.UnixRights(fds...)
	}
	err := conn.SetWriteDeadline(time.Now().Add(wordTime))
	if err != nil {
		return err
	}
	_, _, err = conn.WriteMsgUnix([]byte(word), rights, nil)
	if err != nil {
		return fmt.Errorf("sending %q: %w", word, err)
	}
	return nil
}

// expectWord waits for a word.
func expectWord(conn *net.UnixConn, word string, within time.Duration) error {
	got, files, err := readWord(conn, within)
	CloseFiles(files)
	if err != nil {
		return fmt.Errorf("waiting for %q: %w", word, err)
	}
	if got != word {
		return fmt.Errorf("waiting for %q: read %q", word, got)
	}
	return nil
}

// readWord reads one word and the descriptors that came with it.
func readWord(conn *net.UnixConn, within time.Duration) (string, []*os.File, error) {
	err := conn.SetReadDeadline(time.Now().Add(within))
	if err != nil {
		return "", nil, err
	}
	text := make([]byte, 64)
	rights := make([]byte, unix.CmsgSpace(4*filesAtOnce))
	n, rn, _, _, err := conn.ReadMsgUnix(text, rights)
	if err != nil {
		return "", nil, err
	}
	if n == 0 {
		return "", nil, errors.New("the other process is gone")
	}
	messages, err := unix.ParseSocketControlMessage(rights[:rn])
	if err != nil {
		return "", nil, err
	}
	var files []*os.File
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			CloseFiles(files)
			return "", nil, err
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "handed over"))
		}
	}
	return string(text[:n]), files, nil
}

// CloseFiles closes duplicates of sockets.
func CloseFiles(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// logOf is the log, or none.
func logOf(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}

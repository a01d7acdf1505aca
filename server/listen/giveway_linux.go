//go:build !portable_udp

package listen

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// way lets those run who have something to read. A packet loop that hands queries on finds more of them as fast as it
// takes them, and the answers to those would wait until it finds none: whoever asks at the wrong moment waits for two
// rounds of all that there is. [runtime.Gosched] doesn't help: with one processor the runtime asks the kernel what has
// come when nobody else wants to run.
//
// So the loop waits for an event of its own. What had come the last time that it did so is read before, what has come
// since at the next time at the latest. It is for one goroutine.
type way struct {
	file  *os.File
	conn  syscall.RawConn
	given bool
	poll  func(fd uintptr) (leave bool) // signal, bound once
}

func newWay() (*way, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("an eventfd for a packet loop: %w", err)
	}
	w := &way{file: os.NewFile(uintptr(fd), "eventfd")}
	w.conn, err = w.file.SyscallConn()
	if err != nil {
		w.close()
		return nil, fmt.Errorf("an eventfd for a packet loop: %w", err)
	}
	w.poll = w.signal
	return w, nil
}

// give returns when others have run, or once way is closed.
func (w *way) give() {
	w.given = false
	_ = w.conn.Read(w.poll) // an error is that it is closed
}

// signal is called by the poller: first to have the event come, then as it has.
func (w *way) signal(fd uintptr) (leave bool) {
	if w.given {
		return true
	}
	w.given = true
	_, err := unix.Write(int(fd), []byte{1, 0, 0, 0, 0, 0, 0, 0})
	return err != nil // none would come
}

func (w *way) close() { _ = w.file.Close() }

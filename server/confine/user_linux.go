package confine

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// act runs f with u's rights to files, on a thread of its own (setfsuid(2)).
func (u *User) act(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		groups, err := unix.Getgroups()
		if err == nil {
			err = setThreadGroups(u.all)
		}
		if err != nil {
			runtime.UnlockOSThread()
			done <- fmt.Errorf("looking at files as %s: %w", u.Name, err)
			return
		}
		// The call tells no error. Of root it has none.
		_, _, _ = unix.RawSyscall(unix.SYS_SETFSGID, uintptr(u.gid), 0, 0)
		_, _, _ = unix.RawSyscall(unix.SYS_SETFSUID, uintptr(u.uid), 0, 0)
		err = f()
		_, _, _ = unix.RawSyscall(unix.SYS_SETFSUID, 0, 0, 0)
		_, _, _ = unix.RawSyscall(unix.SYS_SETFSGID, uintptr(unix.Getegid()), 0, 0)
		if setThreadGroups(groups) == nil {
			runtime.UnlockOSThread() // else the thread ends with the goroutine
		}
		done <- err
	}()
	return <-done
}

// setThreadGroups sets the groups of this thread alone; package syscall sets those of all.
func setThreadGroups(groups []int) error {
	ids := make([]uint32, len(groups)+1) // one more, to have an address
	for i, g := range groups {
		ids[i] = uint32(g)
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&ids[0])), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

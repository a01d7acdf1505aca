package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mounted runs the program with a file system of its own at the state directory. The lines of
// a shell prepare that: $STATE is where it is.
func (h *stateHost) mounted(t *testing.T, endpoint, lines string) *stateServer {
	t.Helper()
	err := os.MkdirAll(h.dir, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	inner := h.script(t, endpoint, lines)
	outer := filepath.Join(t.TempDir(), "outer")
	text := fmt.Sprintf("#!/bin/sh\nexec unshare %s '%s' \"$@\"\n", strings.Join(apart("--map-root-user"), " "), inner)
	err = os.WriteFile(outer, []byte(text), 0o700)
	if err != nil {
		t.Fatal(err)
	}
	return begun(t, spawnOf(t, outer, "serve", "--config", h.config))
}

// apart are the options by which unshare makes mounts of its own, and nsenter comes to them.
// Who isn't root needs a user namespace for that; root doesn't, and has none below a chroot.
func apart(as string) []string {
	if os.Getuid() == 0 {
		return []string{"--mount"}
	}
	return []string{"--mount", "--user", as}
}

// within runs lines of a shell where the program runs.
func (h *stateHost) within(t *testing.T, s *stateServer, lines string) {
	t.Helper()
	args := append([]string{"--target", fmt.Sprint(s.cmd.Process.Pid)}, apart("--preserve-credentials")...)
	args = append(args, "sh", "-ec", "STATE='"+h.dir+"'\n"+lines)
	out, err := exec.CommandContext(t.Context(), "nsenter", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", lines, err, out)
	}
}

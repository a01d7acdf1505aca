package confine

import (
	"log/slog"
	"os"
	"path/filepath"

	"inside53/server/config"

	"github.com/landlock-lsm/go-landlock/landlock"
	rights "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

const (
	readRights  = landlock.AccessFSSet(rights.AccessFSReadFile | rights.AccessFSReadDir)
	writeRights = readRights | landlock.AccessFSSet(rights.AccessFSWriteFile|rights.AccessFSTruncate|
		rights.AccessFSMakeReg|rights.AccessFSMakeDir|rights.AccessFSRemoveFile|rights.AccessFSRemoveDir)
)

// referVersion is the first of landlock by which files can be moved between directories.
const referVersion = 2

// Process takes from the whole process, for good, what it never needs (landlock(7)): it
// reads what its user may, so that a reload may name new files; it writes below the state
// directory; it executes nothing. A kernel that can't do it leaves it be.
func Process(c *config.Config, log *slog.Logger) {
	version, err := rights.LandlockGetABIVersion()
	if err != nil || version < 1 {
		log.Warn("landlock is not there: the process may write wherever its user may", "error", err)
		return
	}
	rules := []landlock.Rule{landlock.PathAccess(readRights, "/")}
	writes := writable(c)
	if writes != "" {
		rule := landlock.PathAccess(writeRights, writes)
		if version >= referVersion {
			rule = rule.WithRefer()
		}
		rules = append(rules, rule)
	}
	all := landlock.Config{HandledAccessFS: landlock.V5.HandledAccessFS}.BestEffort()
	err = all.RestrictPaths(rules...)
	if err != nil {
		log.Warn("landlock is not in force: the process may write wherever its user may", "version", version, "error", err)
		return
	}
	log.Info("confined", "landlock", version, "writes", writes, "reads", "/", "executes", "nothing")
}

// writable is the directory below which the process writes; "" is none. It is the one that
// holds the state directory where the user may make a new one in it: one that is removed comes
// back. Where there is none, and none can be made yet, it is the next one above.
func writable(c *config.Config) string {
	if !c.KeepsState() {
		return ""
	}
	dir := c.StateDir
	_ = os.MkdirAll(dir, 0o700) // whoever opens it says what is wrong, and tries again
	for {
		real, err := filepath.EvalSymlinks(dir)
		if err == nil {
			info, err := os.Stat(real)
			if err == nil && info.IsDir() {
				dir = real
				break
			}
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	parent := filepath.Dir(dir)
	switch {
	case dir == "/" || dir == ".":
		return "" // landlock would leave everything
	case parent != "/" && parent != dir && unix.Access(parent, unix.W_OK) == nil:
		return parent
	}
	return dir
}

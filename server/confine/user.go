package confine

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"inside53/server/config"
)

// defaultUsers are who a process becomes that was started as root, the first there is.
func defaultUsers() []string { return []string{"inside53", "nobody"} }

// User is who the process is to be once its sockets are bound.
type User struct {
	Name string
	uid  int
	gid  int
	all  []int // groups
}

// ID is the number of the user.
func (u *User) ID() int {
	if u == nil {
		return os.Geteuid()
	}
	return u.uid
}

// Choose returns who the process becomes: the user of that name, or, where root has named
// none, a default one; nil where the process stays who it is. Where what the configuration
// names can't be read by that user, a name is an error, and a default one isn't chosen.
func Choose(c *config.Config, name string, log *slog.Logger) (*User, error) {
	if os.Geteuid() != 0 {
		return nil, stays(name)
	}
	names := defaultUsers()
	if name != "" {
		names = []string{name}
	}
	for _, n := range names {
		u, err := lookUser(n)
		if err != nil && name != "" {
			return nil, err
		}
		if err != nil {
			continue
		}
		if u.uid == 0 {
			return nil, nil
		}
		err = u.prepare(c, log)
		switch {
		case err == nil:
			return u, nil
		case name != "":
			return nil, fmt.Errorf("running as %s: %w", n, err)
		}
		log.Warn("it stays root", "because", err, "user", n, "remedy", "let that user read it, or pass --user root")
		return nil, nil
	}
	log.Warn("it stays root: there is no user inside53 and none called nobody", "remedy", "--user NAME")
	return nil, nil
}

// stays reports whether a process that isn't root may be called what name says.
func stays(name string) error {
	if name == "" {
		return nil
	}
	u, err := lookUser(name)
	if err != nil {
		return err
	}
	if u.uid != os.Geteuid() {
		return fmt.Errorf("running as %s: only root can become another user", name)
	}
	return nil
}

func lookUser(name string) (*User, error) {
	found, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("looking for the user %s: %w", name, err)
	}
	u := &User{Name: name}
	u.uid, err = strconv.Atoi(found.Uid)
	if err != nil {
		return nil, fmt.Errorf("looking for the user %s: %w", name, err)
	}
	u.gid, err = strconv.Atoi(found.Gid)
	if err != nil {
		return nil, fmt.Errorf("looking for the group of %s: %w", name, err)
	}
	u.all = []int{u.gid}
	ids, err := found.GroupIds()
	if err != nil {
		return u, nil // its own is enough
	}
	for _, id := range ids {
		n, err := strconv.Atoi(id)
		if err == nil && n != u.gid {
			u.all = append(u.all, n)
		}
	}
	return u, nil
}

// prepare gives the state directory to u, and finds out whether u can read the rest.
func (u *User) prepare(c *config.Config, log *slog.Logger) error {
	err := u.canRead(Needed(c))
	if err != nil || !c.KeepsState() {
		return err
	}
	err = u.give(c.StateDir)
	if err == nil {
		err = u.canRead([]string{c.StateDir})
	}
	if err != nil { // who opens it says what of it can't be used; all else works
		log.Warn("state_dir can't be given away", "directory", c.StateDir, "user", u.Name, "error", err)
	}
	return nil
}

// Needed is the files that are read again after the start. Those of AWS that aren't there
// aren't needed.
func Needed(c *config.Config) []string {
	files := []string{c.File()}
	for i := range c.ZoneFiles {
		files = append(files, c.ZoneFiles[i].File)
	}
	for i := range c.Keys {
		if c.Keys[i].SecretFile != "" {
			files = append(files, c.Keys[i].SecretFile)
		}
	}
	if !c.UsesAWS() {
		return files
	}
	home, _ := os.UserHomeDir() // without one there are no such files
	for variable, name := range map[string]string{
		"AWS_SHARED_CREDENTIALS_FILE": "credentials", "AWS_CONFIG_FILE": "config",
	} {
		path := os.Getenv(variable)
		if path == "" && home != "" {
			path = filepath.Join(home, ".aws", name)
		}
		_, err := os.Stat(path)
		if err == nil {
			files = append(files, path)
		}
	}
	return files
}

// canRead finds out whether u can open files, of which the error names the first that it can't.
// Those that aren't there are no matter of users.
func (u *User) canRead(files []string) error {
	return u.act(func() error {
		for _, path := range files {
			f, err := os.Open(path)
			if err == nil {
				_ = f.Close() // nothing was read
			}
			if errors.Is(err, fs.ErrPermission) {
				return fmt.Errorf("%s can't be read by %s", path, u.Name)
			}
		}
		return nil
	})
}

// give makes u the owner of the state directory and all in it. One that isn't ours, by its
// owner or by what is in it, isn't given away: the key may name any directory.
func (u *User) give(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err != nil {
		return fmt.Errorf("making the state directory: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("giving the state directory to %s: %w", u.Name, err)
	}
	defer func() { _ = root.Close() }()
	own, err := u.isOurs(root)
	if err != nil || own {
		return err
	}
	return fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // who has it at the moment has removed it
		}
		if err != nil {
			return err
		}
		info, err := root.Lstat(path)
		if err != nil {
			return err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if ok && !info.IsDir() && stat.Nlink > 1 {
			return fmt.Errorf("giving the state directory to %s: %s/%s has another name elsewhere", u.Name, dir, path)
		}
		err = root.Lchown(path, u.uid, u.gid)
		if err != nil {
			return fmt.Errorf("giving the state directory to %s: %w", u.Name, err)
		}
		return nil
	})
}

// isOurs reports whether the directory is u's already. It is an error if it is nobody's that
// may be given away.
func (u *User) isOurs(root *os.Root) (own bool, err error) {
	info, err := root.Stat(".")
	if err != nil {
		return false, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false, errors.ErrUnsupported
	}
	if int(stat.Uid) != 0 && int(stat.Uid) != u.uid {
		return false, fmt.Errorf("the state directory %s is of user %d; give it to %s, or run as that user",
			root.Name(), stat.Uid, u.Name)
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return false, err
	}
	lock, err := root.Lstat(stateLock)
	if len(entries) > 0 && (err != nil || !lock.Mode().IsRegular()) {
		return false, fmt.Errorf("the directory %s has files, but none called %s: it is no state directory, "+
			"and isn't given to %s", root.Name(), stateLock, u.Name)
	}
	if int(stat.Uid) != u.uid || len(entries) == 0 {
		return int(stat.Uid) == u.uid, nil
	}
	owner, ok := lock.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == u.uid, nil
}

// stateLock is the file that every state directory has.
const stateLock = "lock"

// Become makes the whole process this user's, for good.
func (u *User) Become() error {
	if u == nil {
		return nil
	}
	err := syscall.Setgroups(u.all)
	if err == nil {
		err = syscall.Setregid(u.gid, u.gid)
	}
	if err == nil {
		err = syscall.Setreuid(u.uid, u.uid)
	}
	if err != nil {
		return fmt.Errorf("becoming the user %s: %w", u.Name, err)
	}
	if syscall.Setreuid(0, 0) == nil {
		return fmt.Errorf("becoming the user %s: root can be had back", u.Name)
	}
	return nil
}

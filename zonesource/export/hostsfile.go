package export

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"inside53/zonesource/atomicfile"
)

// fresh is a hosts file in which nothing of ours stands yet.
const fresh = `127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
fe00::0	ip6-localnet
ff00::0	ip6-mcastprefix
ff02::1	ip6-allnodes
ff02::2	ip6-allrouters
ff02::3	ip6-allhosts

`

// isFixed reports whether a name is one that every hosts file has, here or on other systems.
func isFixed(name string) bool {
	return name == "broadcasthost" || slices.Contains(strings.Fields(fresh), name)
}

// NewHosts returns a whole hosts file: localhost, the names of IPv6, and a block of
// [Hosts].
func NewHosts(block []byte) []byte { return append([]byte(fresh), block...) }

// MergeHosts returns a hosts file with the block between its markers replaced, or the
// block added at the end where there are none. All other lines stay as they are. Markers
// that don't make one pair are an error.
func MergeHosts(old, block []byte) ([]byte, error) {
	begin, end := -1, -1 // offsets of what the block replaces
	at, number := 0, 0
	for line := range bytes.Lines(old) {
		number++
		switch string(bytes.TrimSpace(line)) {
		case beginMark:
			if begin >= 0 {
				return nil, fmt.Errorf("line %d: a second %q", number, beginMark)
			}
			begin = at
		case endMark:
			if begin < 0 || end >= 0 {
				return nil, fmt.Errorf("line %d: %q without %q before it", number, endMark, beginMark)
			}
			end = at + len(line)
		}
		at += len(line)
	}
	if begin >= 0 && end < 0 {
		return nil, fmt.Errorf("no %q after %q", endMark, beginMark)
	}
	if begin < 0 {
		begin, end = len(old), len(old)
	}
	out := bytes.Clone(old[:begin])
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, '\n')
	}
	out = append(out, block...)
	return append(out, old[end:]...), nil
}

// HostsChange is what became of a hosts file.
type HostsChange struct {
	Changed bool
	Kept    string // where the file as it was before is kept, "" where it isn't
	// Older are the lines of others, above the block, that have its names with other addresses.
	Older []OlderLine
	// Left are names of others that a line kept when it gave ours up.
	Left []LeftName
}

// UpdateHosts puts a block of [Hosts] into the hosts file at path, which is made with
// mode 0644 where there is none. With adopt, older lines of the same names give them up. The
// file as it was before our first block is kept as PATH.bak; where that isn't there any more, before
// lines of others change.
func UpdateHosts(path string, block []byte, adopt bool) (HostsChange, error) {
	var done HostsChange
	old, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		done.Changed = true
		return done, atomicfile.Replace(path, NewHosts(block))
	}
	if err != nil {
		return done, fmt.Errorf("reading the hosts file: %w", err)
	}
	theirs := old
	if adopt {
		theirs, done.Left = adoptNames(old, block)
	}
	text, err := MergeHosts(theirs, block)
	if err != nil {
		return done, fmt.Errorf("%s is left alone, its markers are damaged: %w", path, err)
	}
	done.Older = olderLines(theirs, block)
	if bytes.Equal(text, old) {
		return done, nil
	}
	kept := path + ".bak"
	if aboveBlock(old) == len(old) || !bytes.Equal(theirs, old) && isAbsent(kept) {
		done.Kept = kept
		err = atomicfile.Replace(kept, old)
		if err != nil {
			return done, err
		}
	}
	done.Changed = true
	return done, atomicfile.Replace(path, text)
}

func isAbsent(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// WriteScript writes a script of [HostsScript] to path, with mode 0755 where there is none. It
// reports whether the file had to change.
func WriteScript(path string, text []byte) (changed bool, err error) {
	old, err := os.ReadFile(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err != nil && !fresh {
		return false, fmt.Errorf("reading the script: %w", err)
	}
	if err == nil && bytes.Equal(text, old) {
		return false, nil
	}
	err = atomicfile.Replace(path, text)
	if err == nil && fresh {
		err = os.Chmod(path, 0o755)
	}
	return err == nil, err
}

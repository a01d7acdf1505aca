package export

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"inside53/zonesource/atomicfile"
)

// fresh is a hosts file in which nothing of ours stands yet.
const fresh = `127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
fe00::0	ip6-localnet
ff00::0	ip6-mcastprefix
ff02::1	ip6-allnodes
ff02::2	ip6-allrouters

`

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

// UpdateHosts puts a block of [Hosts] into the hosts file at path, which is made with
// mode 0644 where there is none. It reports whether the file had to change.
func UpdateHosts(path string, block []byte) (changed bool, err error) {
	old, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, atomicfile.Replace(path, NewHosts(block))
	}
	if err != nil {
		return false, fmt.Errorf("reading the hosts file: %w", err)
	}
	text, err := MergeHosts(old, block)
	if err != nil {
		return false, fmt.Errorf("%s is left alone, its markers are damaged: %w", path, err)
	}
	if bytes.Equal(text, old) {
		return false, nil
	}
	return true, atomicfile.Replace(path, text)
}

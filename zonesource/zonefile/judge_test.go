//go:build judge

package zonefile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/resolver/zone"
)

// TestJudgeMasterFiles holds what is read of zone files against what named reads of them,
// octet by octet: those of testdata/judge, and those below the directories that the
// environment variable ZONEFILES names, with colons between.
func TestJudgeMasterFiles(t *testing.T) {
	_, err := exec.LookPath("named-compilezone")
	if err != nil {
		t.Fatal("no named-compilezone; run: make deps")
	}
	var verdicts tally
	verdicts.golden(t)
	for _, dir := range filepath.SplitList(os.Getenv("ZONEFILES")) {
		err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				verdicts.judge(t, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d zone files: %d read alike (%d records), %d refused by both, %d refused by named alone, "+
		"%d refused here alone for an RRset larger than a message, %d for other reasons, %d differ",
		verdicts.files, verdicts.alike, verdicts.records, verdicts.refused, verdicts.lenient,
		verdicts.large, verdicts.strict, verdicts.differ)
	if verdicts.alike == 0 {
		t.Error("no zone file was read alike")
	}
}

// writeGolden has what named reads written to testdata.
var writeGolden = flag.Bool("write", false, "write what named reads of testdata/judge beside it")

// golden holds what stands beside the files of testdata against what named reads.
func (v *tally) golden(t *testing.T) {
	for path, origin := range judged(t) {
		theirs, err := compiled(origin, path)
		if err != nil {
			t.Fatal(err)
		}
		if *writeGolden {
			err = os.WriteFile(strings.TrimSuffix(path, ".zone")+".named", []byte(lines(theirs)), 0o644)
			if err != nil {
				t.Fatal(err)
			}
		}
		v.compare(t, origin, path, theirs)
	}
}

// tally counts verdicts.
type tally struct {
	files, records, alike, refused, lenient, strict, large, differ int
}

var (
	soaLine = regexp.MustCompile(
		`(?mi)^("?[^ \t;]*"?)?[ \t]+([0-9]+[smhdw0-9]*[ \t]+)?(IN[ \t]+)?([0-9]+[smhdw0-9]*[ \t]+)?SOA[ \t]`)
	originLine = regexp.MustCompile(`(?mi)^\$ORIGIN[ \t]+([^ \t\r\n;]+)`)
)

// origins guesses which zone a file is of.
func origins(path string, text []byte) []string {
	var all []string
	at := len(text)
	soa := soaLine.FindSubmatchIndex(text)
	if soa != nil {
		at = soa[0]
		if soa[2] >= 0 && bytes.HasSuffix(text[soa[2]:soa[3]], []byte(".")) {
			all = append(all, string(text[soa[2]:soa[3]]))
		}
	}
	for _, origin := range originLine.FindAllSubmatch(text[:at], -1) {
		if bytes.HasSuffix(origin[1], []byte(".")) {
			all = append(all, string(origin[1]))
		}
	}
	base := filepath.Base(path)
	for _, cut := range []string{".db", ".zone", ".signed", ".in", ".db.in"} {
		base = strings.TrimSuffix(base, cut)
	}
	slices.Reverse(all) // the last one before the SOA record is its owner's
	return append(all, strings.TrimPrefix(base, "db.")+".", "example.", "test.")
}

// judge reads one file by both.
func (v *tally) judge(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil || !soaLine.Match(text) || bytes.IndexByte(text, 0) >= 0 {
		return
	}
	var faults, fault error
	var theirs map[string][]string
	for _, origin := range origins(path, text) {
		theirs, fault = compiled(origin, path)
		if fault == nil {
			v.compare(t, origin, path, theirs)
			return
		}
		faults = errors.Join(faults, fault)
	}
	for _, origin := range origins(path, text) {
		_, err = ours(origin, path)
		if err == nil {
			v.files++
			v.lenient++
			t.Logf("%s: read here as %s; named: %.300s", path, origin, strings.ReplaceAll(faults.Error(), "\n", " | "))
			return
		}
	}
	v.files++
	v.refused++
}

func (v *tally) compare(t *testing.T, origin, path string, theirs map[string][]string) {
	v.files++
	found, err := ours(origin, path)
	if errors.Is(err, zone.ErrTooLarge) {
		v.large++
		return
	}
	if err != nil {
		v.strict++
		t.Errorf("%s: named reads it as %s: %v", path, origin, err)
		return
	}
	differs := false
	for key, want := range theirs {
		if !slices.Equal(found[key], want) {
			differs = true
			t.Errorf("%s: %s: got %q, named has %q", path, key, found[key], want)
		}
	}
	for key, got := range found {
		if theirs[key] == nil {
			differs = true
			t.Errorf("%s: %s: got %q, named has none", path, key, got)
		}
		v.records += len(got)
	}
	if differs {
		v.differ++
		return
	}
	v.alike++
}

// compiled returns the same of named: its raw format has the rdata in wire form.
func compiled(origin, path string) (map[string][]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	out := filepath.Join(os.TempDir(), fmt.Sprintf("judge-%d.raw", os.Getpid()))
	defer func() { _ = os.Remove(out) }()
	command := exec.CommandContext(ctx, "named-compilezone", "-F", "raw", "-i", "none", "-k", "ignore", "-m", "ignore",
		"-n", "ignore",
		"-r", "ignore", "-M", "ignore", "-S", "ignore", "-W", "ignore", "-o", out, origin, absolute)
	command.Dir = filepath.Dir(absolute)
	said, err := command.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", origin, err, bytes.TrimSpace(said))
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	return readRaw(raw)
}

// readRaw reads the raw format, version 1, of BIND: a header, and each RRset as length,
// class, type, type covered, TTL, count, owner, and rdata.
func readRaw(raw []byte) (map[string][]string, error) {
	const header, fixed = 24, 4 + 2 + 2 + 2 + 4 + 4 + 2
	if len(raw) < header || binary.BigEndian.Uint32(raw) != 2 || binary.BigEndian.Uint32(raw[4:]) != 1 {
		return nil, errors.New("not the raw format, version 1")
	}
	all := map[string][]string{}
	for rest := raw[header:]; len(rest) >= fixed; {
		rrtype, ttl := binary.BigEndian.Uint16(rest[6:]), binary.BigEndian.Uint32(rest[10:])
		count, length := binary.BigEndian.Uint32(rest[14:]), int(binary.BigEndian.Uint16(rest[18:]))
		name := rest[fixed : fixed+length]
		rest = rest[fixed+length:]
		for range count {
			size := int(binary.BigEndian.Uint16(rest))
			add(all, name, rrtype, ttl, rest[2:2+size])
			rest = rest[2+size:]
		}
	}
	sortAll(all)
	return all, nil
}

package zonesource

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// olderDir has the parts of a state directory as a build wrote them that had no ledger, of the demo's AWS: zones, what
// an account has of them, and the inventory of a region.
const olderDir = "testdata/older"

// olderState copies it to where it may be written.
func olderState(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	err := os.CopyFS(filepath.Join(dir, partsDir), os.DirFS(olderDir))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// content is what of a file is behind its header: the head, and the records as they stand there.
func content(t *testing.T, path string) (head any, records []byte) {
	t.Helper()
	dir, name := filepath.Split(path)
	s := store{dir: dir, saved: map[Key]*saved{}}
	err := s.read(name, func(r io.Reader) error {
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		size, n := binary.Uvarint(text)
		records = text[n+int(size):]
		return json.Unmarshal(text[n:n+int(size)], &head)
	})
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return head, records
}

// olderRecordsOf reads records as older builds do: the number of names, and of each its prefix, the number of its
// RRsets, and of each of them six octets of its head, the length of its data, and these. It returns the octets of
// each name.
func olderRecordsOf(t *testing.T, text []byte) map[string]string {
	t.Helper()
	r := bytes.NewReader(text)
	number := func() int {
		n, err := binary.ReadUvarint(r)
		if err != nil || n > uint64(len(text)) {
			t.Fatalf("a number %d octets before the end: %v", r.Len(), err)
		}
		return int(n)
	}
	octets := func(n int) []byte {
		b := make([]byte, n)
		_, err := io.ReadFull(r, b)
		if err != nil {
			t.Fatalf("%d octets: %v", n, err)
		}
		return b
	}
	all := map[string]string{}
	for range number() {
		name := string(octets(int(octets(1)[0])))
		var sets []byte
		for range number() {
			sets = append(sets, octets(6)...)
			sets = append(sets, octets(number())...)
		}
		all[name] = string(sets)
	}
	if r.Len() > 0 {
		t.Errorf("%d octets are left", r.Len())
	}
	return all
}

// missing returns where a value of JSON hasn't what another has: whoever knows that one alone finds all it knows.
func missing(at string, is, older any) []string {
	switch older := older.(type) {
	case map[string]any:
		now, isMap := is.(map[string]any)
		if !isMap {
			return []string{at}
		}
		var all []string
		for name, value := range older {
			all = append(all, missing(at+"."+name, now[name], value)...)
		}
		return all
	case []any:
		now, isList := is.([]any)
		if !isList || len(now) != len(older) {
			return []string{at}
		}
		var all []string
		for i := range older {
			all = append(all, missing(at+"[]", now[i], older[i])...)
		}
		return all
	}
	if !reflect.DeepEqual(is, older) {
		return []string{at}
	}
	return nil
}

// TestOlderBuildFindsItsFiles stands in for an older build, which isn't at hand: what such a build wrote is taken up,
// and is written again so that it has all that was there at its place, each name's records octet for octet, behind the
// header that the build knows, in files of the names that it looks for. What is new beside it, that build skips.
func TestOlderBuildFindsItsFiles(t *testing.T) {
	dir := olderState(t)
	s := mustOpen(t, dir, io.Discard)
	var parts []Part
	for p := range loaded(s) {
		parts = append(parts, p)
	}
	err := s.close()
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(olderDir)
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, f := range files {
		if strings.HasSuffix(f.Name(), partSuffix) {
			want++
		}
	}
	if want < 3 || len(parts) != want {
		t.Fatalf("of %d parts %d are taken up", want, len(parts))
	}
	again := t.TempDir()
	now := mustOpen(t, again, io.Discard)
	for _, p := range parts {
		err = now.save(p)
		if err != nil {
			t.Fatal(err)
		}
	}
	err = now.saveTimes(map[string]time.Time{fileName(parts[0].Key): noon})
	if err == nil {
		err = now.close()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		name := fileName(p.Key)
		was, is := filepath.Join(olderDir, name), filepath.Join(again, partsDir, name)
		before, after := readFile(t, was), readFile(t, is)
		if !bytes.Equal(before[:headerSize], after[:headerSize]) {
			t.Errorf("%s begins with %x, not %x", name, after[:headerSize], before[:headerSize])
		}
		olderHead, olderRecords := content(t, was)
		head, records := content(t, is)
		for _, at := range missing("", head, olderHead) {
			t.Errorf("%s: an older build doesn't find %s", name, at)
		}
		if p.Zone != nil {
			if diff := cmp.Diff(olderRecordsOf(t, olderRecords), olderRecordsOf(t, records)); diff != "" {
				t.Errorf("%s: the records are others: -older +now\n%s", name, diff)
			}
		}
	}
	if _, err = os.Stat(filepath.Join(again, partsDir, timesFile)); err != nil {
		t.Error(err)
	}
	if _, err = os.Stat(filepath.Join(again, "lock")); err != nil {
		t.Error(err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

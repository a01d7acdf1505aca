package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustLedger(t testing.TB, s Store) *Ledger {
	t.Helper()
	l, err := New(Options{Store: s, Fleet: "test", Secrets: [][]byte{[]byte("secret")}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// draft puts values under keys of a part; "" removes.
func draft(part string, keysAndValues ...string) Draft {
	var records []Record
	for kv := range slices.Chunk(keysAndValues, 2) {
		r := Record{Key: []byte(kv[0])}
		if kv[1] != "" {
			r.Value = []byte(kv[1])
		}
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b Record) int { return bytes.Compare(a.Key, b.Key) })
	return Draft{Cause: Listing, Actor: "Route 53", At: time.Now(),
		Parts: []PartDraft{{Key: part, Records: slices.Values(records)}}}
}

// content reads all of a version.
func content(t testing.TB, l *Ledger, v *Version) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	for part := range v.Parts {
		all[part] = map[string]string{}
		for r, err := range l.Records(context.Background(), v, part) {
			if err != nil {
				t.Fatal(err)
			}
			all[part][string(r.Key)] = string(r.Value)
		}
	}
	return all
}

func mustOpenWriter(t testing.TB, l *Ledger, o WriterOptions) *Writer {
	t.Helper()
	w := l.NewWriter(o)
	_, err := w.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func mustCommit(t testing.TB, w *Writer, d Draft) *Version {
	t.Helper()
	v, err := w.Commit(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCommit(t *testing.T) {
	m := newMemory()
	l := mustLedger(t, m)
	_, err := l.Follow(t.Context(), nil)
	if !errors.Is(err, ErrAbsent) {
		t.Errorf("nothing was written: %v", err)
	}
	w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
	if n := w.Version().Number(); n != 0 || len(m.objects) != 1 {
		t.Errorf("version %d, %d objects", n, len(m.objects))
	}
	d := draft("zone/Z1", "www", "1", "mail", "2")
	d.Changes = []Change{{Part: "zone/Z1", Zone: "example.com.", Name: "www.example.com.", Type: "A", Now: []string{"1"}}}
	first := mustCommit(t, w, d)
	second := mustCommit(t, w, draft("zone/Z1", "www", "3", "mail", "", "new", "4"))
	got, err := l.Follow(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	if got.Number() != 2 || got.Commit.Previous != first.Name || got.Name != second.Name {
		t.Errorf("%+v", got.Head)
	}
	want := map[string]map[string]string{"zone/Z1": {"www": "3", "new": "4"}}
	if diff := cmp.Diff(want, content(t, l, got)); diff != "" {
		t.Error(diff)
	}
	want = map[string]map[string]string{"zone/Z1": {"www": "1", "mail": "2"}}
	if diff := cmp.Diff(want, content(t, l, first)); diff != "" {
		t.Errorf("the version before: %s", diff)
	}
	same, err := l.Follow(t.Context(), got)
	if same != got || err != nil {
		t.Errorf("followed to %p, was %p, %v", same, got, err)
	}
	if value, err := l.Find(t.Context(), got, "zone/Z1", []byte("new")); string(value) != "4" || err != nil {
		t.Errorf("found %q, %v", value, err)
	}
	if value, err := l.Find(t.Context(), got, "zone/Z1", []byte("none")); value != nil || err != nil {
		t.Errorf("found %q, %v", value, err)
	}
	gone := Draft{Cause: Listing, Parts: []PartDraft{
		{Key: "zone/Z1", Gone: true}, {Key: "zone/Z2", State: Unread, Why: "new"},
	}}
	third := mustCommit(t, w, gone)
	if diff := cmp.Diff(map[string]PartRef{"zone/Z2": {State: Unread, Why: "new"}}, third.Parts); diff != "" {
		t.Error(diff)
	}
	if changed := Changed(second, third); !slices.Equal(changed, []string{"zone/Z1", "zone/Z2"}) {
		t.Errorf("changed %q", changed)
	}
	if third.Commit.At.Before(second.Commit.At) {
		t.Errorf("made at %s, after %s", third.Commit.At, second.Commit.At)
	}
	if faults := l.Check(t.Context(), third); len(faults) > 0 {
		t.Error(faults)
	}
}

// TestPages changes records of a large part, and counts what is written for it.
func TestPages(t *testing.T) {
	m := newMemory()
	l := mustLedger(t, m)
	w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
	model := map[string]string{}
	var kv []string
	for i := range 5000 {
		k, v := fmt.Sprintf("key%05d", i), strings.Repeat("v", 50)
		model[k] = v
		kv = append(kv, k, v)
	}
	mustCommit(t, w, draft("p", kv...))
	before := maps.Clone(m.objects)
	v := mustCommit(t, w, draft("p", "key02500", "changed"))
	model["key02500"] = "changed"
	written := map[string]int{}
	for name := range m.objects {
		if _, old := before[name]; !old {
			path, _, _ := strings.Cut(name, "/")
			written[path]++
		}
	}
	if diff := cmp.Diff(map[string]int{"page": 1, "list": 1, "commit": 1}, written); diff != "" {
		t.Errorf("one record: %s", diff)
	}
	kv = nil
	for i := range 4990 { // all but a few go, so that pages join
		k := fmt.Sprintf("key%05d", i)
		delete(model, k)
		kv = append(kv, k, "")
	}
	kv = append(kv, "key04995x", strings.Repeat("large", 100_000), "a", "first")
	model["key04995x"], model["a"] = strings.Repeat("large", 100_000), "first"
	was := v
	v = mustCommit(t, w, draft("p", kv...))
	if diff := cmp.Diff(map[string]map[string]string{"p": model}, content(t, l, v)); diff != "" {
		t.Error(diff)
	}
	is, err := l.list(t.Context(), "p", v.Parts["p"])
	if err != nil || len(is.Pages) > 4 || is.records() != len(model) {
		t.Errorf("%d pages of %d records, %v", len(is.Pages), is.records(), err)
	}
	n := 0
	for d, err := range l.Diff(t.Context(), "p", was, v) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if d.Was == nil && string(d.Key) != "a" && string(d.Key) != "key04995x" {
			t.Errorf("%s is new", d.Key)
		}
	}
	if n != 4992 {
		t.Errorf("%d differences", n)
	}
}

// TestMap has so many parts that a commit doesn't hold them.
func TestMap(t *testing.T) {
	l := mustLedger(t, newMemory())
	w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
	want := map[string]map[string]string{}
	var v *Version
	for range 3 {
		d := Draft{Cause: Listing}
		for i := range 600 {
			key := fmt.Sprintf("zone/Z%04d", i)
			records := slices.Values([]Record{{[]byte("a"), []byte("b")}})
			d.Parts = append(d.Parts, PartDraft{Key: key, Whole: true, Records: records})
			want[key] = map[string]string{"a": "b"}
		}
		mustCommit(t, w, d)
		delete(want, "zone/Z0001")
		v = mustCommit(t, w, Draft{Cause: Listing, Parts: []PartDraft{{Key: "zone/Z0001", Gone: true}}})
	}
	if v.Commit.Map == "" || len(v.Commit.Parts) != 1 {
		t.Errorf("map %q, %d parts", v.Commit.Map, len(v.Commit.Parts))
	}
	got, err := l.Follow(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, content(t, l, got)); diff != "" {
		t.Error(diff)
	}
}

// TestManyChanges lists so many changes as a commit may, and counts the others.
func TestManyChanges(t *testing.T) {
	l := mustLedger(t, newMemory())
	w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
	d := draft("p", "a", "b")
	d.Changes, d.Omitted = make([]Change, MaxChanges+7), 3
	v := mustCommit(t, w, d)
	if len(v.Commit.Changes) != MaxChanges || v.Commit.Omitted != 10 {
		t.Errorf("%d changes, %d left out", len(v.Commit.Changes), v.Commit.Omitted)
	}
}

// TestFormats reads what a later program may write: members that aren't known are skipped,
// a greater format is refused.
func TestFormats(t *testing.T) {
	m := newMemory()
	l := mustLedger(t, m)
	w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
	v := mustCommit(t, w, draft("p", "a", "b"))
	rewrite := func(change func(map[string]any)) {
		var members map[string]any
		err := json.Unmarshal(m.objects[v.Name], &members)
		if err != nil {
			t.Fatal(err)
		}
		change(members)
		text, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		h := v.Head
		h.Commit = commitName(1, text)
		m.objects[h.Commit] = text
		m.objects[headName], err = l.keys.encodeHead(h)
		if err != nil {
			t.Fatal(err)
		}
	}
	rewrite(func(members map[string]any) { members["later"] = []string{"x"} })
	got, err := l.Follow(t.Context(), nil)
	if err != nil || got.Parts["p"].List == "" {
		t.Errorf("with a member that isn't known: %v, %v", got, err)
	}
	rewrite(func(members map[string]any) { members["format"], members["parts"] = Format+1, "another thing" })
	_, err = l.Follow(t.Context(), nil)
	if !errors.Is(err, ErrNewer) {
		t.Errorf("a greater format: %v", err)
	}
	_, err = l.unpack(pageKind, append([]byte("i53g\x00\x02"), "later"...))
	if !errors.Is(err, ErrNewer) {
		t.Errorf("a page of a greater format: %v", err)
	}
	m.objects[headName] = l.keys.Seal([]byte(`{"fleet":"test","version":0,"later":{"mac":"x"},"commit":""}`))
	got, err = l.Follow(t.Context(), nil)
	if err != nil || got.Number() != 0 {
		t.Errorf("a later head: %v, %v", got, err)
	}
}

// TestKeys rolls the key over, and believes nobody else.
func TestKeys(t *testing.T) {
	m := newMemory()
	with := func(secrets ...string) *Ledger {
		var all [][]byte
		for _, s := range secrets {
			all = append(all, []byte(s))
		}
		l, err := New(Options{Store: m, Fleet: "test", Secrets: all})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	mustOpenWriter(t, with("old"), WriterOptions{Node: "a/1"})
	_, err := with("new", "old").Follow(t.Context(), nil)
	if err != nil {
		t.Error(err)
	}
	_, err = with("new").Follow(t.Context(), nil)
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("signed by an unknown key: %v", err)
	}
	m.objects[headName] = bytes.Replace(m.objects[headName], []byte(`"version":0`), []byte(`"version":9`), 1)
	_, err = with("old").Follow(t.Context(), nil)
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("changed by somebody else: %v", err)
	}
	l, err := New(Options{Store: newMemory(), Fleet: "other"})
	if err != nil {
		t.Fatal(err)
	}
	mustOpenWriter(t, l, WriterOptions{Node: "a/1"})
	l.fleet = "test"
	_, err = l.Follow(t.Context(), nil)
	if err == nil {
		t.Error("another fleet's ledger is read")
	}
}

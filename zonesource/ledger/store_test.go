package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"inside53/server/house"
)

func TestMain(m *testing.M) { os.Exit(house.Loopback(m).Run()) }

// memory is a store of a test's, with faults.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
	ages    map[string]time.Duration
	// fault decides what goes wrong with a call; nil is nothing. With done the call has its
	// effect all the same.
	fault func(call, name string) (done bool, err error)
	gets  int
}

func newMemory() *memory {
	return &memory{objects: map[string][]byte{}, ages: map[string]time.Duration{}}
}

func (m *memory) meet(call, name string) (bool, error) {
	if m.fault == nil {
		return true, nil
	}
	return m.fault(call, name)
}

func (m *memory) Get(_ context.Context, name, unless string, _ int64) ([]byte, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gets++
	_, err := m.meet("get", name)
	if err != nil {
		return nil, "", err
	}
	body, there := m.objects[name]
	if !there {
		return nil, "", ErrAbsent
	}
	tag := tagOf(body)
	if unless == tag {
		return nil, tag, ErrUnchanged
	}
	return body, tag, nil
}

func (m *memory) Put(_ context.Context, name string, body []byte, was string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	done, err := m.meet("put", name)
	if !done {
		return "", err
	}
	old, there := m.objects[name]
	if was == "" && there || was != "" && (!there || tagOf(old) != was) {
		return "", ErrMismatch
	}
	m.objects[name] = slices.Clone(body)
	return tagOf(body), err
}

func (m *memory) Delete(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	done, err := m.meet("delete", name)
	if done {
		delete(m.objects, name)
	}
	return err
}

func (m *memory) List(_ context.Context, prefix, after string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		m.mu.Lock()
		_, err := m.meet("list", prefix)
		var all []Entry
		for name, body := range m.objects {
			if strings.HasPrefix(name, prefix) && name > after {
				all = append(all, Entry{name, int64(len(body)), m.ages[name]})
			}
		}
		m.mu.Unlock()
		if err != nil {
			yield(Entry{}, err)
			return
		}
		slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// testStore holds a store to the contract.
func testStore(t *testing.T, s Store) {
	t.Helper()
	ctx := t.Context()
	_, _, err := s.Get(ctx, headName, "", maxHead)
	if !errors.Is(err, ErrAbsent) {
		t.Errorf("an object that isn't there: %v", err)
	}
	_, err = s.Put(ctx, headName, []byte("x"), tagOf(nil))
	if err == nil {
		t.Error("replaced what isn't there")
	}
	first, err := s.Put(ctx, headName, []byte("one"), "")
	if err != nil || first == "" {
		t.Fatalf("tag %q, %v", first, err)
	}
	_, err = s.Put(ctx, headName, []byte("other"), "")
	if !errors.Is(err, ErrMismatch) {
		t.Errorf("created twice: %v", err)
	}
	second, err := s.Put(ctx, headName, []byte("two"), first)
	if err != nil || second == first {
		t.Fatalf("tags %q and %q, %v", first, second, err)
	}
	_, err = s.Put(ctx, headName, []byte("three"), first)
	if !errors.Is(err, ErrMismatch) {
		t.Errorf("replaced another one: %v", err)
	}
	body, tag, err := s.Get(ctx, headName, first, maxHead)
	if err != nil || string(body) != "two" || tag != second {
		t.Errorf("%q, %q, %v", body, tag, err)
	}
	_, _, err = s.Get(ctx, headName, second, maxHead)
	if !errors.Is(err, ErrUnchanged) {
		t.Errorf("unchanged: %v", err)
	}
	_, _, err = s.Get(ctx, headName, "", 2)
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("larger than the bound: %v", err)
	}
	testList(t, s)
	testRace(t, s)
}

// testList lists more than S3 gives at once.
func testList(t *testing.T, s Store) {
	t.Helper()
	ctx := t.Context()
	for i := range 12 {
		_, err := s.Put(ctx, fmt.Sprintf("page/%02d", i), bytes.Repeat([]byte("x"), i), "")
		if err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(s.Delete(ctx, "page/05"), s.Delete(ctx, "page/none"))
	if err != nil {
		t.Error(err)
	}
	var got []string
	for e, err := range s.List(ctx, "page/", "page/02") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.TrimPrefix(e.Name, "page/"))
		if fmt.Sprintf("page/%02d", e.Size) != e.Name || e.Age < 0 || e.Age > time.Minute {
			t.Errorf("%+v", e)
		}
	}
	want := []string{"03", "04", "06", "07", "08", "09", "10", "11"}
	if !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	for e, err := range s.List(ctx, "nothing/", "") {
		t.Errorf("listed %v, %v", e, err)
	}
}

// testRace lets several replace one object: of each round one wins.
func testRace(t *testing.T, s Store) {
	t.Helper()
	ctx := t.Context()
	for round := range 5 {
		_, tag, err := s.Get(ctx, headName, "", maxHead)
		if err != nil {
			t.Fatal(err)
		}
		var wins [4]bool
		var group sync.WaitGroup
		for i := range wins {
			group.Go(func() {
				_, err := s.Put(ctx, headName, fmt.Appendf(nil, "%d of round %d", i, round), tag)
				wins[i] = err == nil
			})
		}
		group.Wait()
		if n := len(slices.DeleteFunc(wins[:], func(w bool) bool { return !w })); n != 1 {
			t.Errorf("%d have replaced the same object", n)
		}
	}
}

func TestMemory(t *testing.T) { testStore(t, &bounded{newMemory()}) }

// bounded gives a memory the bound of reads, which only a test of the contract needs.
type bounded struct{ *memory }

func (b *bounded) Get(ctx context.Context, name, unless string, limit int64) ([]byte, string, error) {
	body, tag, err := b.memory.Get(ctx, name, unless, limit)
	if int64(len(body)) > limit {
		return nil, "", ErrDamaged
	}
	return body, tag, err
}

func TestDir(t *testing.T) { testStore(t, NewDir(filepath.Join(t.TempDir(), "ledger"))) }

// TestDirClean removes what a killed process has left, and nothing that is being written.
func TestDirClean(t *testing.T) {
	dir := t.TempDir()
	l := mustLedger(t, NewDir(dir))
	w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
	v := mustCommit(t, w, draft("p", "a", "b"))
	old, young := filepath.Join(dir, "page", ".new-1"), filepath.Join(dir, ".new-2")
	err := errors.Join(os.WriteFile(old, nil, 0o600), os.WriteFile(young, nil, 0o600),
		os.Chtimes(old, time.Now(), time.Now().Add(-2*unfinishedAge)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Sweep(t.Context(), v)
	_, oldErr := os.Stat(old)
	_, youngErr := os.Stat(young)
	if err != nil || !errors.Is(oldErr, os.ErrNotExist) || youngErr != nil {
		t.Errorf("%v; left: %v, %v", err, oldErr, youngErr)
	}
}

// TestDirFull writes to a file system that has no room: nothing is left beside, and the
// error says so.
func TestDirFull(t *testing.T) {
	dir := t.TempDir()
	err := syscall.Mount("ledger", dir, "tmpfs", 0, "size=64k")
	if err != nil {
		t.Skipf("no file system of a known size here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	l := mustLedger(t, NewDir(dir))
	w := l.NewWriter(WriterOptions{Node: "a/1", Alone: true})
	_, err = w.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Commit(t.Context(), draft("z", "a", "small"))
	if err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(dir, "filler")
	err = os.WriteFile(filler, make([]byte, 64<<10), 0o600)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the file system isn't full: %v", err)
	}
	_, err = w.Commit(t.Context(), draft("z", "b", "more"))
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("no room: %v", err)
	}
	err = os.Remove(filler)
	if err != nil {
		t.Fatal(err)
	}
	v, err := w.Settle(t.Context())
	if err == nil && v.Number() == 1 {
		v, err = w.Commit(t.Context(), draft("z", "b", "more"))
	}
	if err != nil || v.Number() != 2 {
		t.Errorf("with room again: %v, %v", v, err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*", ".new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left beside: %q, %v", left, err)
	}
	if faults := l.Check(t.Context(), v); len(faults) > 0 {
		t.Error(faults)
	}
}

package ledger

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var rounds = flag.Int("ledger.rounds", 20, "how many histories TestModel makes up")

var errInjected = errors.New("injected")

// world is a store, its writers, and what they should have written.
type world struct {
	t      *testing.T
	random *rand.Rand
	m      *memory
	l      *Ledger
	// states are what each version may hold: several where a commit was in doubt.
	states map[string]map[string]map[string]string // by name of the commit
	nonce  int
}

// TestModel makes random commits with crashes and lost answers at each step, and two
// writers that take over from each other. Whatever happens, head's versions are whole, hold
// what was committed, and none that was confirmed is missing.
func TestModel(t *testing.T) {
	for round := range *rounds {
		m := newMemory()
		w := &world{t: t, random: rand.New(rand.NewPCG(1, uint64(round))), m: m, l: mustLedger(t, m),
			states: map[string]map[string]map[string]string{}}
		w.run()
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
}

func (w *world) run() {
	writers := []*Writer{w.writer(), w.writer()}
	var confirmed []string
	for range 40 {
		i := w.random.IntN(2)
		wr := writers[i]
		name, err := w.commit(wr)
		w.m.fault = nil
		switch {
		case err == nil:
			confirmed = append(confirmed, name)
		case errors.Is(err, ErrPending) && w.random.IntN(2) == 0:
			v, err := wr.Settle(w.t.Context())
			if err == nil {
				confirmed = append(confirmed, v.Name)
			}
		case w.random.IntN(3) == 0 || errors.Is(err, ErrDeposed) || errors.Is(err, ErrMoved):
			writers[i] = w.writer() // it crashed, or begins anew
		}
		if wr.pending != nil && w.random.IntN(3) > 0 {
			writers[i] = w.writer()
		}
	}
	v, err := w.l.Follow(w.t.Context(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, fault := range w.l.Check(w.t.Context(), v) {
		w.t.Error(fault)
	}
	chain := map[string]bool{}
	for e, err := range w.l.History(w.t.Context(), v) {
		if err != nil {
			w.t.Fatal(err)
		}
		chain[e.Name] = true
		is, err := w.l.At(w.t.Context(), e.Name)
		if err != nil {
			w.t.Fatal(err)
		}
		if !maps.EqualFunc(w.states[e.Name], content(w.t, w.l, is), maps.Equal) {
			w.t.Errorf("version %d holds what wasn't committed", e.Version)
		}
	}
	for _, name := range confirmed {
		if !chain[name] {
			w.t.Errorf("%s was confirmed and is missing", name)
		}
	}
}

func (w *world) writer() *Writer {
	w.nonce++
	wr := w.l.NewWriter(WriterOptions{Node: fmt.Sprintf("node/%d", w.nonce)})
	_, err := wr.Open(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return wr
}

// commit tries one random commit, with faults, and notes what it comes to.
func (w *world) commit(wr *Writer) (string, error) {
	_, err := wr.Settle(w.t.Context())
	if err != nil {
		return "", err
	}
	next := map[string]map[string]string{}
	if v := wr.Version(); v != nil && v.Name != "" {
		for part, records := range w.states[v.Name] {
			next[part] = map[string]string{}
			for k, value := range records {
				next[part][k] = value
			}
		}
	}
	d := Draft{Cause: Listing, At: time.Now()}
	if wr.Version().Head.Leader != wr.o.Node {
		d.Cause = Leader // it takes over; who led finds out
	}
	for _, part := range []string{"a", "b", "c"}[:w.random.IntN(4)] {
		d.Parts = append(d.Parts, w.part(part, next))
	}
	w.arm()
	built, err := wr.Commit(w.t.Context(), d)
	if wr.pending != nil {
		built = wr.pending.next
	}
	if built != nil {
		w.states[built.Name] = next
		return built.Name, err
	}
	return "", err
}

// part makes up what a commit does to one part, and does it to the model.
func (w *world) part(part string, next map[string]map[string]string) PartDraft {
	if w.random.IntN(8) == 0 {
		delete(next, part)
		return PartDraft{Key: part, Gone: true}
	}
	whole := w.random.IntN(4) == 0
	if whole || next[part] == nil {
		next[part] = map[string]string{}
	}
	var records []Record
	for i := range 400 {
		if w.random.IntN(3) > 0 {
			continue
		}
		key := fmt.Sprintf("%03d", i)
		if !whole && w.random.IntN(2) == 0 {
			delete(next[part], key)
			records = append(records, Record{Key: []byte(key)})
			continue
		}
		value := fmt.Sprintf("%0*d", 1+w.random.IntN(600), w.random.IntN(1000))
		next[part][key] = value
		records = append(records, Record{[]byte(key), []byte(value)})
	}
	return PartDraft{Key: part, Whole: whole, Records: slices.Values(records)}
}

// arm lets a call of those to come fail: not done, or done with the answer lost; once, or
// from there on, as when the process has crashed.
func (w *world) arm() {
	if w.random.IntN(3) == 0 {
		return
	}
	left, lost, dead := w.random.IntN(14), w.random.IntN(2) == 0, w.random.IntN(2) == 0
	w.m.fault = func(call, name string) (bool, error) {
		left--
		if left == -1 || dead && left < -1 {
			return lost && left == -1, errInjected
		}
		return true, nil
	}
}

// TestModelSeesFaults takes what keeps history whole away, and the model sees it.
func TestModelSeesFaults(t *testing.T) {
	m := newMemory()
	l := mustLedger(t, m)
	w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
	mustCommit(t, w, draft("p", "a", "b"))
	v := mustCommit(t, w, draft("p", "a", "c"))
	for name := range m.objects {
		if name == headName || name == v.Name {
			continue
		}
		body := m.objects[name]
		delete(m.objects, name)
		if len(l.Check(t.Context(), v)) == 0 && name != v.Commit.Previous {
			t.Errorf("nobody misses %s", name)
		}
		m.objects[name] = append([]byte("x"), body...)
		if len(l.Check(t.Context(), v)) == 0 {
			t.Errorf("that %s is damaged is not seen", name)
		}
		m.objects[name] = body
	}
}

// TestTwoWriters shows the verdicts that a writer comes to.
func TestTwoWriters(t *testing.T) {
	m := newMemory()
	l := mustLedger(t, m)
	a := mustOpenWriter(t, l, WriterOptions{Node: "a/1"})
	b := mustOpenWriter(t, l, WriterOptions{Node: "b/1"})
	_, err := a.Commit(t.Context(), draft("p", "a", "1"))
	if !errors.Is(err, ErrDeposed) {
		t.Errorf("committed without leading: %v", err)
	}
	mustCommit(t, a, Draft{Cause: Leader})
	mustCommit(t, a, draft("p", "a", "1"))
	_, err = b.Commit(t.Context(), Draft{Cause: Leader}) // on version 0, with the epoch of a
	if !errors.Is(err, ErrDeposed) {
		t.Errorf("took over from what it hasn't read: %v", err)
	}
	_, err = b.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mustCommit(t, a, draft("p", "a", "2"))
	_, err = b.Commit(t.Context(), Draft{Cause: Leader})
	if !errors.Is(err, ErrMoved) {
		t.Errorf("a wrote meanwhile: %v", err)
	}
	v, err := l.Follow(t.Context(), b.Version())
	if err != nil {
		t.Fatal(err)
	}
	b.Adopt(v)
	mustCommit(t, b, Draft{Cause: Leader})
	_, err = a.Commit(t.Context(), draft("p", "a", "3"))
	if !errors.Is(err, ErrDeposed) {
		t.Errorf("committed after another took over: %v", err)
	}
}

// TestLostAnswer loses answers to head's Put, also with another leader's commit on top.
func TestLostAnswer(t *testing.T) {
	m := newMemory()
	l := mustLedger(t, m)
	a := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
	mustCommit(t, a, draft("p", "a", "1"))
	lose := func(call, name string) (bool, error) {
		if call == "put" && name == headName {
			m.fault = func(call, name string) (bool, error) { return name != headName, errInjected }
			return true, errInjected
		}
		return true, nil
	}
	m.fault = lose
	_, err := a.Commit(t.Context(), draft("p", "a", "2"))
	if !errors.Is(err, ErrPending) {
		t.Fatalf("nobody knows: %v", err)
	}
	_, err = a.Commit(t.Context(), draft("p", "a", "3"))
	if !errors.Is(err, ErrPending) {
		t.Fatalf("another commit over one in doubt: %v", err)
	}
	m.fault = nil
	v, err := a.Settle(t.Context())
	if err != nil || v.Number() != 2 || content(t, l, v)["p"]["a"] != "2" {
		t.Errorf("version %d, %v", v.Number(), err)
	}
	m.fault = lose
	_, err = a.Commit(t.Context(), draft("p", "a", "3"))
	if !errors.Is(err, ErrPending) {
		t.Fatal(err)
	}
	m.fault = nil
	b := mustOpenWriter(t, l, WriterOptions{Node: "b/1"})
	mustCommit(t, b, Draft{Cause: Leader})
	_, err = a.Settle(t.Context())
	if !errors.Is(err, ErrDeposed) {
		t.Errorf("another leader's commit is on top: %v", err)
	}
	if faults := l.Check(t.Context(), b.Version()); len(faults) > 0 || b.Version().Number() != 4 {
		t.Errorf("version %d, %v", b.Version().Number(), faults)
	}
}

// TestLateBuilder sleeps for longer than what it uploaded is safe.
func TestLateBuilder(t *testing.T) {
	m := newMemory()
	l := mustLedger(t, m)
	var uptime time.Duration
	w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true, Uptime: func() time.Duration { return uptime }})
	m.fault = func(call, name string) (bool, error) {
		if name == headName {
			uptime += 2 * maxBuild
			return false, errInjected
		}
		return true, nil
	}
	_, err := w.Commit(t.Context(), draft("p", "a", "1"))
	if !errors.Is(err, ErrPending) {
		t.Fatal(err)
	}
	m.fault = nil
	_, err = w.Settle(t.Context())
	if !errors.Is(err, errLate) {
		t.Errorf("committed after two hours: %v", err)
	}
	v := mustCommit(t, w, draft("p", "a", "1"))
	if v.Number() != 1 {
		t.Errorf("version %d", v.Number())
	}
}

// TestRepair loses head, goes back behind it, and damages it.
func TestRepair(t *testing.T) {
	all := draft("p", "a", "9")
	all.Parts[0].Whole = true
	for name, spoil := range map[string]func(m *memory, old []byte){
		"head gone":     func(m *memory, _ []byte) { delete(m.objects, headName) },
		"head damaged":  func(m *memory, _ []byte) { m.objects[headName] = []byte("{") },
		"rolled back":   func(m *memory, old []byte) { m.objects[headName] = old },
		"bucket empty":  func(m *memory, _ []byte) { clear(m.objects) },
		"another's mac": func(m *memory, _ []byte) { m.objects[headName] = []byte(`{"version":9,"mac":"00"}`) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			l := mustLedger(t, m)
			w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
			mustCommit(t, w, draft("p", "a", "1"))
			old := m.objects[headName]
			mustCommit(t, w, draft("p", "a", "2"))
			spoil(m, old)
			_, err := w.Commit(t.Context(), draft("p", "a", "3"))
			if !errors.Is(err, ErrRolledBack) && !errors.Is(err, ErrAbsent) {
				t.Fatalf("the store was rolled back: %v", err)
			}
			v, err := w.Repair(t.Context(), all)
			if err != nil || v.Number() != 3 || v.Commit.Cause != Repair {
				t.Fatalf("%+v, %v", v, err)
			}
			mustCommit(t, w, draft("p", "b", "10"))
			got, err := l.Follow(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]string{"a": "9", "b": "10"}, content(t, l, got)["p"]); diff != "" {
				t.Error(diff)
			}
			delete(m.objects, headName)
			again := l.NewWriter(WriterOptions{Node: "a/2", Alone: true})
			_, err = again.Open(t.Context())
			if !errors.Is(err, ErrRolledBack) {
				t.Errorf("started without head: %v", err)
			}
			v, err = again.Repair(t.Context(), all)
			if err != nil || v.Number() != 5 || v.Head.Epoch != 2 || v.Commit.Previous != got.Name {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
}

// TestDamagedPage heals a part by writing it whole.
func TestDamagedPage(t *testing.T) {
	dir := t.TempDir()
	l := mustLedger(t, NewDir(dir))
	w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
	mustCommit(t, w, draft("p", "a", "1"))
	pages, err := filepath.Glob(filepath.Join(dir, "page", "*"))
	if err != nil || len(pages) != 1 {
		t.Fatalf("%q, %v", pages, err)
	}
	damage(t, pages[0])
	_, err = w.Commit(t.Context(), draft("p", "b", "2"))
	if !errors.Is(err, ErrDamaged) {
		t.Fatalf("a damaged page: %v", err)
	}
	d := draft("p", "a", "1", "b", "2")
	d.Parts[0].Whole = true
	v := mustCommit(t, w, d)
	if diff := cmp.Diff(map[string]string{"a": "1", "b": "2"}, content(t, l, v)["p"]); diff != "" {
		t.Error(diff)
	}
}

// TestRepairTime repairs by a clock that is behind that of who wrote last: times don't go back, whoever knew that.
func TestRepairTime(t *testing.T) {
	for name, knows := range map[string]bool{"who wrote it": true, "who reads what is left": false} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			l := mustLedger(t, m)
			w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
			late := draft("p", "a", "1")
			late.At = time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC)
			mustCommit(t, w, late)
			delete(m.objects, headName)
			if !knows {
				w = l.NewWriter(WriterOptions{Node: "b/1", Alone: true})
			}
			all := draft("p", "a", "1")
			all.Parts[0].Whole, all.At = true, late.At.Add(-time.Hour)
			v, err := w.Repair(t.Context(), all)
			if err != nil {
				t.Fatal(err)
			}
			for _, fault := range l.Check(t.Context(), v) {
				t.Error(fault)
			}
		})
	}
}

// TestRepairTooLate has a store that was emptied be repaired by who led, while another is about to, who knows less:
// what there is again stays, and is for that one to adopt.
func TestRepairTooLate(t *testing.T) {
	for name, knows := range map[string]bool{"who was behind": true, "who knows nothing": false} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			l := mustLedger(t, m)
			w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
			behind := l.NewWriter(WriterOptions{Node: "b/1", Alone: true})
			if knows {
				behind.Adopt(mustCommit(t, w, draft("p", "a", "1")))
			}
			mustCommit(t, w, draft("p", "a", "2"))
			clear(m.objects)
			all := draft("p", "a", "2")
			all.Parts[0].Whole = true
			_, err := w.Repair(t.Context(), all)
			if err != nil {
				t.Fatal(err)
			}
			last := mustCommit(t, w, draft("p", "a", "3"))
			all = draft("p", "a", "1")
			all.Parts[0].Whole = true
			_, err = behind.Repair(t.Context(), all)
			if !errors.Is(err, ErrMoved) {
				t.Errorf("repaired what isn't lost any more: %v", err)
			}
			v, err := behind.Open(t.Context())
			if err != nil || v.Name != last.Name {
				t.Errorf("head is of %+v, %v", v, err)
			}
		})
	}
}

package observe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"inside53/resolver"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// source shows what a test gives it.
type source struct {
	want  resolver.Watch
	shown []resolver.Observed
	lost  uint64

	uses    string // the times at which record sets were used
	refuses error  // what it says of others
}

func (s *source) AppendUses(b []byte, _ bool) []byte { return append(b, s.uses...) }
func (s *source) AddUses(b []byte) error {
	if s.refuses == nil {
		s.uses = string(b)
	}
	return s.refuses
}

func (s *source) SetWatch(w resolver.Watch) { s.want = w }
func (s *source) Watched() <-chan struct{}  { return nil }
func (s *source) Observe(each func(*resolver.Observed)) uint64 {
	for i := range s.shown {
		each(&s.shown[i])
	}
	s.shown = s.shown[:0]
	lost := s.lost
	s.lost = 0
	return lost
}

// answer is one that is shown for all purposes.
func answer(client, name string, rcode uint8, took time.Duration) resolver.Observed {
	return resolver.Observed{
		Purpose: resolver.ForAll | resolver.ForLog | resolver.ForCount, Weight: 1, At: time.Now().UnixNano(), Took: took,
		Client: netip.MustParseAddr(client), Type: 1, Rcode: rcode, Result: resolver.Local, View: "prod",
		Name: zone.MustName(name),
	}
}

func newObserver(t *testing.T) (*Observer, *source) {
	t.Helper()
	s := new(source)
	return New(Options{Answers: s, Log: slog.New(slog.DiscardHandler)}), s
}

// TestTops counts by each of the words, and begins anew after a time.
func TestTops(t *testing.T) {
	o, s := newObserver(t)
	for range 3 {
		s.shown = append(s.shown, answer("10.0.0.1", "a.example", wire.RcodeNXDomain, time.Second))
	}
	heavy := answer("10.0.0.2", "b.example", wire.RcodeServFail, 0)
	heavy.Weight = resolver.SampleOne
	further := answer("10.0.0.3", "c.example", 0, 0)
	further.Further = true
	s.shown = append(s.shown, heavy, further)
	o.read()
	for _, tt := range []struct {
		by   By
		want string
	}{
		{ByName, "[b.example. 64 a.example. 3]"}, {ByClient, "[10.0.0.2 64 10.0.0.1 3]"}, {ByNXDomain, "[a.example. 3]"},
		{ByServFail, "[b.example. 64]"}, {BySlow, "[a.example. 3]"},
	} {
		top := o.Top(tt.by, 10)
		var got []string
		for _, r := range top.Rows {
			got = append(got, fmt.Sprint(r.Key, " ", r.Count))
		}
		if fmt.Sprint(got) != tt.want || top.Sampled != resolver.SampleOne {
			t.Errorf("by %d: %v, sampled %d; want %s", tt.by, got, top.Sampled, tt.want)
		}
	}
	if rows := o.Top(ByName, 1).Rows; len(rows) != 1 {
		t.Errorf("one row: %v", rows)
	}
	now := time.Now()
	o.top.turn(now.Add(topWindow))
	if len(o.Top(ByName, 10).Rows) != 2 {
		t.Error("the window before isn't shown")
	}
	o.top.turn(now.Add(2 * topWindow))
	if rows := o.Top(ByName, 10).Rows; len(rows) != 0 {
		t.Errorf("after two windows: %v", rows)
	}
}

// TestSketch finds what is frequent among very many others, in fixed room, and claims no more than
// was counted.
func TestSketch(t *testing.T) {
	s := newSketch(100)
	for i := range 20_000 {
		s.add(fmt.Appendf(nil, "once %d", i), 1)
		if i%10 == 0 {
			s.add([]byte("often"), 3)
		}
	}
	if len(s.heap) != 100 || len(s.index) != 100 {
		t.Errorf("%d counters, %d known", len(s.heap), len(s.index))
	}
	for i := range s.heap {
		if i > 0 && s.heap[(i-1)/2].count > s.heap[i].count {
			t.Fatalf("counter %d is less than the one above", i)
		}
		if s.index[s.heap[i].key] != i {
			t.Fatalf("%s is not where it is said to be", s.heap[i].key)
		}
	}
	sum := map[string]uint64{}
	s.certain(sum)
	rows := most(sum, 1)
	if rows[0].Key != "often" || rows[0].Count > 6000 || rows[0].Count < 5000 {
		t.Errorf("most is %v", rows)
	}
}

// TestTailLoses: who reads too slowly loses lines and is told how many.
func TestTailLoses(t *testing.T) {
	o, s := newObserver(t)
	tail, err := o.Tail(Filter{Slower: time.Millisecond})
	if err != nil || !s.want.All {
		t.Fatalf("%v, wanted %+v", err, s.want)
	}
	const all = 4000
	for range all {
		s.shown = append(s.shown, answer("10.0.0.1", "a.example", 0, time.Second), answer("10.0.0.1", "b.example", 0, 0))
		o.read()
	}
	s.lost = 5
	o.read()
	text, err := tail.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	last, kept := lines[len(lines)-1], len(lines)-1
	if want := fmt.Sprintf(`{"lost":%d}`, all-kept+5); last != want || kept < 100 || len(text) > tailBytes+100 {
		t.Errorf("%d lines of %d kept, the last is %s, want %s", kept, all, last, want)
	}
	if strings.Contains(string(text), "b.example") {
		t.Error("what is not wanted is there")
	}
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = tail.Next(short)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nothing more: %v", err)
	}
	for range maxTails - 1 {
		_, err = o.Tail(Filter{})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = o.Tail(Filter{})
	if !errors.Is(err, ErrBusy) {
		t.Errorf("a fifth: %v", err)
	}
	tail.Close()
	tail.Close()
	again, err := o.Tail(Filter{})
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// TestUsers knows who asks for a record set most, in fixed room.
func TestUsers(t *testing.T) {
	o, s := newObserver(t)
	use := func(client string, times int, purpose resolver.Purpose) {
		for range times {
			one := answer(client, "www.example", 0, 0)
			one.Purpose, one.Weight = purpose, 10
			one.Zone, one.Owner, one.UsedType = "Z1", one.Name, 1
			s.shown = append(s.shown, one)
		}
	}
	use("10.0.0.1", 3, resolver.ForCount)
	use("10.0.0.2", 1, resolver.ForUse)
	o.read()
	set := RecordSet{"Z1", string(zone.MustName("www.example")), 1}
	got, known := o.Use(set)
	if !known || got.Count != 31 || len(got.Users) != 2 || got.Users[0].Addr.String() != "10.0.0.1" ||
		got.Users[0].Count != 30 || got.Users[1].Count != 1 || time.Since(got.Last) > time.Hour {
		t.Errorf("%v: %+v", known, got)
	}
	for i := range 30 {
		use(fmt.Sprintf("10.0.1.%d", i), 1, resolver.ForCount)
	}
	o.read()
	got, _ = o.Use(set)
	if len(got.Users) != usersOfSet || got.Count != 331 {
		t.Errorf("%+v", got)
	}
	_, known = o.Use(RecordSet{"Z2", set.Owner, 1})
	if known {
		t.Error("another zone's is known")
	}
}

// TestQueryLogFile writes lines, turns the file when it is full, and comes back after a fault.
func TestQueryLogFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "queries.log")
	o, s := newObserver(t)
	o.SetLog(QueryLog{Sample: 7, File: path, Filter: Filter{Clients: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		NewLogger: func(to *File) *slog.Logger { return slog.New(slog.NewTextHandler(to, nil)) }})
	if s.want.Log != 7 {
		t.Errorf("wanted is %+v", s.want)
	}
	log := func(names ...string) {
		for _, name := range names {
			s.shown = append(s.shown, answer("10.0.0.1", name, 0, 0), answer("192.0.2.1", "other.example", 0, 0))
		}
		o.read()
	}
	read := func(path string) string {
		text, _ := os.ReadFile(path) // "" says the same
		return string(text)
	}
	log("a.example")
	want := "level=INFO msg=query client=10.0.0.1 view=prod transport=udp name=a.example. type=A rcode=NOERROR " +
		"result=local upstream=\"\" seconds=0\n"
	if text := read(path); !strings.HasSuffix(text, want) || strings.Count(text, "\n") != 1 {
		t.Errorf("the file has %q", text)
	}
	o.log.file.most = o.log.file.size + 10
	log("b.example")
	if !strings.Contains(read(path+".1"), "a.example.") || !strings.Contains(read(path), "b.example.") {
		t.Errorf("turned: %q and %q", read(path+".1"), read(path))
	}
	// A file that can't be opened costs lines, and is tried again.
	o.log.file.close()
	err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
	if err != nil {
		t.Fatal(err)
	}
	log("c.example")
	if o.LogFault() == nil {
		t.Error("no fault")
	}
	err = os.Remove(path)
	if err != nil {
		t.Fatal(err)
	}
	o.log.file.tried = time.Now().Add(-time.Hour)
	log("d.example")
	if o.LogFault() != nil || !strings.Contains(read(path), "d.example.") {
		t.Errorf("%v, %q", o.LogFault(), read(path))
	}
	o.SetLog(QueryLog{})
	if s.want.Log != 0 || o.LogFault() != nil {
		t.Errorf("off, and wanted is %+v", s.want)
	}
}

// TestQueryLogLost says how many lines are missing.
func TestQueryLogLost(t *testing.T) {
	o, s := newObserver(t)
	var text bytes.Buffer
	o.SetLog(QueryLog{Sample: 1, Log: slog.New(slog.NewTextHandler(&text, nil))})
	s.lost = 12
	o.read()
	if o.Lost() != 12 || !strings.Contains(text.String(), "answers came too fast\" lines=12") {
		t.Errorf("%d lost, log %s", o.Lost(), &text)
	}
}
